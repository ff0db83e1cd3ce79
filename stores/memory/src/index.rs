//! Which sessions a subject has: one part of the index, under one lock. Entries whose record is gone are removed as a
//! by-product: each login looks at all entries of its own subject and at those of two more subjects.

use alloc::vec::Vec;
use hashbrown::HashTable;
use session_core::environment::Time;
use session_core::subject::{Added, Epoch, IndexEntry, Listing, SubjectId};

/// Subjects that each login looks at for entries that hold no more.
const LOOKS: usize = 2;
/// How long a subject without entries is remembered after its epoch moved, in milliseconds: longer than any login.
const REMEMBERED: u64 = 60 * 60 * 1_000;

/// Aligned to a cache line, as a shard of records.
#[derive(Default)]
#[repr(align(64))]
pub(crate) struct Part {
    table: HashTable<usize>,
    subjects: Vec<Subject>,
    /// Where the last sweep stopped.
    cursor: usize,
}

struct Subject {
    id: SubjectId,
    epoch: Epoch,
    moved: Time,
    /// The order of the entry that was added last.
    last: u64,
    entries: Vec<IndexEntry>,
}

impl Part {
    pub(crate) fn list(&self, subject: &SubjectId, after: u64, into: &mut [IndexEntry]) -> Listing {
        let Some(subject) = self.find(subject).and_then(|at| self.subjects.get(at)) else {
            return Listing::default();
        };
        let found = subject.entries.iter().filter(|entry| entry.order > after);
        let entries = into.iter_mut().zip(found).map(|(place, entry)| *place = *entry).count();
        Listing { entries, ..subject.listing() }
    }

    /// Adds an entry if the epoch is `seen`; `holds` tells of an older one whether its session is still there.
    pub(crate) fn add(
        &mut self,
        subject: &SubjectId,
        seen: Epoch,
        entry: &IndexEntry,
        now: Time,
        holds: impl Fn(&IndexEntry) -> bool,
    ) -> Added {
        self.sweep(now, &holds);
        let Some(subject) = self.found_or_new(subject) else { return Added::Full };
        if subject.epoch != seen {
            return Added::Moved;
        }
        if subject.entries.iter().any(|old| old.handle == entry.handle && old.login >= entry.login) {
            return Added::Applied;
        }
        subject.entries.retain(|old| old.handle != entry.handle && holds(old));
        subject.last += 1;
        subject.entries.push(IndexEntry { order: subject.last, ..*entry });
        Added::Applied
    }

    pub(crate) fn bump(&mut self, subject: &SubjectId, now: Time) -> Option<Listing> {
        let subject = self.found_or_new(subject)?;
        (subject.epoch, subject.moved) = (subject.epoch.next(now), now);
        Some(subject.listing())
    }

    pub(crate) fn remove(&mut self, subject: &SubjectId, entry: &IndexEntry) {
        if let Some(subject) = self.find(subject).and_then(|at| self.subjects.get_mut(at)) {
            subject.entries.retain(|old| !old.is(entry));
        }
    }

    fn find(&self, id: &SubjectId) -> Option<usize> {
        let is = |at: &usize| self.subjects.get(*at).is_some_and(|subject| subject.id == *id);
        self.table.find(hash(id), is).copied()
    }

    fn found_or_new(&mut self, id: &SubjectId) -> Option<&mut Subject> {
        if let Some(at) = self.find(id) {
            return self.subjects.get_mut(at);
        }
        let at = self.subjects.len();
        self.subjects.push(Subject { id: *id, epoch: Epoch(0), moved: Time::ZERO, last: 0, entries: Vec::new() });
        let subjects = &self.subjects;
        self.table.insert_unique(hash(id), at, |at| subjects.get(*at).map_or(0, |subject| hash(&subject.id)));
        self.subjects.last_mut()
    }

    fn sweep(&mut self, now: Time, holds: &impl Fn(&IndexEntry) -> bool) {
        for _ in 0..LOOKS {
            self.cursor = if self.cursor + 1 < self.subjects.len() { self.cursor + 1 } else { 0 };
            let Some(subject) = self.subjects.get_mut(self.cursor) else { return };
            subject.entries.retain(holds);
            subject.entries.shrink_to(subject.entries.len() * 2);
            let quiet = subject.epoch == Epoch(0) || now.since(subject.moved).as_millis() > REMEMBERED.into();
            if subject.entries.is_empty() && quiet {
                self.forget(self.cursor);
            }
        }
    }

    /// Removes a subject; the last one takes its place.
    fn forget(&mut self, at: usize) {
        let Some(id) = self.subjects.get(at).map(|subject| subject.id) else { return };
        if let Ok(entry) = self.table.find_entry(hash(&id), |place| *place == at) {
            entry.remove();
        }
        self.subjects.swap_remove(at);
        if let Some(moved) = self.subjects.get(at).map(|subject| hash(&subject.id))
            && let Some(place) = self.table.find_mut(moved, |place| *place == self.subjects.len())
        {
            *place = at;
        }
    }
}

impl Subject {
    const fn listing(&self) -> Listing {
        Listing { epoch: self.epoch, last: self.last, entries: 0 }
    }
}

/// Names are uniform: they are their own hash.
fn hash(id: &SubjectId) -> u64 {
    id.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
