//! Which sessions a subject has: one part of the index, under one lock. Entries whose record is gone are removed as a
//! by-product: each login checks a few entries of its own subject, and a few of two others.
//!
//! The cost of an operation does not grow with the sessions of a subject: an entry is found by its handle, and one that
//! is removed only gets a mark until half of its subject's have one.

use alloc::vec::Vec;
use hashbrown::HashTable;
use session_core::environment::Time;
use session_core::store::Handle;
use session_core::subject::{Added, Epoch, IndexEntry, Listing, SubjectId};

/// The number of entries that each login checks of its own subject and of each other subject. So all are checked within
/// a quarter as many logins as there are entries, and stale ones are at most a third of the others.
const LOOKS: usize = 4;
/// The number of other subjects that each login checks.
const OTHERS: usize = 2;
/// How long a subject without entries is remembered after its epoch moved, in milliseconds: longer than any login.
const REMEMBERED: u64 = 60 * 60 * 1_000;
/// Marks the order of an entry that was removed. No order is so high.
const REMOVED: u64 = 1 << 63;

/// Aligned to a cache line, as a shard of records.
#[derive(Default)]
#[repr(align(64))]
pub(crate) struct Part {
    table: HashTable<usize>,
    subjects: Vec<Subject>,
    handles: Handles,
    /// Where the last sweep stopped.
    cursor: usize,
}

/// The order of each entry by its handle, of all subjects of a part.
#[derive(Default)]
struct Handles(HashTable<(Handle, u64)>);

struct Subject {
    id: SubjectId,
    epoch: Epoch,
    moved: Time,
    /// The order of the entry that was added last.
    last: u64,
    /// By order.
    entries: Vec<IndexEntry>,
    /// Entries that were removed.
    removed: usize,
    /// Where the last check of them stopped.
    cursor: usize,
}

impl Part {
    pub(crate) fn list(&self, subject: &SubjectId, after: u64, into: &mut [IndexEntry]) -> Listing {
        let Some(subject) = self.find(subject).and_then(|at| self.subjects.get(at)) else {
            return Listing::default();
        };
        let first = subject.entries.partition_point(|entry| order(entry) <= after);
        let found = subject.entries.iter().skip(first).filter(|entry| is_there(entry));
        let entries = into.iter_mut().zip(found).map(|(place, entry)| *place = *entry).count();
        Listing { entries, ..subject.listing() }
    }

    /// Adds an entry if the epoch is `seen`; `holds` returns whether the session of an older entry still exists.
    pub(crate) fn add(
        &mut self,
        subject: &SubjectId,
        seen: Epoch,
        entry: &IndexEntry,
        now: Time,
        holds: impl Fn(&IndexEntry) -> bool,
    ) -> Added {
        self.sweep(now, &holds);
        let Some((subject, handles)) = self.found_or_new(subject) else { return Added::Full };
        if subject.epoch != seen {
            return Added::Moved;
        }
        if let Some(at) = handles.position(subject, &entry.handle) {
            if subject.entries.get(at).is_some_and(|old| old.login >= entry.login) {
                return Added::Applied;
            }
            subject.remove(handles, at);
        }
        subject.look(handles, &holds);
        subject.last += 1;
        subject.entries.push(IndexEntry { order: subject.last, ..*entry });
        handles.put(entry.handle, subject.last);
        Added::Applied
    }

    pub(crate) fn bump(&mut self, subject: &SubjectId, now: Time) -> Option<Listing> {
        let (subject, _) = self.found_or_new(subject)?;
        (subject.epoch, subject.moved) = (subject.epoch.next(now), now);
        Some(subject.listing())
    }

    pub(crate) fn remove(&mut self, subject: &SubjectId, entry: &IndexEntry) {
        let Some(subject) = self.find(subject).and_then(|at| self.subjects.get_mut(at)) else { return };
        if let Some(at) = self.handles.position(subject, &entry.handle)
            && subject.entries.get(at).is_some_and(|there| there.is(entry))
        {
            subject.remove(&mut self.handles, at);
            subject.compact();
        }
    }

    fn find(&self, id: &SubjectId) -> Option<usize> {
        let is = |at: &usize| self.subjects.get(*at).is_some_and(|subject| subject.id == *id);
        self.table.find(hash(id), is).copied()
    }

    fn found_or_new(&mut self, id: &SubjectId) -> Option<(&mut Subject, &mut Handles)> {
        let at = self.find(id).unwrap_or_else(|| {
            let at = self.subjects.len();
            self.subjects.push(Subject {
                id: *id,
                epoch: Epoch(0),
                moved: Time::ZERO,
                last: 0,
                entries: Vec::new(),
                removed: 0,
                cursor: 0,
            });
            let subjects = &self.subjects;
            self.table.insert_unique(hash(id), at, |at| subjects.get(*at).map_or(0, |subject| hash(&subject.id)));
            at
        });
        Some((self.subjects.get_mut(at)?, &mut self.handles))
    }

    fn sweep(&mut self, now: Time, holds: &impl Fn(&IndexEntry) -> bool) {
        for _ in 0..OTHERS {
            let Some(subject) = self.subjects.get_mut(self.cursor) else {
                self.cursor = 0;
                return;
            };
            let done = subject.look(&mut self.handles, holds);
            let quiet = subject.epoch == Epoch(0) || now.since(subject.moved).as_millis() > REMEMBERED.into();
            if subject.entries.is_empty() && quiet {
                self.forget(self.cursor);
            } else {
                // a subject with many entries is checked as often as they require
                self.cursor += usize::from(done);
            }
        }
    }

