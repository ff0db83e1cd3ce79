//! The one store and clock of an exploration, and the gate at which every store call waits until the search lets it pass.
//! A command that is given up is done at once, never, or later: then it waits among those that are late.

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
use crate::search::hash_of;

/// What becomes of a command.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Grant {
    /// It is done and answered.
    Pass,
    /// It is done, but the answer is lost.
    LoseAnswer,
    /// It is not done, and an error is the answer.
    Fail,
    /// An error is the answer, and it is done later, or never.
    Delay,
}

/// What kind of store there is, and the policy's cap.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Kind {
    /// As memory: a conflict brings the record, versions are the records' own, touching is free.
    Memory,
    /// As memcached: a conflict brings nothing, versions are the medium's, touching costs a write, nothing is listed.
    Cache,
    /// As memory, and a subject may have one session only.
    Capped,
    /// The same with two, and subject a has as many when it begins.
    CappedAtTwo,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Memory, Self::Cache, Self::Capped, Self::CappedAtTwo];

    pub(crate) fn is_memory(self) -> bool {
        self != Self::Cache
    }

    /// Returns how many sessions a subject may have; 0 = as many as it likes.
    pub(crate) fn cap(self) -> u16 {
        match self {
            Self::Memory | Self::Cache => 0,
            Self::Capped => 1,
            Self::CappedAtTwo => 2,
        }
    }
}

/// What a request asks of the store, as data: it can be done later, when the request has forgotten it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Command {
    Load(HandleBytes),
    Create { handle: HandleBytes, record: Vec<u8> },
    Update { handle: HandleBytes, seen: u64, record: Vec<u8> },
    Touch(HandleBytes),
    Delete { handle: HandleBytes, meant: Meant },
    List(SubjectBytes),
    Add { subject: SubjectBytes, epoch: u64, handle: HandleBytes, login: u32 },
    Bump(SubjectBytes),
    Unlist { subject: SubjectBytes, handle: HandleBytes, login: u32 },
}

/// As the store's `DeleteCondition`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Meant {
    Any,
    Version(u64),
    Login(u32),
}

impl Command {
    /// Changes nothing, so that it does not matter whether it was done.
    pub(crate) fn only_reads(&self) -> bool {
        matches!(self, Self::Load(_) | Self::List(_))
    }

    /// Its name, for the reader of a dialogue.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Load(_) => "load",
            Self::Create { .. } => "create",
            Self::Update { .. } => "update",
            Self::Touch(_) => "touch",
            Self::Delete { .. } => "delete",
            Self::List(_) => "list",
            Self::Add { .. } => "add",
            Self::Bump(_) => "bump",
            Self::Unlist { .. } => "unlist",
        }
    }
}

/// What the store answers.
#[derive(Clone, Hash)]
enum Reply {
    Done,
    Missing,
    Found(Slot),
    Applied(Version),
    Conflict(Option<Slot>),
    Listed(Subject),
    Moved,
}

/// A command that its request gave up, with the time that the request went by, and that may still be done.
#[derive(Clone, Hash)]
struct Late {
    id: usize,
    command: Command,
    asked: Time,
}

type SubjectBytes = [u8; 16];

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
    kind: Kind,
    slots: BTreeMap<HandleBytes, Slot>,
    subjects: BTreeMap<SubjectBytes, Subject>,
    counter: u64,
    late: Vec<Late>,
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

/// Whose turn it is, who waits for what, and what was granted.
#[derive(Default)]
struct Gate {
    current: usize,
    waiting: Vec<Option<(Command, Time)>>,
    granted: Option<Result<Reply, Lost>>,
}

