//! Time for a device without a clock: its uptime on top of a time that was persisted ahead.
//!
//! Records keep *device time*: milliseconds that the device was on, and more, never fewer. Before device time reaches
//! what is persisted, a later time is persisted; at boot it goes on from there. So it never goes back, and each boot
//! charges at most [`AHEAD`] that did not pass. (The latest time seen in records would go back at each power cut.)
//!
//! A wall clock that arrives is an offset. The offset is persisted too, so that the next time a wall clock arrives, the time
//! without power is known and charged: device time then moves forward by it.

use core::cell::Cell;
use core::time::Duration;
use session_core::environment::{Clock, Time};
use session_core::store::Store;

use crate::{FlashError, FlashStore};
use embedded_storage_async::nor_flash::NorFlash;

/// A time is persisted so far ahead.
pub const AHEAD: Duration = Duration::from_secs(60);

/// A time is persisted when so much is left.
const LEFT: Duration = Duration::from_secs(15);

/// What is persisted of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Device time was not later than this.
    pub until: Time,
    /// What has to be added to device time for Unix time, if a wall clock ever said.
    pub offset: Option<i64>,
}

impl Kept {
    /// Bytes of the offset.
    pub(crate) const OFFSET: usize = 8;

    /// An entry's name and payload.
    pub(crate) fn bytes(&self) -> ([u8; 8], Option<[u8; Self::OFFSET]>) {
        (self.until.millis().to_le_bytes(), self.offset.map(i64::to_le_bytes))
    }

    pub(crate) fn parse(name: [u8; 8], payload: &[u8]) -> Self {
        let offset = payload.first_chunk().copied().map(i64::from_le_bytes);
        Self { until: Time::from_millis(u64::from_le_bytes(name)), offset }
    }
}

/// What becomes of the time that the device had no power, as long as no wall clock says how long that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutPower {
    /// It did not pass: a session lives for its limits in powered-on time.
    Free,
    /// So much passed, at each boot.
    Charge(Duration),
    /// Every boot ends all sessions.
    EndAll,
}

/// Tells device time. `U` is the uptime, for instance `EmbassyClock`.
///
/// Somebody has to call [`persist`](Self::persist) every 15 seconds or more often, requests or not. If that fails or is not
/// done, device time goes on, and the next boot after a power cut goes on from the last persisted one.
#[derive(Debug)]
pub struct PersistedClock<U> {
    uptime: U,
    /// The uptime when somebody asked last.
    last: Cell<u64>,
    /// Device time less uptime.
    base: Cell<u64>,
    kept: Cell<Kept>,
    offset: Cell<Option<i64>>,
}

impl<U: Clock> PersistedClock<U> {
    /// A clock that goes on from what is persisted in `store`, and does there what the policy demands. An error is the
    /// flash's; then nothing is known, and the caller tries again or shows that the device is out of order.
    pub async fn resume<F: NorFlash, const SESSIONS: usize, const BYTES: usize>(
        uptime: U,
        store: &FlashStore<F, SESSIONS, BYTES>,
        without_power: WithoutPower,
    ) -> Result<Self, FlashError> {
        let kept = store.kept_time().await?;
        let clock = Self::new(uptime, kept, without_power);
        if without_power == WithoutPower::EndAll && kept.is_some() {
            store.end_all(clock.now()).await?;
        }
        clock.persist(store).await?;
        Ok(clock)
    }

    /// A clock that goes on from `kept`, `None` at the first boot of all. To end all sessions is the caller's.
    pub fn new(uptime: U, kept: Option<Kept>, without_power: WithoutPower) -> Self {
        let from = kept.unwrap_or(Kept { until: Time::ZERO, offset: None });
        let charge = match without_power {
            WithoutPower::Charge(span) if kept.is_some() => span,
            _ => Duration::ZERO,
        };
        let last = uptime.now().millis();
        let base = from.until.after(charge).millis().saturating_sub(last);
        // what is charged here is not charged again when a wall clock says how long it was: the offset stays
        let (last, base) = (Cell::new(last), Cell::new(base));
        Self { uptime, last, base, kept: Cell::new(from), offset: Cell::new(from.offset) }
    }

    /// A wall clock says that it is `unix` now. May come late, come again, and be wrong: device time moves forward if more time
    /// has passed than it knows of, and never back. A wall clock that jumps ahead thus ends sessions early; one that says
    /// what cannot be (thousands of years from now) is not believed, for device time has an end.
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

    /// A device time as Unix time, for display; `None` until a wall clock came, in this life or one before.
    pub fn unix(&self, time: Time) -> Option<Time> {
        let unix = (time.millis() as i64).saturating_add(self.offset.get()?);
        u64::try_from(unix).ok().map(Time::from_millis)
    }

    /// What has to be persisted, if it is time to.
    pub fn due(&self) -> Option<Kept> {
        let (now, kept) = (self.now(), self.kept.get());
        let soon = kept.until < now.after(LEFT);
        // a wall clock trembles; what is less than a second does not make a write
        let moved = match (self.offset.get(), kept.offset) {
            (Some(new), Some(old)) => new.abs_diff(old) >= 1_000,
            (new, old) => new != old,
        };
        (soon || moved).then_some(Kept { until: now.after(AHEAD), offset: self.offset.get() })
    }

    /// Says that `kept` is persisted.
    pub fn persisted(&self, kept: Kept) {
        self.kept.set(kept);
    }

    /// Persists a later time, if it is time to: one small entry a minute. If power is cut, the earlier or the later one is there.
    pub async fn persist<F: NorFlash, const SESSIONS: usize, const BYTES: usize>(
        &self,
        store: &FlashStore<F, SESSIONS, BYTES>,
    ) -> Result<(), FlashError> {
        if let Some(kept) = self.due() {
            store.keep_time(kept, self.now()).await?;
            self.persisted(kept);
        }
        Ok(())
    }
}

impl<U: Clock> Clock for PersistedClock<U> {
    /// An uptime that jumps back (a timer that wraps or was set anew) goes on from where it was: neither back, nor still
    /// until it has caught up, for both would lengthen sessions.
    fn now(&self) -> Time {
        let uptime = self.uptime.now().millis();
        let back = self.last.replace(uptime).saturating_sub(uptime);
        self.base.set(self.base.get().saturating_add(back));
        Time::from_millis(uptime.saturating_add(self.base.get()))
    }
}
