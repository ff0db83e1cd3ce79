//! Random bytes: ChaCha20, seeded once from the board.

use chacha20::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng, TryCryptoRng, TryRng};
use sha2::{Digest, Sha256};

use crate::board::entropy;

/// Seeded at the first use. As long as the board has no entropy, every use is refused (EM4), and the next tries again.
#[derive(Default)]
pub(crate) struct Random {
    seeded: Option<ChaCha20Rng>,
    mixed_in: [u8; 32],
}

/// The board has no entropy yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotReady;

impl core::fmt::Display for NotReady {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the board has no random bytes yet")
    }
}

impl core::error::Error for NotReady {}

impl Random {
    /// What else goes into the seed: a secret of this device and a number that no boot had before, so that a source which
    /// says the same at each boot still gives other bytes.
    pub(crate) fn mix_in(&mut self, secret: &[u8; 32], boot: u64) {
        let mut digest = Sha256::new();
        digest.update(secret);
        digest.update(boot.to_le_bytes());
        *self = Self { seeded: None, mixed_in: digest.finalize().into() };
    }

    fn ready(&mut self) -> Result<&mut ChaCha20Rng, NotReady> {
        if self.seeded.is_none() {
            let mut digest = Sha256::new();
            digest.update(entropy().ok_or(NotReady)?);
            digest.update(self.mixed_in);
            self.seeded = Some(ChaCha20Rng::from_seed(digest.finalize().into()));
        }
        self.seeded.as_mut().ok_or(NotReady)
    }
}

impl TryRng for Random {
    type Error = NotReady;

    fn try_next_u32(&mut self) -> Result<u32, NotReady> {
        Ok(self.ready()?.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, NotReady> {
        Ok(self.ready()?.next_u64())
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), NotReady> {
        self.ready()?.fill_bytes(into);
        Ok(())
    }
}

impl TryCryptoRng for Random {}
