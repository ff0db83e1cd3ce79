//! The store's operations as loops of looking and setting by cas.

use std::fmt;

use session_core::environment::Time;
use session_core::record::Stamp;
use session_core::store::{DeleteCondition, Found, Handle, Load, Outcome, Store, Version};
use session_core::subject::NoIndex;

use crate::connection::{Did, If, Item};
use crate::notes::{Note, Notes};
use crate::server::{Lent, Server};
use crate::servers::{Servers, ttl};
use crate::{Error, Settings};

/// How often an operation may find that somebody else was faster. Each time that somebody has written, so this ends.
const ROUNDS: usize = 16;

/// Sessions in memcached. Opens no connection before the first operation.
pub struct MemcachedStore {
    servers: Servers,
    notes: Notes,
}

/// What to do with the record that is there.
#[derive(Clone, Copy)]
enum Change<'a> {
    Update { seen: Version, record: &'a [u8] },
    Touch,
    Delete(DeleteCondition),
}

impl MemcachedStore {
    /// Sessions on these servers.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        Ok(Self { servers: Servers::new(settings)?, notes: Notes::new() })
    }

    /// Sessions at `memcached://HOST[:PORT][,HOST[:PORT]…][?prefix=TEXT]`.
    pub fn open(url: &str) -> Result<Self, Error> {
        Self::new(&url.parse()?)
    }

    /// Looks, and notes what is there.
    async fn look(&self, server: &Server, key: &Handle, name: &str) -> Result<(Lent, Option<(Item, Stamp)>), Error> {
        let (at, item) = server.item(name, None).await?;
        let item = item.map(|item| {
            let stamp = of(&item.value, item.cas);
            self.notes.put(key, Note { cas: item.cas, stamp });
            (item, stamp)
        });
        Ok((at, item))
    }

    async fn change(&self, key: &Handle, change: Change<'_>, now: Time, there: &mut [u8]) -> Result<Outcome, Error> {
        let (server, name) = (self.servers.of(key)?, self.servers.name(key));
        server.bounded(self.rounds(server, (key, &name), change, now, there)).await
    }

    async fn rounds(
        &self,
        server: &Server,
        (key, name): (&Handle, &str),
        change: Change<'_>,
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, Error> {
        // a touch needs the bytes
        let mut note = self.notes.take(key).filter(|_| !matches!(change, Change::Touch));
        for _ in 0..ROUNDS {
            if let Some(Note { cas, stamp }) =
                note.take().filter(|note| note.stamp.live(now) && change.matches(&note.stamp))
            {
                let mut at = server.connection().await?;
                match self.write(&mut at, (key, name), change, (cas, &stamp, Vec::new()), now).await {
                    // the connection was closed long ago, or now and it was done: the look below tells
                    Err(Error::Broken { .. }) => server.forget_connections(),
                    Ok(Some(outcome)) => return Ok(outcome),
                    Ok(None) => {}
                    Err(why) => return Err(why),
                }
            }
            let (mut at, item) = self.look(server, key, name).await?;
            let Some((Item { value, cas, .. }, stamp)) = item.filter(|(_, stamp)| stamp.live(now)) else {
                return Ok(Outcome::Missing);
            };
            if !change.matches(&stamp) {
                return Ok(match change {
                    // ours, whose answer was lost: a version is drawn for one write only
                    Change::Update { record, .. } if same_version(&value, record) => Outcome::Applied(stamp.version),
                    Change::Update { .. } => {
                        Outcome::Conflict(copy(&value, stamp.version, there).filter(|found| found.len > 0))
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

    /// Does it to the item of this cas; `None` if it is another by now.
    async fn write(
        &self,
        at: &mut Lent,
        (key, name): (&Handle, &str),
        change: Change<'_>,
        (cas, stamp, mut value): (u64, &Stamp, Vec<u8>),
        now: Time,
    ) -> Result<Option<Outcome>, Error> {
        match change {
            Change::Delete(_) => {
                self.notes.take(key);
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
        at: &mut Lent,
        (key, name): (&Handle, &str),
        value: &[u8],
        condition: If,
        now: Time,
    ) -> Result<Option<Outcome>, Error> {
        self.notes.take(key);
        let did = match at.set(name, value, condition, ttl(of(value, 0).deadline(), now)).await {
            // one that may not evict (option -M)
            Err(Error::Refused { why, .. }) if why.starts_with("out of memory") => return Ok(Some(Outcome::Full)),
            did => did?,
        };
        Ok(match did {
            Did::Done(cas) => {
                let stamp = of(value, cas);
                self.notes.put(key, Note { cas, stamp });
                Some(Outcome::Applied(stamp.version))
            }
            Did::Missing => Some(Outcome::Missing),
            Did::Another => None,
        })
    }

    async fn add(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, Error> {
        let (server, name) = (self.servers.of(key)?, self.servers.name(key));
        let mut at = server.connection().await?;
        let mut condition = If::Absent;
        for _ in 0..ROUNDS {
            match self.set(&mut at, (key, &name), record, condition, now).await {
                Ok(Some(outcome @ (Outcome::Applied(_) | Outcome::Full))) => return Ok(outcome),
                Ok(_) => {}
                Err(Error::Broken { .. }) => server.forget_connections(),
                Err(why) => return Err(why),
            }
            // given back first: with one connection for all we would wait for ourselves
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
    type Error = Error;
    type Index = NoIndex;

    fn index(&self) -> Option<&NoIndex> {
        None
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, Error> {
        let (server, name) = (self.servers.of(key)?, self.servers.name(key));
        let (_, item) = server.bounded(self.look(server, key, &name)).await?;
        Ok(match item {
            Some((item, stamp)) if stamp.live(now) => {
                let size = item.value.len();
                copy(&item.value, stamp.version, into).map_or(Load::TooLarge { size }, Load::Found)
            }
            Some(_) | None => Load::Missing,
        })
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, Error> {
        self.servers.fits(record.len())?;
        self.servers.of(key)?.bounded(self.add(key, record, now)).await
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, Error> {
        self.servers.fits(record.len())?;
        self.change(key, Change::Update { seen, record }, now, there).await
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, Error> {
        self.change(key, Change::Touch, now, &mut []).await
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, Error> {
        self.change(key, Change::Delete(condition), now, &mut []).await
    }

    /// All servers answer; a key has only one.
    async fn check(&self, _now: Time) -> Result<(), Error> {
        for server in self.servers.all() {
            server
                .bounded(async {
                    match server.connection().await?.ping().await {
                        Err(Error::Broken { .. }) => {
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
    /// Whether it may be done to a record with this stamp.
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

/// The stamp of what is kept. Bytes that are no record are never over, and the cas is their version.
fn of(value: &[u8], cas: u64) -> Stamp {
    let garbled = Stamp { version: Version(cas), login: 0, last_seen: Time::ZERO, idle: 0, ends: 0 };
    Stamp::of(value).unwrap_or(garbled)
}

fn same_version(one: &[u8], other: &[u8]) -> bool {
    Stamp::of(one).is_some_and(|one| Stamp::of(other).is_some_and(|other| one.version == other.version))
}

fn copy(value: &[u8], version: Version, into: &mut [u8]) -> Option<Found> {
    into.get_mut(..value.len())?.copy_from_slice(value);
    Some(Found { len: value.len(), version })
}
