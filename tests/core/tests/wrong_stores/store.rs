//! A store in a map that keeps the contract, but for one mistake that it can be told to make.

use core::cell::{Cell, RefCell};
use core::future::poll_fn;
use core::task::Poll;
use session_core::environment::Time;
use session_core::record::{ENDS_AT, LAST_SEEN_AT, MIN_LEN, Stamp};
use session_core::store::{DeleteCondition, Found, Handle, Load, Outcome, Store, Version};
use session_core::subject::{Added, Epoch, IndexEntry, Listing, SubjectId, SubjectIndex};
use std::collections::BTreeMap;

/// How a store differs from the plain one. The first five are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Plain,
    VersionsAreCounted,
    ConflictsTellNothing,
    EveryCallWaits,
    TwoPlaces,

    LoadInvents,
    BytesEndAtZero,
    LinesAreTrimmed,
    CreateReplaces,
    CreateTellsNothing,
    DeleteForgetsTo,
    UpdateLeavesTheTail,
    UpdateCutsToTheOldLength,
    UpdateIgnoresTheVersion,
    VersionsAreFloats,
    VersionsHave63Bits,
    VersionsHave32Bits,
    ConflictTellsMine,
    UpdateCreates,
    VersionsAreOfTheData,
    LoadCuts,
    LoadTellsTheBuffer,
    HandlesLoseTheirFirstByte,
    HandlesLoseTheirLastByte,
    HandlesHave63Bits,
    FullIsAnError,
    FullKeepsIt,
    FullTakesAPlace,
    FullIsAConflict,
    TakesThreeHundredBytes,
    TooLargeIsAnError,
    TooLargeIsCut,
    TooLargeIsKept,
    TooLargeDropsTheOld,
    TooLargeTellsMore,
    DeleteIgnoresTheVersion,
    DeleteIgnoresTheLogin,
    LoginIsThatOfTheVersionCreated,
    LoginsHave31Bits,
    AnonymousHasNoLogin,
    DeleteInvents,
    IdleIsIgnored,
    AbsoluteIsIgnored,
    OverOneMillisecondLate,
    OverOneMillisecondEarly,
    OverAtWholeSeconds,
    TooLargeEvenWhenOver,
    WithoutIdleLimitIsOver,
    CreateIsRefusedByTheDead,
    TouchCreates,
    TouchInvents,
    TouchRevives,
    TouchPutsOffTheEnd,
    TouchDoesNothing,
    TouchMovesBack,
    TouchCounts,
    UpdateRevives,
    UpdateComparesBeforeItLooksAtTheEnd,
    UpdateMovesBack,
    UpdateKeepsTheOldLastSeen,
    UpdateKeepsTheOldLimits,
    UpdateKeepsTheOldLogin,
    DeleteLeavesTheDead,
    CreateLooksThenWrites,
    UpdateLooksThenWrites,
    UpdateWritesWhatIsGone,
    UpdateWritesInTwoSteps,
    CheckFails,
    ListShowsAnything,
    ListIgnoresThePage,
    ListIsUnordered,
    AddTwice,
    AddKeepsTheOldLogin,
    AddTakesTheOlderLogin,
    AddIgnoresTheEpoch,
    BumpGoesByTheClockAlone,
    BumpForgetsTheLast,
    RemoveIgnoresTheLogin,
    SubjectsLoseTheirLastByte,
    NeverWaitsButAtLoads,
    NeverWaitsButAtConflicts,
    NeverWaitsButInTheIndex,
    NeverWaitsButAtEndAll,
}

use Way::*;

#[derive(Clone)]
struct Kept {
    record: Vec<u8>,
    version: Version,
    login: u32,
    idle: u64,
    ends: u64,
    created: Version,
}

type Subjects = BTreeMap<[u8; 16], (Epoch, Vec<IndexEntry>)>;

pub(crate) struct WrongStore {
    way: Way,
    kept: RefCell<BTreeMap<[u8; 8], Kept>>,
    count: Cell<u64>,
    subjects: RefCell<Subjects>,
}

