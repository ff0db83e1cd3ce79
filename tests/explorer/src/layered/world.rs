//! One session in a durable store and a cache, both in memory, whose every call waits until the search lets it happen, and
//! says how.

use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use session_core::environment::Time;
use session_core::record::{FORMAT, LOGIN_AT, MIN_LEN, VERSION_AT};
use session_core::store::{DeleteCondition, Found, Handle, Load, Outcome, Store, Version};
use session_core::subject::NoIndex;
use session_store_layered::{Cache, CacheEntry, Look};

use crate::layered::record::Record;
use crate::layered::request::KEY;

/// A call that waits.
#[derive(Clone, Debug, Hash)]
pub(crate) enum Call {
    Look,
    Fill {
        place: Place,
        entry: Vec<u8>,
    },
    Replace {
        seen: u64,
        entry: Vec<u8>,
    },
    Remove,
    Load,
    Update {
        seen: u64,
        record: Record,
    },
    Delete {
        login: u32,
    },
    /// Of the nodes' agreement.
    LoadAgreement,
    Agree {
        seen: Option<u64>,
        record: Vec<u8>,
    },
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// It is done and answered.
    Done,
    /// It is not done, and the caller hears of a failure.
    Lost,
    /// It is done, and the caller hears of a failure.
    AnswerLost,
    /// The caller hears of a failure, and it is done later, or never.
    Delayed,
}

/// A place in the cache, as a lease remembers it. Numbers begin again when the cache is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    life: u32,
    number: u32,
}

#[derive(Clone, Hash)]
pub(crate) enum Reply {
    Failed,
    Done,
    Leased(Place),
    Taken,
    Entry(Vec<u8>, Place),
    Record(Option<Record>),
    Agreement(Option<(u64, Vec<u8>)>),
    Applied(u64),
    Missing,
    Conflict,
}

#[derive(Clone, Default, Hash)]
pub(crate) struct State {
    /// Seconds.
    pub(crate) now: u64,
    pub(crate) durable: Option<Record>,
    /// The nodes' agreement, under a version that the durable store gives: those in the records are random.
    pub(crate) agreement: Option<(u64, Vec<u8>)>,
    /// The number of the place and what is in it; nothing for a lease.
    cached: Option<(u32, Vec<u8>)>,
    written: u32,
    life: u32,
    /// Delayed calls to the cache, with the life of the cache that they were sent to.
    pub(crate) late: Vec<(u32, Call)>,
    /// Nodes that do not reach the cache any more.
    pub(crate) cut: [bool; 2],
    pub(crate) requests: Vec<Slot>,
    /// Calls do not wait for the search.
    pub(crate) at_once: bool,
    /// Nothing can change the agreement, so that it does not matter when it is asked for.
    pub(crate) steady: bool,
    /// Whose future is polled.
    pub(crate) current: usize,
}

#[derive(Clone, Default, Hash)]
pub(crate) struct Slot {
    pub(crate) waits: Option<Call>,
    reply: Option<Reply>,
    /// All that it has heard.
    heard: u64,
}

#[derive(Clone, Default)]
pub(crate) struct World(Arc<Mutex<State>>);

impl World {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Time {
        Time::from_millis(self.state().now * 1_000)
    }

    async fn call(&self, call: Call) -> Reply {
        let request = {
            let mut state = self.state();
            if state.at_once || state.steady && matches!(call, Call::LoadAgreement) {
                let life = state.life;
                return state.apply(life, &call);
            }
            state.current
        };
        Waiting { world: self.clone(), request, call: Some(call) }.await
    }
}

/// A call of a request; dropped before its answer, it may still be done later.
struct Waiting {
    world: World,
    request: usize,
    call: Option<Call>,
}

impl Future for Waiting {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Reply> {
        let (request, call) = (self.request, self.call.take());
        let mut state = self.world.state();
        let slot = &mut state.requests[request];
        if let Some(call) = call {
            slot.waits = Some(call);
            return Poll::Pending;
        }
        slot.reply.take().map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut state = self.world.state();
        let life = state.life;
        if let Some(call) = state.requests[self.request].waits.take()
            && !call.is_durable()
        {
            state.late.push((life, call));
        }
    }
}

impl Call {
    pub(crate) fn is_durable(&self) -> bool {
        !matches!(self, Self::Look | Self::Fill { .. } | Self::Replace { .. } | Self::Remove)
    }
}

