//! Time for a device without a clock: its uptime on top of a time that was persisted ahead.
//!
//! Records keep *device time*: milliseconds that the device was on, and more, never fewer. Before device time reaches
//! what is persisted, a later time is persisted; at boot it goes on from there. So it never goes back, and each boot
//! charges at most [`AHEAD`] that did not pass. (The latest time seen in records would go back at each power cut.)
//!
//! A wall clock that arrives is an offset. The offset is persisted too, so that the next time a wall clock arrives, the
//! time without power is known and charged: device time then moves forward by it.

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
    /// Not at all: a session's limits count powered-on time only.
    Free,
    /// As this span.
    Charge(Duration),
    /// Every boot ends all sessions.
    EndAll,
}

/// Tells device time. `U` is the uptime, for instance `EmbassyClock`.
///
/// The program has to call [`persist`](Self::persist) at least every 15 seconds, with or without requests. If it does
/// not, or if that fails, device time goes on, and the next boot after a power cut continues from the last persisted
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
    /// Returns a clock that continues from the time in `store`, and ends all sessions there if the policy demands it.
    /// On error the time is unknown: the caller retries, or shows that the device is out of order.
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

    /// Returns a clock that continues from `time`, which is `None` at the very first boot. Ending all sessions is up to
    /// the caller.
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

    /// Takes the time of a wall clock. It may come late, come again, and be wrong: device time moves forward if more
    /// time has passed than it knows of, and never back. A wall clock that jumps ahead ends sessions early. One that is
    /// thousands of years ahead is ignored, because device time has an end.
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

    /// Returns a device time as Unix time, for display, or `None` if no wall clock has ever told the time.
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

    /// Persists a later time if it is due: one small entry a minute. After a power cut there is the earlier or the
    /// later time.
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
    /// nor stands still until the uptime has caught up, because both would lengthen sessions.
    fn now(&self) -> Time {
        let uptime = self.uptime.now().millis();
        let back = self.last.replace(uptime).saturating_sub(uptime);
        self.base.set(self.base.get().saturating_add(back));
        Time::from_millis(uptime.saturating_add(self.base.get()))
    }
}