impl WrongStore {
    pub(crate) fn new(way: Way) -> Self {
        Self { way, kept: RefCell::default(), count: Cell::new(1 << 40), subjects: RefCell::default() }
    }

    fn is(&self, way: Way) -> bool {
        self.way == way
    }

    fn key(&self, key: &Handle) -> [u8; 8] {
        let mut bytes = *key.as_bytes();
        match self.way {
            HandlesLoseTheirFirstByte => bytes[0] = 0,
            HandlesLoseTheirLastByte => bytes[7] = 0,
            HandlesHave63Bits => bytes[7] &= 0x7f,
            _ => {}
        }
        bytes
    }

    fn get(&self, key: &Handle) -> Option<Kept> {
        self.kept.borrow().get(&self.key(key)).cloned()
    }

    fn put(&self, key: &Handle, kept: Kept) -> Outcome {
        let version = kept.version;
        self.kept.borrow_mut().insert(self.key(key), kept);
        Outcome::Applied(version)
    }

    fn live(&self, kept: &Kept, now: Time) -> bool {
        let seen = Stamp::of(&kept.record).unwrap().last_seen.millis();
        let idle = match kept.idle {
            0 if self.is(WithoutIdleLimitIsOver) => seen,
            0 => u64::MAX,
            _ if self.is(IdleIsIgnored) => u64::MAX,
            idle => seen + idle,
        };
        let ends = if kept.ends == 0 || self.is(AbsoluteIsIgnored) { u64::MAX } else { kept.ends };
        let end = idle.min(ends);
        let end = match self.way {
            OverOneMillisecondLate => end.saturating_add(1),
            OverOneMillisecondEarly => end - 1,
            OverAtWholeSeconds => end.div_ceil(1000).saturating_mul(1000),
            _ => end,
        };
        now.millis() < end
    }

    fn has_room(&self, now: Time) -> bool {
        let limited = matches!(self.way, TwoPlaces | FullIsAnError | FullKeepsIt | FullTakesAPlace | FullIsAConflict);
        !limited || self.kept.borrow().values().filter(|kept| self.live(kept, now)).count() < 2
    }

    /// What is kept of a new record.
    fn keep(&self, record: &[u8]) -> Kept {
        let stamp = Stamp::of(record).unwrap();
        let (head, data) = record.split_at(MIN_LEN);
        let data = match self.way {
            BytesEndAtZero => data.split(|byte| *byte == 0).next().unwrap(),
            LinesAreTrimmed => data.strip_suffix(b"\n\x00").unwrap_or(data),
            _ => data,
        };
        let version = match self.way {
            VersionsAreCounted => {
                self.count.set(self.count.get() + 1);
                Version(self.count.get())
            }
            VersionsAreOfTheData => Version(data.iter().fold(0, |sum, byte| sum.wrapping_mul(31) ^ u64::from(*byte))),
            _ => stamp.version,
        };
        let record = [head, data].concat();
        Kept { record, version, login: stamp.login, idle: stamp.idle, ends: stamp.ends, created: version }
    }

    fn same(&self, seen: Version, there: Version) -> bool {
        match self.way {
            UpdateIgnoresTheVersion => true,
            VersionsAreFloats => seen.0 as f64 == there.0 as f64,
            VersionsHave63Bits => seen.0 << 1 == there.0 << 1,
            VersionsHave32Bits => seen.0 as u32 == there.0 as u32,
            _ => seen == there,
        }
    }

    fn matches(&self, condition: DeleteCondition, there: &Kept) -> bool {
        match condition {
            DeleteCondition::Any => true,
            DeleteCondition::Version(version) => version == there.version || self.is(DeleteIgnoresTheVersion),
            DeleteCondition::Login(login) => match self.way {
                DeleteIgnoresTheLogin => true,
                LoginIsThatOfTheVersionCreated => login == there.login && there.version == there.created,
                LoginsHave31Bits => login << 1 == there.login << 1,
                AnonymousHasNoLogin => login == there.login && login != 0,
                _ => login == there.login,
            },
        }
    }

