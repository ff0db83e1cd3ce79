//! A store for several threads. It forwards what [`BlockingFlash`](crate::BlockingFlash) forwards: one wrapper for both, with
//! a closure around each operation, takes 100 to 500 bytes more of a board's flash.

use core::fmt;

use embassy_sync::blocking_mutex::Mutex;
use embassy_sync::blocking_mutex::raw::RawMutex;
use session_core::environment::Time;
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_core::subject::{Added, Epoch, IndexEntry, Listing, SubjectId, SubjectIndex};

use crate::blocking::block_on;

/// A wrapper that makes a store usable from several threads, cores or interrupt priorities. Each operation runs to
/// completion at once under the lock `M`.
///
/// It is `Sync` if `S` is `Send`, so a [`FlashStore`](session_store_flash::FlashStore) needs no second mutex.
/// `CriticalSectionRawMutex` disables interrupts for the whole operation, including the time that the flash takes.
pub struct LockedStore<M, S>(Mutex<M, S>);

impl<M: RawMutex, S> LockedStore<M, S> {
    /// Wraps `store` in a lock.
    pub const fn new(store: S) -> Self {
        Self(Mutex::new(store))
    }

    /// Calls `f` with the store under the lock, for uses that are not operations of a [`Store`].
    pub fn with<R>(&self, f: impl FnOnce(&S) -> R) -> R {
        self.0.lock(f)
    }
}

impl<M, S> fmt::Debug for LockedStore<M, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockedStore").finish_non_exhaustive()
    }
}

impl<M: RawMutex, S: Store + SubjectIndex<Error = <S as Store>::Error>> Store for LockedStore<M, S> {
    type Error = <S as Store>::Error;
    type Index = Self;

    fn index(&self) -> Option<&Self> {
        Some(self)
    }

    fn touch_is_free(&self) -> bool {
        self.0.lock(Store::touch_is_free)
    }

    fn warning(&self) -> Option<&'static str> {
        self.0.lock(Store::warning)
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, Self::Error> {
        self.0.lock(|store| block_on(store.load(key, now, into)))
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, Self::Error> {
        self.0.lock(|store| block_on(store.create(key, record, now)))
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, Self::Error> {
        self.0.lock(|store| block_on(store.update(key, seen, record, now, there)))
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, Self::Error> {
        self.0.lock(|store| block_on(store.touch(key, now)))
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, Self::Error> {
        self.0.lock(|store| block_on(store.delete(key, condition, now)))
    }

    async fn check(&self, now: Time) -> Result<(), Self::Error> {
        self.0.lock(|store| block_on(store.check(now)))
    }

    async fn end_all(&self, now: Time) -> Result<bool, Self::Error> {
        self.0.lock(|store| block_on(store.end_all(now)))
    }

    async fn count(&self, now: Time) -> Result<Option<u64>, Self::Error> {
        self.0.lock(|store| block_on(store.count(now)))
    }

    async fn remove_expired(&self, most: usize, now: Time) -> Result<Option<usize>, Self::Error> {
        self.0.lock(|store| block_on(store.remove_expired(most, now)))
    }
}

impl<M: RawMutex, S: SubjectIndex> SubjectIndex for LockedStore<M, S> {
    type Error = S::Error;

    async fn list(
        &self,
        subject: &SubjectId,
        after: u64,
        now: Time,
        into: &mut [IndexEntry],
    ) -> Result<Listing, Self::Error> {
        self.0.lock(|store| block_on(store.list(subject, after, now, into)))
    }

    async fn add(&self, subject: &SubjectId, seen: Epoch, entry: &IndexEntry, now: Time) -> Result<Added, Self::Error> {
        self.0.lock(|store| block_on(store.add(subject, seen, entry, now)))
    }

    async fn bump(&self, subject: &SubjectId, now: Time) -> Result<Listing, Self::Error> {
        self.0.lock(|store| block_on(store.bump(subject, now)))
    }

    async fn remove(&self, subject: &SubjectId, entry: &IndexEntry, now: Time) -> Result<(), Self::Error> {
        self.0.lock(|store| block_on(store.remove(subject, entry, now)))
    }
}
