//! The one store and clock of an exploration, and the gate at which every store call waits until the search lets it pass.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::task::Poll;

use session_core::environment::{Clock, Time};
use session_core::store::{DeleteCondition, Found, Handle, Load, Outcome, Store, Version};
use session_core::subject::{Added, Epoch, IndexEntry, Listing, SubjectId, SubjectIndex};
use session_core::testing::ManualClock;

use crate::protocol::monitor::{Monitor, Write};
use crate::protocol::record::{HandleBytes, Record};

/// What becomes of a store call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Grant {
    /// It is done and answered.
    Pass,
    /// It is done, but the answer is lost.
    LoseAnswer,
    /// It is not done, and an error is the answer.
    Fail,
    /// It is done, and the request does not live to hear of it.
    Vanish,
}

/// The two kinds of store that there are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Kind {
    /// As memory: a conflict brings the record, versions are the records' own, touching is free.
    Memory,
    /// As memcached: a conflict brings nothing, versions are the medium's, touching costs a write, nothing is listed.
    Cache,
    /// As memory, and a subject may have one session only.
    Capped,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Memory, Self::Cache, Self::Capped];

    pub(crate) fn is_memory(self) -> bool {
        self != Self::Cache
    }
}

/// The store call that a request waits for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Call {
    Load,
    Create,
    Update,
    Touch,
    Delete,
    List,
    Add,
    Bump,
    Unlist,
}

impl Call {
    /// Changes nothing, so that it does not matter whether it was done.
    pub(crate) fn only_reads(self) -> bool {
        matches!(self, Self::Load | Self::List)
    }
}

/// What the index has of a subject: epoch, last order, and the handles, login numbers and orders.
#[derive(Clone, Default, Hash)]
struct Subject {
    epoch: u64,
    last: u64,
    entries: Vec<(HandleBytes, u32, u64)>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Slot {
    bytes: Vec<u8>,
    counter: u64,
}

/// What the search can copy and hash; what cannot be copied, the requests under way, is built anew by replay.
#[derive(Clone, Hash)]
pub(crate) struct State {
    slots: BTreeMap<HandleBytes, Slot>,
    subjects: BTreeMap<[u8; 16], Subject>,
    counter: u64,
    pub(crate) monitor: Monitor,
    /// All that each request has heard, which is all that it knows.
    pub(crate) heard: Vec<Vec<u64>>,
}

pub(crate) struct World {
    pub(crate) kind: Kind,
    pub(crate) clock: ManualClock,
    pub(crate) state: RefCell<State>,
    gate: RefCell<Gate>,
}

/// Whose turn it is, who waits, and what was granted.
#[derive(Default)]
struct Gate {
    current: usize,
    waiting: Vec<Option<Call>>,
    granted: Option<Grant>,
}

impl World {
    pub(crate) fn new(kind: Kind) -> Self {
        let (slots, subjects) = (BTreeMap::new(), BTreeMap::new());
        let state = State { slots, subjects, counter: 0, monitor: Monitor::new(kind), heard: Vec::new() };
        Self { kind, clock: ManualClock::new(), state: RefCell::new(state), gate: RefCell::default() }
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now().millis()
    }

    /// Back to a state of the past, for `requests` requests that have not begun.
    pub(crate) fn restore(&self, state: &State, now: u64, requests: usize) {
        self.clock.set(Time::from_millis(now));
        let mut copy = state.clone();
        copy.heard = vec![Vec::new(); requests];
        *self.state.borrow_mut() = copy;
        *self.gate.borrow_mut() = Gate { waiting: vec![None; requests], ..Gate::default() };
    }

    /// From now on calls are those of request `id`, and its next one gets `grant`.
    pub(crate) fn turn(&self, id: usize, grant: Option<Grant>) {
        let mut gate = self.gate.borrow_mut();
        (gate.current, gate.granted) = (id, grant);
        gate.waiting[id] = None;
    }

    /// The call at which request `id` stands.
    pub(crate) fn waits_for(&self, id: usize) -> Option<Call> {
        self.gate.borrow().waiting[id]
    }

    fn current(&self) -> usize {
        self.gate.borrow().current
    }

    /// Request `id` has gone through its load; `answered` if the store had something to say.
    pub(crate) fn loaded(&self, id: usize, accepted: bool, answered: bool) {
        let now = self.now();
        let mut state = self.state.borrow_mut();
        let State { slots, monitor, .. } = &mut *state;
        monitor.loaded(id, accepted, |handle| slots.get(&handle).map(|slot| Record::parse(&slot.bytes)), now);
        if answered {
            monitor.refused(id, accepted, now);
        }
    }

