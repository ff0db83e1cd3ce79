//! Operations that run to their end at once.
//!
//! The future of a flash operation takes 1.5 KB, and a request's future is moved a few times before it is polled. With
//! the operation inside of it, each worker takes 1.5 KB more and the stack 5 KB. Here the operation's future lies on the
//! stack, and only while it runs. Others wait meanwhile, for at most the time that it takes to erase and fill a page.

use core::fmt;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use embassy_sync::blocking_mutex::Mutex;
use embassy_sync::blocking_mutex::raw::RawMutex;
use session_core::environment::Time;
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_core::subject::{Added, Epoch, IndexEntry, Listing, SubjectId, SubjectIndex};

/// Runs a future to its end, and nothing else meanwhile: for programs without an executor, and for operations that wait
/// for hardware alone. A future that waits for another task of the same executor never ends.
///
/// embassy's function of this name does the same with a waker of its own, of which each use is a few dozen bytes.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

/// A store of which each operation runs to its end at once: `BlockingFlash(&store)`. Nothing that uses a flash through this
/// waits for another. Run it in [`while_free`](crate::while_free), as [`Worker`](crate::Worker) does, if there are tasks that
/// hold the flash while they wait: an operation would never end then.
#[derive(Clone, Copy)]
pub struct BlockingFlash<L>(pub L);

/// A store for several threads, cores or priorities: the others are kept out by `M` during an operation. It is `Sync` if `S`
/// is `Send`, so a [`FlashStore`](session_store_flash::FlashStore) needs no mutex of its own kind for that. With
/// `CriticalSectionRawMutex` interrupts are off for as long as the flash takes.
pub type LockedStore<M, S> = BlockingFlash<Mutex<M, S>>;

impl<M: RawMutex, S> LockedStore<M, S> {
    /// Puts a store behind a lock.
    pub const fn new(store: S) -> Self {
        Self(Mutex::new(store))
    }
}

impl<L> fmt::Debug for BlockingFlash<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingFlash").finish_non_exhaustive()
    }
}

/// Lends a store for one operation.
pub trait Lend {
    /// The store.
    type Store;

    /// Runs `operation` with the store. A lock keeps others out meanwhile.
    fn lend<R>(&self, operation: impl FnOnce(&Self::Store) -> R) -> R;
}

impl<S> Lend for &S {
    type Store = S;

    fn lend<R>(&self, operation: impl FnOnce(&S) -> R) -> R {
        operation(self)
    }
}

impl<M: RawMutex, S> Lend for Mutex<M, S> {
    type Store = S;

    fn lend<R>(&self, operation: impl FnOnce(&S) -> R) -> R {
        self.lock(operation)
    }
}

impl<L: Lend> Store for BlockingFlash<L>
where
    L::Store: Store + SubjectIndex<Error = <L::Store as Store>::Error>,
{
    type Error = <L::Store as Store>::Error;
    type Index = Self;

    fn index(&self) -> Option<&Self> {
        Some(self)
    }

    fn touch_is_free(&self) -> bool {
        self.0.lend(Store::touch_is_free)
    }

    fn warning(&self) -> Option<&'static str> {
        self.0.lend(Store::warning)
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, Self::Error> {
        self.0.lend(|store| block_on(store.load(key, now, into)))
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, Self::Error> {
        self.0.lend(|store| block_on(store.create(key, record, now)))
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, Self::Error> {
        self.0.lend(|store| block_on(store.update(key, seen, record, now, there)))
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, Self::Error> {
        self.0.lend(|store| block_on(store.touch(key, now)))
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, Self::Error> {
        self.0.lend(|store| block_on(store.delete(key, condition, now)))
    }

    async fn check(&self, now: Time) -> Result<(), Self::Error> {
        self.0.lend(|store| block_on(store.check(now)))
    }

    async fn end_all(&self, now: Time) -> Result<bool, Self::Error> {
        self.0.lend(|store| block_on(store.end_all(now)))
    }

    async fn count(&self, now: Time) -> Result<Option<u64>, Self::Error> {
        self.0.lend(|store| block_on(store.count(now)))
    }

    async fn remove_expired(&self, most: usize, now: Time) -> Result<Option<usize>, Self::Error> {
        self.0.lend(|store| block_on(store.remove_expired(most, now)))
    }
}

impl<L: Lend> SubjectIndex for BlockingFlash<L>
where
    L::Store: SubjectIndex,
{
    type Error = <L::Store as SubjectIndex>::Error;

    async fn list(
        &self,
        subject: &SubjectId,
        after: u64,
        now: Time,
        into: &mut [IndexEntry],
    ) -> Result<Listing, Self::Error> {
        self.0.lend(|store| block_on(store.list(subject, after, now, into)))
    }

    async fn add(&self, subject: &SubjectId, seen: Epoch, entry: &IndexEntry, now: Time) -> Result<Added, Self::Error> {
        self.0.lend(|store| block_on(store.add(subject, seen, entry, now)))
    }

    async fn bump(&self, subject: &SubjectId, now: Time) -> Result<Listing, Self::Error> {
        self.0.lend(|store| block_on(store.bump(subject, now)))
    }

    async fn remove(&self, subject: &SubjectId, entry: &IndexEntry, now: Time) -> Result<(), Self::Error> {
        self.0.lend(|store| block_on(store.remove(subject, entry, now)))
    }
}
