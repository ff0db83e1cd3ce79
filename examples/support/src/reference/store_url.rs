//! `--store URL`.

use std::path::PathBuf;
use std::str::FromStr;

use session_core::environment::Clock;
use session_core::mode::DynamicMode;
use session_core::store::Store;
use session_std::{Keys, MemoryStore, Sessions, SharedStore};
use session_store_layered::Layered;
use session_store_memcached::{MemcachedCache, MemcachedStore};
use session_store_redis::{RedisCache, RedisStore};
use session_store_sql::SqlStore;

use super::flash::{Locked, flash_store, holds_sessions};
use super::surroundings::SystemClock;

/// Which store the app runs on. An adapter that cannot serve one says so at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// `memory:` or `memory:capacity=N`
    Memory {
        /// At most so many sessions.
        capacity: Option<usize>,
        /// At most so many of them anonymous: all, if nothing is said.
        anonymous: Option<usize>,
    },
    /// `fixed:`, the table without a heap
    Fixed,
    /// `flash:PATH`, a file that stands for a flash
    Flash(PathBuf),
    /// `redis://…`, `redis-cluster://…`, `redis-sentinel://…`, read by its store
    Redis(String),
    /// `postgres://…`, `mysql://…`, `sqlite:PATH`
    Sql(String),
    /// `memcached://…`, `memcacheds://…`, `memcached+unix://PATH`, read by its store
    Memcached(String),
    /// `layered:CACHE_URL+DURABLE_URL`
    Layered {
        /// One of memcached or Redis.
        cache: String,
        /// Any other.
        durable: Box<StoreUrl>,
    },
    /// `cookie:`, no store: the sessions travel in their cookies
    Cookie,
}

/// All that a store URL may be.
const KINDS: &str = "memory:, memory:capacity=N, fixed:, flash:PATH, sqlite:PATH, postgres://, mysql://, redis://, redis-cluster://, \
                     redis-sentinel://, memcached://, memcached+unix://PATH, layered:CACHE+DURABLE, cookie:";

/// A store of at most so many sessions, and so many of them anonymous: all, if nothing is said.
pub(crate) fn memory(capacity: Option<usize>, anonymous: Option<usize>) -> MemoryStore {
    let store = capacity.map_or_else(MemoryStore::new, MemoryStore::with_max_sessions);
    match anonymous.or(capacity) {
        Some(most) => store.with_max_anonymous(most),
        None => store,
    }
}

impl FromStr for StoreUrl {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = url.split_once(':') else {
            return Err(format!("a store URL begins with its kind, which is one of {KINDS}"));
        };
        match (scheme, rest) {
            ("memory", "") => Ok(Self::Memory { capacity: None, anonymous: None }),
            ("memory", rest) => {
                let capacity = rest.strip_prefix("capacity=").and_then(|number| number.parse().ok());
                let why = "expected memory: or memory:capacity=N, N at least 1";
                capacity
                    .filter(|n| *n > 0)
                    .map(|n| Self::Memory { capacity: Some(n), anonymous: None })
                    .ok_or_else(|| why.into())
            }
            ("fixed", "") => Ok(Self::Fixed),
            ("flash", "") => Err("expected flash:PATH, a file that stands for a flash".into()),
            ("flash", path) => Ok(Self::Flash(path.into())),
            ("cookie", "") => Ok(Self::Cookie),
            // the URLs of servers are not repeated: there may be a password in them
            (scheme, _) if scheme.starts_with("redis") => {
                let checked = RedisStore::open(url).map_err(|why| format!("{scheme}: {why}"));
                checked.map(|_| Self::Redis(url.to_owned()))
            }
            ("postgres" | "postgresql" | "mysql" | "mariadb" | "sqlite", _) => {
                let checked = SqlStore::open(url).map_err(|why| format!("{scheme}: {why}"));
                checked.map(|_| Self::Sql(url.to_owned()))
            }
            ("memcached" | "memcacheds" | "memcached+unix", _) => {
                let checked = MemcachedStore::open(url).map_err(|why| format!("{scheme}: {why}"));
                checked.map(|_| Self::Memcached(url.to_owned()))
            }
            ("layered", rest) => {
                // one scheme has a plus sign itself
                let from = if rest.starts_with("memcached+unix:") { "memcached+".len() } else { 0 };
                let parts = rest.split_at(from).1.split_once('+').ok_or("expected layered:CACHE_URL+DURABLE_URL")?;
                let (cache, durable) = (rest.split_at(from + parts.0.len()).0, parts.1);
                let durable: Self = durable.parse()?;
                let checked = match cache.split_once(':') {
                    _ if matches!(durable, Self::Fixed | Self::Cookie) => Err("no store that can be durable".into()),
                    Some((scheme, _)) if scheme.starts_with("redis") => {
                        RedisCache::open(cache).map(drop).map_err(|why| why.to_string())
                    }
                    _ => MemcachedCache::open(cache).map(drop).map_err(|why| why.to_string()),
                };
                // nothing is opened yet, for that makes a flash's file
                checked.map_err(|why| format!("layered: {why}"))?;
                Ok(Self::Layered { cache: cache.into(), durable: Box::new(durable) })
            }
            _ => Err(format!("{scheme}: is not a store that this program knows; it knows {KINDS}")),
        }
    }
}

