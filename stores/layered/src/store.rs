//! The protocol's rule: ask the durable store, then change the cache, then answer.

use std::fmt::{self, Display};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use session_core::Keys;
use session_core::environment::Time;
use session_core::store::{DeleteCondition, Found, Handle, Load, Outcome, Store, Version};
use session_store_shared::SharedStore;

use crate::cache::{Cache, Look};
use crate::cache_entry::{CacheKeys, Entry, Opened};
use crate::pending_checks::{PendingCheck, PendingChecks};

type Report = dyn Fn(&CacheEvent<'_>) + Send + Sync;

/// How long an entry is trusted by default.
const TRUST: Duration = Duration::from_secs(5);

/// What happened to the cache. No client sees it.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum CacheEvent<'a> {
    /// An operation of the cache failed; its own words.
    Failed(&'a dyn Display),
    /// An entry was not written by a node of this application for this session: forged, moved from another session,
    /// truncated, or written under a key that this node does not know. It counted as a miss.
    Rejected,
}

impl Display for CacheEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(why) => why.fmt(f),
            Self::Rejected => f.write_str("rejected an entry of the cache that this application did not write"),
        }
    }
}

impl fmt::Debug for CacheEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// A durable store with a cache before it. See the [crate](crate) for what it promises.
///
/// If a future is dropped, its operation may have happened in the durable store or not. The cache may then show the
/// state before it until the trust is over.
pub struct Layered<C, D> {
    cache: C,
    durable: D,
    keys: CacheKeys,
    trust: Duration,
    pending: PendingChecks,
    report: Box<Report>,
}

impl<C: Cache, D: Store> Layered<C, D> {
    /// Returns a store with `cache` before `durable`. For `Sessions` the durable store has to be a [`SharedStore`].
    ///
    /// Entries of the cache are authenticated with keys derived from `keys`, which are the application's signing keys:
    /// another program that writes to the cache cannot make an entry that counts. All nodes need the same ones. The first key
    /// is written with and each is accepted, as with cookies; an entry under any other key is a miss.
    pub fn new(cache: C, durable: D, keys: &Keys) -> Self {
        let (keys, pending) = (CacheKeys::new(keys), PendingChecks::default());
        Self { cache, durable, keys, trust: TRUST, pending, report: Box::new(|_| ()) }
    }

    /// Sets how long an entry is served before the durable store is asked again, counted from before it was asked last;
    /// the default is 5 s. While the cache cannot be reached, a change takes up to this time. All nodes have to set the
    /// same.
    #[must_use]
    pub fn with_trust(self, trust: Duration) -> Self {
        Self { trust, ..self }
    }

    /// Calls `report` with each failure of the cache and each entry that was rejected. No client sees them.
    #[must_use]
    pub fn with_report(self, report: impl Fn(&CacheEvent<'_>) + Send + Sync + 'static) -> Self {
        Self { report: Box::new(report), ..self }
    }

    /// Returns the durable store.
    pub fn durable(&self) -> &D {
        &self.durable
    }

    /// Returns how long the cache has to keep an entry. Later it is not trusted.
    fn keep(&self) -> Duration {
        self.trust + Duration::from_secs(1)
    }

    fn heard<T>(&self, result: Result<T, C::Error>) -> Option<T> {
        result.inspect_err(|why| (self.report)(&CacheEvent::Failed(why))).ok()
    }

    /// Returns when no node serves the entry in the cache any more: it is removed, or no longer trusted.
    async fn settle(&self, key: &Handle) {
        let removed = async {
            while self.heard(self.cache.remove(key).await).is_none() {
                self.cache.pause(self.trust / 10).await;
            }
        };
        first(removed, self.cache.pause(self.trust)).await;
    }

    /// Loads from the durable store, without asking the cache.
    async fn load_durable(
        &self,
        key: &Handle,
        check: PendingCheck,
        now: Time,
        into: &mut [u8],
    ) -> Result<Load, D::Error> {
        let load = self.durable.load(key, now, into).await?;
        // once this node answers that a session has ended, no other node may serve it
        if check == PendingCheck::Indeterminate || load == Load::Missing {
            self.settle(key).await;
        }
        self.pending.remove(key);
        Ok(load)
    }
}

impl<C: Cache, D: Store> Store for Layered<C, D> {
    type Error = D::Error;
    type Index = D::Index;

    fn index(&self) -> Option<&D::Index> {
        self.durable.index()
    }

