//! Whose turn it is at a flash that several tasks use.

use core::fmt;
use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;

use embassy_sync::blocking_mutex::raw::RawMutex;
use embassy_sync::mutex::Mutex;
use embassy_time::{Duration, Instant};
use embassy_time_driver::schedule_wake;

/// How long a request waits for a flash that another task holds, before it is answered 503.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// A task that waits for the flash asks again after this.
const PAUSE: Duration = Duration::from_millis(4);

/// Another task held the flash for longer than [`PATIENCE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Held;

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another task holds the flash")
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

/// Runs a future, but not while another task holds the flash: it goes on when the flash is free, and is dropped after
/// [`PATIENCE`]. Tasks of an executor run one after the other, so the flash stays free until the future waits. What it does
/// with the flash meanwhile needs no waiting of its own, and no room for that in its future.
///
/// `begin` makes the future; handed over, it would be stored twice.
pub async fn while_free<F: Future>(chip: &dyn Chip, begin: impl FnOnce() -> F) -> Result<F::Output, Held> {
    let mut future = pin!(begin());
    let mut held_since = None;
    poll_fn(|context| {
        if !chip.is_held() {
            held_since = None;
            return future.as_mut().poll(context).map(Ok);
        }
        let now = Instant::now().as_ticks();
        // half of a tick's number is enough for seconds, and smaller in each request
        let since = *held_since.get_or_insert(now as u32);
        if u64::from((now as u32).wrapping_sub(since)) >= PATIENCE.as_ticks() {
            return Poll::Ready(Err(Held));
        }
        schedule_wake(now + PAUSE.as_ticks(), context.waker());
        Poll::Pending
    })
    .await
}
