//! A store that writes down everything that it is given to keep.

use session_core::environment::Time;
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_core::subject::{Added, Epoch, IndexEntry, Listing, SubjectId, SubjectIndex};
use session_std::{SharedError, SharedStore, shared};

use crate::notes::{Note, note};

/// Another store, whose records are written down.
pub struct Kept(pub SharedStore);

shared!(Kept);

impl Store for Kept {
    type Error = SharedError;
    type Index = Self;

    fn index(&self) -> Option<&Self> {
        self.0.index().map(|_| self)
    }

    fn touch_is_free(&self) -> bool {
        self.0.touch_is_free()
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, SharedError> {
        self.0.load(key, now, into).await
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, SharedError> {
        note(Note::Handle, key.as_bytes());
        note(Note::Record, record);
        self.0.create(key, record, now).await
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, SharedError> {
        note(Note::Record, record);
        self.0.update(key, seen, record, now, there).await
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, SharedError> {
        self.0.touch(key, now).await
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, SharedError> {
        self.0.delete(key, condition, now).await
    }

    async fn check(&self, now: Time) -> Result<(), SharedError> {
        self.0.check(now).await
    }
}

impl SubjectIndex for Kept {
    type Error = SharedError;

    async fn list(
        &self,
        subject: &SubjectId,
        after: u64,
        now: Time,
        into: &mut [IndexEntry],
    ) -> Result<Listing, SharedError> {
        self.0.list(subject, after, now, into).await
    }

    async fn add(&self, subject: &SubjectId, seen: Epoch, entry: &IndexEntry, now: Time) -> Result<Added, SharedError> {
        note(Note::Index, subject.as_bytes());
        note(Note::Index, entry.handle.as_bytes());
        self.0.add(subject, seen, entry, now).await
    }

    async fn bump(&self, subject: &SubjectId, now: Time) -> Result<Listing, SharedError> {
        self.0.bump(subject, now).await
    }

    async fn remove(&self, subject: &SubjectId, entry: &IndexEntry, now: Time) -> Result<(), SharedError> {
        self.0.remove(subject, entry, now).await
    }
}
