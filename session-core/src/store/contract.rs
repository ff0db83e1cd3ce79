//! The operations of a store and their outcomes. The module's page states the rules that apply to all of them.

use crate::base::environment::Time;
use crate::base::names::{Handle, Version};
use crate::record::layout::Stamp;
use crate::store::index::{NoIndex, SubjectIndex};

/// The result of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Load {
    /// The record's bytes are in the caller's buffer.
    Found(Found),
    /// There is no record, or it has expired.
    Missing,
    /// The record has `size` bytes and does not fit into the buffer. The contents of the buffer are unspecified.
    TooLarge {
        /// The record's size in bytes.
        size: usize,
    },
}

/// A record in the caller's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Found {
    /// The record's length in the buffer.
    pub len: usize,
    /// The version to pass to an update.
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

/// The result of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Outcome {
    /// The write was applied and, in a durable store, is safe. The version is the one to pass to the next update.
    Applied(Version),
    /// There is no such record, or it has expired. Nothing was changed.
    Missing,
    /// The record does not match the condition. Nothing was changed. If possible, the current record is copied into the
    /// buffer, which saves a load.
    Conflict(Option<Found>),
    /// The store is full and nothing could be evicted. Nothing was changed.
    Full,
    /// The record is larger than this store accepts, even when empty. Nothing was changed.
    TooLarge {
        /// The size of the record in bytes.
        need: usize,
        /// The size of the largest record that the store accepts.
        have: usize,
    },
}

/// Which record a delete may remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum DeleteCondition {
    /// Any record.
    Any,
    /// The record with this version.
    Version(Version),
    /// The record with this login number. Other changes since then do not matter, another login does.
    Login(u32),
}

/// Keeps records. The [module](crate::store) states the rules that apply to every method. `conformance` (a feature)
/// checks them.
///
/// This is a complete store for one thread:
///
/// ```
/// use core::{cell::RefCell, convert::Infallible};
/// use std::collections::HashMap;
/// use session_core::environment::Time;
/// use session_core::record::Stamp;
/// use session_core::store::{DeleteCondition, Found, Handle, Load, Outcome, Store, Version};
/// use session_core::subject::NoIndex;
///
/// #[derive(Default)]
/// struct MapStore(RefCell<HashMap<Handle, Vec<u8>>>);
///
/// impl MapStore {
///     /// Returns the stamp of the live record under `key`.
///     fn live(&self, key: &Handle, now: Time) -> Option<Stamp> {
///         self.0.borrow().get(key).map(|record| Stamp::of_any(record)).filter(|stamp| stamp.live(now))
///     }
///
///     /// Stores a record and never moves `last_seen` back.
///     fn put(&self, key: &Handle, record: &[u8], seen: Time) -> Outcome {
///         let mut record = record.to_vec();
///         Stamp::touch(&mut record, seen);
///         let version = Stamp::of_any(&record).version;
///         self.0.borrow_mut().insert(*key, record);
///         Outcome::Applied(version)
///     }
/// }
///
/// impl Store for MapStore {
///     type Error = Infallible;
///     type Index = NoIndex;
///
///     fn index(&self) -> Option<&NoIndex> {
///         None
///     }
///
///     async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, Infallible> {
///         let Some(stamp) = self.live(key, now) else { return Ok(Load::Missing) };
///         let map = self.0.borrow();
///         let size = map[key].len();
///         Ok(Found::copy(&map[key], stamp.version, into).map_or(Load::TooLarge { size }, Load::Found))
///     }
///
///     async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, Infallible> {
///         if self.live(key, now).is_some() {
///             return Ok(Outcome::Conflict(None));
///         }
///         Ok(self.put(key, record, Time::ZERO))
///     }
///
///     async fn update(
///         &self,
///         key: &Handle,
///         seen: Version,
///         record: &[u8],
///         now: Time,
///         _current: &mut [u8],
///     ) -> Result<Outcome, Infallible> {
///         Ok(match self.live(key, now) {
///             None => Outcome::Missing,
///             Some(stamp) if stamp.version != seen => Outcome::Conflict(None),
///             Some(stamp) => self.put(key, record, stamp.last_seen),
///         })
///     }
///
///     async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, Infallible> {
///         let Some(stamp) = self.live(key, now) else { return Ok(Outcome::Missing) };
///         self.0.borrow_mut().entry(*key).and_modify(|record| Stamp::touch(record, now));
///         Ok(Outcome::Applied(stamp.version))
///     }
///
///     async fn delete(&self, key: &Handle, condition: DeleteCondition, _now: Time) -> Result<Outcome, Infallible> {
///         let Some(stamp) = self.0.borrow().get(key).map(|record| Stamp::of_any(record)) else {
///             return Ok(Outcome::Missing);
///         };
///         if !condition.matches(&stamp) {
///             return Ok(Outcome::Conflict(None));
///         }
///         self.0.borrow_mut().remove(key);
///         Ok(Outcome::Applied(stamp.version))
///     }
/// }
/// # #[cfg(feature = "conformance")]
/// # assert_eq!(
/// #     session_core::testing::run(session_core::conformance::suite(&MapStore::default(), Time::from_millis(1_000_000), 1)),
/// #     Ok(())
/// # );
/// ```
pub trait Store {
    /// The error of the medium. Its text is passed to the observer and never to a client. It contains no record and no
    /// key.
    type Error: core::fmt::Display + core::fmt::Debug;
    /// The index of subjects, or [`NoIndex`] if the store cannot list a subject's sessions.
    type Index: SubjectIndex;