    fn warning(&self) -> Option<&'static str> {
        self.durable.warning()
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, D::Error> {
        if let Some(check) = self.pending.get(key) {
            return self.load_durable(key, check, now, into).await;
        }
        let lease = match self.heard(self.cache.look(key).await) {
            Some(Look::Found(bytes, lease)) => {
                match self.keys.open(key, &bytes) {
                    Opened::Entry(entry) if entry.trusted(now, self.trust) => return Ok(copy(&entry, into)),
                    Opened::Entry(_) | Opened::Foreign => {}
                    Opened::Rejected => (self.report)(&CacheEvent::Rejected),
                }
                Some(lease)
            }
            Some(Look::Leased(lease)) => Some(lease),
            Some(Look::Taken) | None => None,
        };
        let load = self.durable.load(key, now, into).await?;
        match (load, lease) {
            (Load::Found(Found { len, version }), Some(lease)) => {
                let entry = Entry { since: now, version, record: into.get(..len).unwrap_or_default() };
                self.heard(self.cache.fill(lease, &self.keys.seal(key, &entry), self.keep()).await);
            }
            // another node may be about to fill in the ended session, even if the lease is ours: it may have been lost
            (Load::Missing, _) => self.settle(key).await,
            (Load::Found(_) | Load::TooLarge { .. }, _) => {}
        }
        Ok(load)
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, D::Error> {
        self.durable.create(key, record, now).await
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, D::Error> {
        let outcome = self.durable.update(key, seen, record, now, there).await;
        match outcome {
            Ok(Outcome::Applied(version)) => {
                let entry = self.keys.seal(key, &Entry { since: now, version, record });
                if self.heard(self.cache.replace(key, seen, &entry, self.keep()).await).is_none() {
                    self.settle(key).await;
                }
            }
            Ok(Outcome::Missing) => self.settle(key).await,
            Ok(Outcome::Conflict(_)) => self.pending.add(key, PendingCheck::Conflict, now),
            Ok(Outcome::Full | Outcome::TooLarge { .. }) => {}
            Err(_) => self.pending.add(key, PendingCheck::Indeterminate, now),
        }
        outcome
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, D::Error> {
        let outcome = self.durable.touch(key, now).await?;
        if let Outcome::Applied(_) = outcome {
            // so that other nodes do not touch it again; an entry that seems idle for too long is checked in any case
            self.heard(self.cache.remove(key).await);
        }
        Ok(outcome)
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, D::Error> {
        let outcome = self.durable.delete(key, condition, now).await;
        match outcome {
            Ok(Outcome::Applied(_) | Outcome::Missing) => self.settle(key).await,
            Ok(Outcome::Conflict(_)) => self.pending.add(key, PendingCheck::Conflict, now),
            Ok(Outcome::Full | Outcome::TooLarge { .. }) => {}
            Err(_) => self.pending.add(key, PendingCheck::Indeterminate, now),
        }
        outcome
    }

    /// Checks the durable store only: without the cache everything works, if slower.
    async fn check(&self, now: Time) -> Result<(), D::Error> {
        self.durable.check(now).await
    }

    /// Waits until no entry is trusted any more.
    async fn end_all(&self, now: Time) -> Result<bool, D::Error> {
        let ended = self.durable.end_all(now).await?;
        if ended {
            self.cache.pause(self.trust).await;
        }
        Ok(ended)
    }

    async fn count(&self, now: Time) -> Result<Option<u64>, D::Error> {
        self.durable.count(now).await
    }

    async fn remove_expired(&self, most: usize, now: Time) -> Result<Option<usize>, D::Error> {
        self.durable.remove_expired(most, now).await
    }
}

session_store_shared::shared!([C: Cache] Layered<C, SharedStore>);

impl<C, D> fmt::Debug for Layered<C, D> {
    /// Prints no session.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut layered = f.debug_struct("Layered");
        layered.field("trust", &self.trust).field("pending", &self.pending).finish_non_exhaustive()
    }
}

fn copy(entry: &Entry<'_>, into: &mut [u8]) -> Load {
    let too_large = Load::TooLarge { size: entry.record.len() };
    Found::copy(entry.record, entry.version, into).map_or(too_large, Load::Found)
}

/// Completes as soon as either future does.
async fn first(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|context| {
        if one.as_mut().poll(context).is_ready() || other.as_mut().poll(context).is_ready() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}