    /// What an update makes of the old record.
    fn merge(&self, old: &Kept, record: &[u8]) -> Kept {
        let mut new = Kept { created: old.created, ..self.keep(record) };
        let seen = Stamp::of(&old.record).unwrap().last_seen;
        match self.way {
            UpdateMovesBack => {}
            UpdateKeepsTheOldLastSeen => set_last_seen(&mut new.record, seen),
            _ => Stamp::touch(&mut new.record, seen),
        }
        match self.way {
            UpdateLeavesTheTail if old.record.len() > new.record.len() => {
                new.record.extend_from_slice(&old.record[new.record.len()..]);
            }
            UpdateCutsToTheOldLength => new.record.truncate(old.record.len()),
            UpdateKeepsTheOldLimits => (new.idle, new.ends) = (old.idle, old.ends),
            UpdateKeepsTheOldLogin => new.login = old.login,
            _ => {}
        }
        new
    }
}

fn set_last_seen(record: &mut [u8], seen: Time) {
    record[LAST_SEEN_AT..][..6].copy_from_slice(&seen.millis().to_le_bytes()[..6]);
}

fn copy(kept: &Kept, into: &mut [u8]) -> Option<Found> {
    into.get_mut(..kept.record.len())?.copy_from_slice(&kept.record);
    Some(Found { len: kept.record.len(), version: kept.version })
}

