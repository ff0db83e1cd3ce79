//! The store without a heap: an array.

use core::cell::{Cell, RefCell};
use core::fmt;
use session_core::environment::Time;
use session_core::record::Stamp;
use session_core::store::{DeleteCondition, Found, Handle, Load, Outcome, Store, Version};
use session_core::subject::{Added, Epoch, IndexEntry, Listing, SubjectId, SubjectIndex};

/// At most `SESSIONS` sessions of at most `BYTES` bytes each, for one thread. It takes `BYTES + 18` bytes per session,
/// rounded up to a multiple of four, and a few words. Every operation searches the array.
///
/// A subject's sessions are found by their records. All subjects share one epoch, so a login that overlaps any
/// revocation of all sessions must be repeated.
///
/// Three quarters of the slots, rounded up, are available to anonymous sessions, and all of them to signed-in ones.
/// When the store is full, a new session replaces an expired one. If there is none, an anonymous session is rejected
/// with [`Outcome::Full`], and a signed-in session evicts the least recently seen anonymous one. A signed-in session is
/// never evicted.
///
/// A future that is dropped before its first poll changes nothing. Otherwise its operation is complete.
pub struct FixedStore<const SESSIONS: usize, const BYTES: usize> {
    slots: RefCell<[Slot<BYTES>; SESSIONS]>,
    epoch: Cell<u64>,
    /// The order of the entry that was added last.
    last: Cell<u32>,
}

impl<const SESSIONS: usize, const BYTES: usize> FixedStore<SESSIONS, BYTES> {
    /// Creates an empty store. It is all zeros, so a static one takes no flash.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(BYTES < u16::MAX as usize, "a session of a FixedStore has less than 65,535 bytes") }
        Self { slots: RefCell::new([const { Slot::EMPTY }; SESSIONS]), epoch: Cell::new(0), last: Cell::new(0) }
    }

    /// Returns the number of stored sessions. An expired session counts until its slot is reused.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.try_borrow().map_or(0, |slots| slots.iter().filter(|slot| slot.size != 0).count())
    }

    /// Returns whether no session is stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The slot of a new session, for which there is this place (ST9, QU1).
    fn admitted(
        slots: &mut [Slot<BYTES>],
        place: Option<usize>,
        anonymous: bool,
        now: Time,
    ) -> Option<&mut Slot<BYTES>> {
        let visitors = |slot: &&mut Slot<BYTES>| slot.size != 0 && Stamp::is_anonymous(slot.record());
        if anonymous {
            let there = slots.iter_mut().filter(visitors).filter(|slot| slot.stamp().live(now)).count();
            return if there < SESSIONS - SESSIONS / 4 { slots.get_mut(place?) } else { None };
        }
        match place {
            Some(place) => slots.get_mut(place),
            None => slots.iter_mut().filter(visitors).min_by_key(|slot| slot.stamp().last_seen),
        }
    }

    fn too_large(record: &[u8]) -> Outcome {
        Outcome::TooLarge { need: record.len(), have: BYTES }
    }

    fn listing(&self) -> Listing {
        Listing { epoch: Epoch(self.epoch.get()), last: self.last.get().into(), entries: 0 }
    }

    /// Applies a function to the live session under `key`, or returns `missing`.
    fn find<T>(
        &self,
        key: &Handle,
        now: Time,
        missing: T,
        action: impl FnOnce(&mut Slot<BYTES>, Stamp) -> T,
    ) -> Result<T, FixedError> {
        let mut slots = self.slots.try_borrow_mut().map_err(|_| FixedError::InUse)?;
        Ok(match slots.iter_mut().find(|slot| slot.is(key)) {
            Some(slot) if slot.stamp().live(now) => {
                let stamp = slot.stamp();
                action(slot, stamp)
            }
            _ => missing,
        })
    }
}

impl<const SESSIONS: usize, const BYTES: usize> Default for FixedStore<SESSIONS, BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const SESSIONS: usize, const BYTES: usize> fmt::Debug for FixedStore<SESSIONS, BYTES> {
    /// Prints no session.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FixedStore").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<const SESSIONS: usize, const BYTES: usize> Store for FixedStore<SESSIONS, BYTES> {
    type Error = FixedError;
    type Index = Self;

    fn index(&self) -> Option<&Self> {
        Some(self)
    }

    fn touch_is_free(&self) -> bool {
        true
    }