impl State {
    /// The nodes agree that the cache is believed, or that it is not.
    pub(crate) fn agree(&mut self, believed: bool) {
        let mut record = vec![0; MIN_LEN];
        (record[0], record[1], record[LOGIN_AT]) = (FORMAT, 32, if believed { 1 } else { 2 });
        self.agreement = Some((1, record));
    }

    /// The waiting call of a request happens.
    pub(crate) fn grant(&mut self, request: usize, grant: Grant) {
        let Some(call) = self.requests[request].waits.take() else { return };
        let reply = match grant {
            Grant::Done => self.apply(self.life, &call),
            Grant::Lost => Reply::Failed,
            Grant::AnswerLost => {
                self.apply(self.life, &call);
                Reply::Failed
            }
            Grant::Delayed => {
                self.late.push((self.life, call));
                Reply::Failed
            }
        };
        let now = self.now;
        let slot = &mut self.requests[request];
        let mut hasher = DefaultHasher::new();
        (slot.heard, &reply, now).hash(&mut hasher);
        slot.heard = hasher.finish();
        slot.reply = Some(reply);
    }

    /// A delayed call arrives.
    pub(crate) fn arrive(&mut self, at: usize) {
        let (life, call) = self.late.remove(at);
        if life == self.life {
            self.apply(life, &call);
        }
    }

    pub(crate) fn is_cached(&self) -> bool {
        self.cached.is_some()
    }

    /// Nothing was ever in the cache.
    pub(crate) fn clear(&mut self) {
        (self.cached, self.written) = (None, 0);
    }

    pub(crate) fn evict(&mut self) {
        self.cached = None;
    }

    /// The cache is started again: empty, and with its numbers from the beginning.
    pub(crate) fn restart(&mut self) {
        self.cached = None;
        self.written = 0;
        self.life += 1;
    }

    fn put(&mut self, entry: Vec<u8>) -> u32 {
        self.written += 1;
        self.cached = Some((self.written, entry));
        self.written
    }

    fn apply(&mut self, life: u32, call: &Call) -> Reply {
        match call {
            Call::Look => match &self.cached {
                Some((_, bytes)) if bytes.is_empty() => Reply::Taken,
                Some((number, bytes)) => Reply::Entry(bytes.clone(), Place { life, number: *number }),
                None => Reply::Leased(Place { life, number: self.put(Vec::new()) }),
            },
            Call::Fill { place, entry } => {
                // over the connection of the lease, which ended with the server
                if place.life != life {
                    return Reply::Failed;
                }
                if self.cached.as_ref().is_some_and(|(number, _)| *number == place.number) {
                    self.put(entry.clone());
                    return Reply::Done;
                }
                Reply::Taken
            }
            Call::Replace { seen, entry } => {
                let there = self.cached.as_ref().and_then(|(_, bytes)| CacheEntry::version_of(bytes));
                self.cached = None;
                if there == Some(Version(*seen)) {
                    self.put(entry.clone());
                }
                Reply::Done
            }
            Call::Remove => {
                self.cached = None;
                Reply::Done
            }
            Call::Load => Reply::Record(self.durable),
            Call::LoadAgreement => Reply::Agreement(self.agreement.clone()),
            Call::Agree { seen, record } => match (&self.agreement, seen) {
                (None, Some(_)) => Reply::Missing,
                (Some((there, _)), seen) if Some(*there) != *seen => Reply::Conflict,
                (there, _) => {
                    let version = there.as_ref().map_or(1, |(there, _)| there + 1);
                    self.agreement = Some((version, record.clone()));
                    Reply::Applied(version)
                }
            },
            Call::Update { seen, record } => match self.durable {
                None => Reply::Missing,
                Some(there) if there.version != *seen => Reply::Conflict,
                Some(_) => {
                    self.durable = Some(*record);
                    Reply::Applied(record.version)
                }
            },
            Call::Delete { login } => match self.durable {
                None => Reply::Missing,
                Some(there) if there.login != *login => Reply::Conflict,
                Some(there) => {
                    self.durable = None;
                    Reply::Applied(there.version)
                }
            },
        }
    }
}

/// Of the nodes' clocks; every run begins at the same time.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The cache, as all nodes see it.
pub(crate) struct SimCache(pub(crate) World);

/// The durable store, as all nodes see it.
pub(crate) struct SimDurable(pub(crate) World);