    /// Returns the index of subjects, if the store has one.
    fn index(&self) -> Option<&Self::Index>;

    /// Returns whether a touch costs nothing. If so, every request that counts as activity touches its record, and idle
    /// times are exact.
    fn touch_is_free(&self) -> bool {
        false
    }

    /// Returns whether every future of the store is ready at its first poll. If so, the driver reads the clock once for a
    /// load and for what follows from it.
    fn never_waits(&self) -> bool {
        false
    }

    /// Returns a condition of the medium that the operator should know, such as a setting that a server does not
    /// report. A store returns it once. The driver asks at logins, at revocations and after it rejected a record, and
    /// reports it as an event.
    fn warning(&self) -> Option<&'static str> {
        None
    }

    /// Copies the live record under `key` into `into`. Returns [`Load::Missing`] if there is none or if it has expired
    /// at `now`, and [`Load::TooLarge`] if it does not fit.
    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, Self::Error>;

    /// Stores a new record if there is none under `key`, or only one that has expired at `now`.
    ///
    /// Returns `Conflict(None)` if there is a live one, `Full` if there is no room and nothing may be evicted,
    /// `TooLarge` if the store can never hold the record.
    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, Self::Error>;

    /// Replaces the record if its version is still `seen`.
    ///
    /// Returns `Missing` if there is none or if it has expired at `now`, and `Conflict` if its version differs. On a
    /// conflict the store may copy the current record into `there`. `TooLarge` leaves the old record unchanged.
    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, Self::Error>;

    /// Moves `last_seen` forward to `now`, never back. Returns `Missing` if there is no record or if it has expired at
    /// `now`.
    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, Self::Error>;

    /// Removes the record if it matches `condition`, even if it has expired at `now`: by another node's clock or policy
    /// it may be live. Returns `Missing` if there is none, which callers treat as success.
    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, Self::Error>;

    /// Checks that the medium answers, for a health check.
    async fn check(&self, now: Time) -> Result<(), Self::Error> {
        self.load(&Handle::from_bytes([0; Handle::LEN]), now, &mut []).await.map(|_| ())
    }

    /// Ends every session that began before this call, however many there are. Returns `false` if the store does not
    /// support it, in which case nothing was changed.
    ///
    /// Order decides and no clock does. Every existing record ends, whatever times it contains. The epoch of every
    /// subject is increased first, so that a login that began earlier is either among those records or rejected by
    /// [`add`](SubjectIndex::add). `now` is no limit.
    async fn end_all(&self, _now: Time) -> Result<bool, Self::Error> {
        Ok(false)
    }

    /// Returns the number of records, including expired ones that are not yet removed, or `None` if the store cannot
    /// count.
    async fn count(&self, _now: Time) -> Result<Option<u64>, Self::Error> {
        Ok(None)
    }

    /// Removes at most `most` records that have expired at `now`, and returns their number. Returns `None` if the
    /// medium removes expired records itself.
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

    fn never_waits(&self) -> bool {
        (**self).never_waits()
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

/// A store that keeps nothing: every visitor is anonymous, and a write returns [`Outcome::Full`].
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
    /// Returns whether a record with this stamp matches. Stores whose version is the record's own use this method;
    /// others compare the version themselves.
    #[must_use]
    pub fn matches(self, stamp: &Stamp) -> bool {
        match self {
            Self::Any => true,
            Self::Version(version) => version == stamp.version,
            Self::Login(login) => login == stamp.login,
        }
    }
}
