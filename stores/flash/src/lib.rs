#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod bytes;
mod clock;
mod error;
mod index;
mod log;
mod store;
mod table;

pub use clock::{AHEAD, Kept, PersistedClock, WithoutPower};
pub use error::FlashError;
pub use log::Contents;

use core::fmt;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::{Mutex, MutexGuard};
use embedded_storage_async::nor_flash::NorFlash;
use session_core::environment::Time;
use store::Inside;

/// At most `SESSIONS` sessions of at most `BYTES` bytes each in a NOR flash, for the tasks of one executor; and four items
/// of the application's own, of at most `BYTES` each.
///
/// When it is full (ST9), a session that is over gives its place. If there is none, an anonymous session is `Full`; an
/// authenticated one takes the place of the least recently seen anonymous one, and is `Full` if there is no anonymous
/// one. No authenticated session ever gives way.
///
/// The log is read at the first operation, and again after one whose write failed or whose future was dropped while it was writing; until
/// that succeeds, every operation is an error and nothing is written.
pub struct FlashStore<F, const SESSIONS: usize, const BYTES: usize>(Mutex<NoopRawMutex, Inside<F, SESSIONS, BYTES>>);

impl<F: NorFlash, const SESSIONS: usize, const BYTES: usize> FlashStore<F, SESSIONS, BYTES> {
    /// Bytes of RAM that each session takes.
    pub const RAM_PER_SESSION: usize = size_of::<table::Slot>();

    /// A store over this flash, all of which is its. Nothing is read yet.
    #[must_use]
    pub const fn new(flash: F) -> Self {
        Self(Mutex::new(Inside::new(flash)))
    }

    /// What the flash held before this store wrote. For a program that would rather stop than begin anew over something
    /// foreign.
    pub async fn contents(&self) -> Result<Contents, FlashError> {
        self.0.lock().await.mount().await
    }

    /// Keeps an item of the application's, 0 to 3: after a power cut there is the old one or the new.
    pub async fn keep(&self, item: usize, bytes: &[u8], now: Time) -> Result<(), FlashError> {
        self.mounted().await?.keep(item, bytes, now).await
    }

    /// The item, in the caller's buffer; `None` if it was never kept. Too small a buffer is an error with both sizes.
    pub async fn kept<'b>(&self, item: usize, into: &'b mut [u8]) -> Result<Option<&'b [u8]>, FlashError> {
        self.mounted().await?.kept(item, into).await
    }

    /// The time that was persisted last; see [`PersistedClock`].
    pub async fn kept_time(&self) -> Result<Option<Kept>, FlashError> {
        Ok(self.mounted().await?.kept)
    }

    /// Persists a time.
    pub async fn keep_time(&self, kept: Kept, now: Time) -> Result<(), FlashError> {
        self.mounted().await?.keep_time(kept, now).await
    }

    /// How often each page was erased, in the order of their addresses, as many as the buffer takes; and the rest. The counts
    /// are in the flash.
    pub async fn wear(&self, erases: &mut [u32]) -> Result<Usage, FlashError> {
        let mut inside = self.mounted().await?;
        inside.log.erases(erases).await?;
        Ok(inside.usage())
    }

    async fn mounted(&self) -> Result<MutexGuard<'_, NoopRawMutex, Inside<F, SESSIONS, BYTES>>, FlashError> {
        let mut inside = self.0.lock().await;
        inside.mount().await?;
        Ok(inside)
    }
}

impl<F, const SESSIONS: usize, const BYTES: usize> fmt::Debug for FlashStore<F, SESSIONS, BYTES> {
    /// Prints no session.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlashStore").finish_non_exhaustive()
    }
}

/// How full the flash is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Pages in the ring.
    pub pages: u32,
    /// Bytes of all of them.
    pub size: u32,
    /// Bytes of sessions and items that count.
    pub live: u32,
    /// Bytes of the newest page that are still erased.
    pub rest: u32,
}
