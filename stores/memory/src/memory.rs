//! The store with a heap: shards, their locks, and the limit that they share.

use crate::index::Part;
use crate::shard::Shard;
use alloc::boxed::Box;
use core::convert::Infallible;
use core::fmt;
use session_core::environment::Time;
use session_core::record::Stamp;
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_core::subject::{Added, Epoch, IndexEntry, Listing, SubjectId, SubjectIndex};

/// Shards of a store for many threads.
const SHARDS: usize = if cfg!(feature = "std") { 64 } else { 1 };
/// Up to this limit a store is one shard, and its policy is exact.
const EXACT: usize = 1024;
/// Above, a create at a full store looks at this many sessions for one that is over or may go.
const LOOKS: usize = 1024;

/// Sessions on the heap, for as many as there is memory or up to a limit.
///
/// With feature `std` it is for any number of threads; without, for one. Its operations wait for no one but another
/// thread that is at the same shard. A future that is dropped before it was polled did nothing, else everything.
pub struct MemoryStore {
    shards: Box<[Lock<Shard>]>,
    index: Box<[Lock<Part>]>,
    /// How often everybody's sessions were ended: added to each subject's epoch.
    era: Lock<u64>,
    limit: Option<Limit>,
}

impl MemoryStore {
    /// A store without a limit. Memory of sessions that are over is used again and not given back.
    #[must_use]
    pub fn new() -> Self {
        Self::with_shards(SHARDS, None)
    }

    /// A store of at most `sessions` sessions (ST9). When it is full, a create first looks for sessions that are over.
    /// If there is none, an anonymous session is [`Outcome::Full`]; an authenticated one takes the place of the least
    /// recently seen anonymous one, and is `Full` if there is no anonymous one. No authenticated session is ever
    /// evicted.
    ///
    /// Up to a limit of 1024, all this is exact. Above, a create at a full store looks at 1024 sessions, and at each
    /// next create at the next ones: a session that is over is found a little later, and the least recently seen one is
    /// that of 1024. An authenticated session is refused only if there was no anonymous one in the store.
    #[must_use]
    pub fn with_max_sessions(sessions: usize) -> Self {
        let exact = sessions <= EXACT;
        let limit = Limit { sessions, kept: Lock::new(0), looks: if exact { usize::MAX } else { LOOKS } };
        Self::with_shards(if exact { 1 } else { SHARDS }, Some(limit))
    }

    /// Sessions kept. Those that are over count until they are found and their memory is used again.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.with(|shard| shard.len())).sum()
    }

    /// Whether no session is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn with_shards(shards: usize, limit: Option<Limit>) -> Self {
        let index = core::iter::repeat_with(|| Lock::new(Part::default())).take(shards.div_ceil(8)).collect();
        let shards = core::iter::repeat_with(|| Lock::new(Shard::default())).take(shards).collect();
        Self { shards, index, era: Lock::new(0), limit }
    }

    /// Does something with the part of the index that has this subject.
    fn indexed<T: Default>(&self, subject: &SubjectId, action: impl FnOnce(&mut Part) -> T) -> T {
        let [.., bits] = *subject.as_bytes();
        let part = self.index.get(usize::from(bits) % self.index.len().max(1));
        part.map(|part| part.with(action)).unwrap_or_default()
    }

    fn era(&self) -> u64 {
        self.era.with(|era| *era)
    }

    /// What the index says, with the era in its epoch.
    fn since_era(&self, listing: Listing) -> Listing {
        Listing { epoch: Epoch(listing.epoch.0.saturating_add(self.era())), ..listing }
    }

    /// Whether the session of an entry is there.
    fn holds(&self, entry: &IndexEntry, now: Time) -> bool {
        self.at(&entry.handle, |shard| shard.login(&entry.handle, now)) == Some(Some(entry.login))
    }

    /// The place of the shard of this handle. The bits that choose it are none that the hash table uses.
    fn place(&self, key: &Handle) -> usize {
        let [.., bits, _] = *key.as_bytes();
        usize::from(bits) % self.shards.len().max(1)
    }

    /// The shards, the one of this handle first.
    fn shards_from(&self, key: &Handle) -> impl Iterator<Item = &Lock<Shard>> {
        self.shards.iter().cycle().skip(self.place(key)).take(self.shards.len())
    }

    /// Does something with the shard of a handle and counts what it freed.
    fn at<T>(&self, key: &Handle, action: impl FnOnce(&mut Shard) -> T) -> Option<T> {
        self.shards.get(self.place(key)).map(|shard| self.counted(shard, action))
    }

    fn counted<T>(&self, shard: &Lock<Shard>, action: impl FnOnce(&mut Shard) -> T) -> T {
        let (result, freed) = shard.with(|shard| (action(shard), core::mem::take(&mut shard.freed)));
        if let Some(limit) = &self.limit
            && freed > 0
        {
            limit.release(freed);
        }
        result
    }
}

/// How many sessions there may be. A place is reserved before a session is put in and released after it went, so there
/// are never more.
struct Limit {
    sessions: usize,
    kept: Lock<usize>,
    looks: usize,
}

impl Limit {
    fn reserve(&self) -> bool {
        self.kept.with(|kept| {
            let room = *kept < self.sessions;
            *kept += usize::from(room);
            room
        })
    }

    fn release(&self, places: usize) {
        self.kept.with(|kept| *kept = kept.saturating_sub(places));
    }