impl StoreUrl {
    /// The sessions in this store, or in what `around` makes of it, for adapters over session-std. A server is not asked yet:
    /// it may come later.
    pub fn sessions(&self, keys: Keys, around: impl FnOnce(SharedStore) -> SharedStore) -> Result<Sessions, String> {
        let (mode, store) = self.clone().parts();
        let store = around(store.open(&keys)?);
        Ok(match mode {
            DynamicMode::Stored => Sessions::new(store, keys),
            DynamicMode::Sealed => Sessions::sealed(store, keys),
        })
    }

    /// Where sessions are kept, and the store that they need for it.
    #[must_use]
    pub fn parts(self) -> (DynamicMode, Self) {
        match self {
            Self::Cookie => (DynamicMode::Sealed, Self::Memory { capacity: None, anonymous: None }),
            store => (DynamicMode::Stored, store),
        }
    }

    /// The store, for adapters over session-std; `keys` authenticate what a cache holds. A server is not asked yet: it may
    /// come later.
    pub fn open(&self, keys: &Keys) -> Result<SharedStore, String> {
        match self {
            Self::Memory { capacity, anonymous } => Ok(memory(*capacity, *anonymous).into()),
            Self::Fixed => Err("--store fixed: is for programs of one thread; use memory: here".into()),
            Self::Flash(path) => Ok(SharedStore::from(Locked::new(flash_store(path)?))),
            Self::Cookie => Err("--store: this is no store of records; name one".into()),
            Self::Redis(url) => Ok(RedisStore::open(url).map_err(|why| format!("--store: {why}"))?.into()),
            Self::Sql(url) => Ok(SqlStore::open(url).map_err(|why| format!("--store: {why}"))?.into()),
            Self::Memcached(url) => Ok(MemcachedStore::open(url).map_err(|why| format!("--store: {why}"))?.into()),
            Self::Layered { cache, durable } if cache.starts_with("redis") => {
                let cache = RedisCache::open(cache).map_err(|why| format!("--store: {why}"))?;
                Ok(Layered::new(cache, durable.open(keys)?, keys).into())
            }
            Self::Layered { cache, durable } => {
                let cache = MemcachedCache::open(cache).map_err(|why| format!("--store: {why}"))?;
                Ok(Layered::new(cache, durable.open(keys)?, keys).into())
            }
        }
    }

    /// The store of an application that has sessions in it, for a program that looks at them from outside: nothing is made
    /// where there is none, and that is an error. `ends`: the program ends sessions, which a cache has to be told; what it
    /// only looks at, it does not ask a cache for, whose entries are another's to sign.
    pub async fn open_existing(&self, ends: bool) -> Result<SharedStore, String> {
        match self {
            Self::Sql(url) => {
                let store = SqlStore::open(url).map_err(|why| format!("--store: {why}"))?.existing();
                store.check(SystemClock.now()).await.map_err(|why| format!("--store: {why}"))?;
                Ok(store.into())
            }
            Self::Redis(url) => {
                let store = RedisStore::open(url).map_err(|why| format!("--store: {why}"))?;
                match store.is_used().await {
                    Ok(true) => Ok(store.into()),
                    Ok(false) => Err("--store: no application has sessions under this prefix".into()),
                    Err(why) => Err(format!("--store: {why}")),
                }
            }
            Self::Flash(path) if !holds_sessions(path)? => {
                Err(format!("--store flash:{}: there are no sessions of an application", path.display()))
            }
            Self::Layered { durable, .. } if !ends => Box::pin(durable.open_existing(ends)).await,
            Self::Layered { durable, .. } => {
                Box::pin(durable.open_existing(ends)).await?;
                self.open(&session_std::keys::generated())
            }
            // memory of this process is made by whoever asks for it, and memcached says of nothing that it is there
            Self::Flash(_) | Self::Memory { .. } | Self::Fixed | Self::Cookie | Self::Memcached(_) => {
                self.open(&session_std::keys::generated())
            }
        }
    }

