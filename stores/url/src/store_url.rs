//! What a URL says, and the store that it means.

use std::env;
use std::str::FromStr;

use session_core::Keys;
#[cfg(any(feature = "redis", feature = "memcached"))]
use session_store_layered::Layered;
#[cfg(feature = "memcached")]
use session_store_memcached::MemcachedCache;
#[cfg(feature = "redis")]
use session_store_redis::RedisCache;
use session_store_shared::{SharedStore, UrlError};
use session_store_sql::SqlStore;

/// A store, by its URL, which was checked. It has no `Debug`, because there may be a password in a URL.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreUrl {
    /// `postgres://…`, `mysql://…`, `sqlite:PATH`
    Sql(String),
    /// `redis://…`, `redis-cluster://…`, `redis-sentinel://…`
    Redis(String),
    /// `memcached://…`, `memcacheds://…`, `memcached+unix://PATH`
    Memcached(String),
    /// `layered:CACHE+DURABLE`
    Layered {
        /// One of memcached or Redis.
        cache: String,
        /// Any other.
        durable: Box<StoreUrl>,
    },
}

/// All that a URL may be.
pub const KINDS: &str = "sqlite:PATH, postgres://, mysql://, redis://, redis-cluster://, redis-sentinel://, memcached://, \
                         memcached+unix://PATH, layered:CACHE+DURABLE";

#[cfg(not(all(feature = "redis", feature = "memcached")))]
fn absent(feature: &str) -> UrlError {
    UrlError::new(format!(
        "this program was built without this store: enable the feature `{feature}` of session-store-url"
    ))
}

pub(crate) fn redis(url: &str) -> Result<SharedStore, UrlError> {
    #[cfg(feature = "redis")]
    return session_store_redis::RedisStore::open(url).map(SharedStore::from);
    #[cfg(not(feature = "redis"))]
    return Err(absent("redis"));
}

pub(crate) fn memcached(url: &str) -> Result<SharedStore, UrlError> {
    #[cfg(feature = "memcached")]
    return session_store_memcached::MemcachedStore::open(url).map(SharedStore::from);
    #[cfg(not(feature = "memcached"))]
    return Err(absent("memcached"));
}

fn is_redis(url: &str) -> bool {
    url.split_once(':').is_some_and(|(scheme, _)| scheme.starts_with("redis"))
}

/// Returns a store with the cache of this URL before `durable`.
pub(crate) fn layered(cache: &str, durable: SharedStore, keys: &Keys) -> Result<SharedStore, UrlError> {
    if is_redis(cache) {
        #[cfg(feature = "redis")]
        return RedisCache::open(cache).map(|cache| Layered::new(cache, durable, keys).into());
        #[cfg(not(feature = "redis"))]
        return Err(absent("redis"));
    }
    #[cfg(feature = "memcached")]
    return MemcachedCache::open(cache).map(|cache| Layered::new(cache, durable, keys).into());
    #[cfg(not(feature = "memcached"))]
    return Err(absent("memcached"));
}

/// Checks the URL of a cache.
fn check_cache(url: &str) -> Result<(), UrlError> {
    if is_redis(url) {
        #[cfg(feature = "redis")]
        return RedisCache::open(url).map(drop);
        #[cfg(not(feature = "redis"))]
        return Err(absent("redis"));
    }
    #[cfg(feature = "memcached")]
    return MemcachedCache::open(url).map(drop);
    #[cfg(not(feature = "memcached"))]
    return Err(absent("memcached"));
}

impl FromStr for StoreUrl {
    type Err = UrlError;

    fn from_str(url: &str) -> Result<Self, UrlError> {
        // URLs are not repeated: there may be a password in them
        let Some((scheme, rest)) = url.split_once(':') else {
            return Err(UrlError::new(format!("invalid store URL: use one of {KINDS}")));
        };
        match (scheme, rest) {
            ("layered", rest) => {
                // one scheme contains a plus sign
                let from = if rest.starts_with("memcached+unix:") { "memcached+".len() } else { 0 };
                let expected = || UrlError::new("invalid store URL: use layered:CACHE_URL+DURABLE_URL");
                let (cache, durable) = rest
                    .get(from..)
                    .and_then(|rest| rest.split_once('+'))
                    .and_then(|(cache, durable)| Some((rest.get(..from + cache.len())?, durable)))
                    .ok_or_else(expected)?;
                let durable: Self = durable.parse()?;
                check_cache(cache).map(|()| Self::Layered { cache: cache.into(), durable: Box::new(durable) })
            }
            ("postgres" | "postgresql" | "mysql" | "mariadb" | "sqlite", _) => {
                SqlStore::open(url).map(|_| Self::Sql(url.into()))
            }
            ("memcached" | "memcacheds" | "memcached+unix", _) => memcached(url).map(|_| Self::Memcached(url.into())),
            (scheme, _) if scheme.starts_with("redis") => redis(url).map(|_| Self::Redis(url.into())),
            // the part before the colon may be a user's name, and the part after it a password
            _ => Err(UrlError::new(format!("unknown kind of store URL: use one of {KINDS}"))),
        }
    }
}

