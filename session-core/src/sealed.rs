//! Sealed cookies: the whole record travels in the cookie, encrypted and authenticated, and no store keeps it (SE1–SE6).
//!
//! ```text
//! base64url( nonce[24] ‖ XChaCha20( token[32] ‖ record ) ‖ tag[16] )
//! ```
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) under HMAC(seal subkey, "sealed cookie"); the seal subkey is bound to
//! the purpose and the cookie's name (SE2). The algorithm follows from the key and stands nowhere in the cookie (SE1). The
//! nonce is the begin of HMAC(that key, token ‖ record): each record has a random version, so that it repeats only for
//! the same bytes, which are then the same cookie (SE5). Token and record are those of a stored session, so that
//! everything that is decided about them is decided in the same place.

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};

use crate::base64url::{self, RAW};
use crate::error::Error;
use crate::hmac::Hmac;
use crate::keys::{Ring, Subkeys};
use crate::token::Token;

const NONCE: usize = 24;
const TAG: usize = 16;
/// Bytes around the record.
const AROUND: usize = NONCE + RAW + TAG;

/// Characters of the sealed value of a record of `len` bytes.
pub(crate) const fn text_len(len: usize) -> usize {
    base64url::text_len(AROUND + len)
}

/// Bytes of room that opening a value of `len` characters takes.
pub(crate) const fn room(len: usize) -> usize {
    base64url::raw_len(len)
}

/// Writes the sealed value to the start of `into` and gives its length.
pub(crate) fn seal(token: &Token, record: &[u8], ring: &Ring, into: &mut [u8]) -> Result<usize, Error> {
    let (need, have) = (text_len(record.len()), into.len());
    let too_large = Error::TooLarge { need, have };
    let place = into.get_mut(..need).ok_or(too_large)?;
    // the bytes stand at the end of the room for their text, which is then written from its start
    let raw = place.get_mut(need - (AROUND + record.len())..).ok_or(too_large)?;
    let (key, cipher) = key(ring.signing());
    let nonce: [u8; NONCE] = key.mac(&[token.raw(), record]).first_chunk().copied().unwrap_or_default();
    let (head, rest) = raw.split_at_mut_checked(NONCE).ok_or(too_large)?;
    let (text, end) = rest.split_at_mut_checked(RAW + record.len()).ok_or(too_large)?;
    head.copy_from_slice(&nonce);
    let (front, back) = text.split_at_mut_checked(RAW).ok_or(too_large)?;
    front.copy_from_slice(token.raw());
    back.copy_from_slice(record);
    let tag = cipher.encrypt_inout_detached(&XNonce::from(nonce), &[], text.into()).map_err(|_| too_large)?;
    end.copy_from_slice(&tag);
    base64url::encode_in_place(place, AROUND + record.len());
    Ok(need)
}

/// Opens an untrusted value into `room`, where the record then stands at the start; its token and length. `None` for
/// anything that none of the ring's keys sealed: nothing of it is looked at before that (SE1, SE4).
pub(crate) fn open(value: &[u8], ring: &Ring, room: &mut [u8]) -> Option<(Token, usize)> {
    ring.iter().find_map(|(_, subkeys)| open_with(value, subkeys, ring, room))
}

fn open_with(value: &[u8], subkeys: &Subkeys, ring: &Ring, room: &mut [u8]) -> Option<(Token, usize)> {
    let len = base64url::decode_into(value, room)?;
    let raw = room.get_mut(..len).filter(|raw| raw.len() >= AROUND)?;
    let (head, rest) = raw.split_at_mut_checked(NONCE)?;
    let (text, tag) = rest.split_at_mut_checked(rest.len() - TAG)?;
    let (nonce, tag): (&[u8; NONCE], &[u8; TAG]) = ((&*head).try_into().ok()?, (&*tag).try_into().ok()?);
    let (_, cipher) = key(subkeys);
    cipher.decrypt_inout_detached(&XNonce::from(*nonce), &[], text.into(), &(*tag).into()).ok()?;
    let token = Token::open_raw(text.first_chunk()?, ring)?;
    let record = text.len() - RAW;
    room.copy_within(NONCE + RAW..NONCE + RAW + record, 0);
    Some((token, record))
}

/// The key of a ring's key for sealed cookies, as a MAC's and as a cipher's.
fn key(subkeys: &Subkeys) -> (Hmac, XChaCha20Poly1305) {
    let key = subkeys.seal().mac(&[b"sealed cookie"]);
    (Hmac::new(&key), XChaCha20Poly1305::new(&key.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Keys, tests as keys};
    use crate::store::Handle;
    use std::vec;
    use std::vec::Vec;

    fn ring(name: &str) -> Ring {
        Ring::new(&Keys::new(&keys::A).unwrap(), name)
    }

    fn sealed(record: &[u8]) -> Vec<u8> {
        let token = Token::mint(Handle::from_bytes(*b"handle 1"), b"a secret of 16 b", &ring("id"));
        let mut into = vec![0; text_len(record.len())];
        assert_eq!(seal(&token, record, &ring("id"), &mut into), Ok(into.len()));
        into
    }

    fn opens(value: &[u8], ring: &Ring) -> Option<Vec<u8>> {
        let mut bytes = vec![0; room(value.len())];
        let (token, len) = open(value, ring, &mut bytes)?;
        assert_eq!(token.handle(), Handle::from_bytes(*b"handle 1"));
        Some(bytes[..len].to_vec())
    }

    #[test]
    fn records_of_every_length_come_back_se1() {
        for len in 0..200 {
            let record: Vec<u8> = (0..len).map(|at| at as u8).collect();
            assert_eq!(opens(&sealed(&record), &ring("id")), Some(record));
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
        for more in [&b"A"[..], b"AA", b"AAAA"] {
            assert_eq!(opens(&[&value[..], more].concat(), &ring("id")), None);
        }
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
        let token = Token::mint(Handle::from_bytes([1; 8]), &[2; 16], &ring("id"));
        let have = text_len(8) - 1;
        let error = Err(Error::TooLarge { need: text_len(8), have });
        assert_eq!(seal(&token, b"a record", &ring("id"), &mut vec![0; have]), error);
    }
}
