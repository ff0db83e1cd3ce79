//! The store's operations: loops that read a record and write it by compare-and-set.

use std::fmt;

use session_core::environment::Time;
use session_core::record::Stamp;
use session_core::store::{DeleteCondition, Found, Handle, Load, Outcome, Store, Version};
use session_core::subject::NoIndex;
use session_store_shared::{ConnectionOptions, UrlError};

use crate::cas_cache::{CasCache, Seen};
use crate::connection::{Did, If, Item};
use crate::error::MemcachedError;
use crate::server::{PooledConnection, Server};
use crate::servers::{Servers, ttl};

/// How often an operation is retried after losing to another writer.
const ROUNDS: usize = 16;

/// Sessions in memcached. It connects with the first operation.
///
/// If a future is dropped, its operation was applied or not, and its connection is closed.
pub struct MemcachedStore {
    pub(crate) servers: Servers,
    seen: CasCache,
}

/// What to do with the existing record.
#[derive(Clone, Copy)]
enum Change<'a> {
    Update { seen: Version, record: &'a [u8] },
    Touch,
    Delete(DeleteCondition),
}

impl MemcachedStore {
    /// Creates a store on the servers of `memcached://HOST[:PORT][,HOST[:PORT]…][?prefix=TEXT]`, or of another URL that
    /// the [crate](crate) page lists. All nodes must name the servers identically, because the names decide which
    /// server has which key. Names are resolved at each connection.
    ///
    /// # Errors
    /// The URL is invalid, or a file that it names cannot be used.
    pub fn open(url: &str) -> Result<Self, UrlError> {
        Ok(Self { servers: Servers::open(url)?, seen: CasCache::new() })
    }

    /// Sets pool size, timeouts and circuit breaker of each server.
    #[must_use]
    pub fn with_options(mut self, options: ConnectionOptions) -> Self {
        self.servers.set_options(&options);
        self
    }

    /// Sets the prefix of all keys. The default is `session:`, and `?prefix=` in the URL sets it as well.
    ///
    /// # Errors
    /// The prefix is empty, longer than 200 bytes, or contains a space.
    pub fn with_prefix(mut self, prefix: &str) -> Result<Self, UrlError> {
        self.servers.set_prefix(prefix)?;
        Ok(self)
    }

    /// Sets the maximum size of a record in bytes. The default is 1,000,000. It must not exceed the servers' limit,
    /// which is their option `-I` less 100 bytes: memcached deletes the current value when it rejects one that is too
    /// large.
    #[must_use]
    pub fn with_max_record_size(mut self, bytes: usize) -> Self {
        self.servers.max_record_size = bytes;
        self
    }

    /// Reads a key, and remembers its cas.
    async fn look(
        &self,
        server: &Server,
        key: &Handle,
        name: &str,
    ) -> Result<(PooledConnection, Option<(Item, Stamp)>), MemcachedError> {
        let (at, item) = server.item(name, None).await?;
        let item = item.map(|item| {
            let stamp = of(&item.value, item.cas);
            self.seen.put(key, Seen { cas: item.cas, stamp });
            (item, stamp)
        });
        Ok((at, item))
    }

