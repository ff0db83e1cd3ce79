//! The cookie value: base64url( handle\[8\] ‖ secret\[16\] ‖ tag\[8\] ), 43 characters.
//!
//! One HMAC-SHA256(k_token, handle ‖ secret) = tag\[8\] ‖ verifier\[16\] ‖ unused. A wrong tag is refused before any store
//! call (ID8). The store keeps the verifier and never the secret, so its dump opens no session (ID6).

use subtle::ConstantTimeEq;

use crate::base::keys::{Ring, Subkeys};
use crate::base::names::Handle;
use crate::base::names::Verifier;
use crate::wire::base64url::{self, RAW, TEXT};

/// Bytes that are signed: handle and secret.
const SIGNED: usize = 24;

/// A cookie value that one of our keys signed. Whether its session exists is another question.
#[derive(Clone, Copy)]
#[repr(align(4))] // see Handle
pub(crate) struct Token {
    raw: [u8; RAW],
    pub(crate) verifier: Verifier,
    /// The place in the ring of the key that signed it.
    key: u8,
}

/// A cookie value to send.
#[derive(Clone, Copy)]
#[repr(align(4))] // see Handle
pub(crate) struct Value([u8; RAW]);

impl Value {
    pub(crate) const BLANK: Self = Self([0; RAW]);

    pub(crate) fn text(&self) -> [u8; TEXT] {
        base64url::encode(&self.0)
    }
}

impl Token {
    pub(crate) const BLANK: Self = Self { raw: [0; RAW], verifier: [0; 16], key: 0 };

    /// Checks an untrusted value. `None` for anything that none of the keys signed, or not in canonical base64url.
    pub(crate) fn open(value: &[u8], ring: &Ring) -> Option<Self> {
        let raw = base64url::decode(value)?;
        let signed = raw.first_chunk()?;
        for at in ring.iter() {
            let token = Self::sign(signed, at);
            if same(&token.raw, &raw) {
                return Some(token);
            }
        }
        None
    }

    /// The substitute for the cookie of a sealed session. It has no secret, its record's verifier is its own, and it
    /// cannot hide another one.
    pub(crate) fn sealed(handle: Handle, verifier: Verifier) -> Self {
        Self { raw: join_raw(handle), verifier, key: u8::MAX }
    }

    /// A new cookie value, signed by the first key.
    pub(crate) fn mint(handle: Handle, secret: &[u8; 16], ring: &Ring) -> Self {
        Self::sign(&join(handle, secret), (0, ring.signing()))
    }

    fn sign(signed: &[u8; SIGNED], (key, subkeys): (usize, &Subkeys)) -> Self {
        let mac = subkeys.token.mac_short(signed);
        let (mut raw, mut verifier) = ([0; RAW], [0; 16]);
        raw[..SIGNED].copy_from_slice(signed);
        raw[SIGNED..].copy_from_slice(&mac[..8]);
        verifier.copy_from_slice(&mac[8..24]);
        Self { raw, verifier, key: key as u8 }
    }

    /// Names the session.
    pub(crate) fn handle(&self) -> Handle {
        Handle::from_bytes(self.raw.first_chunk().copied().unwrap_or_default())
    }

    /// Hides the secret of the next cookie so that only a holder of this one can read it (`sealed_next`).
    pub(crate) fn seal(&self, next: &[u8; 16], ring: &Ring) -> Option<[u8; 16]> {
        let mask = ring.at(self.key.into())?.seal().mac(&[&self.raw[..SIGNED]]);
        let mut sealed = *next;
        sealed.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
        Some(sealed)
    }

    /// The cookie that replaced this one: opens `sealed` and tries the ring's keys until the verifier matches, because
    /// another node may sign with another first key.
    pub(crate) fn next(&self, sealed: &[u8; 16], verifier: &Verifier, ring: &Ring) -> Option<Self> {
        let signed = join(self.handle(), &self.seal(sealed, ring)?);
        ring.iter().map(|at| Self::sign(&signed, at)).find(|next| same(&next.verifier, verifier))
    }

    /// The cookie value.
    pub(crate) fn value(&self) -> Value {
        Value(self.raw)
    }

    /// The secret, for a renewal of its cookie; only tests of the layout use it.
    #[cfg(test)]
    pub(crate) fn parts(&self) -> ([u8; 16], u8) {
        (*self.raw[8..].first_chunk().unwrap(), self.key)
    }
}

/// Whether both are equal, in constant time: all differing bits are collected before any is tested, which takes a
/// fraction of the work of testing byte by byte.
pub(crate) fn same<const N: usize>(one: &[u8; N], other: &[u8; N]) -> bool {
    one.iter().zip(other).fold(0_u8, |differ, (one, other)| differ | (one ^ other)).ct_eq(&0).into()
}

fn join_raw(handle: Handle) -> [u8; RAW] {
    let mut raw = [0; RAW];
    raw[..Handle::LEN].copy_from_slice(handle.as_bytes());
    raw
}

fn join(handle: Handle, secret: &[u8; 16]) -> [u8; SIGNED] {
    let mut signed = [0; SIGNED];
    signed[..8].copy_from_slice(handle.as_bytes());
    signed[8..].copy_from_slice(secret);
    signed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::keys::{Keys, tests as keys};

    fn ring(name: &str) -> Ring {
        Ring::new(&Keys::new(&keys::A).unwrap().and_verify(&keys::B).unwrap(), name)
    }

    fn token() -> Token {
        Token::mint(Handle::from_bytes(*b"handle 1"), b"a secret of 16 b", &ring("id"))
    }

    #[test]
    fn a_minted_value_opens() {
        let text = token().value().text();
        let opened = Token::open(&text, &ring("id")).unwrap();
        assert!(opened.raw == token().raw && opened.verifier == token().verifier);
        assert_eq!(opened.parts(), (*b"a secret of 16 b", 0));
    }

    #[test]
    fn every_changed_cut_or_longer_value_is_refused_id8() {
        let text = token().value().text();
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
        let text = token().value().text();
        assert!(Token::open(&text, &ring("__Host-id")).is_none());
        let only_b = Ring::new(&Keys::new(&keys::B).unwrap(), "id");
        assert!(Token::open(&text, &only_b).is_none());
        let b_first = Ring::new(&Keys::new(&keys::B).unwrap().and_verify(&keys::A).unwrap(), "id");
        assert_eq!(Token::open(&text, &b_first).unwrap().parts().1, 1);
    }

    #[test]
    fn the_old_cookie_leads_to_the_new_one_lc8() {
        let (ring, old) = (ring("id"), token());
        let next = Token::mint(old.handle(), b"the next secret.", &ring);
        let sealed = old.seal(b"the next secret.", &ring).unwrap();
        assert_ne!(&sealed, b"the next secret.");
        assert!(old.next(&sealed, &next.verifier, &ring).unwrap().raw == next.raw);
        assert!(old.next(&sealed, &old.verifier, &ring).is_none());
        let other = Token::mint(old.handle(), b"another secret..", &ring);
        assert!(other.next(&sealed, &next.verifier, &ring).is_none());
    }
}