    fn never_waits(&self) -> bool {
        true
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, Self::Error> {
        self.find(key, now, Load::Missing, |slot, stamp| {
            let record = slot.record();
            Found::copy(record, stamp.version, into).map_or(Load::TooLarge { size: record.len() }, Load::Found)
        })
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, Self::Error> {
        let mut slots = self.slots.try_borrow_mut().map_err(|_| FixedError::InUse)?;
        if slots.iter().any(|slot| slot.is(key) && slot.stamp().live(now)) {
            return Ok(Outcome::Conflict(None));
        }
        let new = Stamp::of_any(record);
        // its own place first, so that no key exists twice
        let own = slots.iter().position(|slot| slot.is(key));
        let place = own.or_else(|| slots.iter().position(|slot| slot.size == 0 || !slot.stamp().live(now)));
        let Some(slot) = Self::admitted(slots.as_mut_slice(), place, Stamp::is_anonymous(record), now) else {
            return Ok(Outcome::Full);
        };
        if !slot.write(key, record) {
            return Ok(Self::too_large(record));
        }
        (slot.order, slot.listed) = (0, 0);
        Ok(Outcome::Applied(new.version))
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, Self::Error> {
        self.find(key, now, Outcome::Missing, |slot, old| {
            if old.version != seen {
                return Outcome::Conflict(Found::copy(slot.record(), old.version, there));
            }
            if !slot.write(key, record) {
                return Self::too_large(record);
            }
            Stamp::touch(slot.record_mut(), old.last_seen);
            Outcome::Applied(Stamp::of_any(record).version)
        })
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, Self::Error> {
        self.find(key, now, Outcome::Missing, |slot, stamp| {
            Stamp::touch(slot.record_mut(), now);
            Outcome::Applied(stamp.version)
        })
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, _: Time) -> Result<Outcome, Self::Error> {
        self.find(key, Time::ZERO, Outcome::Missing, |slot, stamp| {
            if !condition.matches(&stamp) {
                return Outcome::Conflict(None);
            }
            *slot = Slot::EMPTY;
            Outcome::Applied(stamp.version)
        })
    }

    async fn end_all(&self, now: Time) -> Result<bool, Self::Error> {
        self.epoch.set(Epoch(self.epoch.get()).next(now).0);
        self.slots.try_borrow_mut().map_err(|_| FixedError::InUse)?.fill_with(|| Slot::EMPTY);
        Ok(true)
    }

    async fn count(&self, _: Time) -> Result<Option<u64>, Self::Error> {
        Ok(Some(self.len() as u64))
    }
}

impl<const SESSIONS: usize, const BYTES: usize> SubjectIndex for FixedStore<SESSIONS, BYTES> {
    type Error = FixedError;

    async fn list(
        &self,
        subject: &SubjectId,
        after: u64,
        now: Time,
        into: &mut [IndexEntry],
    ) -> Result<Listing, Self::Error> {
        let slots = self.slots.try_borrow().map_err(|_| FixedError::InUse)?;
        let (mut after, mut entries) = (after, 0);
        for place in into {
            let listed = slots.iter().filter(|slot| u64::from(slot.order) > after && slot.stamp().live(now));
            let own = listed.filter_map(|slot| slot.entry(subject)).filter(|entry| entry.order > after);
            let Some(entry) = own.min_by_key(|entry| entry.order) else { break };
            (*place, after, entries) = (entry, entry.order, entries + 1);
        }
        Ok(Listing { entries, ..self.listing() })
    }

    async fn add(&self, subject: &SubjectId, seen: Epoch, entry: &IndexEntry, _: Time) -> Result<Added, Self::Error> {
        let mut slots = self.slots.try_borrow_mut().map_err(|_| FixedError::InUse)?;
        if seen.0 != self.epoch.get() {
            return Ok(Added::Moved);
        }
        let own = slots.iter_mut().find(|slot| slot.entry(subject).is_some_and(|own| own.is(entry)));
        if let Some(slot) = own.filter(|slot| slot.listed != entry.login || slot.order == 0) {
            self.last.set(self.last.get().saturating_add(1));
            (slot.order, slot.listed) = (self.last.get(), entry.login);
        }
        Ok(Added::Applied)
    }

    async fn bump(&self, _: &SubjectId, now: Time) -> Result<Listing, Self::Error> {
        self.epoch.set(Epoch(self.epoch.get()).next(now).0);
        Ok(self.listing())
    }

    async fn remove(&self, subject: &SubjectId, entry: &IndexEntry, _: Time) -> Result<(), Self::Error> {
        let mut slots = self.slots.try_borrow_mut().map_err(|_| FixedError::InUse)?;
        let mut own = slots.iter_mut().filter(|slot| slot.entry(subject).is_some_and(|own| own.is(entry)));
        if let Some(slot) = own.next() {
            slot.order = 0;
        }
        Ok(())
    }
}

/// Why an operation of a [`FixedStore`] failed. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FixedError {
    /// The store was called from within one of its own operations, which is a bug in this crate.
    InUse,
}

impl fmt::Display for FixedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse => f.write_str("the store was called from within one of its own calls"),
        }
    }
}

impl core::error::Error for FixedError {}

struct Slot<const BYTES: usize> {
    handle: [u8; Handle::LEN],
    /// One more than the record's bytes; 0 = free.
    size: u16,
    /// Its place among its subject's entries, for the login of number `listed`; 0 = none.
    order: u32,
    listed: u32,
    bytes: [u8; BYTES],
}

impl<const BYTES: usize> Slot<BYTES> {
    const EMPTY: Self = Self { handle: [0; Handle::LEN], size: 0, order: 0, listed: 0, bytes: [0; BYTES] };

    fn is(&self, key: &Handle) -> bool {
        self.size != 0 && self.handle == *key.as_bytes()
    }

    fn record(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.size).saturating_sub(1)).unwrap_or_default()
    }

    fn record_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..usize::from(self.size).saturating_sub(1)).unwrap_or_default()
    }

    fn stamp(&self) -> Stamp {
        Stamp::of_any(self.record())
    }

    /// Its entry in the index, if it is this subject's and was added.
    fn entry(&self, subject: &SubjectId) -> Option<IndexEntry> {
        let (owner, entry) = IndexEntry::of(Handle::from_bytes(self.handle), self.record())?;
        let order = if self.listed == entry.login { self.order.into() } else { 0 };
        (owner == *subject).then_some(IndexEntry { order, ..entry })
    }

    /// Returns whether the record has room.
    fn write(&mut self, key: &Handle, record: &[u8]) -> bool {
        let Some(place) = self.bytes.get_mut(..record.len()) else { return false };
        let Ok(size) = u16::try_from(record.len() + 1) else { return false };
        place.copy_from_slice(record);
        (self.size, self.handle) = (size, *key.as_bytes());
        true
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::string::ToString;

    /// A variant that is missing in the match does not compile.
    #[test]
    fn every_error_has_a_text() {
        let error = FixedError::InUse;
        match error {
            FixedError::InUse => store_support::check_text("InUse", &error.to_string()),
        }
    }
}
