//! The store with a heap: shards, their locks, and the limit that they share.

use crate::index::Part;
use crate::lock::Lock;
use crate::quota::{Bytes, Freed, LOOKS, MAX_BYTES, Places};
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
/// Sessions on the heap, of up to 256 MiB of records or another limit.
///
/// With the feature `std` any number of threads can share it, without it only one. An operation waits only for other
/// threads at the same shard. A future that is dropped before its first poll changes nothing. Otherwise its operation
/// is complete.
pub struct MemoryStore {
    shards: Box<[Lock<Shard>]>,
    index: Box<[Lock<Part>]>,
    /// How often all sessions were ended. This is added to each subject's epoch.
    era: Lock<u64>,
    places: Option<Places>,
    bytes: Bytes,
}

impl MemoryStore {
    /// Creates a store without a limit on the number of sessions. Their records take at most 256 MiB together
    /// ([`with_max_bytes`](Self::with_max_bytes)). Memory of expired sessions is reused and not returned to the
    /// allocator.
    #[must_use]
    pub fn new() -> Self {
        Self::with_shards(SHARDS, None)
    }

    /// Creates a store of at most `sessions` sessions. At most three quarters of them, rounded up, may be anonymous
    /// ([`with_max_anonymous`](Self::with_max_anonymous)).
    ///
    /// When the store is full, a create removes an expired session. If there is none, an anonymous session is rejected
    /// with [`Outcome::Full`], and a signed-in session evicts the least recently seen anonymous one. A signed-in
    /// session is never evicted.
    ///
    /// Up to 1024 sessions all this is exact. In a larger store, a create looks at 1024 sessions, and the next create
    /// at the following ones. An expired session is then found a little later, and the evicted session is the least
    /// recently seen of those 1024. A signed-in session is rejected only if the whole store has no anonymous one.
    #[must_use]
    pub fn with_max_sessions(sessions: usize) -> Self {
        let places = Places::new(sessions);
        Self::with_shards(if places.exact() { 1 } else { SHARDS }, Some(places))
    }

    /// Sets how many sessions may be anonymous, so that visitors cannot fill the store. Signed-in sessions may use
    /// every place. The default is three quarters of [`with_max_sessions`](Self::with_max_sessions), and no limit
    /// without that. Call it before the store has sessions.
    #[must_use]
    pub fn with_max_anonymous(self, sessions: usize) -> Self {
        let mut places = self.places.unwrap_or_else(|| Places::new(usize::MAX));
        places.anonymous = sessions;
        Self { places: Some(places), ..self }
    }

    /// Sets how many bytes all records may take together. The default is 256 MiB. Handles and the table are not
    /// counted: a small session takes about 40 bytes more on the heap.
    ///
    /// If a new or growing session has no room, expired sessions are removed, and a signed-in session also evicts the
    /// least recently seen anonymous ones. If that is not enough, the result is [`Outcome::Full`], or
    /// [`Outcome::TooLarge`] if the record exceeds the limit by itself. Call it before the store has sessions.
    #[must_use]
    pub fn with_max_bytes(self, bytes: usize) -> Self {
        Self { bytes: Bytes::new(bytes), ..self }
    }

    /// Returns the bytes of all stored records.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.kept()
    }

    /// Returns the number of stored sessions. An expired session counts until it is found and its memory is reused.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.with(|shard| shard.len())).sum()
    }

    /// Returns whether no session is stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn with_shards(shards: usize, places: Option<Places>) -> Self {
        let index = core::iter::repeat_with(|| Lock::new(Part::default())).take(shards.div_ceil(8)).collect();
        let shards = core::iter::repeat_with(|| Lock::new(Shard::default())).take(shards).collect();
        Self { shards, index, era: Lock::new(0), places, bytes: Bytes::new(MAX_BYTES) }
    }

    /// Applies a function to the part of the index that has this subject.
    fn indexed<T: Default>(&self, subject: &SubjectId, action: impl FnOnce(&mut Part) -> T) -> T {
        let [.., bits] = *subject.as_bytes();
        let part = self.index.get(usize::from(bits) % self.index.len().max(1));
        part.map(|part| part.with(action)).unwrap_or_default()
    }

    fn era(&self) -> u64 {
        self.era.with(|era| *era)
    }

    /// The index's answer, with the era in its epoch.
    fn since_era(&self, listing: Listing) -> Listing {
        Listing { epoch: Epoch(listing.epoch.0.saturating_add(self.era())), ..listing }
    }

    /// Whether the session of an entry exists.
    fn holds(&self, entry: &IndexEntry, now: Time) -> bool {
        self.at(&entry.handle, |shard| shard.login(&entry.handle, now)) == Some(Some(entry.login))
    }

    /// The place of the shard of this handle. The hash table does not use the bits that choose it.
    fn place(&self, key: &Handle) -> usize {
        let [.., bits, _] = *key.as_bytes();
        usize::from(bits) % self.shards.len().max(1)
    }

    /// The shards, the one of this handle first.
    fn shards_from(&self, key: &Handle) -> impl Iterator<Item = &Lock<Shard>> {
        self.shards.iter().cycle().skip(self.place(key)).take(self.shards.len())
    }

    /// Applies a function to the shard of a handle and counts what it freed.
    fn at<T>(&self, key: &Handle, action: impl FnOnce(&mut Shard) -> T) -> Option<T> {
        self.shards.get(self.place(key)).map(|shard| self.counted(shard, action))
    }

    fn counted<T>(&self, shard: &Lock<Shard>, action: impl FnOnce(&mut Shard) -> T) -> T {
        let (result, freed) = shard.with(|shard| {
            let result = action(shard);
            (result, if shard.freed.nothing() { None } else { Some(core::mem::take(&mut shard.freed)) })
        });
        if let Some(freed) = freed {
            self.release(&freed);
        }
        result
    }
}

