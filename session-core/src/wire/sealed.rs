//! Sealed cookies: the whole record travels in the cookie, encrypted and authenticated, and no store keeps it (SE1–SE6).
//!
//! ```text
//! base64url( nonce[24] ‖ tag[16] ‖ handle[8] ‖ ciphertext of the record )
//! ```
//!
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), the handle as associated data. Its key belongs to one signing key, one
//! purpose and one cookie name (SE2), and the algorithm follows from the key: nothing in the cookie chooses one (SE1). The
//! nonce is a MAC of handle and record under a separate key. Each writer puts a random version into the record, so that a
//! nonce of 192 bits repeats only for the same bytes, which then are the same cookie (SE5).
//!
//! The first 48 bytes are 64 characters exactly: the record is opened where it is used, and takes no more room than it has.

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, Tag, XChaCha20Poly1305};

use crate::base::bytes::fill;
use crate::base::error::Error;
use crate::base::hmac::Hmac;
use crate::base::keys::{Ring, Subkeys};
use crate::base::names::Handle;
use crate::wire::base64url;

pub(crate) const NONCE: usize = 24;
pub(crate) const TAG: usize = 16;
/// Bytes before the record, and the characters that they take.
const HEAD: usize = NONCE + TAG + Handle::LEN;
const HEAD_TEXT: usize = HEAD / 3 * 4;
/// The purpose of the cipher here.
const COOKIE: &[u8] = b"sealed cookie";

/// Characters of the sealed value of a record of `len` bytes.
pub(crate) const fn text_len(len: usize) -> usize {
    base64url::text_len(HEAD + len)
}

/// Bytes of the record in a sealed value of `len` characters.
pub(crate) const fn record_len(len: usize) -> usize {
    base64url::raw_len(len.saturating_sub(HEAD_TEXT))
}

/// Fills `place`, which has the value's length, with the sealed value.
pub(crate) fn seal(handle: Handle, record: &[u8], ring: &Ring, place: &mut [u8]) -> Result<(), Error> {
    let (need, have) = (text_len(record.len()), place.len());
    let too_large = Error::TooLarge { need, have };
    let text = place.get_mut(..need).ok_or(too_large)?;
    let keys = ring.signing();
    let nonce: [u8; NONCE] =
        nonce_key(keys).mac(&[handle.as_bytes(), record]).first_chunk().copied().unwrap_or_default();
    // the bytes are at the end of the room for their text, which is then written from its start
    let raw = text.get_mut(need - (HEAD + record.len())..).ok_or(too_large)?;
    let (head, body) = raw.split_at_mut_checked(HEAD).ok_or(too_large)?;
    body.copy_from_slice(record);
    let tag = encrypt(&cipher(keys, COOKIE), &nonce, handle.as_bytes(), body).ok_or(too_large)?;
    let parts = fill(head, &nonce).and_then(|rest| fill(rest, &tag));
    parts.and_then(|rest| fill(rest, handle.as_bytes())).ok_or(too_large)?;
    base64url::encode_in_place(text, HEAD + record.len());
    Ok(())
}

/// Opens an untrusted value into the start of `room`; the session's handle and the length of its record. `None` for
/// anything that none of the ring's keys sealed. Only the tag is read before it is verified, and there is no fallback
/// (SE1, SE4). A rejected value costs one check of its tag for each key.
pub(crate) fn open(value: &[u8], ring: &Ring, room: &mut [u8]) -> Option<(Handle, usize)> {
    let (head_text, body_text) = value.split_first_chunk::<HEAD_TEXT>()?;
    let mut head = [0; HEAD];
    base64url::decode_into(head_text, &mut head)?;
    let len = base64url::decode_into(body_text, room)?;
    let body = room.get_mut(..len)?;
    let (nonce, rest) = head.split_first_chunk::<NONCE>()?;
    let (tag, handle) = rest.split_first_chunk::<TAG>()?;
    ring.iter().find(|(_, keys)| decrypt(&cipher(keys, COOKIE), nonce, handle, body, tag))?;
    Some((Handle::from_bytes(handle.try_into().ok()?), len))
}

/// The cipher of one key of the ring for one purpose.
pub(crate) fn cipher(keys: &Subkeys, purpose: &[u8]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&keys.seal().mac(&[purpose]).into())
}

/// Encrypts `body` and returns the tag of it and of `associated`; `None` if it is longer than the cipher allows.
pub(crate) fn encrypt(
    cipher: &XChaCha20Poly1305,
    nonce: &[u8; NONCE],
    associated: &[u8],
    body: &mut [u8],
) -> Option<Tag> {
    cipher.encrypt_inout_detached(nonce.into(), associated, body.into()).ok()
}

/// Decrypts `body` if the tag is valid. Otherwise leaves it unchanged for the next key.
pub(crate) fn decrypt(
    cipher: &XChaCha20Poly1305,
    nonce: &[u8; NONCE],
    associated: &[u8],
    body: &mut [u8],
    tag: &[u8; TAG],
) -> bool {
    #[cfg(test)]
    tests::LOOKS.set(tests::LOOKS.get() + 1);
    cipher.decrypt_inout_detached(nonce.into(), associated, body.into(), tag.into()).is_ok()
}

