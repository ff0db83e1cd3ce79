//! One part of the sessions: a hash table from handles to slots, and every operation on one record. Its lock makes each
//! of them atomic.

use crate::quota::{Bytes, Freed};
use crate::slots::{At, Slots};
use hashbrown::HashTable;
use session_core::environment::Time;
use session_core::record::Stamp;
use session_core::store::{DeleteCondition, Found, Handle, Load, Outcome, Version};
use session_core::subject::{IndexEntry, SubjectId};

/// The number of places that each create checks for expired records. So all places are checked within a quarter as many
/// creates as there are places, and expired records are at most a third of the live ones.
const LOOKS: usize = 4;

/// Aligned to a cache line: the lock of one is not next to that of another.
#[derive(Default)]
#[repr(align(64))]
pub(crate) struct Shard {
    table: HashTable<At>,
    slots: Slots,
    /// Where the last sweep stopped.
    cursor: At,
    anonymous: usize,
    bytes: usize,
    /// Space of expired or deleted records that the store has not counted yet.
    pub(crate) freed: Freed,
}

impl Shard {
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn load(&mut self, key: &Handle, now: Time, into: &mut [u8]) -> Load {
        let Some((at, record)) = self.seek(key) else { return Load::Missing };
        let stamp = Stamp::of_any(record);
        if !stamp.live(now) {
            self.expire(at);
            return Load::Missing;
        }
        Found::copy(record, stamp.version, into).map_or(Load::TooLarge { size: record.len() }, Load::Found)
    }

    pub(crate) fn create(&mut self, key: &Handle, record: &[u8], now: Time) -> Outcome {
        self.sweep(LOOKS, now);
        if self.find(key, now).is_some() {
            return Outcome::Conflict(None);
        }
        let Some(at) = self.slots.insert(key, record) else { return Outcome::Full };
        let slots = &self.slots;
        self.table.insert_unique(hash(key.as_bytes()), at, |at| slots.get(*at).map_or(0, |(key, _)| hash(key)));
        let stamp = Stamp::of_any(record);
        self.anonymous += usize::from(Stamp::is_anonymous(record));
        self.bytes += record.len();
        Outcome::Applied(stamp.version)
    }

    /// Replaces a record. Additional bytes are reserved in `room`.
    pub(crate) fn update(
        &mut self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
        room: &Bytes,
    ) -> Outcome {
        let Some((at, old)) = self.find(key, now) else { return Outcome::Missing };
        if old.version != seen {
            let found = self.slots.get(at).and_then(|(_, record)| Found::copy(record, old.version, there));
            return Outcome::Conflict(found);
        }
        let (len, anonymous) = self.slots.get(at).map_or((0, true), |(_, old)| (old.len(), Stamp::is_anonymous(old)));
        let longer = record.len().saturating_sub(len);
        if longer > 0 && !room.reserve(longer) {
            return Outcome::Full;
        }
        let Some(new_at) = self.slots.replace(at, key, record) else {
            room.release(longer);
            return Outcome::Full;
        };
        self.bytes = self.bytes.saturating_sub(len) + record.len();
        self.freed.bytes += len.saturating_sub(record.len());
        if let Some(entry) = self.table.find_mut(hash(key.as_bytes()), |entry| *entry == at) {
            *entry = new_at;
        }
        if let Some(record) = self.slots.record_mut(new_at) {
            Stamp::touch(record, old.last_seen);
        }
        let is_anonymous = Stamp::is_anonymous(record);
        self.anonymous = self.anonymous.saturating_sub(usize::from(anonymous)) + usize::from(is_anonymous);
        self.freed.anonymous += isize::from(anonymous) - isize::from(is_anonymous);
        Outcome::Applied(Stamp::of_any(record).version)
    }

    pub(crate) fn touch(&mut self, key: &Handle, now: Time) -> Outcome {
        let Some((at, _)) = self.seek(key) else { return Outcome::Missing };
        let Some(record) = self.slots.record_mut(at) else { return Outcome::Missing };
        let stamp = Stamp::of_any(record);
        if !stamp.live(now) {
            self.expire(at);
            return Outcome::Missing;
        }
        Stamp::touch(record, now);
        Outcome::Applied(stamp.version)
    }

