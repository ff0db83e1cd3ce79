//! Waits for a flash that several tasks use.

use core::fmt;
use core::future::poll_fn;
use core::pin::pin;
use core::task::{Poll, Waker};

use embassy_sync::blocking_mutex::raw::RawMutex;
use embassy_sync::mutex::Mutex;
use embassy_time::{Duration, Instant};
use embassy_time_driver::schedule_wake;

/// How long a request waits for a flash that another task holds, before the response is a 503.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// A task that waits for the flash checks again after this.
const PAUSE: Duration = Duration::from_millis(4);

/// Another task held the flash for longer than [`PATIENCE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Held;

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another task holds the flash: try again later")
    }
}

impl core::error::Error for Held {}

/// A flash that the tasks of an executor share: embassy-sync's asynchronous mutex.
pub trait Chip {
    /// Returns whether a task holds the flash.
    fn is_held(&self) -> bool;
}

impl<M: RawMutex, F> Chip for Mutex<M, F> {
    fn is_held(&self) -> bool {
        self.try_lock().is_err()
    }
}

/// Runs a future only while no other task holds the flash. If one does, the future is paused until the flash is free.
/// After [`PATIENCE`] it is dropped, and the result is [`Held`].
///
/// Tasks of an executor run one after the other, so the flash stays free until the future waits. Operations inside it
/// need not wait for the flash themselves.
///
/// `begin` creates the future. A future that is passed as an argument would be stored twice.
pub fn while_free<F: Future>(
    chip: &dyn Chip,
    begin: impl FnOnce() -> F,
) -> impl Future<Output = Result<F::Output, Held>> {
    take_turns(chip, begin, || Instant::now().as_ticks(), schedule_wake)
}

/// The same by another clock, for tests.
async fn take_turns<F: Future>(
    chip: &dyn Chip,
    begin: impl FnOnce() -> F,
    now: impl Fn() -> u64,
    wake_at: impl Fn(u64, &Waker),
) -> Result<F::Output, Held> {
    let mut future = pin!(begin());
    let mut held_since = None;
    poll_fn(|context| {
        if !chip.is_held() {
            held_since = None;
            return future.as_mut().poll(context).map(Ok);
        }
        let now = now();
        // half of a tick's number is enough for seconds, and smaller in each request
        let since = *held_since.get_or_insert(now as u32);
        if u64::from((now as u32).wrapping_sub(since)) >= PATIENCE.as_ticks() {
            return Poll::Ready(Err(Held));
        }
        wake_at(now + PAUSE.as_ticks(), context.waker());
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;
    use core::pin::Pin;
    use core::task::Context;

    use embassy_sync::blocking_mutex::raw::NoopRawMutex;

    use super::*;

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    /// By a clock that the test steps.
    fn while_free_by<F: Future>(
        clock: &Cell<u64>,
        chip: &dyn Chip,
        begin: impl FnOnce() -> F,
    ) -> impl Future<Output = Result<F::Output, Held>> {
        take_turns(chip, begin, || clock.get(), |_, _| ())
    }

    /// EM8: an update that holds the flash while it waits for its next piece does not stop the device.
    #[test]
    fn a_request_waits_for_a_flash_that_is_held_em8() {
        let clock = Cell::new(0);
        let step = || clock.set(clock.get() + Duration::from_millis(100).as_ticks());
        let (chip, polled) = (Mutex::<NoopRawMutex, ()>::new(()), Cell::new(0));
        let mut request = pin!(while_free_by(&clock, &chip, || poll_fn(|_| {
            polled.set(polled.get() + 1);
            assert!(chip.try_lock().is_ok(), "it has the flash to itself");
            if polled.get() < 3 { Poll::Pending } else { Poll::Ready("served") }
        })));
        assert!(poll(request.as_mut()).is_pending());
        for held in 1..=20 {
            let update = chip.try_lock().unwrap();
            assert!(poll(request.as_mut()).is_pending());
            step();
            assert!(poll(request.as_mut()).is_pending());
            drop(update);
            assert_eq!(polled.get(), 1, "not while it is held, {held}");
        }
        // held again and again, each time for less than the limit, and not yet asked in between
        assert!(poll(request.as_mut()).is_pending());
        assert_eq!(poll(request.as_mut()), Poll::Ready(Ok("served")));
    }

    /// EM8: after the limit the request fails.
    #[test]
    fn a_flash_that_is_held_for_too_long_is_told_em8() {
        let clock = Cell::new(0);
        let step = || clock.set(clock.get() + Duration::from_millis(100).as_ticks());
        let chip = Mutex::<NoopRawMutex, ()>::new(());
        let _update = chip.try_lock().unwrap();
        let mut request = pin!(while_free_by(&clock, &chip, || async { unreachable!("the flash is held") }));
        let mut waited = Duration::from_ticks(0);
        let result: Result<(), Held> = loop {
            match poll(request.as_mut()) {
                Poll::Ready(result) => break result,
                Poll::Pending => step(),
            }
            waited += Duration::from_millis(100);
            assert!(waited <= PATIENCE, "it waits for longer than it says");
        };
        assert_eq!((result, waited), (Err(Held), PATIENCE));
    }
}
