//! The flash, one operation at a time, each to its end before anything else is done.
//!
//! The future of a flash operation takes 1.5 KB, and a request's future is moved a few times before it is polled: with the
//! operation inside of it, each worker takes 1.5 KB more and the stack 5 KB. Here the operation's future is on the stack, and
//! only while it runs. Others wait meanwhile; not longer than it takes to erase and fill a page.

use core::pin::pin;
use core::task::{Context, Poll, Waker};

use device_ui::{Data, Keeper, NotKept};
use session_core::environment::Time;
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_core::subject::{Added, Epoch, IndexEntry, Listing, SubjectId, SubjectIndex};
use session_store_flash::Usage;

/// Runs a future to its end. embassy's `block_on` does the same with a waker of its own, of which each use is a few dozen bytes.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

/// A flash that blocks: each operation runs to its end. All users of the flash go through this, so that none waits for another
/// that waits for its turn.
#[derive(Clone, Copy)]
pub(crate) struct BlockingFlash<T>(pub(crate) T);

impl<S: Store + SubjectIndex<Error = <S as Store>::Error>> Store for BlockingFlash<&S> {
    type Error = <S as Store>::Error;
    type Index = Self;

    fn index(&self) -> Option<&Self> {
        Some(self)
    }

    fn touch_is_free(&self) -> bool {
        self.0.touch_is_free()
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, Self::Error> {
        block_on(self.0.load(key, now, into))
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, Self::Error> {
        block_on(self.0.create(key, record, now))
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, Self::Error> {
        block_on(self.0.update(key, seen, record, now, there))
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, Self::Error> {
        block_on(self.0.touch(key, now))
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, Self::Error> {
        block_on(self.0.delete(key, condition, now))
    }

    async fn check(&self, now: Time) -> Result<(), Self::Error> {
        block_on(self.0.check(now))
    }

    async fn end_all(&self, now: Time) -> Result<bool, Self::Error> {
        block_on(self.0.end_all(now))
    }

    async fn count(&self, now: Time) -> Result<Option<u64>, Self::Error> {
        block_on(self.0.count(now))
    }
}

impl<S: SubjectIndex> SubjectIndex for BlockingFlash<&S> {
    type Error = S::Error;

    async fn list(
        &self,
        subject: &SubjectId,
        after: u64,
        now: Time,
        into: &mut [IndexEntry],
    ) -> Result<Listing, Self::Error> {
        block_on(self.0.list(subject, after, now, into))
    }

    async fn add(&self, subject: &SubjectId, seen: Epoch, entry: &IndexEntry, now: Time) -> Result<Added, Self::Error> {
        block_on(self.0.add(subject, seen, entry, now))
    }

    async fn bump(&self, subject: &SubjectId, now: Time) -> Result<Listing, Self::Error> {
        block_on(self.0.bump(subject, now))
    }

    async fn remove(&self, subject: &SubjectId, entry: &IndexEntry, now: Time) -> Result<(), Self::Error> {
        block_on(self.0.remove(subject, entry, now))
    }
}

impl<K: Keeper> Keeper for BlockingFlash<K> {
    async fn keep(&self, data: &Data) -> Result<(), NotKept> {
        block_on(self.0.keep(data))
    }

    async fn wear(&self, erases: &mut [u32]) -> Option<Usage> {
        block_on(self.0.wear(erases))
    }
}
