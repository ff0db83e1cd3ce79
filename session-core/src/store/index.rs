//! Which sessions a subject has: what a store that can list promises (LC9).
//!
//! An index holds, for each subject, an epoch and its sessions' handles with their login numbers, in the order in which
//! they were added. It is never the authority: an entry holds only if the record under its handle has this login number
//! and is live, and whoever reads the index looks. Its five operations are **each atomic on one subject**.
//!
//! A login writes the record first, then the index, then the cookie (protocol rule 6). Whoever ends all sessions of a subject
//! moves the epoch first and reads the entries then, so that a login that began before is either among them or is refused
//! by [`add`](SubjectIndex::add) (rules 7 and 8).
//!
//! A store may forget the index of a subject that has no entries an hour after its epoch last moved, for no login takes
//! so long ([`LoginAttempt`](crate::LoginAttempt) is refused after ten minutes).

use crate::base::environment::Time;
use crate::base::error::Error;
use crate::base::hmac::sha256;
use crate::base::names::Handle;
use crate::record::layout;

/// Names a subject in an index: the first half of SHA-256("session-core/1 subject" ‖ 0 ‖ subject). Not keyed, so that
/// changed signing keys orphan no index; the records hold the subject anyway.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(align(4))] // as Handle
pub struct SubjectId([u8; SubjectId::LEN]);

impl SubjectId {
    /// Bytes of a name.
    pub const LEN: usize = 16;

    /// The name of this subject.
    #[must_use]
    pub fn of(subject: &str) -> Self {
        let hash = sha256(&[b"session-core/1 subject\0", subject.as_bytes()]);
        Self(hash.first_chunk().copied().unwrap_or_default())
    }

    /// The bytes, uniformly distributed.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl core::fmt::Debug for SubjectId {
    /// Prints no byte of it: a list of likely names would tell whom it means.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SubjectId(..)")
    }
}

/// Whether a subject may be called this: 1 to 255 bytes.
pub(crate) fn check_subject(subject: &str) -> Result<(), Error> {
    if subject.is_empty() || subject.len() > usize::from(u8::MAX) { Err(Error::BadText) } else { Ok(()) }
}

/// One session of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// Its handle.
    pub handle: Handle,
    /// Its login number; a record with another one is not meant.
    pub login: u32,
    /// The end of its absolute lifetime, after which a store may drop the entry; [`Time::MAX`] without one.
    pub ends: Time,
    /// Its place among the subject's entries, from 1 on; given by the store when it is added.
    pub order: u64,
}

impl IndexEntry {
    /// No session; to fill an array with.
    pub const NONE: Self = Self { handle: Handle::from_bytes([0; Handle::LEN]), login: 0, ends: Time::ZERO, order: 0 };

    /// Whether both mean the same login of the same session.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        (self.handle, self.login) == (other.handle, other.login)
    }

    /// The entry that belongs to a record, and whose it is: for stores that find a subject's sessions by their records.
    /// `None` for an anonymous session and for bytes that are no record.
    #[must_use]
    pub fn of(handle: Handle, record: &[u8]) -> Option<(SubjectId, Self)> {
        let stamp = layout::Stamp::of(record)?;
        let subject = layout::subject(record)?;
        let ends = if stamp.ends == 0 { Time::MAX } else { Time::from_millis(stamp.ends) };
        Some((SubjectId::of(subject), Self { handle, login: stamp.login, ends, order: 0 }))
    }
}

/// Counts how often all sessions of a subject, or everybody's, were ended. A login that saw another one than is there is
/// refused. 0 for a subject of which a store has no index, until everybody's sessions are ended for the first time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The next one. Never below the time, so that it differs from all before even if the index was forgotten meanwhile.
    #[must_use]
    pub const fn next(self, now: Time) -> Self {
        let next = self.0.saturating_add(1);
        Self(if next < now.millis() { now.millis() } else { next })
    }
}

/// What an index says of a subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The epoch.
    pub epoch: Epoch,
    /// The order of the subject's last entry, at least; 0 without any.
    pub last: u64,
    /// Entries in the buffer. If they fill it, there may be more.
    pub entries: usize,
}

/// What came of adding an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Added {
    /// It is there, or a newer one of the same handle is; an older one is not any more.
    Applied,
    /// The epoch is another; nothing was changed.
    Moved,
    /// No room; nothing was changed.
    Full,
}

/// Finds the sessions of a subject. See the [module](self) for what holds for every method. If a future is dropped, its
/// operation may have happened or not, nothing in between.
pub trait SubjectIndex {
    /// The medium's failure, as [`Store::Error`](crate::store::Store::Error).
    type Error: core::fmt::Display + core::fmt::Debug;

    /// The epoch, and the entries whose order is above `after`, in their order, as many as the buffer takes (none if it
    /// is empty). Those that are past their `ends` at `now` may be left out. A subject without an index has no entries.
    async fn list(
        &self,
        subject: &SubjectId,
        after: u64,
        now: Time,
        into: &mut [IndexEntry],
    ) -> Result<Listing, Self::Error>;

    /// Adds an entry as the last one, whatever its `order` says, if the epoch is still `seen`; an entry of the same handle
    /// and login number that is there already keeps its place (an answer was lost), one of a lower login number goes. If one
    /// of a higher login number is there, changes nothing: this add was given up long ago and comes late.
    async fn add(&self, subject: &SubjectId, seen: Epoch, entry: &IndexEntry, now: Time) -> Result<Added, Self::Error>;

    /// Moves the epoch on ([`Epoch::next`]). The new one and the last order at this very moment (and no entries).
    async fn bump(&self, subject: &SubjectId, now: Time) -> Result<Listing, Self::Error>;

    /// Removes the entry of this handle and login number; idempotent.
    async fn remove(&self, subject: &SubjectId, entry: &IndexEntry, now: Time) -> Result<(), Self::Error>;
}

impl<I: SubjectIndex> SubjectIndex for &I {
    type Error = I::Error;

    async fn list(
        &self,
        subject: &SubjectId,
        after: u64,
        now: Time,
        into: &mut [IndexEntry],
    ) -> Result<Listing, Self::Error> {
        (**self).list(subject, after, now, into).await
    }

    async fn add(&self, subject: &SubjectId, seen: Epoch, entry: &IndexEntry, now: Time) -> Result<Added, Self::Error> {
        (**self).add(subject, seen, entry, now).await
    }

    async fn bump(&self, subject: &SubjectId, now: Time) -> Result<Listing, Self::Error> {
        (**self).bump(subject, now).await
    }

    async fn remove(&self, subject: &SubjectId, entry: &IndexEntry, now: Time) -> Result<(), Self::Error> {
        (**self).remove(subject, entry, now).await
    }
}

/// The index of a store that cannot list: there is none, and so no value of this type.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NoIndex {}

impl SubjectIndex for NoIndex {
    type Error = core::convert::Infallible;

    async fn list(&self, _: &SubjectId, _: u64, _: Time, _: &mut [IndexEntry]) -> Result<Listing, Self::Error> {
        match *self {}
    }

    async fn add(&self, _: &SubjectId, _: Epoch, _: &IndexEntry, _: Time) -> Result<Added, Self::Error> {
        match *self {}
    }

    async fn bump(&self, _: &SubjectId, _: Time) -> Result<Listing, Self::Error> {
        match *self {}
    }

    async fn remove(&self, _: &SubjectId, _: &IndexEntry, _: Time) -> Result<(), Self::Error> {
        match *self {}
    }
}
