//! `--store URL`.

use std::path::PathBuf;
use std::str::FromStr;

use session_core::mode::DynamicMode;
use session_std::{Keys, MemoryStore, Sessions, SharedStore};
use session_store_url::{KINDS, StoreUrl as ServerUrl};

use super::flash::{Locked, flash_store};

/// Which store the app runs on. An adapter that cannot serve one says so at start.
#[derive(Clone, PartialEq, Eq)]
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
    /// `cookie:`, no store: the sessions travel in their cookies
    Cookie,
    /// Any other
    Server(ServerUrl),
}

/// What a store URL may be here, beside those of published stores.
const OWN_KINDS: &str = "memory:, memory:capacity=N, fixed:, flash:PATH, cookie:";

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
        match url.split_once(':').unwrap_or_default() {
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
            _ => url.parse().map(Self::Server).map_err(|why: session_store_url::UrlError| {
                let why = why.to_string();
                if why.ends_with(KINDS) { format!("{why}, {OWN_KINDS}") } else { why }
            }),
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
            Self::Server(url) => url.open(keys).map_err(|why| format!("--store: {why}")),
        }
    }

    /// The same, but apart from all others that use this server: under a name of its own. In PostgreSQL that is a schema,
    /// which has to be there.
    #[must_use]
    pub fn apart(self, name: &str) -> Self {
        match self {
            Self::Server(url) => Self::Server(apart(url, name)),
            Self::Flash(path) => Self::Flash(path.join(name)),
            own @ (Self::Memory { .. } | Self::Fixed | Self::Cookie) => own,
        }
    }
}

fn apart(url: ServerUrl, name: &str) -> ServerUrl {
    let prefixed = |url: String| format!("{url}{}prefix={name}:", if url.contains('?') { '&' } else { '?' });
    match url {
        ServerUrl::Redis(url) => ServerUrl::Redis(prefixed(url)),
        ServerUrl::Sql(url) if url.starts_with("sqlite:") => ServerUrl::Sql(format!("{url}.{name}")),
        ServerUrl::Sql(url) if url.starts_with("postgres") => {
            ServerUrl::Sql(format!("{url}?options[search_path]={name}"))
        }
        ServerUrl::Sql(url) => ServerUrl::Sql(format!("{url}?table_prefix={name}_")),
        ServerUrl::Memcached(url) => ServerUrl::Memcached(prefixed(url)),
        ServerUrl::Layered { cache, durable } => {
            ServerUrl::Layered { cache: prefixed(cache), durable: Box::new(apart(*durable, name)) }
        }
        other => other,
    }
}

impl std::fmt::Debug for StoreUrl {
    /// Prints no password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoreUrl")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_urls() {
        let memory = |capacity| Ok(StoreUrl::Memory { capacity, anonymous: None });
        assert_eq!("memory:".parse(), memory(None));
        assert_eq!("memory:capacity=7".parse(), memory(Some(7)));
        assert_eq!("fixed:".parse(), Ok(StoreUrl::Fixed));
        assert_eq!("flash:a/b".parse(), Ok(StoreUrl::Flash("a/b".into())));
        assert_eq!("cookie:".parse(), Ok(StoreUrl::Cookie));
        for server in ["redis://h:1/2", "postgres://u:p@h:1/d", "sqlite:/a/b.db", "layered:memcached://h+redis://d"] {
            assert_eq!(server.parse(), Ok(StoreUrl::Server(server.parse().unwrap())), "{server}");
        }
        for bad in ["memory", "memory:7", "memory:capacity=0", "memory:capacity=x", "fixed:1", "flash:", "cookie:1"] {
            assert!(bad.parse::<StoreUrl>().is_err(), "{bad}");
        }
        for bad in ["layered:memcached://h+fixed:", "layered:memcached://h+cookie:", "sqlite:", "ftp://h", ""] {
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
        for kind in OWN_KINDS.split(", ").map(|kind| kind.replace("=N", "=7")) {
            assert!(kind.parse::<StoreUrl>().is_ok(), "{kind}");
        }
    }
}
