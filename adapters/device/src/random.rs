//! Random bytes: SHA-256 in a chain, seeded once from the board.

use core::fmt;

use rand_core::{TryCryptoRng, TryRng};
use session_core::hash::sha256;

/// A generator that seeds itself from the board at its first use. While the board has no entropy, every use returns
/// [`NotReady`], and the next use asks the board again.
///
/// Its state is 32 bytes. SHA-256 of the state and a zero is the next output, SHA-256 of the state and a one the next
/// state. So neither outputs nor a later state tell anything of an earlier output.
pub struct Random {
    source: fn() -> Option<[u8; 32]>,
    /// What was mixed in, until it is seeded.
    state: [u8; 32],
    seeded: bool,
}

/// The board has no entropy yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NotReady;

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the board has no random bytes yet: try again later")
    }
}

impl core::error::Error for NotReady {}

impl Random {
    /// Creates a generator with the board's entropy source. It returns 32 bytes with 256 bits of entropy, or `None` if
    /// it is not ready.
    #[must_use]
    pub const fn new(source: fn() -> Option<[u8; 32]>) -> Self {
        Self { source, state: [0; 32], seeded: false }
    }

    /// Reseeds with a secret of this device and a number that no earlier boot used. Even a source that returns the same
    /// bytes at each boot then yields different output.
    pub fn mix_in(&mut self, secret: &[u8; 32], boot: u64) {
        *self = Self { source: self.source, state: sha256(&[secret, &boot.to_le_bytes()]), seeded: false };
    }

    /// The next 32 bytes.
    fn next(&mut self) -> Result<[u8; 32], NotReady> {
        if !self.seeded {
            let seed = (self.source)().ok_or(NotReady)?;
            (self.state, self.seeded) = (sha256(&[&seed, &self.state]), true);
        }
        let output = sha256(&[&self.state, &[0]]);
        self.state = sha256(&[&self.state, &[1]]);
        Ok(output)
    }
}

impl fmt::Debug for Random {
    /// Prints no seed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Random").field("seeded", &self.seeded).finish_non_exhaustive()
    }
}

impl TryRng for Random {
    type Error = NotReady;

    fn try_next_u32(&mut self) -> Result<u32, NotReady> {
        let [a, b, c, d, ..] = self.next()?;
        Ok(u32::from_le_bytes([a, b, c, d]))
    }

    fn try_next_u64(&mut self) -> Result<u64, NotReady> {
        let [a, b, c, d, e, f, g, h, ..] = self.next()?;
        Ok(u64::from_le_bytes([a, b, c, d, e, f, g, h]))
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), NotReady> {
        for piece in into.chunks_mut(32) {
            piece.iter_mut().zip(self.next()?).for_each(|(place, byte)| *place = byte);
        }
        Ok(())
    }
}

impl TryCryptoRng for Random {}

/// Hashes at least `bytes` bytes of a weak source to 32 bytes for [`Random::new`]. `fill` fills one piece of 64 bytes
/// per call, with a generator of any rand_core version. Returns `None` if the source is stuck, that is, if all bytes of
/// a piece are equal.
///
/// A hash concentrates entropy and adds none. Choose `bytes` so that the entropy in the chip's data sheet, with a
/// margin, is 256 bits. 1,024 bytes need a quarter of a bit per byte.
pub fn condense(bytes: usize, mut fill: impl FnMut(&mut [u8])) -> Option<[u8; 32]> {
    let (mut hash, mut piece) = ([0; 32], [0; 64]);
    for _ in 0..bytes.div_ceil(piece.len()).max(1) {
        fill(&mut piece);
        let [first, rest @ ..] = &piece;
        if rest.iter().all(|byte| byte == first) {
            return None;
        }
        hash = sha256(&[&hash, &piece]);
    }
    Some(hash)
}

/// Adapts a generator of rand_core 0.6 to the current version.
#[cfg(feature = "rand_core_06")]
#[derive(Debug)]
pub struct Rng06<R>(pub R);

#[cfg(feature = "rand_core_06")]
impl<R: rand_core_06::RngCore> TryRng for Rng06<R> {
    type Error = NotReady;

    fn try_next_u32(&mut self) -> Result<u32, NotReady> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, NotReady> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), NotReady> {
        self.0.try_fill_bytes(into).map_err(|_| NotReady)
    }
}

#[cfg(feature = "rand_core_06")]
impl<R: rand_core_06::RngCore + rand_core_06::CryptoRng> TryCryptoRng for Rng06<R> {}

/// Adapts a generator of rand_core 0.9 to the current version.
#[cfg(feature = "rand_core_09")]
#[derive(Debug)]
pub struct Rng09<R>(pub R);

#[cfg(feature = "rand_core_09")]
impl<R: rand_core_09::TryRngCore> TryRng for Rng09<R> {
    type Error = NotReady;

    fn try_next_u32(&mut self) -> Result<u32, NotReady> {
        self.0.try_next_u32().map_err(|_| NotReady)
    }

    fn try_next_u64(&mut self) -> Result<u64, NotReady> {
        self.0.try_next_u64().map_err(|_| NotReady)
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), NotReady> {
        self.0.try_fill_bytes(into).map_err(|_| NotReady)
    }
}

#[cfg(feature = "rand_core_09")]
impl<R: rand_core_09::TryCryptoRng> TryCryptoRng for Rng09<R> {}

#[cfg(test)]
mod tests {
    use super::*;

    /// EM4: a source that is not ready is an answer, and is asked again.
    #[test]
    fn a_source_that_is_not_ready_is_an_answer_em4() {
        use core::sync::atomic::{AtomicU8, Ordering};
        static ASKED: AtomicU8 = AtomicU8::new(0);
        let mut random = Random::new(|| (ASKED.fetch_add(1, Ordering::Relaxed) > 0).then_some([7; 32]));
        assert_eq!(random.try_next_u32(), Err(NotReady));
        let first = random.try_next_u64().unwrap();
        assert_ne!(random.try_next_u64(), Ok(first));
        assert_eq!(ASKED.load(Ordering::Relaxed), 2, "seeded once");
    }

    /// EM4: a source that repeats at the next boot does not give the same bytes again.
    #[test]
    fn what_is_mixed_in_changes_the_bytes_em4() {
        let draw = |mixed_in: Option<u64>| {
            let mut random = Random::new(|| Some([7; 32]));
            mixed_in.into_iter().for_each(|boot| random.mix_in(&[9; 32], boot));
            random.try_next_u64().unwrap()
        };
        assert_eq!(draw(None), draw(None));
        assert_ne!(draw(None), draw(Some(1)));
        assert_ne!(draw(Some(1)), draw(Some(2)));
    }

    /// EM4: a stopped ring oscillator is not a source.
    #[test]
    fn a_weak_source_is_hashed_and_a_stuck_one_refused_em4() {
        let mut next = 0_u8;
        let mut drawn = 0;
        let seed = condense(1_000, |piece| {
            drawn += piece.len();
            piece.fill_with(|| {
                next = next.wrapping_add(1);
                next & 1
            });
        });
        assert!(seed.is_some() && seed != Some([0; 32]));
        assert_eq!(drawn, 1_024);
        assert_eq!(condense(1_000, |piece| piece.fill(0xff)), None);
        let mut pieces = 0;
        let stops = condense(1_000, |piece| {
            pieces += 1;
            piece.iter_mut().zip(0..).for_each(|(byte, at)| *byte = if pieces < 9 { at } else { 0 });
        });
        assert_eq!(stops, None);
    }
}
