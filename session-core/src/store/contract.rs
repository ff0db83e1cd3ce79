//! The operations of a store, and their outcomes; what holds for all of them stands in the room's own page.

use crate::base::environment::Time;
use crate::base::names::{Handle, Version};
use crate::record::layout::Stamp;
use crate::store::index::{NoIndex, SubjectIndex};

/// What a load found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Load {
    /// The record's bytes are in the caller's buffer.
    Found(Found),
    /// There is none, or it is over.
    Missing,
    /// There is one of `size` bytes, more than the buffer holds; the buffer is unspecified.
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
}

/// A record in the caller's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Found {
    /// Bytes of the buffer that it takes.
    pub len: usize,
    /// What to hand back at an update.
    pub version: Version,
}

impl Found {
    /// Copies a record into the caller's buffer. Returns `None` if the buffer is too small.
    #[must_use]
    pub fn copy(record: &[u8], version: Version, into: &mut [u8]) -> Option<Self> {
        into.get_mut(..record.len())?.copy_from_slice(record);
        Some(Self { len: record.len(), version })
    }
}

/// What came of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Outcome {
    /// Done and, in a durable store, safe. The version is what the next update must name.
    Applied(Version),
    /// There is no such record, or it is over; nothing was changed.
    Missing,
    /// The record is another than the condition says; nothing was changed. Where the store can, the record that is
    /// there is in the caller's buffer, which saves a load.
    Conflict(Option<Found>),
    /// No room, and nobody had to make any; nothing was changed.
    Full,
    /// The record is larger than any that this store takes, even when it is empty; nothing was changed.
    TooLarge {
        /// Bytes of the record.
        need: usize,
        /// Bytes of the largest record that it takes.
        have: usize,
    },
}

/// Which record a delete may remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum DeleteCondition {
    /// Whatever is there.
    Any,
    /// The one that was loaded.
    Version(Version),
    /// The one whose login number is this: writers in between do not matter, another login does.
    Login(u32),
}

/// Keeps records. See the [module](crate::store) for what holds for every method.
pub trait Store {
    /// The medium's failure. Its text goes to the observer, never to a client; it holds no record and no key.
    type Error: core::fmt::Display + core::fmt::Debug;
    /// Finds a subject's sessions; [`NoIndex`] where the store cannot.
    type Index: SubjectIndex;

    /// The index of subjects, if the store has one.
    fn index(&self) -> Option<&Self::Index>;

    /// Touching costs nothing, so it is done at every request that counts as activity, and idle times are exact.
    fn touch_is_free(&self) -> bool {
        false
    }

    /// What the operator should know of the medium, in a sentence, such as what a server does not tell about itself. A
    /// store gives it once; the driver asks at logins and revocations and reports it.
    fn warning(&self) -> Option<&'static str> {
        None
    }

    /// Copies the live record under `key` into `into`. Absent or over at `now`: [`Load::Missing`].
    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, Self::Error>;

    /// Stores a new record if there is none under `key` (or only one that is over at `now`); `Conflict(None)` if there
    /// is one, `Full` if there is no room (see the store's policy), `TooLarge` if there never is.
    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, Self::Error>;

    /// Replaces the record if its version is still `seen`. `Missing` if it is gone or over at `now`. On a conflict the
    /// record that is there may be put into `there`. `TooLarge` leaves the old one as it is.
    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, Self::Error>;

    /// Moves `last_seen` forward to `now`, never back. `Missing` if the record is gone or over at `now`.
    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, Self::Error>;

    /// Removes the record if it is the one that `condition` means, whatever its limits are at `now`: by another node's clock or
    /// policy it may be alive. Idempotent: absent is `Missing`, which is as good.
    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, Self::Error>;

    /// Asks the medium whether it answers, for a health page.
    async fn check(&self, now: Time) -> Result<(), Self::Error> {
        self.load(&Handle::from_bytes([0; Handle::LEN]), now, &mut []).await.map(|_| ())
    }

    /// Ends every session that began before this call, however many there are (LC10). Order decides and no clock does
    /// (ST19): records that exist end, whatever times stand in them, and every subject's epoch moves first, so that a login
    /// that began before is either among those records or refused by [`add`](SubjectIndex::add). `now` is not a limit.
    /// `false`: this store cannot, and did nothing.
    async fn end_all(&self, _now: Time) -> Result<bool, Self::Error> {
        Ok(false)
    }

    /// The number of records, those included that are over and not yet removed; `None` where the store cannot count.
    async fn count(&self, _now: Time) -> Result<Option<u64>, Self::Error> {
        Ok(None)
    }

    /// Removes up to `most` records that are over at `now` and says how many; `None` where the medium does so by itself.
    async fn remove_expired(&self, _most: usize, _now: Time) -> Result<Option<usize>, Self::Error> {
        Ok(None)
    }
}

impl<S: Store> Store for &S {
    type Error = S::Error;
    type Index = S::Index;

    fn index(&self) -> Option<&S::Index> {
        (**self).index()
    }

    fn touch_is_free(&self) -> bool {
        (**self).touch_is_free()
    }

    fn warning(&self) -> Option<&'static str> {
        (**self).warning()
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, Self::Error> {
        (**self).load(key, now, into).await
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, Self::Error> {
        (**self).create(key, record, now).await
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, Self::Error> {
        (**self).update(key, seen, record, now, there).await
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, Self::Error> {
        (**self).touch(key, now).await
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, Self::Error> {
        (**self).delete(key, condition, now).await
    }

    async fn check(&self, now: Time) -> Result<(), Self::Error> {
        (**self).check(now).await
    }

    async fn end_all(&self, now: Time) -> Result<bool, Self::Error> {
        (**self).end_all(now).await
    }

    async fn count(&self, now: Time) -> Result<Option<u64>, Self::Error> {
        (**self).count(now).await
    }

    async fn remove_expired(&self, most: usize, now: Time) -> Result<Option<usize>, Self::Error> {
        (**self).remove_expired(most, now).await
    }
}

/// Keeps nothing: every visitor is anonymous, and a write is refused as [`Outcome::Full`].
#[derive(Clone, Copy, Debug, Default)]
pub struct NullStore;

impl Store for NullStore {
    type Error = core::convert::Infallible;
    type Index = NoIndex;

    fn index(&self) -> Option<&NoIndex> {
        None
    }

    async fn load(&self, _: &Handle, _: Time, _: &mut [u8]) -> Result<Load, Self::Error> {
        Ok(Load::Missing)
    }

    async fn create(&self, _: &Handle, _: &[u8], _: Time) -> Result<Outcome, Self::Error> {
        Ok(Outcome::Full)
    }

    async fn update(&self, _: &Handle, _: Version, _: &[u8], _: Time, _: &mut [u8]) -> Result<Outcome, Self::Error> {
        Ok(Outcome::Missing)
    }

    async fn touch(&self, _: &Handle, _: Time) -> Result<Outcome, Self::Error> {
        Ok(Outcome::Missing)
    }

    async fn delete(&self, _: &Handle, _: DeleteCondition, _: Time) -> Result<Outcome, Self::Error> {
        Ok(Outcome::Missing)
    }
}

impl DeleteCondition {
    /// Whether a record with this stamp is meant. Stores whose version is the record's use it as it stands.
    #[must_use]
    pub fn matches(self, stamp: &Stamp) -> bool {
        match self {
            Self::Any => true,
            Self::Version(version) => version == stamp.version,
            Self::Login(login) => login == stamp.login,
        }
    }
}