fn nonce_key(keys: &Subkeys) -> Hmac {
    Hmac::new(&keys.seal().mac(&[b"sealed nonce"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::keys::{Keys, tests as keys};
    use std::vec;
    use std::vec::Vec;

    // on a host, other tests run at the same time
    #[cfg(not(target_os = "none"))]
    std::thread_local! {
        /// How often a tag was verified.
        pub(super) static LOOKS: core::cell::Cell<u32> = const { core::cell::Cell::new(0) };
    }
    #[cfg(target_os = "none")]
    pub(super) static LOOKS: Looks = Looks(core::sync::atomic::AtomicU32::new(0));

    #[cfg(target_os = "none")]
    pub(super) struct Looks(core::sync::atomic::AtomicU32);

    #[cfg(target_os = "none")]
    impl Looks {
        pub(super) fn get(&self) -> u32 {
            self.0.load(core::sync::atomic::Ordering::Relaxed)
        }

        pub(super) fn set(&self, looks: u32) {
            self.0.store(looks, core::sync::atomic::Ordering::Relaxed);
        }
    }

    const HANDLE: Handle = Handle::from_bytes(*b"handle 1");

    fn ring(name: &str) -> Ring {
        Ring::new(&Keys::new(&keys::A).unwrap(), name)
    }

    fn sealed(record: &[u8]) -> Vec<u8> {
        let mut into = vec![0; text_len(record.len())];
        assert_eq!(seal(HANDLE, record, &ring("id"), &mut into), Ok(()));
        into
    }

    fn opens(value: &[u8], ring: &Ring) -> Option<Vec<u8>> {
        let mut room = vec![0; record_len(value.len())];
        let (handle, len) = open(value, ring, &mut room)?;
        assert_eq!((handle, len), (HANDLE, room.len()));
        Some(room)
    }

    #[test]
    fn records_of_every_length_come_back_se1() {
        for len in 0..200 {
            let record: Vec<u8> = (0..len).map(|at| at as u8).collect();
            let value = sealed(&record);
            assert_eq!(record_len(value.len()), record.len());
            assert_eq!(opens(&value, &ring("id")), Some(record));
        }
    }

    #[test]
    fn every_changed_cut_or_longer_value_is_refused_se1_se4() {
        let value = sealed(b"a record");
        for at in 0..value.len() {
            for bit in 0..8 {
                let mut forged = value.clone();
                forged[at] ^= 1 << bit;
                assert_eq!(opens(&forged, &ring("id")), None, "bit {bit} at {at}");
            }
            assert_eq!(opens(&value[..at], &ring("id")), None);
        }
        for more in [&b"A"[..], b"AA", b"AAA", b"AAAA"] {
            assert_eq!(opens(&[&value[..], more].concat(), &ring("id")), None);
        }
    }

    #[test]
    fn what_is_refused_costs_one_look_for_each_key_se1_se4() {
        let b_and_a = Ring::new(&Keys::new(&keys::B).unwrap().and_verify(&keys::A).unwrap(), "id");
        let looks = |value: &[u8], ring: &Ring| {
            LOOKS.set(0);
            (opens(value, ring).is_some(), LOOKS.get())
        };
        let value = sealed(b"a record");
        assert_eq!(looks(&value, &b_and_a), (true, 2));
        for at in 0..value.len() - 1 {
            let mut forged = value.clone();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(looks(&forged, &b_and_a), (false, 2), "character {at}");
            forged[at] = b'=';
            assert_eq!(looks(&forged, &b_and_a), (false, 0), "no base64url at {at}");
        }
        assert_eq!(looks(&value, &Ring::new(&Keys::new(&keys::B).unwrap(), "id")), (false, 1), "a retired key");
        assert_eq!(looks(&value, &ring("__Host-id")), (false, 1), "another name");
    }

    #[test]
    fn another_name_or_an_unknown_key_refuses_and_a_retired_one_too_se2_se3() {
        let value = sealed(b"a record");
        assert_eq!(opens(&value, &ring("__Host-id")), None);
        let only_b = Ring::new(&Keys::new(&keys::B).unwrap(), "id");
        assert_eq!(opens(&value, &only_b), None);
        let b_first = Ring::new(&Keys::new(&keys::B).unwrap().and_verify(&keys::A).unwrap(), "id");
        assert_eq!(opens(&value, &b_first), Some(b"a record".to_vec()));
    }

    #[test]
    fn two_records_have_two_nonces_se5() {
        let nonce = |record: &[u8]| sealed(record)[..32].to_vec();
        assert_ne!(nonce(b"a record"), nonce(b"a recorD"));
        assert_eq!(nonce(b"a record"), nonce(b"a record"));
    }

    #[test]
    fn too_small_a_buffer_is_an_error_with_both_sizes_se6() {
        let have = text_len(8) - 1;
        let error = Err(Error::TooLarge { need: text_len(8), have });
        assert_eq!(seal(HANDLE, b"a record", &ring("id"), &mut vec![0; have]), error);
    }
}