    /// The same, but apart from all others that use this server: under a name of its own. In PostgreSQL that is a schema,
    /// which has to be there.
    #[must_use]
    pub fn apart(self, name: &str) -> Self {
        let prefixed = |url: String| format!("{url}{}prefix={name}:", if url.contains('?') { '&' } else { '?' });
        match self {
            Self::Redis(url) => Self::Redis(prefixed(url)),
            Self::Sql(url) if url.starts_with("sqlite:") => Self::Sql(format!("{url}.{name}")),
            Self::Sql(url) if url.starts_with("postgres") => Self::Sql(format!("{url}?options[search_path]={name}")),
            Self::Sql(url) => Self::Sql(format!("{url}?table_prefix={name}_")),
            Self::Flash(path) => Self::Flash(path.join(name)),
            Self::Memcached(url) => Self::Memcached(prefixed(url)),
            Self::Layered { cache, durable } => {
                Self::Layered { cache: prefixed(cache), durable: Box::new(durable.apart(name)) }
            }
            own @ (Self::Memory { .. } | Self::Fixed | Self::Cookie) => own,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_urls() {
        assert_eq!("memory:".parse(), Ok(StoreUrl::Memory { capacity: None, anonymous: None }));
        assert_eq!("memory:capacity=7".parse(), Ok(StoreUrl::Memory { capacity: Some(7), anonymous: None }));
        assert_eq!("fixed:".parse(), Ok(StoreUrl::Fixed));
        assert_eq!("flash:a/b".parse(), Ok(StoreUrl::Flash("a/b".into())));
        assert_eq!("cookie:".parse(), Ok(StoreUrl::Cookie));
        for server in ["redis://h:1/2", "redis-cluster://a:1,b:2"] {
            assert_eq!(server.parse(), Ok(StoreUrl::Redis(server.into())));
        }
        for database in ["postgres://u:p@h:1/d", "postgresql://h/d", "mysql://h/d", "mariadb://h/d", "sqlite:/a/b.db"] {
            assert_eq!(database.parse(), Ok(StoreUrl::Sql(database.into())));
        }
        assert_eq!("memcached://h,i:7".parse(), Ok(StoreUrl::Memcached("memcached://h,i:7".into())));
        let durable = Box::new(StoreUrl::Redis("redis://d".into()));
        for url in ["memcached://u:p@h,[::1]:7", "memcached+unix:///run/m.sock"] {
            assert_eq!(url.parse(), Ok(StoreUrl::Memcached(url.into())));
        }
        for cache in ["memcached://h:1", "redis://c", "memcached+unix:///run/m.sock", "memcached://h?prefix=a:"] {
            let layered = StoreUrl::Layered { cache: cache.into(), durable: durable.clone() };
            assert_eq!(format!("layered:{cache}+redis://d").parse(), Ok(layered));
        }
        for bad in [
            "sqlite:",
            "sqlite::memory:",
            "postgres://h:port/d",
            "mysql://h",
            "memcached:",
            "memcached://h:x",
            "layered:",
            "layered:memcached://h",
            "layered:memcached://h+",
            "layered:memory:+redis://d",
            "layered:memcached://h+fixed:",
            "memory",
            "memory:7",
            "memory:capacity=0",
            "memory:capacity=x",
            "fixed:1",
            "flash:",
            "cookie:1",
            "layered:memcached://h+cookie:",
            "redis://",
            "redis:",
            "ftp://h",
            "",
        ] {
            assert!(bad.parse::<StoreUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_unknown_scheme_is_answered_by_all_that_work() {
        for bad in ["ftp://h", "mssql://h/d", "memory", ""] {
            let why = bad.parse::<StoreUrl>().unwrap_err();
            for kind in ["memory:", "fixed:", "flash:PATH", "sqlite:PATH", "postgres://", "redis://", "memcached://"] {
                assert!(why.contains(kind) && !why.contains('\n'), "{bad}: {why}");
            }
        }
        // and what it lists works
        for kind in KINDS.split(", ") {
            let url = match kind {
                "memory:capacity=N" => "memory:capacity=7".to_owned(),
                "layered:CACHE+DURABLE" => "layered:redis://c+sqlite:a.db".to_owned(),
                kind if kind.ends_with("://") && kind.contains("sentinel") => format!("{kind}h:1/main"),
                "memcached+unix://PATH" => "memcached+unix:///run/m.sock".to_owned(),
                kind if kind.ends_with("://") => format!("{kind}h/1"),
                kind => kind.to_owned(),
            };
            let url = if kind.contains("cluster") || kind.contains("memcached") { url.replace("/1", "") } else { url };
            assert!(url.parse::<StoreUrl>().is_ok(), "{url}: {:?}", url.parse::<StoreUrl>());
        }
    }
}
