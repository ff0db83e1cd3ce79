//! memcached as the cache before a durable store.

use std::fmt;
use std::time::Duration;

use session_core::store::{Handle, Version};
use session_store_layered::{Cache, Entry, Look};

use crate::connection::{Did, If, Item};
use crate::server::{Lent, Server};
use crate::servers::Servers;
use crate::{Error, Settings};

/// Seconds that a lease holds. Whoever has one and comes later fills nothing.
const LEASE: u32 = 10;

/// memcached as the cache of a [`Layered`](session_store_layered::Layered) store. Opens no connection before the first
/// operation.
pub struct MemcachedCache(Servers);

impl MemcachedCache {
    /// A cache on these servers.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        Servers::new(settings).map(Self)
    }

    /// A cache at `memcached://HOST[:PORT][,HOST[:PORT]…][?prefix=TEXT]`.
    pub fn open(url: &str) -> Result<Self, Error> {
        Self::new(&url.parse()?)
    }
}

/// An item's cas, and the connection over which it was seen: as long as that lives, it is the same server process, and
/// it gives no number twice. The connection goes back to its pool with the lease.
pub struct Lease {
    key: Handle,
    cas: u64,
    at: Box<Lent>,
}

impl Cache for MemcachedCache {
    type Error = Error;
    type Lease = Lease;

    async fn look(&self, key: &Handle) -> Result<Look<Lease>, Error> {
        let (server, name) = (self.0.of(key)?, self.0.name(key));
        server
            .bounded(async {
                let (at, item) = server.item(&name, Some(LEASE)).await?;
                // it was there or was made; a server that runs full between the two says that it is not
                let Some(Item { value, cas, won }) = item else { return Ok(Look::Taken) };
                Ok(match (won, value.is_empty()) {
                    (true, _) => Look::Leased(Lease { key: *key, cas, at: Box::new(at) }),
                    (false, true) => Look::Taken,
                    (false, false) => Look::Found(value, Lease { key: *key, cas, at: Box::new(at) }),
                })
            })
            .await
    }

    async fn fill(&self, lease: Lease, entry: &[u8], keep: Duration) -> Result<(), Error> {
        if self.0.fits(entry.len()).is_err() {
            return Ok(());
        }
        let Lease { key, cas, mut at } = lease;
        let (server, name) = (self.0.of(&key)?, self.0.name(&key));
        server.bounded(async { at.set(&name, entry, If::Cas(cas), seconds(keep)).await.map(drop) }).await
    }

    async fn replace(&self, key: &Handle, seen: Version, entry: &[u8], keep: Duration) -> Result<(), Error> {
        let (server, name) = (self.0.of(key)?, self.0.name(key));
        server
            .bounded(async {
                let (mut at, item) = server.item(&name, None).await?;
                let same = item.filter(|item| Entry::version_of(&item.value) == Some(seen));
                if let Some(Item { cas, .. }) = same.filter(|_| self.0.fits(entry.len()).is_ok())
                    && let Did::Done(_) = at.set(&name, entry, If::Cas(cas), seconds(keep)).await?
                {
                    return Ok(());
                }
                at.delete(&name, None).await.map(drop)
            })
            .await
    }

    async fn remove(&self, key: &Handle) -> Result<(), Error> {
        let (server, name) = (self.0.of(key)?, self.0.name(key));
        server
            .bounded(async {
                match server.connection().await?.delete(&name, None).await {
                    Err(Error::Broken { .. }) => {
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
}

impl fmt::Debug for Lease {
    /// Prints no key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lease(..)")
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
