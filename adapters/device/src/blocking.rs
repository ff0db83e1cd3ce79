//! Operations that run to their end at once.
//!
//! The future of a flash operation takes 1.5 KB, and a request's future is moved a few times before it is polled. With
//! the operation inside of it, each worker takes 1.5 KB more and the stack 5 KB. Here the operation's future is on the
//! stack, and only while it runs. Other tasks wait for at most the time to erase and fill a page.

use core::pin::pin;
use core::task::{Context, Poll, Waker};

use session_core::environment::Time;
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_core::subject::{Added, Epoch, IndexEntry, Listing, SubjectId, SubjectIndex};

/// Runs a future to completion and does nothing else meanwhile. Use it in programs without an executor, and for
/// operations that only wait for hardware. A future that waits for another task of the same executor never completes.
///
/// embassy's function of the same name creates a waker, which takes a few dozen bytes at each use.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

/// A wrapper for a store in a flash that several tasks of one executor share. Each operation runs to completion at
/// once, so users of the flash through this wrapper never wait for each other.
///
/// If other tasks hold the flash while they wait, run operations inside [`while_free`](crate::while_free), as
/// [`Worker`](crate::Worker) does. Otherwise an operation would never complete.
#[derive(Clone, Copy, Debug)]
pub struct BlockingFlash<T>(pub T);

impl<S: Store + SubjectIndex<Error = <S as Store>::Error>> Store for BlockingFlash<S> {
    type Error = <S as Store>::Error;
    type Index = Self;

    fn index(&self) -> Option<&Self> {
        Some(self)
    }

    fn touch_is_free(&self) -> bool {
        self.0.touch_is_free()
    }

    fn warning(&self) -> Option<&'static str> {
        self.0.warning()
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

    async fn remove_expired(&self, most: usize, now: Time) -> Result<Option<usize>, Self::Error> {
        block_on(self.0.remove_expired(most, now))
    }
}

impl<S: SubjectIndex> SubjectIndex for BlockingFlash<S> {
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