    pub(crate) fn record(&self, handle: HandleBytes) -> Option<Record> {
        self.state.borrow().slots.get(&handle).map(|slot| Record::parse(&slot.bytes))
    }
}

/// The store as the library sees it.
#[derive(Clone, Copy)]
pub(crate) struct Port(pub(crate) &'static World);

/// The answer was lost, or the call did not go through.
#[derive(Debug)]
pub(crate) struct Lost;

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no answer")
    }
}

impl Port {
    /// Waits for its turn; then does `act` on the state, as granted.
    async fn pass<T>(&self, call: Call, act: impl FnOnce(&mut State, usize) -> (T, u64)) -> Result<T, Lost> {
        let world = self.0;
        let mut asked = false;
        let grant = poll_fn(|_| {
            let mut gate = world.gate.borrow_mut();
            if asked && let Some(grant) = gate.granted.take() {
                return Poll::Ready(grant);
            }
            asked = true;
            let current = gate.current;
            gate.waiting[current] = Some(call);
            Poll::Pending
        });
        let grant = grant.await;
        let (id, now) = (world.current(), world.now());
        let done = (grant != Grant::Fail).then(|| act(&mut world.state.borrow_mut(), id));
        if grant == Grant::Vanish {
            std::future::pending().await
        }
        let mut state = world.state.borrow_mut();
        let Some((answer, digest)) = done.filter(|_| grant == Grant::Pass) else {
            state.heard[id].extend([u64::MAX, now]);
            return Err(Lost);
        };
        state.heard[id].extend([digest, now]);
        Ok(answer)
    }

    fn version(&self, slot: &Slot) -> Version {
        match self.0.kind {
            Kind::Memory | Kind::Capped => Version(Record::parse(&slot.bytes).version),
            Kind::Cache => Version(slot.counter),
        }
    }

    fn live(slot: Option<&Slot>, now: Time) -> Option<&Slot> {
        slot.filter(|slot| Record::parse(&slot.bytes).live(now.millis()))
    }

    fn found(&self, slot: &Slot, into: &mut [u8]) -> Found {
        into[..slot.bytes.len()].copy_from_slice(&slot.bytes);
        Found { len: slot.bytes.len(), version: self.version(slot) }
    }
}

fn digest(value: &impl std::hash::Hash) -> u64 {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
    BuildHasherDefault::<DefaultHasher>::default().hash_one(value)
}

const MISSING: u64 = 1;
const APPLIED: u64 = 2;
const CONFLICT: u64 = 3;

impl Store for Port {
    type Error = Lost;
    type Index = Self;

    fn index(&self) -> Option<&Self> {
        self.0.kind.is_memory().then_some(self)
    }