    /// Returns the entry of the index that becomes stale as well. Ignores the clock.
    pub(crate) fn delete(
        &mut self,
        key: &Handle,
        condition: DeleteCondition,
    ) -> (Outcome, Option<(SubjectId, IndexEntry)>) {
        let Some((at, stamp)) = self.find(key, Time::ZERO) else { return (Outcome::Missing, None) };
        if !condition.matches(&stamp) {
            return (Outcome::Conflict(None), None);
        }
        let entry = self.slots.get(at).filter(|_| stamp.login > 0).and_then(|(_, record)| IndexEntry::of(*key, record));
        self.remove(at);
        self.freed.sessions += 1;
        (Outcome::Applied(stamp.version), entry)
    }

    /// The login number of the live record under `key`.
    pub(crate) fn login(&mut self, key: &Handle, now: Time) -> Option<u32> {
        self.find(key, now).map(|(_, stamp)| stamp.login)
    }

    /// Removes everything.
    pub(crate) fn clear(&mut self) {
        self.freed.sessions += self.table.len();
        self.freed.anonymous += self.anonymous as isize;
        self.freed.bytes += self.bytes;
        (self.table, self.slots, self.cursor, self.anonymous, self.bytes) = Default::default();
    }

    /// Removes one expired record, if there is one.
    pub(crate) fn remove_expired(&mut self, now: Time) -> bool {
        let before = self.freed.sessions;
        (0..self.slots.places()).any(|_| {
            self.sweep(1, now);
            self.freed.sessions > before
        })
    }

    /// Checks the next `looks` places, each at most once, removes expired records there, and returns the number of
    /// places.
    pub(crate) fn sweep(&mut self, looks: usize, now: Time) -> usize {
        let looks = looks.min(self.slots.places());
        for _ in 0..looks {
            self.cursor = self.slots.after(self.cursor);
            if self.slots.get(self.cursor).is_some_and(|(_, record)| !Stamp::of_any(record).live(now)) {
                self.expire(self.cursor);
            }
        }
        looks
    }

    /// Removes the least recently seen anonymous record among the next `looks` places; if none is there, the next one.
    /// `false` if there is none except that under `except`. Its place is not counted as freed.
    pub(crate) fn evict(&mut self, looks: usize, except: &Handle) -> bool {
        let places = if self.anonymous == 0 { 0 } else { self.slots.places() };
        let mut oldest: Option<(Time, At)> = None;
        for look in 0..places {
            if look >= looks && oldest.is_some() {
                break;
            }
            self.cursor = self.slots.after(self.cursor);
            let Some((key, record)) = self.slots.get(self.cursor) else { continue };
            let seen = Stamp::of_any(record).last_seen;
            if Stamp::is_anonymous(record) && key != except.as_bytes() && oldest.is_none_or(|(least, _)| seen < least) {
                oldest = Some((seen, self.cursor));
            }
        }
        oldest.inspect(|(_, at)| self.remove(*at)).is_some()
    }

    /// The live record under `key`; an expired one is removed.
    fn find(&mut self, key: &Handle, now: Time) -> Option<(At, Stamp)> {
        let (at, record) = self.seek(key)?;
        let stamp = Stamp::of_any(record);
        if stamp.live(now) {
            return Some((at, stamp));
        }
        self.expire(at);
        None
    }

    /// The record under `key`, be it over or not.
    fn seek(&self, key: &Handle) -> Option<(At, &[u8])> {
        let (key, mut found) = (key.as_bytes(), None);
        let same = |at: &At| {
            let record = self.slots.get(*at).filter(|(there, _)| *there == key).map(|(_, record)| record);
            found = record.map(|record| (*at, record));
            found.is_some()
        };
        self.table.find(hash(key), same)?;
        found
    }

    /// Removes a record that is over.
    fn expire(&mut self, at: At) {
        self.remove(at);
        self.freed.sessions += 1;
    }

    fn remove(&mut self, at: At) {
        let Some((key, record)) = self.slots.get(at) else { return };
        let (anonymous, len) = (Stamp::is_anonymous(record), record.len());
        if let Ok(entry) = self.table.find_entry(hash(key), |entry| *entry == at) {
            entry.remove();
        }
        self.anonymous = self.anonymous.saturating_sub(usize::from(anonymous));
        self.bytes = self.bytes.saturating_sub(len);
        self.freed.anonymous += isize::from(anonymous);
        self.freed.bytes += len;
        self.slots.free(at);
    }
}

/// Handles are uniform: they are their own hash. The table uses the lowest bits and the highest seven.
fn hash(key: &[u8; Handle::LEN]) -> u64 {
    u64::from_le_bytes(*key)
}