impl StoreUrl {
    /// Reads the URL in the environment variable `name`.
    ///
    /// # Errors
    /// The variable is not set or empty, or its text is not a URL of a store. The error names the variable.
    pub fn from_env(name: &str) -> Result<Self, UrlError> {
        let text = env::var_os(name).unwrap_or_default();
        if text.is_empty() {
            return Err(UrlError::new(format!("{name} is not set: set it to one of {KINDS}")));
        }
        // bytes that are not text are in no URL
        text.to_string_lossy().parse().map_err(|why| UrlError::new(format!("{name}: {why}")))
    }

    /// Opens the store. `keys` authenticate what a cache holds: give the application's signing keys. No server is asked yet.
    ///
    /// # Errors
    /// A file that the URL names cannot be read any more.
    pub fn open(&self, keys: &Keys) -> Result<SharedStore, UrlError> {
        match self {
            Self::Sql(url) => SqlStore::open(url).map(SharedStore::from),
            Self::Redis(url) => redis(url),
            Self::Memcached(url) => memcached(url),
            Self::Layered { cache, durable } => layered(cache, durable.open(keys)?, keys),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Option<StoreUrl> {
        url.parse().ok()
    }

    #[test]
    fn store_urls() {
        for server in ["redis://h:1/2", "redis-cluster://a:1,b:2"] {
            assert!(parsed(server) == Some(StoreUrl::Redis(server.into())), "{server}");
        }
        for database in ["postgres://u:p@h:1/d", "postgresql://h/d", "mysql://h/d", "mariadb://h/d", "sqlite:/a/b.db"] {
            assert!(parsed(database) == Some(StoreUrl::Sql(database.into())), "{database}");
        }
        for url in ["memcached://h,i:7", "memcached://u:p@h,[::1]:7", "memcached+unix:///run/m.sock"] {
            assert!(parsed(url) == Some(StoreUrl::Memcached(url.into())), "{url}");
        }
        let durable = Box::new(StoreUrl::Redis("redis://d".into()));
        for cache in ["memcached://h:1", "redis://c", "memcached+unix:///run/m.sock", "memcached://h?prefix=a:"] {
            let layered = StoreUrl::Layered { cache: cache.into(), durable: durable.clone() };
            assert!(parsed(&format!("layered:{cache}+redis://d")) == Some(layered), "{cache}");
        }
        for bad in [
            "sqlite:",
            "sqlite::memory:",
            "postgres://geheim@h:port/d",
            "mysql://h",
            "memcached:",
            "memcached://h:x",
            "layered:",
            "layered:memcached://h",
            "layered:memcached://h+",
            "layered:memory:+redis://d",
            "layered:memcached://h+memory:",
            "layered:memcached+unix:",
            "redis://",
            "redis:",
            "redis://u:geheim@",
            "geheim://h",
            "app:geheim@h/app",
            "geheim",
            "",
        ] {
            let why = bad.parse::<StoreUrl>().err().map(|why| why.to_string()).unwrap_or_default();
            store_support::check_text(bad, &why);
            assert!(why.contains(": "), "{bad} has no advice: {why}");
            assert!(!why.contains("geheim"), "{bad}: {why}");
        }
    }

    /// cargo sets some variables for tests, and none of them is a URL of a store.
    #[test]
    fn a_variable_is_named() {
        for (name, words) in [
            ("STORE_URL_THAT_IS_NOT_SET", " is not set: set it to one of sqlite:PATH"),
            ("CARGO_PKG_NAME", ": invalid store URL: use one of"),
        ] {
            let why = StoreUrl::from_env(name).err().map(|why| why.to_string()).unwrap_or_default();
            store_support::check_text(name, &why);
            assert!(why.starts_with(&format!("{name}{words}")), "{why}");
        }
    }

    #[test]
    fn an_unknown_scheme_is_answered_by_all_that_work() {
        for bad in ["ftp://h", "mssql://h/d", "memory", ""] {
            let why = bad.parse::<StoreUrl>().err().map(|why| why.to_string()).unwrap_or_default();
            assert!(why.ends_with(KINDS), "{bad}: {why}");
        }
        for kind in KINDS.split(", ") {
            let url = match kind {
                "layered:CACHE+DURABLE" => "layered:redis://c+sqlite:a.db".to_owned(),
                kind if kind.contains("sentinel") => format!("{kind}h:1/main"),
                "memcached+unix://PATH" => "memcached+unix:///run/m.sock".to_owned(),
                kind if kind.contains("cluster") || kind.contains("memcached") => format!("{kind}h"),
                kind if kind.ends_with("://") => format!("{kind}h/1"),
                kind => kind.to_owned(),
            };
            assert!(parsed(&url).is_some(), "{url}: {:?}", url.parse::<StoreUrl>().err());
        }
    }
}