    async fn change(
        &self,
        key: &Handle,
        change: Change<'_>,
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, MemcachedError> {
        let (server, name) = (self.servers.of(key), self.servers.name(key));
        server.bounded(self.rounds(server, (key, &name), change, now, there)).await
    }

    async fn rounds(
        &self,
        server: &Server,
        (key, name): (&Handle, &str),
        change: Change<'_>,
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, MemcachedError> {
        // a touch needs the bytes
        let mut seen = self.seen.take(key).filter(|_| !matches!(change, Change::Touch));
        // a delete ignores the clock
        let live = |stamp: &Stamp| matches!(change, Change::Delete(_)) || stamp.live(now);
        for _ in 0..ROUNDS {
            if let Some(Seen { cas, stamp }) =
                seen.take().filter(|seen| live(&seen.stamp) && change.matches(&seen.stamp))
            {
                let mut at = server.connection().await?;
                match self.write(&mut at, (key, name), change, (cas, &stamp, Vec::new()), now).await {
                    // the connection was closed long ago, or just now after the write: the read below shows which
                    Err(MemcachedError::Broken { .. }) => server.forget_connections(),
                    Ok(Some(outcome)) => return Ok(outcome),
                    Ok(None) => {}
                    Err(why) => return Err(why),
                }
            }
            let (mut at, item) = self.look(server, key, name).await?;
            let Some((Item { value, cas, .. }, stamp)) = item.filter(|(_, stamp)| live(stamp)) else {
                return Ok(Outcome::Missing);
            };
            if !change.matches(&stamp) {
                return Ok(match change {
                    // ours, whose answer was lost: a version is drawn for one write only
                    Change::Update { record, .. } if same_version(&value, record) => Outcome::Applied(stamp.version),
                    Change::Update { .. } => {
                        Outcome::Conflict(Found::copy(&value, stamp.version, there).filter(|found| found.len > 0))
                    }
                    Change::Touch | Change::Delete(_) => Outcome::Conflict(None),
                });
            }
            if let Some(outcome) = self.write(&mut at, (key, name), change, (cas, &stamp, value), now).await? {
                return Ok(outcome);
            }
        }
        Ok(Outcome::Conflict(None))
    }

    /// Applies it to the item with this cas; `None` if the cas has changed.
    async fn write(
        &self,
        at: &mut PooledConnection,
        (key, name): (&Handle, &str),
        change: Change<'_>,
        (cas, stamp, mut value): (u64, &Stamp, Vec<u8>),
        now: Time,
    ) -> Result<Option<Outcome>, MemcachedError> {
        match change {
            Change::Delete(_) => {
                self.seen.take(key);
                return Ok(match at.delete(name, Some(cas)).await? {
                    Did::Done(_) => Some(Outcome::Applied(stamp.version)),
                    Did::Missing => Some(Outcome::Missing),
                    Did::Another => None,
                });
            }
            Change::Touch if stamp.last_seen >= now => return Ok(Some(Outcome::Applied(stamp.version))),
            Change::Touch => Stamp::touch(&mut value, now),
            Change::Update { record, .. } => {
                value = record.to_vec();
                Stamp::touch(&mut value, stamp.last_seen);
            }
        }
        self.set(at, (key, name), &value, If::Cas(cas), now).await
    }

    /// `None` if the condition does not hold.
    async fn set(
        &self,
        at: &mut PooledConnection,
        (key, name): (&Handle, &str),
        value: &[u8],
        condition: If,
        now: Time,
    ) -> Result<Option<Outcome>, MemcachedError> {
        self.seen.take(key);
        let did = match at.set(name, value, condition, ttl(of(value, 0).deadline(), now)).await {
            // a server that must not evict (option -M)
            Err(MemcachedError::Refused { why, .. }) if why.starts_with("out of memory") => {
                return Ok(Some(Outcome::Full));
            }
            did => did?,
        };
        Ok(match did {
            Did::Done(cas) => {
                let stamp = of(value, cas);
                self.seen.put(key, Seen { cas, stamp });
                Some(Outcome::Applied(stamp.version))
            }
            Did::Missing => Some(Outcome::Missing),
            Did::Another => None,
        })
    }

    async fn add(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, MemcachedError> {
        let (server, name) = (self.servers.of(key), self.servers.name(key));
        let mut at = server.connection().await?;
        let mut condition = If::Absent;
        for _ in 0..ROUNDS {
            match self.set(&mut at, (key, &name), record, condition, now).await {
                Ok(Some(outcome @ (Outcome::Applied(_) | Outcome::Full))) => return Ok(outcome),
                Ok(_) => {}
                Err(MemcachedError::Broken { .. }) => server.forget_connections(),
                Err(why) => return Err(why),
            }
            // returned first, because with a single connection the operation would wait for itself
            drop(at);
            let (connection, item) = server.item(&name, None).await?;
            at = connection;
            condition = match item {
                None => If::Absent,
                Some(item) if item.value == record => return Ok(Outcome::Applied(of(record, item.cas).version)),
                Some(item) if of(&item.value, item.cas).live(now) => return Ok(Outcome::Conflict(None)),
                Some(item) => If::Cas(item.cas),
            };
        }
        Ok(Outcome::Conflict(None))
    }
}

impl Store for MemcachedStore {
    type Error = MemcachedError;
    type Index = NoIndex;

    fn index(&self) -> Option<&NoIndex> {
        None
    }

    fn warning(&self) -> Option<&'static str> {
        self.servers.warning()
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, MemcachedError> {
        let (server, name) = (self.servers.of(key), self.servers.name(key));
        let (_, item) = server.bounded(self.look(server, key, &name)).await?;
        Ok(match item {
            Some((item, stamp)) if stamp.live(now) => {
                let size = item.value.len();
                Found::copy(&item.value, stamp.version, into).map_or(Load::TooLarge { size }, Load::Found)
            }
            Some(_) | None => Load::Missing,
        })
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, MemcachedError> {
        if let Some(refused) = self.servers.too_large(record) {
            return Ok(refused);
        }
        self.servers.of(key).bounded(self.add(key, record, now)).await
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, MemcachedError> {
        if let Some(refused) = self.servers.too_large(record) {
            return Ok(refused);
        }
        self.change(key, Change::Update { seen, record }, now, there).await
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, MemcachedError> {
        self.change(key, Change::Touch, now, &mut []).await
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, MemcachedError> {
        self.change(key, Change::Delete(condition), now, &mut []).await
    }

    /// All servers answer; a key has only one.
    async fn check(&self, _now: Time) -> Result<(), MemcachedError> {
        for server in self.servers.all() {
            server
                .bounded(async {
                    match server.connection().await?.ping().await {
                        Err(MemcachedError::Broken { .. }) => {
                            server.forget_connections();
                            server.connection().await?.ping().await
                        }
                        answered => answered,
                    }
                })
                .await?;
        }
        Ok(())
    }
}

session_store_shared::shared!(MemcachedStore);

impl Change<'_> {
    /// Whether it applies to a record with this stamp.
    fn matches(self, stamp: &Stamp) -> bool {
        match self {
            Self::Update { seen, .. } => stamp.version == seen,
            Self::Touch => true,
            Self::Delete(condition) => condition.matches(stamp),
        }
    }
}

impl fmt::Debug for MemcachedStore {
    /// Prints no session.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<&str> = self.servers.all().map(Server::name).collect();
        f.debug_struct("MemcachedStore").field("servers", &servers).finish_non_exhaustive()
    }
}

/// Returns the stamp of a value. The version of a value that is no record is its cas.
fn of(value: &[u8], cas: u64) -> Stamp {
    Stamp::of(value).unwrap_or_else(|| Stamp { version: Version(cas), ..Stamp::of_any(value) })
}

fn same_version(one: &[u8], other: &[u8]) -> bool {
    Stamp::of(one).is_some_and(|one| Stamp::of(other).is_some_and(|other| one.version == other.version))
}
