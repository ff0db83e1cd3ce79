//! Time for a device without a clock: its uptime, added to a time that was persisted ahead.
//!
//! Records use *device time*: the milliseconds that the device was powered on, or more, never fewer. Before device time
//! reaches the persisted time, a later time is persisted. At boot, device time continues from there. It therefore never
//! goes back, and each boot adds at most [`AHEAD`] that did not pass.
//!
//! The time of a wall clock is stored as an offset to device time. The offset is persisted as well. When a wall clock
//! is available again after a boot, the time without power is known, and device time moves forward by it.

use core::cell::Cell;
use core::time::Duration;
use session_core::environment::{Clock, Time};
use session_core::store::Store;

use crate::error::FlashError;
use crate::persisted_time::PersistedTime;
use crate::store::FlashStore;
use embedded_storage_async::nor_flash::NorFlash;

/// How far ahead a time is persisted.
pub const AHEAD: Duration = Duration::from_secs(60);

/// A time is persisted when less than this is left.
const LEFT: Duration = Duration::from_secs(15);

/// How a boot counts the time without power, as long as no wall clock says how long it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum WithoutPower {
    /// Not counted: a session's limits count powered-on time only.
    Free,
    /// Counted as this span.
    Charge(Duration),
    /// Every boot ends all sessions.
    EndAll,
}

/// A clock that returns device time. `U` is the uptime, for example `EmbassyClock`.
///
/// The program must call [`persist`](Self::persist) at least every 15 seconds, with or without requests. If it does
/// not, or if that fails, device time continues, and the next boot after a power loss continues from the last persisted
/// time.
#[derive(Debug)]
pub struct PersistedClock<U> {
    uptime: U,
    /// The uptime at the last call.
    last: Cell<u64>,
    /// Device time less uptime.
    base: Cell<u64>,
    persisted: Cell<PersistedTime>,
    offset: Cell<Option<i64>>,
}

impl<U: Clock> PersistedClock<U> {
    /// Creates a clock that continues from the time in `store`, and ends all sessions there if `without_power` demands
    /// it.
    ///
    /// # Errors
    /// The time is unknown if the store fails. Retry, or report that the device is out of order.
    pub async fn resume<F: NorFlash, const SESSIONS: usize, const BYTES: usize>(
        uptime: U,
        store: &FlashStore<F, SESSIONS, BYTES>,
        without_power: WithoutPower,
    ) -> Result<Self, FlashError> {
        let time = store.persisted_time().await?;
        let clock = Self::new(uptime, time, without_power);
        if without_power == WithoutPower::EndAll && time.is_some() {
            store.end_all(clock.now()).await?;
        }
        clock.persist(store).await?;
        Ok(clock)
    }

    /// Creates a clock that continues from `time`, which is `None` at the first boot. The caller ends all sessions if
    /// that is required.
    pub fn new(uptime: U, time: Option<PersistedTime>, without_power: WithoutPower) -> Self {
        let from = time.unwrap_or(PersistedTime { until: Time::ZERO, offset: None });
        let charge = match without_power {
            WithoutPower::Charge(span) if time.is_some() => span,
            _ => Duration::ZERO,
        };
        let last = uptime.now().millis();
        let base = from.until.after(charge).millis().saturating_sub(last);
        // the offset stays, so that a wall clock does not charge this time again
        let (last, base) = (Cell::new(last), Cell::new(base));
        Self { uptime, last, base, persisted: Cell::new(from), offset: Cell::new(from.offset) }
    }

    /// Sets the time of a wall clock. Call it as late and as often as a time arrives. Device time moves forward if more
    /// time has passed than the clock has measured, and never back.
    ///
    /// A wall clock that jumps ahead ends sessions early. A time that is thousands of years ahead is ignored, because
    /// device time is limited.
    pub fn set_wall(&self, unix: Time) {
        let (now, unix) = (self.now().millis() as i64, unix.millis() as i64);
        let should_be = self.offset.get().map_or(now, |offset| unix.saturating_sub(offset));
        if should_be > Time::MAX.millis() as i64 / 2 {
            return;
        }
        if should_be > now {
            self.base.set(self.base.get().saturating_add(should_be.abs_diff(now)));
        } else {
            self.offset.set(Some(unix.saturating_sub(now)));
        }
    }

    /// Converts a device time to Unix time, for display. Returns `None` if no wall clock has ever set the time.
    pub fn unix(&self, time: Time) -> Option<Time> {
        let unix = (time.millis() as i64).saturating_add(self.offset.get()?);
        u64::try_from(unix).ok().map(Time::from_millis)
    }

    /// Returns the time that has to be persisted now, if any.
    pub fn due(&self) -> Option<PersistedTime> {
        let (now, persisted) = (self.now(), self.persisted.get());
        let soon = persisted.until < now.after(LEFT);
        // wall clocks jitter; less than a second is not worth a write
        let moved = match (self.offset.get(), persisted.offset) {
            (Some(new), Some(old)) => new.abs_diff(old) >= 1_000,
            (new, old) => new != old,
        };
        (soon || moved).then_some(PersistedTime { until: now.after(AHEAD), offset: self.offset.get() })
    }

    /// Tells the clock that `time` is persisted.
    pub fn persisted(&self, time: PersistedTime) {
        self.persisted.set(time);
    }

    /// Persists a later time if it is due: one small entry per minute. After a power loss, the flash contains the
    /// earlier or the later time.
    ///
    /// # Errors
    /// The flash failed. The clock still works, and the next call retries.
    pub async fn persist<F: NorFlash, const SESSIONS: usize, const BYTES: usize>(
        &self,
        store: &FlashStore<F, SESSIONS, BYTES>,
    ) -> Result<(), FlashError> {
        if let Some(time) = self.due() {
            store.persist_time(time, self.now()).await?;
            self.persisted(time);
        }
        Ok(())
    }
}

impl<U: Clock> Clock for PersistedClock<U> {
    /// An uptime that jumps back (a timer that wraps or is reset) continues from where it was. Time neither goes back
    /// nor stops until the uptime has caught up, because both would lengthen sessions.
    fn now(&self) -> Time {
        let uptime = self.uptime.now().millis();
        let back = self.last.replace(uptime).saturating_sub(uptime);
        self.base.set(self.base.get().saturating_add(back));
        Time::from_millis(uptime.saturating_add(self.base.get()))
    }
}