    /// Removes a subject, and moves the last one into its place.
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

    /// Marks the entry at this place as removed.
    fn remove(&mut self, handles: &mut Handles, at: usize) {
        if let Some(entry) = self.entries.get_mut(at).filter(|entry| is_there(entry)) {
            handles.remove(&entry.handle, entry.order);
            entry.order |= REMOVED;
            self.removed += 1;
        }
    }

    /// Removes the stale ones of the next few entries. Returns whether the last one was among them.
    fn look(&mut self, handles: &mut Handles, holds: &impl Fn(&IndexEntry) -> bool) -> bool {
        for _ in 0..LOOKS {
            let Some(entry) = self.entries.get(self.cursor) else { break };
            if is_there(entry) && !holds(entry) {
                self.remove(handles, self.cursor);
            }
            self.cursor += 1;
        }
        let done = self.cursor >= self.entries.len();
        if done {
            self.cursor = 0;
        }
        self.compact();
        done
    }

    /// Drops removed entries once they are half of all.
    fn compact(&mut self) {
        if self.removed > self.entries.len() / 2 {
            self.entries.retain(is_there);
            self.entries.shrink_to(self.entries.len() * 2);
            (self.removed, self.cursor) = (0, 0);
        }
    }
}

impl Handles {
    /// The place of the entry of this handle among a subject's.
    fn position(&self, subject: &Subject, handle: &Handle) -> Option<usize> {
        // a handle may have been listed for several subjects, and has one record
        let place = |(there, at): &(Handle, u64)| {
            let place = subject.entries.binary_search_by_key(at, order).ok().filter(|_| there == handle)?;
            subject.entries.get(place).filter(|entry| entry.handle == *handle && is_there(entry)).map(|_| place)
        };
        place(self.0.find(hash_of(handle), |item| place(item).is_some())?)
    }

    fn put(&mut self, handle: Handle, order: u64) {
        self.0.insert_unique(hash_of(&handle), (handle, order), |(handle, _)| hash_of(handle));
    }

    fn remove(&mut self, handle: &Handle, order: u64) {
        if let Ok(item) = self.0.find_entry(hash_of(handle), |item| *item == (*handle, order)) {
            item.remove();
        }
    }
}

fn is_there(entry: &IndexEntry) -> bool {
    entry.order & REMOVED == 0
}

fn order(entry: &IndexEntry) -> u64 {
    entry.order & !REMOVED
}

/// Handles are uniform: they are their own hash.
fn hash_of(handle: &Handle) -> u64 {
    u64::from_le_bytes(*handle.as_bytes())
}

/// Names are uniform: they are their own hash.
fn hash(id: &SubjectId) -> u64 {
    id.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;

    fn entry(number: u64) -> IndexEntry {
        IndexEntry {
            handle: Handle::from_bytes(number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()),
            login: 1,
            ends: Time::MAX,
            order: 0,
        }
    }

    /// The number of sessions that a login checks and finds, for a subject with this many.
    fn looks_of_a_login(sessions: u64) -> (usize, usize) {
        let (ann, mut part) = (SubjectId::of("ann"), Part::default());
        for number in 0..sessions {
            part.add(&ann, Epoch(0), &entry(number), Time::ZERO, |_| true);
        }
        let (looks, mut most) = (Cell::new(0), 0);
        for number in sessions..sessions + 100 {
            looks.set(0);
            part.add(&ann, Epoch(0), &entry(number), Time::ZERO, |_| {
                looks.set(looks.get() + 1);
                true
            });
            most = most.max(looks.get());
        }
        (most, part.list(&ann, sessions, &mut [IndexEntry::NONE; 200]).entries)
    }

    #[test]
    fn a_login_costs_the_same_however_many_sessions_its_subject_has_st16() {
        let few = looks_of_a_login(20);
        assert_eq!(few, (LOOKS * (OTHERS + 1), 100));
        for sessions in [2_000, 12_000] {
            assert_eq!(looks_of_a_login(sessions), few, "{sessions}");
        }
    }

    /// Entries of ended sessions are removed as others are added, so that valid entries bound the memory.
    #[test]
    fn entries_of_sessions_that_are_over_go_st7() {
        let (ann, mut part) = (SubjectId::of("ann"), Part::default());
        let live = 50;
        for number in 0..5_000_u64 {
            let oldest = number.saturating_sub(live);
            let holds = |old: &IndexEntry| (oldest..number).any(|number| entry(number).handle == old.handle);
            part.add(&ann, Epoch(0), &entry(number), Time::ZERO, holds);
        }
        let (kept, listed) = (part.subjects[0].entries.len(), part.list(&ann, 0, &mut [IndexEntry::NONE; 500]).entries);
        assert!(kept < 160 && (50..100).contains(&listed), "{kept} kept, {listed} listed");
        assert_eq!(part.handles.0.len(), listed);
        // and the subject, once it has none and another subject signs in
        let bob = SubjectId::of("bob");
        for number in 0..200 {
            part.add(&bob, Epoch(0), &entry(9_000 + number), Time::ZERO, |old| entry(9_000 + number - 1).is(old));
        }
        assert!(part.find(&ann).is_none() && part.find(&bob).is_some());
    }
}