async fn wait() {
    let mut waited = false;
    poll_fn(|context| {
        context.waker().wake_by_ref();
        if core::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

impl WrongStore {
    fn subject<T>(&self, subject: &SubjectId, action: impl FnOnce(&mut Epoch, &mut Vec<IndexEntry>) -> T) -> T {
        let mut id = *subject.as_bytes();
        if self.is(SubjectsLoseTheirLastByte) {
            id = [0; 16];
        }
        let mut subjects = self.subjects.borrow_mut();
        let (epoch, entries) = subjects.entry(id).or_default();
        action(epoch, entries)
    }

    /// What one that takes no more than 300 bytes says of a larger record.
    fn too_large(&self, key: &Handle, record: &[u8]) -> Option<Result<Outcome, &'static str>> {
        let (need, have) = (record.len(), 300);
        let limited = matches!(
            self.way,
            TakesThreeHundredBytes
                | TooLargeIsAnError
                | TooLargeIsCut
                | TooLargeIsKept
                | TooLargeDropsTheOld
                | TooLargeTellsMore
        );
        if !limited || need <= have {
            return None;
        }
        match self.way {
            TooLargeIsAnError => return Some(Err("too large")),
            TooLargeIsCut => return Some(Ok(self.put(key, self.keep(&record[..have])))),
            TooLargeIsKept => drop(self.put(key, self.keep(record))),
            TooLargeDropsTheOld => drop(self.kept.borrow_mut().remove(&self.key(key))),
            TooLargeTellsMore => return Some(Ok(Outcome::TooLarge { need, have: have + 100 })),
            _ => {}
        }
        Some(Ok(Outcome::TooLarge { need, have }))
    }

    fn last(&self, entries: &[IndexEntry]) -> u64 {
        entries.iter().map(|entry| entry.order).max().unwrap_or(0)
    }
}

impl SubjectIndex for WrongStore {
    type Error = &'static str;

    async fn list(
        &self,
        subject: &SubjectId,
        after: u64,
        _: Time,
        into: &mut [IndexEntry],
    ) -> Result<Listing, Self::Error> {
        Ok(self.subject(subject, |epoch, entries| {
            let mut shown: Vec<_> = entries.iter().filter(|entry| entry.order > after).copied().collect();
            match self.way {
                ListShowsAnything if entries.is_empty() => shown.push(IndexEntry { order: 1, ..IndexEntry::NONE }),
                ListIgnoresThePage => shown = entries.clone(),
                ListIsUnordered => shown.sort_by_key(|entry| entry.login),
                _ => {}
            }
            let count = into.iter_mut().zip(shown).map(|(place, entry)| *place = entry).count();
            Listing { epoch: *epoch, last: self.last(entries), entries: count }
        }))
    }

    async fn add(&self, subject: &SubjectId, seen: Epoch, entry: &IndexEntry, _: Time) -> Result<Added, Self::Error> {
        Ok(self.subject(subject, |epoch, entries| {
            if *epoch != seen && !self.is(AddIgnoresTheEpoch) {
                return Added::Moved;
            }
            let newer = |old: &IndexEntry| old.handle == entry.handle && old.login > entry.login;
            let there = |old: &IndexEntry| old.is(entry) || newer(old) && !self.is(AddTakesTheOlderLogin);
            if entries.iter().any(there) && !self.is(AddTwice) {
                return Added::Applied;
            }
            if !matches!(self.way, AddKeepsTheOldLogin | AddTwice) {
                entries.retain(|old| old.handle != entry.handle);
            }
            self.count.set(self.count.get() + 1);
            entries.push(IndexEntry { order: self.count.get(), ..*entry });
            Added::Applied
        }))
    }

    async fn bump(&self, subject: &SubjectId, now: Time) -> Result<Listing, Self::Error> {
        if self.is(NeverWaitsButInTheIndex) {
            wait().await;
        }
        Ok(self.subject(subject, |epoch, entries| {
            *epoch = if self.is(BumpGoesByTheClockAlone) { Epoch(now.millis()) } else { epoch.next(now) };
            let last = if self.is(BumpForgetsTheLast) { 0 } else { self.last(entries) };
            Listing { epoch: *epoch, last, entries: 0 }
        }))
    }

    async fn remove(&self, subject: &SubjectId, entry: &IndexEntry, _: Time) -> Result<(), Self::Error> {
        self.subject(subject, |_, entries| {
            entries.retain(|old| !old.is(entry) && (old.handle != entry.handle || !self.is(RemoveIgnoresTheLogin)));
        });
        Ok(())
    }
}

impl Store for WrongStore {
    type Error = &'static str;
    type Index = Self;

    fn index(&self) -> Option<&Self> {
        Some(self)
    }

    fn never_waits(&self) -> bool {
        matches!(
            self.way,
            Plain | NeverWaitsButAtLoads | NeverWaitsButAtConflicts | NeverWaitsButInTheIndex | NeverWaitsButAtEndAll
        )
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, Self::Error> {
        if matches!(self.way, EveryCallWaits | NeverWaitsButAtLoads) {
            wait().await;
        }
        let there =
            self.get(key).filter(|kept| self.live(kept, now) || self.is(TooLargeEvenWhenOver) && into.is_empty());
        let Some(mut kept) = there else {
            let nothing = Found { len: 0, version: Version(0) };
            return Ok(if self.is(LoadInvents) { Load::Found(nothing) } else { Load::Missing });
        };
        let size = kept.record.len();
        match self.way {
            LoadCuts => kept.record.truncate(into.len()),
            LoadTellsTheBuffer if into.len() < size => return Ok(Load::TooLarge { size: into.len() }),
            _ => {}
        }
        Ok(copy(&kept, into).map_or(Load::TooLarge { size }, Load::Found))
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, Self::Error> {
        if self.is(EveryCallWaits) {
            wait().await;
        }
        if let Some(too_large) = self.too_large(key, record) {
            return too_large;
        }
        let taken = self.get(key).is_some_and(|kept| self.live(&kept, now) || self.is(CreateIsRefusedByTheDead));
        if self.is(CreateLooksThenWrites) {
            wait().await;
        }
        if taken && !self.is(CreateReplaces) {
            let there = Outcome::Applied(self.get(key).unwrap().version);
            return Ok(if self.is(CreateTellsNothing) { there } else { Outcome::Conflict(None) });
        }
        if !taken && !self.has_room(now) {
            match self.way {
                FullIsAnError => return Err("no room"),
                FullIsAConflict => return Ok(Outcome::Conflict(None)),
                FullKeepsIt => drop(self.put(key, self.keep(record))),
                FullTakesAPlace => self.kept.borrow_mut().clear(),
                _ => {}
            }
            return Ok(Outcome::Full);
        }
        Ok(self.put(key, self.keep(record)))
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, Self::Error> {
        if self.is(EveryCallWaits) {
            wait().await;
        }
        let Some(old) = self.get(key) else {
            return Ok(if self.is(UpdateCreates) { self.put(key, self.keep(record)) } else { Outcome::Missing });
        };
        let (live, same) = (self.live(&old, now) || self.is(UpdateRevives), self.same(seen, old.version));
        if !live && (same || !self.is(UpdateComparesBeforeItLooksAtTheEnd)) {
            return Ok(Outcome::Missing);
        }
        if !same {
            if self.is(NeverWaitsButAtConflicts) {
                wait().await;
            }
            let told = if self.is(ConflictTellsMine) { self.keep(record) } else { old };
            return Ok(Outcome::Conflict(if self.is(ConflictsTellNothing) { None } else { copy(&told, there) }));
        }
        if let Some(too_large) = self.too_large(key, record) {
            return too_large;
        }
        let new = self.merge(&old, record);
        if self.is(UpdateWritesInTwoSteps) {
            let mut half = new.clone();
            half.record.truncate(MIN_LEN);
            self.put(key, half);
        }
        if matches!(self.way, UpdateLooksThenWrites | UpdateWritesWhatIsGone | UpdateWritesInTwoSteps) {
            wait().await;
        }
        match self.get(key) {
            None if !self.is(UpdateWritesWhatIsGone) => Ok(Outcome::Missing),
            Some(now) if self.is(UpdateWritesWhatIsGone) && now.version != seen => Ok(Outcome::Conflict(None)),
            _ => Ok(self.put(key, new)),
        }
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, Self::Error> {
        if self.is(EveryCallWaits) {
            wait().await;
        }
        let Some(mut kept) = self.get(key).filter(|kept| self.live(kept, now) || self.is(TouchRevives)) else {
            return Ok(match self.way {
                TouchInvents => Outcome::Applied(Version(0)),
                TouchCreates if self.get(key).is_none() => {
                    let mut empty = [0; MIN_LEN];
                    empty[0] = session_core::record::FORMAT;
                    self.put(key, self.keep(&empty));
                    Outcome::Missing
                }
                _ => Outcome::Missing,
            });
        };
        match self.way {
            TouchDoesNothing => {}
            TouchMovesBack => set_last_seen(&mut kept.record, now),
            _ => Stamp::touch(&mut kept.record, now),
        }
        match self.way {
            TouchPutsOffTheEnd if kept.ends != 0 => {
                kept.ends = now.millis() + 600_000;
                kept.record[ENDS_AT..][..6].copy_from_slice(&kept.ends.to_le_bytes()[..6]);
            }
            TouchCounts => kept.version = Version(kept.version.0.wrapping_add(1)),
            _ => {}
        }
        Ok(self.put(key, kept))
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, Self::Error> {
        if self.is(EveryCallWaits) {
            wait().await;
        }
        let Some(kept) = self.get(key).filter(|kept| self.live(kept, now) || !self.is(DeleteLeavesTheDead)) else {
            return Ok(if self.is(DeleteInvents) { Outcome::Applied(Version(0)) } else { Outcome::Missing });
        };
        if !self.matches(condition, &kept) {
            return Ok(Outcome::Conflict(None));
        }
        if !self.is(DeleteForgetsTo) {
            self.kept.borrow_mut().remove(&self.key(key));
        }
        Ok(Outcome::Applied(kept.version))
    }

    async fn end_all(&self, _: Time) -> Result<bool, Self::Error> {
        if self.is(NeverWaitsButAtEndAll) {
            wait().await;
        }
        Ok(false)
    }

    async fn check(&self, _: Time) -> Result<(), Self::Error> {
        if self.is(CheckFails) { Err("does not answer") } else { Ok(()) }
    }
}
