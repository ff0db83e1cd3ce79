//! The store of an application, for a program that inspects its sessions from outside.

use std::fmt;

use session_core::Keys;
use session_core::environment::Time;
use session_core::store::{Handle, Store};
use session_store_shared::{SharedStore, UrlError};
use session_store_sql::SqlStore;

use crate::store_url::{self, StoreUrl, layered};

/// Why there is no store of an application at a URL: no server, no right, no tables, nothing under this prefix. It repeats
/// no password.
#[derive(Debug)]
pub struct NoSessions(String);

impl NoSessions {
    fn new(why: impl fmt::Display) -> Self {
        Self(why.to_string())
    }
}

impl fmt::Display for NoSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoSessions {}

/// A store in which an application keeps sessions.
pub struct ExistingStore {
    store: SharedStore,
    direct: Direct,
}

/// The store that can be asked for all records, if there is one.
enum Direct {
    Sql(Box<SqlStore>),
    #[cfg(feature = "redis")]
    Redis(session_store_redis::RedisStore),
    Cannot,
}

impl StoreUrl {
    /// Opens the store in which an application keeps its sessions. Creates nothing, neither database nor tables nor
    /// files. memcached does not show whether an application uses it.
    ///
    /// Of a layered store this opens the durable one only, which is enough to look at sessions. To end them, call
    /// [`ExistingStore::behind_cache`], so that ended sessions are removed from the cache.
    ///
    /// # Errors
    /// The store cannot be reached, or no application keeps sessions there.
    pub async fn existing(&self, now: Time) -> Result<ExistingStore, NoSessions> {
        match self {
            Self::Sql(url) => {
                // one for all operations, and one for scans of all records, which connects only then
                let open = || SqlStore::open(url).map(SqlStore::existing).map_err(NoSessions::new);
                let (store, direct) = (open()?, open()?);
                store.check(now).await.map_err(NoSessions::new)?;
                Ok(ExistingStore { store: store.into(), direct: Direct::Sql(Box::new(direct)) })
            }
            #[cfg(feature = "redis")]
            Self::Redis(url) => {
                let store = session_store_redis::RedisStore::open(url).map_err(NoSessions::new)?;
                if !store.is_used().await.map_err(NoSessions::new)? {
                    return Err(NoSessions::new("no application has sessions under this prefix"));
                }
                Ok(ExistingStore { store: store.clone().into(), direct: Direct::Redis(store) })
            }
            Self::Layered { durable, .. } => Box::pin(durable.existing(now)).await,
            #[cfg(not(feature = "redis"))]
            Self::Redis(url) => without_records(store_url::redis(url)),
            Self::Memcached(url) => without_records(store_url::memcached(url)),
        }
    }
}

fn without_records(store: Result<SharedStore, UrlError>) -> Result<ExistingStore, NoSessions> {
    Ok(ExistingStore { store: store.map_err(NoSessions::new)?, direct: Direct::Cannot })
}

impl ExistingStore {
    /// Returns the store.
    #[must_use]
    pub const fn store(&self) -> &SharedStore {
        &self.store
    }

    /// Returns the same store behind the cache that `url` names, if it is a layered one, because a program that ends
    /// sessions has to invalidate them in the cache. `keys` are the application's. With other keys the invalidation works
    /// as well, and the nodes read those sessions from the durable store.
    ///
    /// # Errors
    /// [`NoSessions`] if a file that the URL names can no longer be read.
    pub fn behind_cache(self, url: &StoreUrl, keys: &Keys) -> Result<Self, NoSessions> {
        match url {
            StoreUrl::Layered { cache, .. } => {
                let store = layered(cache, self.store, keys).map_err(NoSessions::new)?;
                Ok(Self { store, ..self })
            }
            _ => Ok(self),
        }
    }

    /// Calls `each` with the handle and the head of each record that has not expired at `now`: all that precedes its data,
    /// and maybe more. Returns `false` and calls nothing where the store cannot be asked for all of them: memcached.
    ///
    /// # Errors
    /// The store failed.
    pub async fn for_each_head(&self, now: Time, each: impl FnMut(Handle, &[u8])) -> Result<bool, NoSessions> {
        match &self.direct {
            Direct::Sql(store) => store.for_each_head(now, each).await.map(|()| true).map_err(NoSessions::new),
            #[cfg(feature = "redis")]
            Direct::Redis(store) => store.for_each_head(now, each).await.map(|()| true).map_err(NoSessions::new),
            Direct::Cannot => Ok(false),
        }
    }
}

impl fmt::Debug for ExistingStore {
    /// Prints no session and no address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExistingStore")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use session_std::{Sessions, keys};

    const NOW: Time = Time::from_millis(1_000_000_000_000);

    #[tokio::test]
    async fn a_store_that_is_not_there_is_not_made_st18() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.db");
        let parse = |url: &str| url.parse::<StoreUrl>().map_err(|why| why.to_string()).unwrap();
        let url = parse(&format!("sqlite:{}", file.display()));
        let why = url.existing(NOW).await.unwrap_err().to_string();
        assert!(why.contains("unable to open database file") && !file.exists(), "{why}");
        for away in [
            "redis://app:geheim@127.0.0.1:1",
            "postgres://app:geheim@127.0.0.1:1/app",
            "mysql://app:geheim@127.0.0.1:1/app",
        ] {
            let why = parse(away).existing(NOW).await.unwrap_err().to_string();
            assert!(why.starts_with("no connection to") && !why.contains("geheim"), "{why}");
        }

        // once an application has used it, it is opened, behind a cache as well
        let sessions = Sessions::new(url.open(&keys::generated()).unwrap(), keys::generated());
        sessions.check().await.unwrap();
        let layered = parse(&format!("layered:redis://127.0.0.1:1+sqlite:{}", file.display()));
        for url in [url, layered] {
            let there = url.existing(NOW).await.unwrap();
            assert!(there.for_each_head(NOW, |_, _| unreachable!("nobody has a session")).await.unwrap());
            assert_eq!(
                there.behind_cache(&url, &keys::generated()).unwrap().store().count(NOW).await.unwrap(),
                Some(0)
            );
        }
        let memcached = parse("memcached://127.0.0.1:1").existing(NOW).await.unwrap();
        assert!(!memcached.for_each_head(NOW, |_, _| ()).await.unwrap());
    }
}