    /// Reserves a place in a full store for a session with this login number.
    fn make_room(&self, store: &MemoryStore, key: &Handle, login: u32, now: Time) -> bool {
        let mut looks = self.looks;
        for shard in store.shards_from(key) {
            looks = looks.saturating_sub(store.counted(shard, |shard| shard.sweep(looks, now)));
            if self.reserve() {
                return true;
            }
            if looks == 0 {
                break;
            }
        }
        // the place of the evicted session is never released, so no other create can take it
        login > 0 && store.shards_from(key).any(|shard| shard.with(|shard| shard.evict(self.looks)))
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    /// Prints no session.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Store for MemoryStore {
    type Error = Infallible;
    type Index = Self;

    fn index(&self) -> Option<&Self> {
        Some(self)
    }

    fn touch_is_free(&self) -> bool {
        true
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, Self::Error> {
        Ok(self.at(key, |shard| shard.load(key, now, into)).unwrap_or(Load::Missing))
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, Self::Error> {
        if let Some(limit) = &self.limit
            && !limit.reserve()
        {
            if self.at(key, |shard| shard.login(key, now)).flatten().is_some() {
                return Ok(Outcome::Conflict(None));
            }
            // what was under this key and is over may have given its place
            if !limit.reserve() && !limit.make_room(self, key, Stamp::of_any(record).login, now) {
                return Ok(Outcome::Full);
            }
        }
        let outcome = self.at(key, |shard| shard.create(key, record, now)).unwrap_or(Outcome::Full);
        if let (Some(limit), Outcome::Conflict(_) | Outcome::Full) = (&self.limit, outcome) {
            limit.release(1);
        }
        Ok(outcome)
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, Self::Error> {
        Ok(self.at(key, |shard| shard.update(key, seen, record, now, there)).unwrap_or(Outcome::Missing))
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, Self::Error> {
        Ok(self.at(key, |shard| shard.touch(key, now)).unwrap_or(Outcome::Missing))
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, Self::Error> {
        let (outcome, gone) =
            self.at(key, |shard| shard.delete(key, condition, now)).unwrap_or((Outcome::Missing, None));
        if let Some((subject, entry)) = gone {
            self.indexed(&subject, |part| part.remove(&subject, &entry));
        }
        Ok(outcome)
    }

    async fn end_all(&self, _: Time) -> Result<bool, Self::Error> {
        // first the era: a login that began before it and is added before it has its record there by now
        self.era.with(|era| *era = era.saturating_add(1));
        for shard in &self.shards {
            self.counted(shard, Shard::clear);
        }
        Ok(true)
    }

    async fn count(&self, _: Time) -> Result<Option<u64>, Self::Error> {
        Ok(Some(self.len() as u64))
    }

    async fn remove_expired(&self, most: usize, now: Time) -> Result<Option<usize>, Self::Error> {
        let mut removed = 0;
        for shard in &self.shards {
            while removed < most && self.counted(shard, |shard| shard.remove_expired(now)) {
                removed += 1;
            }
        }
        Ok(Some(removed))
    }
}

impl SubjectIndex for MemoryStore {
    type Error = Infallible;

    async fn list(
        &self,
        subject: &SubjectId,
        after: u64,
        _: Time,
        into: &mut [IndexEntry],
    ) -> Result<Listing, Self::Error> {
        Ok(self.since_era(self.indexed(subject, |part| part.list(subject, after, into))))
    }

    async fn add(&self, subject: &SubjectId, seen: Epoch, entry: &IndexEntry, now: Time) -> Result<Added, Self::Error> {
        let Some(seen) = seen.0.checked_sub(self.era()).map(Epoch) else { return Ok(Added::Moved) };
        // a shard of records is locked within a part of the index, never the other way round
        let holds = |entry: &IndexEntry| self.holds(entry, now);
        Ok(self.indexed(subject, |part| Some(part.add(subject, seen, entry, now, holds))).unwrap_or(Added::Full))
    }

    async fn bump(&self, subject: &SubjectId, now: Time) -> Result<Listing, Self::Error> {
        Ok(self.since_era(self.indexed(subject, |part| part.bump(subject, now)).unwrap_or_default()))
    }

    async fn remove(&self, subject: &SubjectId, entry: &IndexEntry, _: Time) -> Result<(), Self::Error> {
        self.indexed(subject, |part| part.remove(subject, entry));
        Ok(())
    }
}

/// A lock between threads. A panic while it is held leaves a shard as it is after some step, which is a valid state.
#[cfg(feature = "std")]
struct Lock<T>(std::sync::Mutex<T>);

#[cfg(feature = "std")]
impl<T> Lock<T> {
    const fn new(value: T) -> Self {
        Self(std::sync::Mutex::new(value))
    }

    fn with<R>(&self, action: impl FnOnce(&mut T) -> R) -> R {
        action(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

/// No lock: one thread, and no action calls back.
#[cfg(not(feature = "std"))]
struct Lock<T>(core::cell::RefCell<T>);

#[cfg(not(feature = "std"))]
impl<T> Lock<T> {
    const fn new(value: T) -> Self {
        Self(core::cell::RefCell::new(value))
    }

    fn with<R>(&self, action: impl FnOnce(&mut T) -> R) -> R {
        action(&mut self.0.borrow_mut())
    }
}
