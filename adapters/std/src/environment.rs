//! The operating system's time, and random numbers of a generator in each thread.

use std::convert::Infallible;

use rand::Rng;
use rand_core::{TryCryptoRng, TryRng};
#[cfg(target_os = "linux")]
use rustix::time::{ClockId, clock_gettime};
use session_core::environment::{Clock, Time};

/// Unix time by the system clock. If that is set back, sessions live longer by the same span. On Linux it is the time of
/// the kernel's last tick, at most ten milliseconds ago.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// To ask the processor's counter as well takes six times as long in a virtual machine.
    #[cfg(target_os = "linux")]
    fn now(&self) -> Time {
        let now = clock_gettime(ClockId::RealtimeCoarse);
        // none are negative after 1970
        let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
        let millis = u64::try_from(now.tv_nsec / 1_000_000).unwrap_or_default();
        Time::from_millis(seconds.saturating_mul(1_000).saturating_add(millis))
    }

    #[cfg(not(target_os = "linux"))]
    fn now(&self) -> Time {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_has_the_time_of_the_system() {
        let before = std::time::UNIX_EPOCH.elapsed().unwrap();
        let now = SystemClock.now();
        let ago = u128::from(now.millis()).abs_diff(before.as_millis());
        assert!(ago < 1_000, "{ago} ms apart");
    }
}
