//! The index of subjects: which sessions a subject has, in a store that can list them.
//!
//! For each subject, the index holds an epoch and the handles of its sessions with their login numbers, in the order in
//! which they were added. The index is never the authority: an entry counts only if the live record under its handle
//! has this login number, and every reader of the index checks that. Its operations are **each atomic on one subject**.
//!
//! A login writes the record first, then the index, then the cookie. A revocation of all sessions increases the epoch
//! first and then reads the entries. A login that began before is therefore either among the entries or rejected by
//! [`add`](SubjectIndex::add).
//!
//! A store may forget the index of a subject without entries an hour after its epoch last changed, because no login
//! takes that long: a [`LoginAttempt`](crate::LoginAttempt) is rejected after ten minutes.

use crate::base::environment::Time;
use crate::base::error::Error;
use crate::base::hmac::sha256;
use crate::base::names::Handle;
use crate::record::layout;

/// Names a subject in an index: the first half of SHA-256("session-core/1 subject" ‖ 0 ‖ subject). It is not keyed, so
/// an index survives a change of signing keys. The records contain the subject itself in any case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(align(4))] // as Handle
pub struct SubjectId([u8; SubjectId::LEN]);

impl SubjectId {
    /// The length of a name in bytes.
    pub const LEN: usize = 16;

    /// Returns the name of this subject.
    #[must_use]
    pub fn of(subject: &str) -> Self {
        let hash = sha256(&[b"session-core/1 subject\0", subject.as_bytes()]);
        Self(hash.first_chunk().copied().unwrap_or_default())
    }

    /// Returns the bytes. They are uniformly distributed.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl core::fmt::Debug for SubjectId {
    /// Prints none of the bytes, which could be matched against a list of likely subjects.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SubjectId(..)")
    }
}

/// Checks that a subject has 1 to 255 bytes.
pub(crate) fn check_subject(subject: &str) -> Result<(), Error> {
    if subject.is_empty() || subject.len() > usize::from(u8::MAX) { Err(Error::BadText) } else { Ok(()) }
}

/// One session of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// The session's handle.
    pub handle: Handle,
    /// The login number. A record with another one does not belong to this entry.
    pub login: u32,
    /// The end of the absolute lifetime, or [`Time::MAX`] without one. Afterwards a store may remove the entry.
    pub ends: Time,
    /// The position among the subject's entries, from 1 on. The store assigns it when the entry is added.
    pub order: u64,
}

impl IndexEntry {
    /// No session. Use it to initialise an array.
    pub const NONE: Self = Self { handle: Handle::from_bytes([0; Handle::LEN]), login: 0, ends: Time::ZERO, order: 0 };

    /// Returns whether both entries name the same login of the same session.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        (self.handle, self.login) == (other.handle, other.login)
    }

    /// Returns a record's entry and its subject, for stores that find a subject's sessions by their records. Returns
    /// `None` for an anonymous session and for bytes that are no record.
    #[must_use]
    pub fn of(handle: Handle, record: &[u8]) -> Option<(SubjectId, Self)> {
        let stamp = layout::Stamp::of(record)?;
        let subject = layout::subject(record)?;
        let ends = if stamp.ends == 0 { Time::MAX } else { Time::from_millis(stamp.ends) };
        Some((SubjectId::of(subject), Self { handle, login: stamp.login, ends, order: 0 }))
    }
}

/// Counts how often all sessions of a subject, or of all subjects, were ended. A login that began under another epoch
/// is rejected. A subject without an index has epoch 0 until the sessions of all subjects are ended for the first time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Epoch(pub u64);

impl Epoch {
    /// Returns the next epoch. It is never lower than the time in milliseconds, so that it differs from all earlier
    /// ones even if the index was forgotten meanwhile.
    #[must_use]
    pub const fn next(self, now: Time) -> Self {
        let next = self.0.saturating_add(1);
        Self(if next < now.millis() { now.millis() } else { next })
    }
}

/// The result of listing a subject's entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The subject's epoch.
    pub epoch: Epoch,
    /// The order of the subject's last entry or a higher number; 0 without entries.
    pub last: u64,
    /// The number of entries in the buffer. If the buffer is full, there may be more.
    pub entries: usize,
}

/// The result of adding an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Added {
    /// The index has the entry or a newer one of the same handle, and no older one.
    Applied,
    /// The epoch differs. Nothing was changed.
    Moved,
    /// The index is full. Nothing was changed.
    Full,
}

/// Finds the sessions of a subject. The [module](self) states the rules that apply to every method. If a future is
/// dropped, its operation was applied completely or not at all.
pub trait SubjectIndex {
    /// The error of the medium, as in [`Store::Error`](crate::store::Store::Error).
    type Error: core::fmt::Display + core::fmt::Debug;

    /// Returns the epoch, and copies entries whose order is above `after` into the buffer, in their order and as many
    /// as fit. Entries whose `ends` has passed at `now` may be omitted. A subject without an index has no entries.
    async fn list(
        &self,
        subject: &SubjectId,
        after: u64,
        now: Time,
        into: &mut [IndexEntry],
    ) -> Result<Listing, Self::Error>;

    /// Adds an entry as the last one if the epoch is still `seen`. The entry's own `order` is ignored.
    ///
    /// If the index already has an entry of the same handle and login number, that one keeps its position: the answer
    /// to an earlier call was lost. An entry of the same handle with a lower login number is replaced. If one has a
    /// higher login number, nothing changes: this call was abandoned long ago and arrives late.
    async fn add(&self, subject: &SubjectId, seen: Epoch, entry: &IndexEntry, now: Time) -> Result<Added, Self::Error>;

    /// Increases the epoch ([`Epoch::next`]). Returns the new epoch and, as of the same moment, the last order, without
    /// entries.
    async fn bump(&self, subject: &SubjectId, now: Time) -> Result<Listing, Self::Error>;

    /// Removes the entry with this handle and login number. Does nothing if there is none.
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

/// The index of a store that cannot list. It has no values.
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
