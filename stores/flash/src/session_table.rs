//! The part of each session in RAM: the place of its record, and the fields that every operation needs.

use crate::log_entry::FoundEntry;
use session_core::environment::Time;
use session_core::record::Stamp;
use session_core::store::{Handle, Version};
use session_core::subject::{IndexEntry, SubjectId};

/// A time in six bytes, as records keep it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Millis([u16; 3]);

impl Millis {
    const ZERO: Self = Self([0; 3]);

    pub(crate) const fn new(millis: u64) -> Self {
        Self([millis as u16, (millis >> 16) as u16, (millis >> 32) as u16])
    }

    pub(crate) const fn get(self) -> u64 {
        let [low, middle, high] = self.0;
        low as u64 | (middle as u64) << 16 | (high as u64) << 32
    }
}

/// One session.
#[derive(Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) handle: Handle,
    version: [u32; 2],
    login: u32,
    /// Where its record's entry begins; 0 = not known, or no session.
    pub(crate) at: u32,
    /// Its place in its subject's list; 0 = not in it.
    pub(crate) order: u32,
    /// The subject's name, all zero without one.
    subject: [u8; SubjectId::LEN],
    seen: Millis,
    /// `seen` in flash.
    pub(crate) persisted: Millis,
    idle: Millis,
    ends: Millis,
    pub(crate) len: u16,
    pub(crate) used: bool,
    /// An anonymous visitor's.
    anonymous: bool,
}

impl Slot {
    pub(crate) const FREE: Self = Self {
        handle: Handle::from_bytes([0; Handle::LEN]),
        version: [0; 2],
        login: 0,
        at: 0,
        order: 0,
        subject: [0; SubjectId::LEN],
        seen: Millis::ZERO,
        persisted: Millis::ZERO,
        idle: Millis::ZERO,
        ends: Millis::ZERO,
        len: 0,
        used: false,
        anonymous: false,
    };

    /// Returns a session with this record, which lies at `at`. The later of `seen` and the record's last activity
    /// counts.
    pub(crate) fn new(handle: Handle, record: &[u8], at: u32, order: u32, seen: Time) -> Self {
        let stamp = Stamp::of_any(record);
        let seen = Millis::new(stamp.last_seen.max(seen).millis());
        Self {
            handle,
            version: [stamp.version.0 as u32, (stamp.version.0 >> 32) as u32],
            login: stamp.login,
            at,
            order,
            subject: IndexEntry::of(handle, record).map_or([0; SubjectId::LEN], |(subject, _)| *subject.as_bytes()),
            seen,
            persisted: seen,
            idle: Millis::new(stamp.idle),
            ends: Millis::new(stamp.ends),
            len: record.len() as u16,
            used: true,
            anonymous: Stamp::is_anonymous(record),
        }
    }

    pub(crate) const fn stamp(&self) -> Stamp {
        let [low, high] = self.version;
        Stamp {
            version: Version(low as u64 | (high as u64) << 32),
            login: self.login,
            last_seen: Time::from_millis(self.seen.get()),
            idle: self.idle.get(),
            ends: self.ends.get(),
        }
    }

    pub(crate) const fn seen(&self) -> Time {
        Time::from_millis(self.seen.get())
    }

    pub(crate) fn saw(&mut self, now: Time) {
        self.seen = Millis::new(self.seen().max(now).millis());
    }

    pub(crate) fn live(&self, now: Time) -> bool {
        self.used && self.stamp().live(now)
    }

    pub(crate) fn belongs(&self, subject: &SubjectId) -> bool {
        self.used && self.subject == *subject.as_bytes()
    }

    /// Returns whether it is in the list of `subject`.
    pub(crate) fn listed(&self, subject: &SubjectId) -> bool {
        self.order > 0 && self.belongs(subject)
    }

    /// Returns its entry there.
    pub(crate) fn index_entry(&self) -> IndexEntry {
        let ends = if self.ends == Millis::ZERO { Time::MAX } else { Time::from_millis(self.ends.get()) };
        IndexEntry { handle: self.handle, login: self.login, ends, order: u64::from(self.order) }
    }
}

/// All sessions.
pub(crate) struct SessionTable<const SESSIONS: usize>(pub(crate) [Slot; SESSIONS]);

