//! What the rules share: handles, records, and calls whose failure is a broken rule.

use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;

use super::broken::Broken;
use crate::base::environment::Time;
use crate::base::names::{Handle, Version};
use crate::record::layout::{
    CREATED_AT, ENDS_AT, FORMAT, IDLE_AT, LAST_SEEN_AT, LOGIN_AT, MIN_LEN, SUBJECT, Stamp, VERSION_AT,
};
use crate::store::contract::{DeleteCondition, Found, Load, Outcome, Store};

/// The largest record of the suite.
pub(super) const LARGEST: usize = 192;
/// The idle timeout of its records in milliseconds: not whole seconds, so that rounding is detected.
pub(super) const IDLE: u64 = 60_007;

const FAILED: &str = "the medium returned an error, and must not fail while the suite runs";

/// One rule at work.
pub(super) struct Case<'a, S> {
    store: &'a S,
    start: Time,
    seed: u64,
    rule: &'static str,
    name: &'static str,
}

impl<'a, S: Store> Case<'a, S> {
    pub(super) fn new(store: &'a S, start: Time, seed: u64, rule: &'static str, name: &'static str) -> Self {
        Self { store, start, seed, rule, name }
    }

    pub(super) fn store(&self) -> &'a S {
        self.store
    }

    /// Milliseconds after the start.
    pub(super) fn at(&self, millis: u64) -> Time {
        Time::from_millis(self.start.millis().saturating_add(millis))
    }

    /// A handle of this seed and rule alone (FNV-1a, then mixed).
    pub(super) fn key(&self, number: u8) -> Handle {
        let bytes = self.seed.to_le_bytes().into_iter().chain(self.name.bytes()).chain([number]);
        let hash = bytes
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Handle::from_bytes((hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes())
    }

    /// An anonymous record, seen at the start, with an idle timeout and without an absolute end. The versions of
    /// different numbers are so near to each other, and so high, that numbers of 63 bits or floats mix them up.
    pub(super) fn record(&self, number: u64) -> Record {
        let record = Record { bytes: [0; LARGEST], len: MIN_LEN };
        let record = record.put(0, &[FORMAT]).put(VERSION_AT, &(u64::MAX - number).to_le_bytes());
        record.seen(self.start).idle(IDLE)
    }

    pub(super) fn check(&self, holds: bool, sentence: &'static str) -> Result<(), Broken> {
        self.some(holds.then_some(()), sentence)
    }

    /// The content of `option`, or a broken rule.
    pub(super) fn some<T>(&self, option: Option<T>, sentence: &'static str) -> Result<T, Broken> {
        option.ok_or(Broken { rule: self.rule, name: self.name, sentence })
    }

    pub(super) fn well<T, E>(&self, result: Result<T, E>) -> Result<T, Broken> {
        self.some(result.ok(), FAILED)
    }

    /// The output of a future that must be ready at its first poll, and must not fail.
    pub(super) async fn at_once<T, E>(&self, future: impl Future<Output = Result<T, E>>) -> Result<T, Broken> {
        let mut future = pin!(future);
        match poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await {
            Poll::Ready(output) => self.well(output),
            Poll::Pending => self.some(None, "a store whose `never_waits` is true is ready at the first poll"),
        }
    }

    pub(super) async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, Broken> {
        self.well(self.store.load(key, now, into).await)
    }

    pub(super) async fn create(&self, key: &Handle, record: &Record, now: Time) -> Result<Outcome, Broken> {
        self.well(self.store.create(key, record.bytes(), now).await)
    }

    pub(super) async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &Record,
        now: Time,
    ) -> Result<Outcome, Broken> {
        self.update_or(key, seen, record, now, &mut [0; LARGEST]).await
    }

    /// An update that keeps what a conflict puts into `there`.
    pub(super) async fn update_or(
        &self,
        key: &Handle,
        seen: Version,
        record: &Record,
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, Broken> {
        self.well(self.store.update(key, seen, record.bytes(), now, there).await)
    }

    pub(super) async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, Broken> {
        self.well(self.store.touch(key, now).await)
    }

    pub(super) async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, Broken> {
        self.well(self.store.delete(key, condition, now).await)
    }

    pub(super) async fn answers(&self, now: Time) -> Result<(), Broken> {
        self.well(self.store.check(now).await)
    }

    /// Creates a record under a key that is free.
    pub(super) async fn created(&self, key: &Handle, record: &Record, now: Time) -> Result<Version, Broken> {
        let outcome = self.create(key, record, now).await?;
        self.applied(outcome, "a create under a free key is applied (the suite needs room for two records)")
    }

    /// Updates a record that is there and of this version.
    pub(super) async fn updated(
        &self,
        key: &Handle,
        seen: Version,
        record: &Record,
        now: Time,
    ) -> Result<Version, Broken> {
        let outcome = self.update(key, seen, record, now).await?;
        self.applied(outcome, "an update of the current version is applied")
    }

    pub(super) fn applied(&self, outcome: Outcome, sentence: &'static str) -> Result<Version, Broken> {
        match outcome {
            Outcome::Applied(version) => Ok(version),
            _ => self.some(None, sentence),
        }
    }

    /// Requires exactly this record, and returns its version.
    pub(super) async fn holds(
        &self,
        key: &Handle,
        record: &Record,
        now: Time,
        sentence: &'static str,
    ) -> Result<Version, Broken> {
        let mut buffer = [0; LARGEST];
        let found = found(self.load(key, now, &mut buffer).await?);
        let found = found.filter(|found| buffer.get(..found.len) == Some(record.bytes()));
        self.some(found.map(|found| found.version), sentence)
    }

    /// Requires a record, and returns its `last_seen`.
    pub(super) async fn last_seen(&self, key: &Handle, now: Time, sentence: &'static str) -> Result<Time, Broken> {
        let mut buffer = [0; LARGEST];
        let found = found(self.load(key, now, &mut buffer).await?);
        let stamp = found.and_then(|found| Stamp::of(buffer.get(..found.len)?));
        self.some(stamp.map(|stamp| stamp.last_seen), sentence)
    }

    /// Requires that there is no record.
    pub(super) async fn missing(&self, key: &Handle, now: Time, sentence: &'static str) -> Result<(), Broken> {
        let load = self.load(key, now, &mut [0; LARGEST]).await?;
        self.check(load == Load::Missing, sentence)
    }

    /// Removes everything, including expired records, because none has expired at the start.
    pub(super) async fn tidy(&self, key: &Handle) -> Result<(), Broken> {
        self.delete(key, DeleteCondition::Any, self.start).await.map(|_| ())
    }
}

