//! The operating system's time, and random numbers of a generator in each thread.

use std::convert::Infallible;
use std::time::{SystemTime, UNIX_EPOCH};

use rand::Rng;
use rand_core::{TryCryptoRng, TryRng};
use session_core::environment::{Clock, Time};

/// Unix time by the system clock. If that is set back, sessions live longer by the same span.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time::from_millis(since.as_secs().saturating_mul(1_000).saturating_add(since.subsec_millis().into()))
    }
}

/// `rand`'s generator of the current thread: ChaCha, seeded and regularly reseeded by the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThreadRng;

impl TryRng for ThreadRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(rand::rng().next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(rand::rng().next_u64())
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), Infallible> {
        rand::rng().fill_bytes(into);
        Ok(())
    }
}

impl TryCryptoRng for ThreadRng {}
