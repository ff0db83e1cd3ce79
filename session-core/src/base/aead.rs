//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), put together here of the chacha20 and poly1305 crates and checked
//! against the chacha20poly1305 crate. That one also seeks in a stream of any length, which takes three copies of the
//! rounds and a division.

use chacha20::cipher::{Block, KeyIvInit, StreamCipherCore};
use chacha20::variants::Ietf;
use chacha20::{ChaChaCore, R20};
use core::slice::from_mut;
use poly1305::Poly1305;
use poly1305::universal_hash::{KeyInit, UniversalHash};
use zeroize::Zeroize;

use crate::base::bytes::{fill, part, same};

pub(crate) const NONCE: usize = 24;
pub(crate) const TAG: usize = 16;

/// "expand 32-byte k": the first words of each state.
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

type ChaCha20 = ChaChaCore<R20, Ietf>;

/// The stream of one key and nonce behind its first block, and the authenticator whose key that block is. Each pair of
/// key and nonce encrypts one message.
pub(crate) struct Aead {
    cipher: ChaCha20,
    mac: Poly1305,
}

impl Aead {
    pub(crate) fn new(key: &[u8; 32], nonce: &[u8; NONCE]) -> Self {
        let mut subkey = hchacha(key, nonce);
        let mut iv = [0; 12];
        fill(&mut iv[4..], part::<8>(nonce, 16));
        let mut cipher = ChaCha20::new((&subkey).into(), (&iv).into());
        subkey.zeroize();
        let mut block = Block::<ChaCha20>::default();
        apply_blocks(&mut cipher, from_mut(&mut block));
        let mac = Poly1305::new(part::<32>(&block, 0).into());
        block.zeroize();
        Self { cipher, mac }
    }

    /// Encrypts `body` and returns the tag of it and of `associated`.
    pub(crate) fn encrypt(mut self, associated: &[u8], body: &mut [u8]) -> [u8; TAG] {
        apply(&mut self.cipher, body);
        tag(self.mac, associated, body)
    }

    /// Decrypts `body` if the tag is valid. Otherwise leaves it unchanged for the next key.
    pub(crate) fn decrypt(mut self, associated: &[u8], body: &mut [u8], carried: &[u8; TAG]) -> bool {
        let valid = same(&tag(self.mac, associated, body), carried);
        if valid {
            apply(&mut self.cipher, body);
        }
        valid
    }
}

/// The key of a nonce's stream: what the rounds make of key and nonce. A block of a stream is the same with the state
/// added, so the state is taken away again.
fn hchacha(key: &[u8; 32], nonce: &[u8; NONCE]) -> [u8; 32] {
    let mut cipher = ChaCha20::new(key.into(), part::<12>(nonce, 4).into());
    cipher.set_block_pos(u32::from_le_bytes(*part(nonce, 0)));
    let mut block = Block::<ChaCha20>::default();
    apply_blocks(&mut cipher, from_mut(&mut block));
    let mut subkey = [0; 32];
    let (places, _) = subkey.as_chunks_mut::<4>();
    for (at, place) in places.iter_mut().enumerate() {
        let (word, state) = match CONSTANTS.get(at) {
            Some(constant) => (4 * at, *constant),
            None => (32 + 4 * at, u32::from_le_bytes(*part(nonce, 4 * at - 16))),
        };
        *place = u32::from_le_bytes(*part(&block, word)).wrapping_sub(state).to_le_bytes();
    }
    block.zeroize();
    subkey
}

fn apply(cipher: &mut ChaCha20, bytes: &mut [u8]) {
    let (blocks, tail) = Block::<ChaCha20>::slice_as_chunks_mut(bytes);
    apply_blocks(cipher, blocks);
    let mut last = Block::<ChaCha20>::default();
    fill(&mut last, tail);
    apply_blocks(cipher, from_mut(&mut last));
    fill(tail, last.get(..tail.len()).unwrap_or_default());
}

// the only place with the rounds
#[cfg_attr(target_pointer_width = "32", inline(never))]
fn apply_blocks(cipher: &mut ChaCha20, blocks: &mut [Block<ChaCha20>]) {
    cipher.apply_keystream_blocks(blocks);
}

fn tag(mut mac: Poly1305, associated: &[u8], body: &[u8]) -> [u8; TAG] {
    let mut lengths = [0; 16];
    let places = fill(&mut lengths, &(associated.len() as u64).to_le_bytes());
    places.and_then(|rest| fill(rest, &(body.len() as u64).to_le_bytes()));
    for part in [associated, body, &lengths] {
        mac.update_padded(part);
    }
    mac.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chacha20poly1305::XChaCha20Poly1305;
    use chacha20poly1305::aead::AeadInOut;

    #[test]
    fn as_the_chacha20poly1305_crate() {
        let mut bytes = [0; 512];
        let mut next = 1_u32;
        for byte in &mut bytes {
            next = next.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (next >> 24) as u8;
        }
        for len in (0..=130).chain([191, 192, 193, 400]) {
            let (key, nonce) = (part::<32>(&bytes, len / 2), part::<NONCE>(&bytes, len));
            let (plain, associated) = (&bytes[..len], &bytes[len..len + len % 40]);
            let (mut ours, mut theirs) = (bytes, bytes);
            let (ours, theirs) = (&mut ours[..len], &mut theirs[..len]);
            let tag = Aead::new(key, nonce).encrypt(associated, ours);
            let crates = XChaCha20Poly1305::new(key.into());
            let expected = crates.encrypt_inout_detached(nonce.into(), associated, (&mut *theirs).into()).unwrap();
            assert_eq!((tag, &*ours), (expected.into(), &*theirs), "{len} bytes");

            for at in [0, 7, 15] {
                let mut wrong = tag;
                wrong[at] ^= 1;
                assert!(!Aead::new(key, nonce).decrypt(associated, ours, &wrong));
                assert_eq!(ours, theirs, "a rejected body is unchanged");
            }
            assert!(Aead::new(key, nonce).decrypt(associated, ours, &tag));
            assert_eq!(ours, plain);
        }
    }
}