    fn touch_is_free(&self) -> bool {
        self.0.kind.is_memory()
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, Lost> {
        self.pass(Call::Load, |state, _| match Self::live(state.slots.get(key.as_bytes()), now) {
            None => (Load::Missing, MISSING),
            Some(slot) => (Load::Found(self.found(slot, into)), digest(slot)),
        })
        .await
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, Lost> {
        self.pass(Call::Create, |state, id| {
            if Self::live(state.slots.get(key.as_bytes()), now).is_some() {
                return (Outcome::Conflict(None), CONFLICT);
            }
            state.counter += 1;
            let slot = Slot { bytes: record.to_vec(), counter: state.counter };
            let version = self.version(&slot);
            state.slots.insert(*key.as_bytes(), slot);
            let write = Write { id, handle: *key.as_bytes(), old: None, new: Some(Record::parse(record)) };
            state.monitor.wrote(write, now.millis(), self.0.now());
            (Outcome::Applied(version), APPLIED)
        })
        .await
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, Lost> {
        self.pass(Call::Update, |state, id| {
            let Some(slot) = Self::live(state.slots.get(key.as_bytes()), now) else {
                return (Outcome::Missing, MISSING);
            };
            if self.version(slot) != seen {
                let brings = self.0.kind.is_memory();
                let answer = digest(slot);
                let found = brings.then(|| self.found(slot, there));
                return (Outcome::Conflict(found), if brings { answer } else { CONFLICT });
            }
            let old = Record::parse(&slot.bytes);
            let mut bytes = record.to_vec();
            keep_later_last_seen(&mut bytes, old.last_seen);
            let new = Record::parse(&bytes);
            state.counter += 1;
            let slot = Slot { bytes, counter: state.counter };
            let version = self.version(&slot);
            state.slots.insert(*key.as_bytes(), slot);
            let write = Write { id, handle: *key.as_bytes(), old: Some(old), new: Some(new) };
            state.monitor.wrote(write, now.millis(), self.0.now());
            (Outcome::Applied(version), digest(&version))
        })
        .await
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, Lost> {
        self.pass(Call::Touch, |state, id| {
            if Self::live(state.slots.get(key.as_bytes()), now).is_none() {
                return (Outcome::Missing, MISSING);
            }
            let Some(slot) = state.slots.get_mut(key.as_bytes()) else { return (Outcome::Missing, MISSING) };
            keep_later_last_seen(&mut slot.bytes, now.millis());
            let (bytes, version) = (slot.bytes.clone(), slot.counter);
            state.monitor.touched(id, *key.as_bytes(), &Record::parse(&bytes));
            (Outcome::Applied(Version(version)), APPLIED)
        })
        .await
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, Lost> {
        self.pass(Call::Delete, |state, id| {
            let Some(slot) = Self::live(state.slots.get(key.as_bytes()), now) else {
                return (Outcome::Missing, MISSING);
            };
            let old = Record::parse(&slot.bytes);
            let meant = match condition {
                DeleteCondition::Any => true,
                DeleteCondition::Version(version) => version == self.version(slot),
                DeleteCondition::Login(login) => login == old.login,
            };
            if !meant {
                return (Outcome::Conflict(None), CONFLICT);
            }
            state.slots.remove(key.as_bytes());
            let write = Write { id, handle: *key.as_bytes(), old: Some(old), new: None };
            state.monitor.wrote(write, now.millis(), self.0.now());
            (Outcome::Applied(Version(0)), APPLIED)
        })
        .await
    }
}

impl SubjectIndex for Port {
    type Error = Lost;

    async fn list(&self, subject: &SubjectId, after: u64, _: Time, into: &mut [IndexEntry]) -> Result<Listing, Lost> {
        self.pass(Call::List, |state, id| {
            state.monitor.listed(id);
            let subject = state.subjects.entry(*subject.as_bytes()).or_default();
            let found = subject.entries.iter().filter(|(.., order)| *order > after);
            let entries = into.iter_mut().zip(found).map(|(place, (handle, login, order))| {
                let handle = Handle::from_bytes(*handle);
                *place = IndexEntry { handle, login: *login, ends: Time::MAX, order: *order };
            });
            let entries = entries.count();
            (Listing { epoch: Epoch(subject.epoch), last: subject.last, entries }, digest(subject))
        })
        .await
    }

    async fn add(&self, subject: &SubjectId, seen: Epoch, entry: &IndexEntry, _: Time) -> Result<Added, Lost> {
        self.pass(Call::Add, |state, _| {
            let subject = state.subjects.entry(*subject.as_bytes()).or_default();
            if subject.epoch != seen.0 {
                return (Added::Moved, CONFLICT);
            }
            let same = |old: &(HandleBytes, u32, u64)| old.0 == *entry.handle.as_bytes();
            if !subject.entries.iter().any(|old| same(old) && old.1 == entry.login) {
                subject.entries.retain(|old| !same(old));
                subject.last += 1;
                subject.entries.push((*entry.handle.as_bytes(), entry.login, subject.last));
            }
            (Added::Applied, APPLIED)
        })
        .await
    }

    async fn bump(&self, subject: &SubjectId, _: Time) -> Result<Listing, Lost> {
        self.pass(Call::Bump, |state, id| {
            let subject = state.subjects.entry(*subject.as_bytes()).or_default();
            // not by the clock: the numbers would make states differ that are alike
            subject.epoch += 1;
            let listing = Listing { epoch: Epoch(subject.epoch), last: subject.last, entries: 0 };
            state.monitor.bumped(id);
            (listing, digest(&(subject.epoch, subject.last)))
        })
        .await
    }

    async fn remove(&self, subject: &SubjectId, entry: &IndexEntry, _: Time) -> Result<(), Lost> {
        self.pass(Call::Unlist, |state, _| {
            let subject = state.subjects.entry(*subject.as_bytes()).or_default();
            subject.entries.retain(|old| (old.0, old.1) != (*entry.handle.as_bytes(), entry.login));
            ((), APPLIED)
        })
        .await
    }
}

/// Bytes 14 to 19, little-endian.
fn keep_later_last_seen(record: &mut [u8], seen: u64) {
    if Record::parse(record).last_seen < seen {
        record[14..20].copy_from_slice(&seen.to_le_bytes()[..6]);
    }
}
