//! CSRF tokens: base64url( mask\[16\] ‖ mask ⊕ HMAC(k_csrf, handle ‖ salt)\[..16\] ). Nothing is stored. The mask makes
//! every rendering a different text, so that compression does not reveal the token (BREACH).

use subtle::ConstantTimeEq;

use crate::base::keys::{Ring, Subkeys};
use crate::base::names::Handle;
use crate::wire::base64url::{self, RAW, TEXT};

/// A token as text for a form field or a header.
#[derive(Clone, Copy)]
pub struct Token([u8; TEXT]);

impl Token {
    pub(crate) fn make(ring: &Ring, handle: Handle, salt: &[u8; 8], mask: [u8; 16]) -> Self {
        let mut raw = [0; RAW];
        let mac = mac(ring.signing(), handle, salt);
        let pairs = mask.iter().zip(mac.iter());
        let bytes = mask.iter().copied().chain(pairs.map(|(mask, mac)| mask ^ mac));
        raw.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
        Self(base64url::encode(&raw))
    }

    /// Returns the token: 43 characters of base64url.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl core::fmt::Display for Token {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::fmt::Debug for Token {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Token(redacted)")
    }
}

pub(crate) fn verify(ring: &Ring, handle: Handle, salt: &[u8; 8], text: &str) -> bool {
    let Some(raw) = base64url::decode(text.as_bytes()) else {
        return false;
    };
    let (mask, masked) = raw.split_at(16);
    ring.iter().any(|(_, subkeys)| {
        let mut expected = mac(subkeys, handle, salt);
        expected.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
        expected.ct_eq(masked).into()
    })
}

fn mac(subkeys: &Subkeys, handle: Handle, salt: &[u8; 8]) -> [u8; 16] {
    let mac = subkeys.csrf().mac(&[handle.as_bytes(), salt]);
    mac.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::keys::{Keys, tests as keys};

    #[test]
    fn bound_to_session_login_and_key_tr1() {
        let ring = Ring::new(&Keys::new(&keys::A).unwrap(), "id");
        let (one, two) = (Handle::from_bytes([1; 8]), Handle::from_bytes([2; 8]));
        let token = Token::make(&ring, one, &[3; 8], [9; 16]);
        assert!(verify(&ring, one, &[3; 8], token.as_str()));
        assert!(!verify(&ring, two, &[3; 8], token.as_str()), "another session");
        assert!(!verify(&ring, one, &[4; 8], token.as_str()), "after another login");
        assert!(!verify(&Ring::new(&Keys::new(&keys::B).unwrap(), "id"), one, &[3; 8], token.as_str()), "another key");
        let again = Token::make(&ring, one, &[3; 8], [8; 16]);
        assert!(again.as_str() != token.as_str() && verify(&ring, one, &[3; 8], again.as_str()));
        for text in ["", "x", &token.as_str()[1..], "???????????????????????????????????????????"] {
            assert!(!verify(&ring, one, &[3; 8], text));
        }
        let both = Ring::new(&Keys::new(&keys::B).unwrap().and_verify(&keys::A).unwrap(), "id");
        assert!(verify(&both, one, &[3; 8], token.as_str()), "an older key still verifies");
    }
}
