//! HMAC-SHA256 (RFC 2104, FIPS 180-4) with the key absorbed once, over the sha2 crate's compression function: a key takes 64
//! bytes, and a short message costs two compressions and no copies of hash states.

use sha2::block_api::compress256;
use zeroize::Zeroize;

use crate::base::bytes::fill;

const BLOCK: usize = 64;

/// A key, absorbed.
#[derive(Clone)]
pub struct Hmac {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl Hmac {
    /// Absorbs a key of 32 bytes.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self { inner: absorb(key, 0x36), outer: absorb(key, 0x5c) }
    }

    /// Absorbs a key of any length.
    #[must_use]
    pub fn of_any(key: &[u8]) -> Self {
        let hashed = (key.len() > BLOCK).then(|| sha256(&[key]));
        let key = hashed.as_ref().map_or(key, |hash| hash);
        Self { inner: absorb(key, 0x36), outer: absorb(key, 0x5c) }
    }

    /// The MAC of all parts together.
    #[must_use]
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        hash(self.outer, BLOCK, &[&hash(self.inner, BLOCK, parts)])
    }

    /// The MAC of a message of at most 55 bytes, for those that every request checks.
    pub(crate) fn mac_short<const N: usize>(&self, message: &[u8; N]) -> [u8; 32] {
        // half the work apart from the hash itself; on small processors its 100 bytes of code matter more
        if cfg!(target_pointer_width = "64") {
            hash_short(self.outer, &hash_short(self.inner, message))
        } else {
            self.mac(&[message])
        }
    }
}

impl Drop for Hmac {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

/// SHA-256 of all parts together.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    hash(START, 0, parts)
}

/// The square roots of the first eight primes (FIPS 180-4, 5.3.3).
const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

fn absorb(key: &[u8], pad: u8) -> [u32; 8] {
    let mut block = [0; BLOCK];
    fill(&mut block, key);
    block.iter_mut().for_each(|byte| *byte ^= pad);
    let mut state = START;
    compress256(&mut state, &[block]);
    block.zeroize();
    state
}

/// SHA-256 of `before` bytes, whole blocks, that led to `state`, and of the parts after them.
fn hash(state: [u32; 8], before: usize, parts: &[&[u8]]) -> [u8; 32] {
    let mut sha = Sha { state, block: [0; BLOCK], len: before };
    parts.iter().for_each(|part| sha.absorb(part));
    // a one bit, zeros up to eight bytes before the end of a block, and the number of bits before all this (5.1.1)
    let bits = 8 * sha.len as u64;
    let at = sha.len % BLOCK;
    if let Some(next) = sha.block.get_mut(at) {
        *next = 0x80;
    }
    if at >= BLOCK - 8 {
        sha.compress();
    }
    if let Some(end) = sha.block.last_chunk_mut() {
        *end = bits.to_be_bytes();
    }
    sha.compress();
    words(sha.state)
}

/// The same as [`hash`] after one block, of a message that fits into the next one with all that follows it.
fn hash_short<const N: usize>(mut state: [u32; 8], message: &[u8; N]) -> [u8; 32] {
    const { assert!(N + 1 + 8 <= BLOCK) };
    let mut block = [0; BLOCK];
    if let Some((place, [one, ..])) = block.split_first_chunk_mut() {
        (*place, *one) = (*message, 0x80);
    }
    if let Some(end) = block.last_chunk_mut() {
        *end = (8 * (BLOCK + N) as u64).to_be_bytes();
    }
    compress256(&mut state, &[block]);
    words(state)
}

fn words(state: [u32; 8]) -> [u8; 32] {
    let words = state.map(u32::to_be_bytes);
    words.as_flattened().first_chunk().copied().unwrap_or_default()
}

struct Sha {
    state: [u32; 8],
    block: [u8; BLOCK],
    len: usize,
}

impl Sha {
    fn absorb(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let place = self.block.get_mut(self.len % BLOCK..).unwrap_or_default();
            let (now, later) = bytes.split_at(bytes.len().min(place.len()));
            fill(place, now);
            bytes = later;
            self.len += now.len();
            if self.len.is_multiple_of(BLOCK) {
                self.compress();
            }
        }
    }

    /// Absorbs the block. The next one begins as zeros.
    fn compress(&mut self) {
        compress256(&mut self.state, core::slice::from_ref(&self.block));
        self.block = [0; BLOCK];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hmac::{KeyInit, Mac};
    use sha2::Digest;

    #[test]
    fn any_length_in_any_parts_as_the_hmac_crate() {
        let message: [u8; 200] = core::array::from_fn(|at| (at * 7 + 3) as u8);
        let key: [u8; 32] = core::array::from_fn(|at| (at * 11) as u8);
        for len in 0..=message.len() {
            let expected = hmac::Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap().chain_update(&message[..len]);
            let (one, two) = message[..len].split_at(len / 3);
            assert_eq!(Hmac::new(&key).mac(&[one, &[], two]), <[u8; 32]>::from(expected.finalize().into_bytes()));
            assert_eq!(sha256(&[one, two]), <[u8; 32]>::from(sha2::Sha256::digest(&message[..len])));
        }
    }

    #[test]
    fn a_key_of_any_length_as_the_hmac_crate() {
        let key: [u8; 200] = core::array::from_fn(|at| (at * 11) as u8);
        for len in 0..=key.len() {
            let key = &key[..len];
            let expected = hmac::Hmac::<sha2::Sha256>::new_from_slice(key).unwrap().chain_update(b"a message");
            assert_eq!(Hmac::of_any(key).mac(&[b"a message"]), <[u8; 32]>::from(expected.finalize().into_bytes()));
        }
    }

    #[test]
    fn short_messages_as_long_ones() {
        let hmac = Hmac::new(&core::array::from_fn(|at| (at * 11) as u8));
        let message: [u8; 55] = core::array::from_fn(|at| (at * 7 + 3) as u8);
        assert_eq!(hmac.mac_short(&message), hmac.mac(&[&message]));
        assert_eq!(hmac.mac_short(b"a handle and its secret."), hmac.mac(&[b"a handle and its secret."]));
        assert_eq!(hmac.mac_short(b""), hmac.mac(&[]));
    }

    #[test]
    fn fips_180_and_rfc_4231() {
        let abc = b"\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23\xb0\x03\x61\xa3\x96\x17\x7a\x9c\xb4\x10\xff\x61\xf2\x00\x15\xad";
        assert_eq!(sha256(&[b"abc"]), *abc);
        // test case 2, whose key "Jefe" is padded with zeros
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let mac = b"\x5b\xdc\xc1\x46\xbf\x60\x75\x4e\x6a\x04\x24\x26\x08\x95\x75\xc7\x5a\x00\x3f\x08\x9d\x27\x39\x83\x9d\xec\x58\xb9\x64\xec\x38\x43";
        assert_eq!(Hmac::new(&key).mac(&[b"what do ya want ", b"for nothing?"]), *mac);
    }
}
