//! The protocol's rule: ask the durable store, then change the cache, then answer.

use std::fmt::{self, Display};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use session_core::Keys;
use session_core::environment::Time;
use session_core::store::{DeleteCondition, Found, Handle, Load, Outcome, Store, Version};

use crate::agreement::{self, Agreement, Outage, Standing};
use crate::cache::{Cache, Look};
use crate::cache_entry::{CacheKeys, Entry, Opened};
use crate::pending_checks::PendingChecks;

type Report = dyn Fn(&CacheEvent<'_>) + Send + Sync;

/// How long an entry is trusted by default.
const TRUST: Duration = Duration::from_secs(5);
/// A node's distrust of the cache lasts this many times the trust period after the node last recorded it.
const STANDS: u32 = 2;
/// How often a node reads the agreement again if others change it.
const TRIES: usize = 4;

/// Something that happened in the cache. Clients do not see it.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum CacheEvent<'a> {
    /// An operation of the cache failed, with its error.
    Failed(&'a dyn Display),
    /// An entry was not written by a node of this application for this session. It was forged, moved from another
    /// session, truncated, or written under a key that this node does not know. It counts as a miss.
    Rejected,
}

impl Display for CacheEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(why) => write!(f, "the session cache failed: {why}"),
            Self::Rejected => f.write_str(
                "a cache entry was rejected, because none of this node's keys wrote it: check the keys of all nodes, \
                 and what else can write to the cache",
            ),
        }
    }
}

impl fmt::Debug for CacheEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// A durable store with a cache in front of it. The [crate](crate) page states its guarantees.
///
/// If a future is dropped, its operation was applied in the durable store or not. The cache may return the earlier
/// state until its trust period ends.
pub struct Layered<C, D> {
    cache: Arc<C>,
    durable: D,
    keys: CacheKeys,
    trust: Duration,
    // shared by the same store with other keys
    pending: Arc<PendingChecks>,
    agreement: Arc<Agreement>,
    report: Arc<Report>,
}

/// Returns whether nodes keep sessions in `durable` behind a cache, for a program that looks at an application's
/// sessions from outside. A node may serve a session that such a program ended only in the durable store until the
/// trust period ends. Also returns `false` if no node has read a session yet, or none since all were ended.
///
/// # Errors
/// The store failed.
pub async fn is_used_in<D: Store>(durable: &D, now: Time) -> Result<bool, D::Error> {
    Ok(durable.load(&agreement::PLACE, now, &mut [0; agreement::LEN]).await? != Load::Missing)
}

impl<C: Cache, D: Store> Layered<C, D> {
    /// Creates a store with `cache` in front of `durable`. For the `Sessions` of an adapter, the durable store must be
    /// a [`SharedStore`](session_store_shared::SharedStore).
    ///
    /// Cache entries are authenticated with keys derived from `keys`, the application's signing keys, so another
    /// program with access to the cache cannot create valid entries. All nodes need the same keys. As with cookies, the
    /// first key writes and every key is accepted. An entry under another key is a miss.
    ///
    /// The `Sessions` of an adapter replace `keys` by their own, and again whenever those change
    /// ([`SharedStore::with_keys`](session_store_shared::SharedStore::with_keys)).
    pub fn new(cache: C, durable: D, keys: &Keys) -> Self {
        Self {
            cache: Arc::new(cache),
            durable,
            keys: CacheKeys::new(keys),
            trust: TRUST,
            pending: Arc::default(),
            agreement: Arc::default(),
            report: Arc::new(|_| ()),
        }
    }

    /// Sets how long an entry is served before the durable store is asked again, counted from just before the last time
    /// that it was asked. The default is 5 s. During an outage of the cache, the first requests at each node take up to
    /// this long. All nodes must use the same value.
    #[must_use]
    pub fn with_trust(self, trust: Duration) -> Self {
        Self { trust, ..self }
    }

