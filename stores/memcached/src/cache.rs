//! memcached as the cache before a durable store.

use std::fmt;
use std::time::{Duration, Instant};

use session_core::store::{Handle, Version};
use session_store_layered::{Cache, CacheEntry, Look};
use session_store_shared::UrlError;

use crate::connection::{Did, If, Item};
use crate::error::MemcachedError;
use crate::server::{PooledConnection, Server};
use crate::servers::Servers;
use crate::store::MemcachedStore;

/// The lifetime of a lease in seconds. A later fill does nothing.
const LEASE: u32 = 10;

/// memcached as the cache of a [`Layered`](session_store_layered::Layered) store. It connects with the first operation.
pub struct MemcachedCache(Servers);

impl MemcachedCache {
    /// Creates the cache that a URL names, with the URLs of [`MemcachedStore`]. It connects with the first operation.
    ///
    /// # Errors
    /// The URL is invalid.
    pub fn open(url: &str) -> Result<Self, UrlError> {
        MemcachedStore::open(url).map(Into::into)
    }
}

impl From<MemcachedStore> for MemcachedCache {
    /// Returns a cache with the servers, the prefix and the options of a store.
    fn from(store: MemcachedStore) -> Self {
        Self(store.servers)
    }
}

/// The lease of a [`MemcachedCache`]: an item's cas, and the connection on which it was read. While the connection
/// lives, the server process is the same and never repeats a cas. The connection returns to its pool with the lease.
pub struct MemcachedLease {
    key: Handle,
    cas: u64,
    at: Box<PooledConnection>,
}

impl Cache for MemcachedCache {
    type Error = MemcachedError;
    type Lease = MemcachedLease;

    async fn look(&self, key: &Handle) -> Result<Look<MemcachedLease>, MemcachedError> {
        let (server, name) = (self.0.of(key), self.0.name(key));
        server
            .bounded(async {
                let (at, item) = server.item(&name, Some(LEASE)).await?;
                // it existed or was created; a server that becomes full between the two reports that it is missing
                let Some(Item { value, cas, won }) = item else { return Ok(Look::Taken) };
                Ok(match (won, value.is_empty()) {
                    (true, _) => Look::Leased(MemcachedLease { key: *key, cas, at: Box::new(at) }),
                    (false, true) => Look::Taken,
                    (false, false) => Look::Found(value, MemcachedLease { key: *key, cas, at: Box::new(at) }),
                })
            })
            .await
    }

    async fn fill(&self, lease: MemcachedLease, entry: &[u8], keep: Duration) -> Result<bool, MemcachedError> {
        if self.0.too_large(entry).is_some() {
            return Ok(false);
        }
        let MemcachedLease { key, cas, mut at } = lease;
        let (server, name) = (self.0.of(&key), self.0.name(&key));
        let did = server.bounded(async { at.set(&name, entry, If::Cas(cas), seconds(keep)).await }).await?;
        Ok(matches!(did, Did::Done(_)))
    }

    async fn replace(&self, key: &Handle, seen: Version, entry: &[u8], keep: Duration) -> Result<(), MemcachedError> {
        let (server, name) = (self.0.of(key), self.0.name(key));
        server
            .bounded(async {
                let (mut at, item) = server.item(&name, None).await?;
                let same = item.filter(|item| CacheEntry::version_of(&item.value) == Some(seen));
                if let Some(Item { cas, .. }) = same.filter(|_| self.0.too_large(entry).is_none())
                    && let Did::Done(_) = at.set(&name, entry, If::Cas(cas), seconds(keep)).await?
                {
                    return Ok(());
                }
                at.delete(&name, None).await.map(drop)
            })
            .await
    }

    async fn remove(&self, key: &Handle) -> Result<(), MemcachedError> {
        let (server, name) = (self.0.of(key), self.0.name(key));
        server
            .bounded(async {
                match server.connection().await?.delete(&name, None).await {
                    Err(MemcachedError::Broken { .. }) => {
                        server.forget_connections();
                        server.connection().await?.delete(&name, None).await.map(drop)
                    }
                    done => done.map(drop),
                }
            })
            .await
    }

    async fn pause(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }

    fn warning(&self) -> Option<&'static str> {
        self.0.warning()
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

impl fmt::Debug for MemcachedLease {
    /// Prints no key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemcachedLease(..)")
    }
}

impl fmt::Debug for MemcachedCache {
    /// Prints no session.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<&str> = self.0.all().map(Server::name).collect();
        f.debug_struct("MemcachedCache").field("servers", &servers).finish()
    }
}

/// It counts in whole seconds and may be one early.
fn seconds(keep: Duration) -> u32 {
    u32::try_from(keep.as_secs()).unwrap_or(u32::MAX).saturating_add(2)
}
