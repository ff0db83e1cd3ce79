//! The cookie value: base64url( handle\[8\] ‖ secret\[16\] ‖ tag\[8\] ), 43 characters.
//!
//! One HMAC-SHA256(k_token, handle ‖ secret) = tag\[8\] ‖ verifier\[16\] ‖ unused. A wrong tag is refused before any store
//! call (ID8). The store keeps the verifier and never the secret, so its dump opens no session (ID6).

use hmac::Mac;
use subtle::ConstantTimeEq;

use crate::base64url::{self, RAW, TEXT};
use crate::keys::Ring;
use crate::record::Verifier;
use crate::store::Handle;

/// A cookie value that one of our keys signed. Whether its session exists is another question.
#[derive(Clone, Copy)]
pub(crate) struct Token {
    raw: [u8; RAW],
    pub(crate) handle: Handle,
    pub(crate) verifier: Verifier,
    /// The place in the ring of the key that verified it.
    key: usize,
}

impl Token {
    /// Checks an untrusted value. `None` for anything that none of the keys signed, or not in canonical base64url.
    pub(crate) fn open(value: &[u8], ring: &Ring) -> Option<Self> {
        let raw = base64url::decode(value)?;
        let (signed, tag) = raw.split_at_checked(24)?;
        let handle = Handle::from_bytes(*signed.first_chunk()?);
        ring.iter().find_map(|(key, subkeys)| {
            let mac: [u8; 32] = subkeys.token.clone().chain_update(signed).finalize().into_bytes().into();
            let (expected, rest) = mac.split_first_chunk::<8>()?;
            bool::from(expected.ct_eq(tag)).then_some(Self { raw, handle, verifier: *rest.first_chunk()?, key })
        })
    }

    /// A new cookie value, signed by the first key; `None` only for an empty ring, which cannot be built.
    pub(crate) fn mint(handle: Handle, secret: &[u8; 16], ring: &Ring) -> Option<Self> {
        Self::sign(handle, secret, ring, 0)
    }

    fn sign(handle: Handle, secret: &[u8; 16], ring: &Ring, key: usize) -> Option<Self> {
        let signed = ring.at(key)?.token.clone().chain_update(handle.as_bytes()).chain_update(secret);
        let mac: [u8; 32] = signed.finalize().into_bytes().into();
        let (tag, rest) = mac.split_first_chunk::<8>()?;
        let mut raw = [0; RAW];
        let (head, tail) = raw.split_at_mut_checked(8)?;
        head.copy_from_slice(handle.as_bytes());
        tail.first_chunk_mut::<16>().map(|place| *place = *secret)?;
        tail.last_chunk_mut::<8>().map(|place| *place = *tag)?;
        Some(Self { raw, handle, verifier: *rest.first_chunk()?, key })
    }

    /// Hides the secret of the next cookie so that only a holder of this one can read it (`sealed_next`).
    pub(crate) fn seal(&self, next: &[u8; 16], ring: &Ring) -> Option<[u8; 16]> {
        let mask = ring.at(self.key)?.seal().chain_update(self.raw.get(..24)?).finalize().into_bytes();
        let mut sealed = *next;
        sealed.iter_mut().zip(mask.iter()).for_each(|(byte, mask)| *byte ^= mask);
        Some(sealed)
    }

    /// The cookie that replaced this one: opens `sealed` and tries the ring's keys until the verifier fits, for another
    /// node may sign with another first key.
    pub(crate) fn next(&self, sealed: &[u8; 16], verifier: &Verifier, ring: &Ring) -> Option<Self> {
        let secret = self.seal(sealed, ring)?;
        let mut signed = ring.iter().filter_map(|(key, _)| Self::sign(self.handle, &secret, ring, key));
        signed.find(|next| bool::from(next.verifier.ct_eq(verifier)))
    }

    /// Whether both are the same cookie value.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.raw.ct_eq(&other.raw).into()
    }

    /// The cookie value as text.
    pub(crate) fn text(&self) -> [u8; TEXT] {
        base64url::encode(&self.raw)
    }

    /// The secret, for a renewal of the cookie it stands in; used by tests of the layout only.
    #[cfg(test)]
    pub(crate) fn parts(&self) -> ([u8; 16], usize) {
        (*self.raw[8..].first_chunk().unwrap(), self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Keys, tests as keys};

    fn ring(name: &str) -> Ring {
        Ring::new(&Keys::new(&keys::A).unwrap().and_verify(&keys::B).unwrap(), name)
    }

    fn token() -> Token {
        Token::mint(Handle::from_bytes(*b"handle 1"), b"a secret of 16 b", &ring("id")).unwrap()
    }

    #[test]
    fn a_minted_value_opens() {
        let text = token().text();
        let opened = Token::open(&text, &ring("id")).unwrap();
        assert!(opened.same(&token()) && opened.verifier == token().verifier);
        assert_eq!(opened.parts(), (*b"a secret of 16 b", 0));
    }

    #[test]
    fn every_changed_cut_or_longer_value_is_refused_id8() {
        let text = token().text();
        for at in 0..TEXT {
            for byte in 0..=255 {
                let mut forged = text;
                forged[at] = byte;
                assert_eq!(Token::open(&forged, &ring("id")).is_some(), forged == text, "byte {byte} at {at}");
            }
            assert!(Token::open(&text[..at], &ring("id")).is_none());
        }
        let mut longer = [b'A'; TEXT + 1];
        longer[..TEXT].copy_from_slice(&text);
        assert!(Token::open(&longer, &ring("id")).is_none());
    }

    #[test]
    fn another_cookie_name_or_key_refuses_ck5() {
        let text = token().text();
        assert!(Token::open(&text, &ring("__Host-id")).is_none());
        let only_b = Ring::new(&Keys::new(&keys::B).unwrap(), "id");
        assert!(Token::open(&text, &only_b).is_none());
        let b_first = Ring::new(&Keys::new(&keys::B).unwrap().and_verify(&keys::A).unwrap(), "id");
        assert_eq!(Token::open(&text, &b_first).unwrap().parts().1, 1);
    }

    #[test]
    fn the_old_cookie_leads_to_the_new_one_lc8() {
        let (ring, old) = (ring("id"), token());
        let next = Token::mint(old.handle, b"the next secret.", &ring).unwrap();
        let sealed = old.seal(b"the next secret.", &ring).unwrap();
        assert_ne!(&sealed, b"the next secret.");
        assert!(old.next(&sealed, &next.verifier, &ring).unwrap().same(&next));
        assert!(old.next(&sealed, &old.verifier, &ring).is_none());
        let other = Token::mint(old.handle, b"another secret..", &ring).unwrap();
        assert!(other.next(&sealed, &next.verifier, &ring).is_none());
    }
}