    /// Calls `report` for each failure of the cache and each rejected entry.
    #[must_use]
    pub fn with_report(self, report: impl Fn(&CacheEvent<'_>) + Send + Sync + 'static) -> Self {
        Self { report: Arc::new(report), ..self }
    }

    /// Returns the durable store.
    pub fn durable(&self) -> &D {
        &self.durable
    }

    /// Returns how long the cache must keep an entry. After that it is not trusted.
    fn keep(&self) -> Duration {
        self.trust + Duration::from_secs(1)
    }

    fn heard<T>(&self, result: Result<T, C::Error>) -> Option<T> {
        result.inspect_err(|why| (self.report)(&CacheEvent::Failed(why))).ok()
    }

    /// Returns when no node serves anything older than what the durable store has answered: the cache has confirmed it,
    /// or no node trusts the cache, or the entry is no longer trusted.
    async fn agree(&self, key: &Handle, news: News<'_, C::Lease>, now: Time) {
        let standing = self.agreement.known().standing(self.cache.now(), self.trust);
        match standing {
            Standing::Without => return,
            Standing::Waits(from) => return self.removed_or(key, from).await,
            Standing::Cache => {}
        }
        let told = match news {
            News::Filled(lease, version, entry) => match self.heard(self.cache.fill(lease, entry, self.keep()).await) {
                Some(false) => self.heard(self.cache.replace(key, version, entry, self.keep()).await),
                filled => filled.map(drop),
            },
            News::Changed(seen, entry) => self.heard(self.cache.replace(key, seen, entry, self.keep()).await),
            News::Gone => self.heard(self.cache.remove(key).await),
        };
        if told.is_none() && !self.remove(key).await {
            let from = self.declare_distrust(now).await;
            self.removed_or(key, from.unwrap_or_else(|| self.cache.now() + self.trust)).await;
        } else {
            self.agreement.known().outage = None;
        }
    }

    /// Removes the entry from the cache. Returns whether the cache confirmed it.
    async fn remove(&self, key: &Handle) -> bool {
        self.heard(self.cache.remove(key).await).is_some()
    }

    /// Returns when the cache has removed its entry, or at `from`.
    async fn removed_or(&self, key: &Handle, from: Instant) {
        let removed = async {
            while !self.remove(key).await {
                self.cache.pause(self.trust / 10).await;
            }
            self.agreement.known().outage = None;
        };
        first(removed, self.cache.pause(from.saturating_duration_since(self.cache.now()))).await;
    }

    /// Makes all nodes ask only the durable store for as long as this is repeated. Returns the time from which they do.
    async fn declare_distrust(&self, now: Time) -> Option<Instant> {
        let asked = self.cache.now();
        for _ in 0..TRIES {
            let mut there = [0; agreement::LEN];
            let (outcome, record) = match self.durable.load(&agreement::PLACE, now, &mut there).await.ok()? {
                Load::Found(Found { version, .. }) => {
                    let begins = agreement::believes(&there);
                    let number = if begins { version.0 } else { agreement::number(&there) };
                    let record = agreement::record(false, Some(number)).ok()?;
                    (self.durable.update(&agreement::PLACE, version, &record, now, &mut []).await, record)
                }
                Load::Missing => {
                    let record = agreement::record(false, None).ok()?;
                    (self.durable.create(&agreement::PLACE, &record, now).await, record)
                }
                Load::TooLarge { .. } => return None,
            };
            if let Outcome::Applied(_) = outcome.ok()? {
                let (said, number) = (self.cache.now(), agreement::number(&record));
                let mut known = self.agreement.known();
                // the cache was not trusted in between
                let unbroken = known.outage.filter(|outage| outage.number == number);
                let from = unbroken.map_or(said + self.trust, |outage| outage.from);
                let until = asked + self.trust * STANDS;
                if from >= until {
                    return None;
                }
                known.outage = Some(Outage { number, from, retry: asked + self.trust, until });
                return Some(from);
            }
        }
        None
    }

    /// Returns whether the nodes trust the cache. The durable store's answer is valid for as long as an entry. A
    /// distrust that no node has repeated ends if this node reaches the cache.
    async fn believes_cache(&self, key: &Handle, now: Time) -> bool {
        let asked = self.cache.now();
        {
            let known = self.agreement.known();
            if known.outage.is_some() {
                return false;
            }
            if let Some((before, believes)) = known.asked
                && asked < before + self.trust
            {
                return believes;
            }
        }
        let mut there = [0; agreement::LEN];
        let believes = match self.durable.load(&agreement::PLACE, now, &mut there).await {
            Ok(Load::Found(_)) if agreement::believes(&there) => true,
            Ok(Load::Found(found)) => self.end_distrust(key, found.version, now).await,
            Ok(Load::Missing) => {
                if let Ok(record) = agreement::record(false, None)
                    && let Ok(Outcome::Applied(version)) = self.durable.create(&agreement::PLACE, &record, now).await
                {
                    self.agreement.known().distrust = Some((version, self.cache.now()));
                }
                false
            }
            // the known answer is too old
            Ok(Load::TooLarge { .. }) | Err(_) => return false,
        };
        self.agreement.known().asked = Some((asked, believes));
        believes
    }

    /// Ends a distrust that is old enough. Returns whether it was.
    async fn end_distrust(&self, key: &Handle, version: Version, now: Time) -> bool {
        let seen = self.cache.now();
        let since = {
            let mut known = self.agreement.known();
            let (_, since) = known.distrust.filter(|(same, _)| *same == version).unwrap_or((version, seen));
            known.distrust = Some((version, since));
            since
        };
        if seen < since + self.trust * STANDS || !self.remove(key).await {
            return false;
        }
        let Ok(record) = agreement::record(true, None) else { return false };
        let ended = self.durable.update(&agreement::PLACE, version, &record, now, &mut []).await;
        matches!(ended, Ok(Outcome::Applied(_)))
    }
}

/// The durable store's answer about a record, for the cache.
enum News<'a, L> {
    /// This version, which fills a lease.
    Filled(L, Version, &'a [u8]),
    /// An entry that replaces this version's.
    Changed(Version, &'a [u8]),
    /// Nothing that the cache could contain.
    Gone,
}

impl<C: Cache, D: Store> Store for Layered<C, D> {
    type Error = D::Error;
    type Index = D::Index;

    fn index(&self) -> Option<&D::Index> {
        self.durable.index()
    }

    fn warning(&self) -> Option<&'static str> {
        self.durable.warning().or_else(|| self.cache.warning())
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, D::Error> {
        let checks = self.pending.contains(key);
        let lease = if checks || !self.believes_cache(key, now).await {
            None
        } else {
            match self.heard(self.cache.look(key).await) {
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
            }
        };
        let load = self.durable.load(key, now, into).await?;
        if let Load::Found(Found { len, version }) = load {
            let record = into.get(..len).unwrap_or_default();
            let entry = self.keys.seal(key, &Entry { since: now, version, record });
            let news = match lease {
                Some(lease) => News::Filled(lease, version, &entry),
                None => News::Changed(version, &entry),
            };
            self.agree(key, news, now).await;
        } else {
            // another node may be about to fill in the ended session, even if the lease is ours: it may have been lost
            self.agree(key, News::Gone, now).await;
        }
        if checks {
            self.pending.remove(key);
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
                self.agree(key, News::Changed(seen, &entry), now).await;
            }
            Ok(Outcome::Conflict(Some(Found { len, version }))) => {
                let record = there.get(..len).unwrap_or_default();
                let entry = self.keys.seal(key, &Entry { since: now, version, record });
                self.agree(key, News::Changed(version, &entry), now).await;
            }
            Ok(Outcome::Missing) => self.agree(key, News::Gone, now).await,
            Ok(Outcome::Conflict(None)) | Err(_) => self.pending.add(key, now),
            Ok(Outcome::Full | Outcome::TooLarge { .. }) => {}
        }
        outcome
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, D::Error> {
        let outcome = self.durable.touch(key, now).await?;
        if let Outcome::Applied(_) = outcome {
            // so that other nodes do not touch it again; an entry that seems idle for too long is always checked
            if self.agreement.known().outage.is_none() {
                self.remove(key).await;
            }
        }
        Ok(outcome)
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, D::Error> {
        let outcome = self.durable.delete(key, condition, now).await;
        match outcome {
            Ok(Outcome::Applied(_) | Outcome::Missing) => self.agree(key, News::Gone, now).await,
            Ok(Outcome::Conflict(_)) | Err(_) => self.pending.add(key, now),
            Ok(Outcome::Full | Outcome::TooLarge { .. }) => {}
        }
        outcome
    }

    /// Checks only the durable store, because everything works without the cache, but slower.
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

session_store_shared::shared!([C: Cache + 'static] Layered<C, SharedStore>, |layered, keys| Layered {
    cache: layered.cache.clone(),
    durable: layered.durable.with_keys(keys),
    keys: CacheKeys::new(keys),
    trust: layered.trust,
    pending: layered.pending.clone(),
    agreement: layered.agreement.clone(),
    report: layered.report.clone(),
});

impl<C, D> fmt::Debug for Layered<C, D> {
    /// Prints no session.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut layered = f.debug_struct("Layered");
        layered.field("trust", &self.trust).field("pending", &self.pending);
        layered.field("agreement", &self.agreement).finish_non_exhaustive()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_of_the_cache_has_a_text() {
        let name = |event: &CacheEvent<'_>| match event {
            CacheEvent::Failed(_) => "Failed",
            CacheEvent::Rejected => "Rejected",
        };
        let why = "memcached did not answer: check that it runs";
        let texts = [CacheEvent::Failed(&why), CacheEvent::Rejected].map(|event| {
            let text = event.to_string();
            store_support::check_text(name(&event), &text);
            assert!(text.contains("cache") && text.contains(": "), "{text}");
            assert_eq!(format!("{event:?}"), text);
            text
        });
        assert!(texts[0].ends_with(why), "{texts:?}");
        assert_ne!(texts[0], texts[1]);
    }
}