impl World {
    pub(crate) fn new(kind: Kind) -> Self {
        let state = State {
            kind,
            slots: BTreeMap::new(),
            subjects: BTreeMap::new(),
            counter: 0,
            late: Vec::new(),
            monitor: Monitor::new(kind),
            heard: Vec::new(),
        };
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

    /// Takes the monitor out, until it is put back.
    pub(crate) fn take_monitor(&self) -> Monitor {
        std::mem::replace(&mut self.state.borrow_mut().monitor, Monitor::new(self.kind))
    }

    /// From now on commands are those of request `id`.
    pub(crate) fn turn(&self, id: usize) {
        self.gate.borrow_mut().current = id;
    }

    /// Whether the command for which request `id` waits changes nothing.
    pub(crate) fn only_reads(&self, id: usize) -> bool {
        self.gate.borrow().waiting[id].as_ref().is_some_and(|(command, _)| command.only_reads())
    }

    /// The command for which request `id` waits.
    pub(crate) fn waits_for(&self, id: usize) -> Option<Command> {
        self.gate.borrow().waiting[id].as_ref().map(|(command, _)| command.clone())
    }

    /// The command for which request `id` waits becomes what `grant` says, and the request may go on.
    pub(crate) fn grant(&self, id: usize, grant: Grant) {
        self.turn(id);
        let Some((command, asked)) = self.gate.borrow_mut().waiting[id].take() else { return };
        let (mut state, now) = (self.state.borrow_mut(), self.now());
        let reply = match grant {
            Grant::Pass => Ok(state.apply(id, &command, asked, now, false)),
            Grant::LoseAnswer => {
                state.apply(id, &command, asked, now, false);
                Err(Lost)
            }
            Grant::Fail => Err(Lost),
            Grant::Delay => {
                state.late.push(Late { id, command, asked });
                Err(Lost)
            }
        };
        state.prune();
        state.heard[id].extend([reply.as_ref().map_or(u64::MAX, hash_of), now]);
        self.gate.borrow_mut().granted = Some(reply);
    }

    /// What is late, by name.
    pub(crate) fn late(&self) -> Vec<(usize, &'static str)> {
        self.state.borrow().late.iter().map(|late| (late.id, late.command.name())).collect()
    }

    /// A late command is done.
    pub(crate) fn land(&self, at: usize) {
        let now = self.now();
        let mut state = self.state.borrow_mut();
        let Late { id, command, asked } = state.late.remove(at);
        state.apply(id, &command, asked, now, true);
        state.prune();
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

    /// Whether the index of a subject has this login.
    pub(crate) fn lists(&self, subject: &str, handle: HandleBytes, login: u32) -> bool {
        let state = self.state.borrow();
        let subject = state.subjects.get(SubjectId::of(subject).as_bytes());
        subject.is_some_and(|subject| subject.entries.iter().any(|entry| (entry.0, entry.1) == (handle, login)))
    }
}

impl State {
    /// Does a command of request `id`, which went by the time `asked`.
    fn apply(&mut self, id: usize, command: &Command, asked: Time, now: u64, late: bool) -> Reply {
        let asked = asked.millis();
        match command {
            Command::Load(handle) => match self.live(*handle, asked) {
                None => Reply::Missing,
                Some(slot) => Reply::Found(slot.clone()),
            },
            Command::Create { handle, record } => {
                if self.live(*handle, asked).is_some() {
                    return Reply::Conflict(None);
                }
                let version = self.put(*handle, record.clone());
                let (old, new) = (None, Some(Record::parse(record)));
                self.monitor.wrote(&Write { id, handle: *handle, old, new, late }, asked, now);
                Reply::Applied(version)
            }
            Command::Update { handle, seen, record } => {
                let Some(slot) = self.live(*handle, asked) else { return Reply::Missing };
                if self.version(slot).0 != *seen {
                    return Reply::Conflict(self.kind.is_memory().then(|| slot.clone()));
                }
                let old = Record::parse(&slot.bytes);
                let mut bytes = record.clone();
                keep_later_last_seen(&mut bytes, old.last_seen);
                let (old, new) = (Some(old), Some(Record::parse(&bytes)));
                let version = self.put(*handle, bytes);
                self.monitor.wrote(&Write { id, handle: *handle, old, new, late }, asked, now);
                Reply::Applied(version)
            }
            Command::Touch(handle) => {
                if self.live(*handle, asked).is_none() {
                    return Reply::Missing;
                }
                let Some(slot) = self.slots.get_mut(handle) else { return Reply::Missing };
                keep_later_last_seen(&mut slot.bytes, asked);
                let (record, version) = (Record::parse(&slot.bytes), Version(slot.counter));
                self.monitor.touched(id, *handle, &record);
                Reply::Applied(version)
            }
            Command::Delete { handle, meant } => {
                // asks no clock
                let Some(slot) = self.slots.get(handle) else { return Reply::Missing };
                let old = Record::parse(&slot.bytes);
                let is_meant = match *meant {
                    Meant::Any => true,
                    Meant::Version(version) => version == self.version(slot).0,
                    Meant::Login(login) => login == old.login,
                };
                if !is_meant {
                    return Reply::Conflict(None);
                }
                self.slots.remove(handle);
                self.monitor.wrote(&Write { id, handle: *handle, old: Some(old), new: None, late }, asked, now);
                Reply::Applied(Version(0))
            }
            Command::List(subject) => {
                self.monitor.listed(id);
                Reply::Listed(self.subject(subject).clone())
            }
            Command::Add { subject, epoch, handle, login } => {
                let subject = self.subject(subject);
                if subject.epoch != *epoch {
                    return Reply::Moved;
                }
                // an add that is late does not replace a newer login
                if !subject.entries.iter().any(|old| old.0 == *handle && old.1 >= *login) {
                    subject.entries.retain(|old| old.0 != *handle);
                    subject.last += 1;
                    subject.entries.push((*handle, *login, subject.last));
                }
                Reply::Done
            }
            Command::Bump(subject) => {
                let subject = self.subject(subject);
                // not by the clock: the numbers would make states differ that are alike
                subject.epoch += 1;
                let listing = Subject { entries: Vec::new(), ..*subject };
                self.monitor.bumped(id, late);
                Reply::Listed(listing)
            }
            Command::Unlist { subject, handle, login } => {
                self.subject(subject).entries.retain(|old| (old.0, old.1) != (*handle, *login));
                Reply::Done
            }
        }
    }

    /// Forgets what is late and cannot have an effect any more: versions and login numbers never come back, epochs and
    /// last_seen only go forward, and what is gone comes back by a late create or add only.
    fn prune(&mut self) {
        let makes = |late: &Late| matches!(late.command, Command::Create { .. } | Command::Add { .. });
        if self.late.iter().any(makes) && self.late.len() > 1 {
            return;
        }
        let late = std::mem::take(&mut self.late);
        self.late = late.into_iter().filter(|late| self.may_change(late)).collect();
    }

    fn may_change(&self, late: &Late) -> bool {
        let record = |handle| self.slots.get(handle).map(|slot| (Record::parse(&slot.bytes), self.version(slot).0));
        match &late.command {
            Command::Load(_) | Command::List(_) => false,
            Command::Create { .. } | Command::Bump(_) => true,
            Command::Update { handle, seen, .. } => record(handle).is_some_and(|(_, version)| version == *seen),
            Command::Touch(handle) => record(handle).is_some_and(|(old, _)| old.last_seen < late.asked.millis()),
            Command::Delete { handle, meant } => record(handle).is_some_and(|(old, version)| match *meant {
                Meant::Any => true,
                Meant::Version(meant) => version == meant,
                Meant::Login(login) => old.login == login,
            }),
            Command::Add { subject, epoch, .. } => {
                self.subjects.get(subject).map_or(0, |subject| subject.epoch) == *epoch
            }
            Command::Unlist { subject, handle, login } => self
                .subjects
                .get(subject)
                .is_some_and(|subject| subject.entries.iter().any(|old| (old.0, old.1) == (*handle, *login))),
        }
    }

    /// A record that is over at the caller's time counts as missing.
    fn live(&self, handle: HandleBytes, now: u64) -> Option<&Slot> {
        self.slots.get(&handle).filter(|slot| Record::is_live(&slot.bytes, now))
    }

    fn put(&mut self, handle: HandleBytes, bytes: Vec<u8>) -> Version {
        self.counter += 1;
        let slot = Slot { bytes, counter: self.counter };
        let version = self.version(&slot);
        self.slots.insert(handle, slot);
        version
    }

    fn version(&self, slot: &Slot) -> Version {
        match self.kind {
            Kind::Cache => Version(slot.counter),
            _ => Version(Record::version(&slot.bytes)),
        }
    }

    fn subject(&mut self, subject: &SubjectBytes) -> &mut Subject {
        self.subjects.entry(*subject).or_default()
    }
}

/// The store as the library sees it.
#[derive(Clone, Copy)]
pub(crate) struct Port(pub(crate) &'static World);

/// The answer was lost, or the call did not go through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lost;

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no answer")
    }
}

impl Port {
    /// Waits until the command has become what the search grants.
    async fn call(&self, command: Command, asked: Time) -> Result<Reply, Lost> {
        let mut command = Some(command);
        poll_fn(|_| {
            let mut gate = self.0.gate.borrow_mut();
            if let Some(command) = command.take() {
                let current = gate.current;
                gate.waiting[current] = Some((command, asked));
                return Poll::Pending;
            }
            gate.granted.take().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    fn found(&self, slot: &Slot, into: &mut [u8]) -> Found {
        into[..slot.bytes.len()].copy_from_slice(&slot.bytes);
        Found { len: slot.bytes.len(), version: self.0.state.borrow().version(slot) }
    }

    async fn write(&self, command: Command, asked: Time, there: &mut [u8]) -> Result<Outcome, Lost> {
        Ok(match self.call(command, asked).await? {
            Reply::Applied(version) => Outcome::Applied(version),
            Reply::Conflict(slot) => Outcome::Conflict(slot.map(|slot| self.found(&slot, there))),
            _ => Outcome::Missing,
        })
    }
}

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
        Ok(match self.call(Command::Load(*key.as_bytes()), now).await? {
            Reply::Found(slot) => Load::Found(self.found(&slot, into)),
            _ => Load::Missing,
        })
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, Lost> {
        let command = Command::Create { handle: *key.as_bytes(), record: record.to_vec() };
        self.write(command, now, &mut []).await
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, Lost> {
        let command = Command::Update { handle: *key.as_bytes(), seen: seen.0, record: record.to_vec() };
        self.write(command, now, there).await
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, Lost> {
        self.write(Command::Touch(*key.as_bytes()), now, &mut []).await
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, Lost> {
        let meant = match condition {
            DeleteCondition::Any => Meant::Any,
            DeleteCondition::Version(version) => Meant::Version(version.0),
            DeleteCondition::Login(login) => Meant::Login(login),
        };
        self.write(Command::Delete { handle: *key.as_bytes(), meant }, now, &mut []).await
    }
}

impl SubjectIndex for Port {
    type Error = Lost;

    async fn list(&self, subject: &SubjectId, after: u64, now: Time, into: &mut [IndexEntry]) -> Result<Listing, Lost> {
        let Reply::Listed(subject) = self.call(Command::List(*subject.as_bytes()), now).await? else {
            return Err(Lost);
        };
        let found = subject.entries.iter().filter(|(.., order)| *order > after);
        let entries = into.iter_mut().zip(found).map(|(place, (handle, login, order))| {
            let handle = Handle::from_bytes(*handle);
            *place = IndexEntry { handle, login: *login, ends: Time::MAX, order: *order };
        });
        let entries = entries.count();
        Ok(Listing { epoch: Epoch(subject.epoch), last: subject.last, entries })
    }

    async fn add(&self, subject: &SubjectId, seen: Epoch, entry: &IndexEntry, now: Time) -> Result<Added, Lost> {
        let (subject, handle) = (*subject.as_bytes(), *entry.handle.as_bytes());
        let command = Command::Add { subject, epoch: seen.0, handle, login: entry.login };
        Ok(match self.call(command, now).await? {
            Reply::Done => Added::Applied,
            _ => Added::Moved,
        })
    }

    async fn bump(&self, subject: &SubjectId, now: Time) -> Result<Listing, Lost> {
        match self.call(Command::Bump(*subject.as_bytes()), now).await? {
            Reply::Listed(Subject { epoch, last, .. }) => Ok(Listing { epoch: Epoch(epoch), last, entries: 0 }),
            _ => Err(Lost),
        }
    }

    async fn remove(&self, subject: &SubjectId, entry: &IndexEntry, now: Time) -> Result<(), Lost> {
        let (subject, handle) = (*subject.as_bytes(), *entry.handle.as_bytes());
        self.call(Command::Unlist { subject, handle, login: entry.login }, now).await.map(drop)
    }
}

/// Bytes 14 to 19, little-endian.
fn keep_later_last_seen(record: &mut [u8], seen: u64) {
    if Record::last_seen(record) < seen {
        record[14..20].copy_from_slice(&seen.to_le_bytes()[..6]);
    }
}