#[derive(Debug)]
pub(crate) struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no answer")
    }
}

impl SimCache {
    async fn done(&self, call: Call) -> Result<(), Failed> {
        if let Reply::Done = self.0.call(call).await { Ok(()) } else { Err(Failed) }
    }
}

impl Cache for SimCache {
    type Error = Failed;
    type Lease = Place;

    async fn look(&self, _: &Handle) -> Result<Look<Place>, Failed> {
        match self.0.call(Call::Look).await {
            Reply::Leased(place) => Ok(Look::Leased(place)),
            Reply::Taken => Ok(Look::Taken),
            Reply::Entry(bytes, place) => Ok(Look::Found(bytes, place)),
            _ => Err(Failed),
        }
    }

    async fn fill(&self, place: Place, entry: &[u8], _: Duration) -> Result<bool, Failed> {
        match self.0.call(Call::Fill { place, entry: entry.to_vec() }).await {
            Reply::Done => Ok(true),
            Reply::Taken => Ok(false),
            _ => Err(Failed),
        }
    }

    async fn replace(&self, _: &Handle, seen: Version, entry: &[u8], _: Duration) -> Result<(), Failed> {
        self.done(Call::Replace { seen: seen.0, entry: entry.to_vec() }).await
    }

    async fn remove(&self, _: &Handle) -> Result<(), Failed> {
        self.done(Call::Remove).await
    }

    async fn pause(&self, span: Duration) {
        let until = self.0.state().now + span.as_millis().div_ceil(1_000) as u64;
        std::future::poll_fn(|_| if self.0.state().now >= until { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    fn now(&self) -> Instant {
        *START + Duration::from_secs(self.0.state().now)
    }
}

impl Store for SimDurable {
    type Error = Failed;
    type Index = NoIndex;

    fn index(&self) -> Option<&NoIndex> {
        None
    }

    async fn load(&self, key: &Handle, _: Time, into: &mut [u8]) -> Result<Load, Failed> {
        if *key != KEY {
            return match self.0.call(Call::LoadAgreement).await {
                Reply::Agreement(Some((version, record))) => {
                    into[..record.len()].copy_from_slice(&record);
                    Ok(Load::Found(Found { len: record.len(), version: Version(version) }))
                }
                Reply::Agreement(None) => Ok(Load::Missing),
                _ => Err(Failed),
            };
        }
        match self.0.call(Call::Load).await {
            Reply::Record(Some(record)) => {
                let bytes = record.bytes();
                into[..bytes.len()].copy_from_slice(&bytes);
                Ok(Load::Found(Found { len: bytes.len(), version: Version(record.version) }))
            }
            Reply::Record(None) => Ok(Load::Missing),
            _ => Err(Failed),
        }
    }

    async fn create(&self, _: &Handle, record: &[u8], _: Time) -> Result<Outcome, Failed> {
        outcome(self.0.call(Call::Agree { seen: None, record: unversioned(record) }).await)
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        _: Time,
        _: &mut [u8],
    ) -> Result<Outcome, Failed> {
        if *key != KEY {
            return outcome(self.0.call(Call::Agree { seen: Some(seen.0), record: unversioned(record) }).await);
        }
        outcome(self.0.call(Call::Update { seen: seen.0, record: Record::of(record) }).await)
    }

    async fn touch(&self, _: &Handle, _: Time) -> Result<Outcome, Failed> {
        Err(Failed)
    }

    async fn delete(&self, _: &Handle, condition: DeleteCondition, _: Time) -> Result<Outcome, Failed> {
        let DeleteCondition::Login(login) = condition else { return Err(Failed) };
        outcome(self.0.call(Call::Delete { login }).await)
    }
}

/// A record without the random version in it, so that equal states are equal.
fn unversioned(record: &[u8]) -> Vec<u8> {
    let mut record = record.to_vec();
    record[VERSION_AT..][..8].fill(0);
    // that of a distrust is the version that it replaced
    if record[LOGIN_AT] == 1 {
        record[32..40].fill(0);
    }
    record
}

fn outcome(reply: Reply) -> Result<Outcome, Failed> {
    match reply {
        Reply::Applied(version) => Ok(Outcome::Applied(Version(version))),
        Reply::Missing => Ok(Outcome::Missing),
        Reply::Conflict => Ok(Outcome::Conflict(None)),
        _ => Err(Failed),
    }
}