/// The behavior of a full store.
impl MemoryStore {
    /// How many sessions a search for room looks at.
    fn looks(&self) -> usize {
        if self.shards.len() == 1 { usize::MAX } else { LOOKS }
    }

    /// Even an empty store has no room.
    fn too_large(&self, record: &[u8]) -> Outcome {
        Outcome::TooLarge { need: record.len(), have: self.bytes.most }
    }

    /// Reserves the space of a session.
    fn reserve(&self, anonymous: bool, bytes: usize) -> bool {
        if self.places.as_ref().is_some_and(|places| !places.reserve(anonymous)) {
            return false;
        }
        let room = self.bytes.reserve(bytes);
        if !room {
            self.release(&Freed { sessions: 1, anonymous: anonymous.into(), bytes: 0 });
        }
        room
    }

    fn release(&self, freed: &Freed) {
        self.bytes.release(freed.bytes);
        if let Some(places) = &self.places {
            places.release(freed.sessions, freed.anonymous);
        }
    }

    /// Reserves in a full store: removes expired sessions and, for a signed-in one, those of visitors.
    fn make_room(&self, key: &Handle, anonymous: bool, bytes: usize, now: Time) -> bool {
        let mut looks = self.looks();
        for shard in self.shards_from(key) {
            looks = looks.saturating_sub(self.counted(shard, |shard| shard.sweep(looks, now)));
            if self.reserve(anonymous, bytes) {
                return true;
            }
            if looks == 0 {
                break;
            }
        }
        if anonymous {
            return false;
        }
        // the place of the first removed session is never released, so that no other create can take it
        let mut place = self.places.as_ref().is_none_or(|places| places.reserve(false));
        while !place || !self.bytes.reserve(bytes) {
            if !self.evict(key) {
                self.release(&Freed { sessions: place.into(), ..Freed::default() });
                return false;
            }
            self.release(&Freed { sessions: place.into(), ..Freed::default() });
            place = true;
        }
        true
    }

    /// Removes the least recently seen session of a visitor, except that under `key`. Keeps its place.
    fn evict(&self, key: &Handle) -> bool {
        self.shards_from(key).any(|shard| self.counted(shard, |shard| shard.evict(self.looks(), key)))
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

    fn never_waits(&self) -> bool {
        true
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, Self::Error> {
        Ok(self.at(key, |shard| shard.load(key, now, into)).unwrap_or(Load::Missing))
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, Self::Error> {
        let (anonymous, bytes) = (Stamp::is_anonymous(record), record.len());
        if bytes > self.bytes.most {
            return Ok(self.too_large(record));
        }
        if !self.reserve(anonymous, bytes) {
            if self.at(key, |shard| shard.login(key, now)).flatten().is_some() {
                return Ok(Outcome::Conflict(None));
            }
            // an expired session under this key may have freed its place
            if !self.reserve(anonymous, bytes) && !self.make_room(key, anonymous, bytes, now) {
                return Ok(Outcome::Full);
            }
        }
        let outcome = self.at(key, |shard| shard.create(key, record, now)).unwrap_or(Outcome::Full);
        if let Outcome::Conflict(_) | Outcome::Full = outcome {
            self.release(&Freed { sessions: 1, anonymous: anonymous.into(), bytes });
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
        let mut swept = false;
        loop {
            let update = |shard: &mut Shard| shard.update(key, seen, record, now, there, &self.bytes);
            let outcome = self.at(key, update).unwrap_or(Outcome::Missing);
            if outcome != Outcome::Full {
                return Ok(outcome);
            }
            if record.len() > self.bytes.most {
                return Ok(self.too_large(record));
            }
            if !core::mem::replace(&mut swept, true) {
                let mut looks = self.looks();
                for shard in self.shards_from(key) {
                    looks = looks.saturating_sub(self.counted(shard, |shard| shard.sweep(looks, now)));
                }
            } else if Stamp::is_anonymous(record) || !self.evict(key) {
                return Ok(outcome);
            } else {
                self.release(&Freed { sessions: 1, ..Freed::default() });
            }
        }
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, Self::Error> {
        Ok(self.at(key, |shard| shard.touch(key, now)).unwrap_or(Outcome::Missing))
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, _: Time) -> Result<Outcome, Self::Error> {
        let (outcome, gone) = self.at(key, |shard| shard.delete(key, condition)).unwrap_or((Outcome::Missing, None));
        if let Some((subject, entry)) = gone {
            self.indexed(&subject, |part| part.remove(&subject, &entry));
        }
        Ok(outcome)
    }

    async fn end_all(&self, _: Time) -> Result<bool, Self::Error> {
        // first the era: a login that was added before it has its record by now
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
        // a shard of records is locked within a part of the index, never vice versa
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