pub(super) fn found(load: Load) -> Option<Found> {
    match load {
        Load::Found(found) => Some(found),
        Load::Missing | Load::TooLarge { .. } => None,
    }
}

/// A record as plain bytes: a store reads only its stamp and its subject.
#[derive(Clone, Copy)]
pub(super) struct Record {
    bytes: [u8; LARGEST],
    len: usize,
}

impl Record {
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    pub(super) fn login(self, login: u32) -> Self {
        self.put(LOGIN_AT, &login.to_le_bytes())
    }

    pub(super) fn seen(self, at: Time) -> Self {
        self.millis(LAST_SEEN_AT, at.millis())
    }

    /// When the session began.
    pub(super) fn born(self, at: Time) -> Self {
        self.millis(CREATED_AT, at.millis())
    }

    /// The idle timeout; 0 = none.
    pub(super) fn idle(self, millis: u64) -> Self {
        self.millis(IDLE_AT, millis)
    }

    pub(super) fn ends(self, at: Time) -> Self {
        self.millis(ENDS_AT, at.millis())
    }

    /// The session's subject; no data yet.
    pub(super) fn subject(mut self, name: &[u8]) -> Self {
        let len = u8::try_from(name.len()).unwrap_or_default();
        self.len = LARGEST.min(MIN_LEN + 7 + name.len());
        self.put(1, &[SUBJECT]).put(MIN_LEN + 6, &[len]).put(MIN_LEN + 7, name)
    }

    /// The bytes after the head, cut off at the size of the largest record.
    pub(super) fn data(mut self, data: &[u8]) -> Self {
        self.len = LARGEST.min(MIN_LEN + data.len());
        let data = data.get(..self.len - MIN_LEN).unwrap_or_default();
        self.put(MIN_LEN, data)
    }

    fn millis(self, at: usize, millis: u64) -> Self {
        let [a, b, c, d, e, f, ..] = millis.to_le_bytes();
        self.put(at, &[a, b, c, d, e, f])
    }

    fn put(mut self, at: usize, value: &[u8]) -> Self {
        if let Some(place) = self.bytes.get_mut(at..at + value.len()) {
            place.copy_from_slice(value);
        }
        self
    }
}

/// Runs both at once: polls them in turn until both are done.
pub(super) async fn both<A: Future, B: Future>(one: A, other: B) -> (A::Output, B::Output) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    poll_fn(|context| {
        if first.is_none()
            && let Poll::Ready(output) = one.as_mut().poll(context)
        {
            first = Some(output);
        }
        if second.is_none()
            && let Poll::Ready(output) = other.as_mut().poll(context)
        {
            second = Some(output);
        }
        match (first.take(), second.take()) {
            (Some(one), Some(other)) => Poll::Ready((one, other)),
            (one, other) => {
                (first, second) = (one, other);
                Poll::Pending
            }
        }
    })
    .await
}

/// Polls a future at most this many times and drops it.
pub(super) async fn dropped_after<F: Future>(polls: u8, future: F) {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        let Some(fewer) = left.checked_sub(1) else { return Poll::Ready(()) };
        left = fewer;
        future.as_mut().poll(context).map(|_| ())
    })
    .await;
}
