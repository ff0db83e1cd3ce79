//! The rules of protocol, in this order: ask the durable store, then make the cache forget, then answer.

use std::fmt::{self, Display};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use session_core::environment::Time;
use session_core::store::{DeleteCondition, Found, Handle, Load, Outcome, Store, Version};
use session_store_shared::SharedStore;

use crate::doubts::{Doubt, Doubts};
use crate::{Cache, Entry, Look};

type Report = dyn Fn(&dyn Display) + Send + Sync;

/// How long an entry is trusted, if nothing else is said.
const TRUST: Duration = Duration::from_secs(5);

/// A durable store with a cache before it. See the [crate](crate) for what it promises.
///
/// If a future is dropped, its operation may have happened in the durable store or not; the cache may then show what was
/// there before until the trust is over, and nobody was told otherwise.
pub struct Layered<C, D> {
    cache: C,
    durable: D,
    trust: Duration,
    doubts: Doubts,
    report: Box<Report>,
}

impl<C: Cache, D: Store> Layered<C, D> {
    /// `cache` before `durable`. For `Sessions` give the durable store as a [`SharedStore`].
    pub fn new(cache: C, durable: D) -> Self {
        Self { cache, durable, trust: TRUST, doubts: Doubts::default(), report: Box::new(|_| ()) }
    }

    /// How long an entry is served before the durable store is asked again, counted from before it was asked last; 5 s
    /// unless said. So long does a change take at most while the cache cannot be reached. All nodes have to say the same.
    #[must_use]
    pub fn trust(self, trust: Duration) -> Self {
        Self { trust, ..self }
    }

    /// Tells `report` of each failure of the cache. Nobody else hears of them.
    #[must_use]
    pub fn report(self, report: impl Fn(&dyn Display) + Send + Sync + 'static) -> Self {
        Self { report: Box::new(report), ..self }
    }

    /// The durable store.
    pub fn durable(&self) -> &D {
        &self.durable
    }

    /// How long the cache has to keep an entry: afterwards it would not be trusted anyway.
    fn keep(&self) -> Duration {
        self.trust + Duration::from_secs(1)
    }

    fn heard<T>(&self, result: Result<T, C::Error>) -> Option<T> {
        result.inspect_err(|why| (self.report)(why)).ok()
    }

    /// Makes sure that no node serves what is in the cache: returns when it is removed, or trusted no longer.
    async fn settle(&self, key: &Handle) {
        let removed = async {
            while self.heard(self.cache.remove(key).await).is_none() {
                self.cache.pause(self.trust / 10).await;
            }
        };
        first(removed, self.cache.pause(self.trust)).await;
    }

    /// What the durable store says, whatever the cache does.
    async fn load_again(&self, key: &Handle, doubt: Doubt, now: Time, into: &mut [u8]) -> Result<Load, D::Error> {
        let load = self.durable.load(key, now, into).await?;
        // a session that has ended here must not be served by others when we have said so, whoever ended it
        if doubt == Doubt::Unknown || load == Load::Missing {
            self.settle(key).await;
        }
        self.doubts.settled(key);
        Ok(load)
    }
}

impl<C: Cache, D: Store> Store for Layered<C, D> {
    type Error = D::Error;
    type Index = D::Index;

    fn index(&self) -> Option<&D::Index> {
        self.durable.index()
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, D::Error> {
        if let Some(doubt) = self.doubts.about(key) {
            return self.load_again(key, doubt, now, into).await;
        }
        let lease = match self.heard(self.cache.look(key).await) {
            Some(Look::Found(bytes, lease)) => {
                if let Some(entry) = Entry::of(&bytes).filter(|entry| entry.trusted(now, self.trust)) {
                    return Ok(copy(&entry, into));
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
                self.heard(self.cache.fill(lease, &entry.bytes(), self.keep()).await);
            }
            // somebody may be about to fill in what has ended, also if the lease is ours: it may have been lost since
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
                let entry = Entry { since: now, version, record };
                if self.heard(self.cache.replace(key, seen, &entry.bytes(), self.keep()).await).is_none() {
                    self.settle(key).await;
                }
            }
            Ok(Outcome::Missing) => self.settle(key).await,
            Ok(Outcome::Conflict(_)) => self.doubts.note(key, Doubt::Conflict, now),
            Ok(Outcome::Full) => {}
            Err(_) => self.doubts.note(key, Doubt::Unknown, now),
        }
        outcome
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, D::Error> {
        let outcome = self.durable.touch(key, now).await?;
        if let Outcome::Applied(_) = outcome {
            // only so that others do not touch it again: what looks idle for too long is asked about anyway
            self.heard(self.cache.remove(key).await);
        }
        Ok(outcome)
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, D::Error> {
        let outcome = self.durable.delete(key, condition, now).await;
        match outcome {
            Ok(Outcome::Applied(_) | Outcome::Missing) => self.settle(key).await,
            Ok(Outcome::Conflict(_)) => self.doubts.note(key, Doubt::Conflict, now),
            Ok(Outcome::Full) => {}
            Err(_) => self.doubts.note(key, Doubt::Unknown, now),
        }
        outcome
    }

    /// Whether the durable store answers: without the cache everything works, if slower.
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
        layered.field("trust", &self.trust).field("doubts", &self.doubts).finish_non_exhaustive()
    }
}

fn copy(entry: &Entry<'_>, into: &mut [u8]) -> Load {
    let (size, version) = (entry.record.len(), entry.version);
    into.get_mut(..size).map_or(Load::TooLarge { size }, |into| {
        into.copy_from_slice(entry.record);
        Load::Found(Found { len: size, version })
    })
}

/// Ready as soon as either is.
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
