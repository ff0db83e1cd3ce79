//! A clock that a test steps, predictable random bytes, and an executor for futures that never wait. This module is for
//! tests of code that builds on this crate. Do not use it in a program.

use core::pin::pin;
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use rand_core::{TryCryptoRng, TryRng};

use crate::base::environment::{Clock, Time};

/// A clock that only a test moves. One thread may move it, and any number may read it.
#[derive(Debug, Default)]
pub struct ManualClock {
    // two halves, because not every target has 64-bit atomics
    high: AtomicU32,
    low: AtomicU32,
}

impl ManualClock {
    /// Creates a clock at [`Time::ZERO`].
    #[must_use]
    pub const fn new() -> Self {
        Self { high: AtomicU32::new(0), low: AtomicU32::new(0) }
    }

    /// Creates a clock at `time`.
    #[must_use]
    pub fn at(time: Time) -> Self {
        let clock = Self::new();
        clock.set(time);
        clock
    }

    /// Moves the clock to `time`, forwards or backwards.
    pub fn set(&self, time: Time) {
        self.high.store((time.millis() >> 32) as u32, Ordering::SeqCst);
        self.low.store(time.millis() as u32, Ordering::SeqCst);
    }

    /// Moves the clock forward by `span`.
    pub fn advance(&self, span: Duration) {
        self.set(self.now().after(span));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Time {
        let high = u64::from(self.high.load(Ordering::SeqCst));
        Time::from_millis(high << 32 | u64::from(self.low.load(Ordering::SeqCst)))
    }
}

/// Bytes derived from a seed (splitmix64), with failures on demand. It implements the trait of cryptographic
/// generators, but it is predictable.
#[derive(Clone, Debug)]
pub struct ScriptedRng {
    state: u64,
    drawn: usize,
    calls_left: Option<usize>,
}

/// The failure that a test requested from [`ScriptedRng`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scripted;

impl core::fmt::Display for Scripted {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("scripted failure of the random number generator")
    }
}

impl core::error::Error for Scripted {}

impl ScriptedRng {
    /// Creates a generator from `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed, drawn: 0, calls_left: None }
    }

    /// Creates a generator whose every call fails.
    #[must_use]
    pub const fn failing() -> Self {
        Self::new(0).fail_after(0)
    }

    /// Lets every call after the first `calls` fail.
    #[must_use]
    pub const fn fail_after(self, calls: usize) -> Self {
        Self { calls_left: Some(calls), ..self }
    }

    /// Returns the number of bytes drawn so far.
    #[must_use]
    pub const fn drawn(&self) -> usize {
        self.drawn
    }

    fn step(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl TryRng for ScriptedRng {
    type Error = Scripted;

    fn try_next_u32(&mut self) -> Result<u32, Scripted> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Scripted> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Scripted> {
        match &mut self.calls_left {
            Some(0) => return Err(Scripted),
            Some(left) => *left -= 1,
            None => {}
        }
        self.drawn += bytes.len();
        for chunk in bytes.chunks_mut(8) {
            let fresh = self.step().to_le_bytes();
            chunk.iter_mut().zip(fresh).for_each(|(byte, fresh)| *byte = fresh);
        }
        Ok(())
    }
}

impl TryCryptoRng for ScriptedRng {}

/// Runs a future to completion whose store never waits for anything else.
///
/// # Panics
/// If the future is not ready after a million polls, because it waits for something that this executor does not drive.
#[allow(clippy::panic)] // for tests
pub fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1_000_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("the future waits for something that testing::run does not drive")
}