impl<const SESSIONS: usize> SessionTable<SESSIONS> {
    pub(crate) fn get(&self, key: &Handle) -> Option<&Slot> {
        self.0.iter().find(|slot| slot.used && slot.handle == *key)
    }

    pub(crate) fn get_mut(&mut self, key: &Handle) -> Option<&mut Slot> {
        self.0.iter_mut().find(|slot| slot.used && slot.handle == *key)
    }

    /// Returns the slot of a live session.
    pub(crate) fn live(&self, key: &Handle, now: Time) -> Option<Slot> {
        self.get(key).filter(|slot| slot.live(now)).copied()
    }

    /// Returns the place of a new session (ST9): its own if it was there before, else a free one, else that of an
    /// expired session; for a session that signs in, else that of the least recently seen anonymous one. Anonymous
    /// sessions have three quarters of the places, rounded up (QU1).
    pub(crate) fn place(&self, key: &Handle, is_anonymous: bool, now: Time) -> Option<usize> {
        let visitors = self.0.iter().filter(|slot| slot.anonymous && slot.live(now)).count();
        if is_anonymous && visitors >= SESSIONS - SESSIONS / 4 {
            return None;
        }
        let position = |is: &dyn Fn(&Slot) -> bool| self.0.iter().position(is);
        let free = position(&|slot| slot.used && slot.handle == *key)
            .or_else(|| position(&|slot| !slot.used))
            .or_else(|| position(&|slot| !slot.live(now)));
        let anonymous = || {
            let slots = self.0.iter().enumerate().filter(|(_, slot)| slot.anonymous);
            slots.min_by_key(|(_, slot)| slot.seen()).map(|(place, _)| place)
        };
        free.or_else(|| if is_anonymous { None } else { anonymous() })
    }

    /// Returns the first session in the list of `subject` behind that place.
    pub(crate) fn next_of(&self, subject: &SubjectId, above: u32) -> Option<&Slot> {
        let behind = self.0.iter().filter(|slot| slot.order > above && slot.listed(subject));
        behind.min_by_key(|slot| slot.order)
    }

    /// Returns the last place in that list.
    pub(crate) fn last_of(&self, subject: &SubjectId) -> u64 {
        self.0.iter().filter(|slot| slot.listed(subject)).map(|slot| slot.order).max().unwrap_or(0).into()
    }

    /// Returns the next place in the lists of subjects.
    pub(crate) fn next_order(&self) -> u32 {
        self.0.iter().filter(|slot| slot.used).map(|slot| slot.order).max().unwrap_or(0).saturating_add(1)
    }

    /// Prepares for reading the log again. Sessions that are not found there are dropped afterwards; until then the
    /// table remembers when they were last seen.
    pub(crate) fn forget_places(&mut self) {
        self.0.iter_mut().for_each(|slot| slot.at = 0);
    }

    pub(crate) fn drop_unfound(&mut self) {
        self.0.iter_mut().filter(|slot| slot.at == 0).for_each(|slot| *slot = Slot::FREE);
    }

    pub(crate) fn remove(&mut self, key: &Handle) {
        if let Some(slot) = self.get_mut(key) {
            *slot = Slot::FREE;
        }
    }

    /// Adds a record that was found in flash.
    pub(crate) fn found(&mut self, found: &FoundEntry, record: &[u8]) {
        let handle = Handle::from_bytes(found.entry.name);
        let own = self.0.iter().position(|slot| slot.used && slot.handle == handle);
        let place = own.or_else(|| self.0.iter().position(|slot| !slot.used));
        // a corrupt log may hold more sessions than there are places
        let place = place.or_else(|| self.0.iter().position(|slot| slot.at == 0));
        let Some(slot) = place.and_then(|place| self.0.get_mut(place)) else { return };
        let seen = if own.is_some() { slot.seen() } else { Time::ZERO };
        let persisted = if own.is_some() && slot.at != 0 { slot.persisted } else { Millis::ZERO };
        *slot = Slot::new(handle, record, found.at, found.entry.number, seen);
        slot.persisted = Millis::new(Stamp::of_any(record).last_seen.millis().max(persisted.get()));
    }
}
