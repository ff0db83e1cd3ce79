//! The store: its state behind a lock.

use crate::error::FlashError;
use crate::log::Contents;
use crate::log_entry::{LogEntry, kind};
use crate::persisted_time::PersistedTime;
use crate::session_table::Slot;
use crate::state::{State, Usage};
use core::fmt;
use core::time::Duration;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::{Mutex, MutexGuard};
use embedded_storage_async::nor_flash::NorFlash;
use session_core::environment::Time;
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_core::subject::Epoch;

/// At most `SESSIONS` sessions of at most `BYTES` bytes each in a NOR flash, for the tasks of one executor. The
/// application has four items of its own, of at most `BYTES` bytes each.
///
/// When the store is full, a new session replaces an expired one. If there is none, an anonymous session is rejected
/// with `Full`, and a signed-in session evicts the least recently seen anonymous one. A signed-in session is never
/// evicted.
///
/// The first operation reads the log, and so does the operation after a write that failed or whose future was dropped.
/// Until that succeeds, every operation returns an error and nothing is written. After power loss, each operation was
/// applied completely or not at all.
pub struct FlashStore<F, const SESSIONS: usize, const BYTES: usize>(Mutex<NoopRawMutex, State<F, SESSIONS, BYTES>>);

impl<F: NorFlash, const SESSIONS: usize, const BYTES: usize> FlashStore<F, SESSIONS, BYTES> {
    /// The RAM in bytes that each session takes.
    pub const RAM_PER_SESSION: usize = size_of::<Slot>();

    /// Creates a store that uses all of this flash. It reads nothing yet.
    #[must_use]
    pub const fn new(flash: F) -> Self {
        Self(Mutex::new(State::new(flash)))
    }

    /// Sets the minimum interval between two writes of a session's last activity. The default is 60 s. After power loss
    /// the recorded activity may be older by less than this interval, so the session expires earlier by as much.
    #[must_use]
    pub fn with_touch_interval(mut self, interval: Duration) -> Self {
        self.0.get_mut().touch_interval = u32::try_from(interval.as_millis()).unwrap_or(u32::MAX);
        self
    }

    /// Returns what the flash contained before this store wrote to it. A program can use it to stop instead of erasing
    /// foreign data.
    pub async fn contents(&self) -> Result<Contents, FlashError> {
        self.0.lock().await.mount().await
    }

    /// Writes an item of the application, with number 0 to 3. After power loss the flash contains the old item or the
    /// new one. If the future is dropped, the same holds. Sessions never take an item's place.
    ///
    /// `ConfigItems` of `session-device` keeps keys and values, such as Wi-Fi credentials, in item 3.
    ///
    /// # Errors
    /// [`FlashError::NoSuchItem`] for another number, [`FlashError::TooLarge`] for more than `BYTES` bytes, and errors
    /// of the flash.
    pub async fn write_item(&self, item: usize, bytes: &[u8], now: Time) -> Result<(), FlashError> {
        self.mounted().await?.write_item(item, bytes, now).await
    }

    /// Reads an item into the caller's buffer. Returns `None` if it was never written, or if it is corrupt.
    ///
    /// # Errors
    /// [`FlashError::NoSuchItem`] for another number, [`FlashError::TooLarge`] if the buffer is too small, and errors
    /// of the flash.
    pub async fn read_item<'b>(&self, item: usize, into: &'b mut [u8]) -> Result<Option<&'b [u8]>, FlashError> {
        self.mounted().await?.read_item(item, into).await
    }

    /// Returns the last persisted time. See [`PersistedClock`](crate::PersistedClock).
    pub async fn persisted_time(&self) -> Result<Option<PersistedTime>, FlashError> {
        Ok(self.mounted().await?.time)
    }

    /// Persists a time. After power loss the flash contains the earlier or the later time.
    pub async fn persist_time(&self, time: PersistedTime, now: Time) -> Result<(), FlashError> {
        self.mounted().await?.persist_time(time, now).await
    }

    /// Returns how full the flash is, and writes into `erases` how often each page was erased, in address order. The
    /// counts are stored in the flash.
    pub async fn wear(&self, erases: &mut [u32]) -> Result<Usage, FlashError> {
        let mut state = self.mounted().await?;
        state.log.erases(erases).await?;
        Ok(state.usage())
    }

    pub(crate) async fn mounted(&self) -> Result<MutexGuard<'_, NoopRawMutex, State<F, SESSIONS, BYTES>>, FlashError> {
        let mut state = self.0.lock().await;
        state.mount().await?;
        Ok(state)
    }
}

impl<F, const SESSIONS: usize, const BYTES: usize> fmt::Debug for FlashStore<F, SESSIONS, BYTES> {
    /// Prints no session.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlashStore").finish_non_exhaustive()
    }
}

impl<F: NorFlash, const SESSIONS: usize, const BYTES: usize> Store for FlashStore<F, SESSIONS, BYTES> {
    type Error = FlashError;
    type Index = Self;

    fn index(&self) -> Option<&Self> {
        Some(self)
    }

    /// A touch changes RAM only, and is written to flash at most once per touch interval.
    fn touch_is_free(&self) -> bool {
        true
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, FlashError> {
        let mut state = self.mounted().await?;
        let Some(slot) = state.table.live(key, now) else { return Ok(Load::Missing) };
        Ok(match state.fetch(&slot, into).await? {
            Some(Ok(found)) => Load::Found(found),
            Some(Err(size)) => Load::TooLarge { size },
            None => Load::Missing,
        })
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, FlashError> {
        self.mounted().await?.create(key, record, now).await
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, FlashError> {
        self.mounted().await?.update(key, seen, record, now, there).await
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, FlashError> {
        self.mounted().await?.touch(key, now).await
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, FlashError> {
        self.mounted().await?.delete(key, condition, now).await
    }

    /// Reads the header of a page.
    async fn check(&self, _now: Time) -> Result<(), FlashError> {
        self.mounted().await?.log.erases(&mut [0]).await
    }

    async fn end_all(&self, now: Time) -> Result<bool, FlashError> {
        let mut state = self.mounted().await?;
        let epoch = Epoch(state.epoch).next(now);
        let entry = LogEntry { kind: kind::END_ALL, name: epoch.0.to_le_bytes(), ..LogEntry::default() };
        state.put(entry, &[], now).await?;
        Ok(true)
    }

    async fn count(&self, _now: Time) -> Result<Option<u64>, FlashError> {
        let state = self.mounted().await?;
        Ok(Some(state.table.0.iter().filter(|slot| slot.used).count() as u64))
    }
}
