//! Redis as the cache before a durable store.

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use redis::{Cmd, Script, Value};
use session_core::store::{Handle, Version};
use session_store_layered::{Cache, CacheEntry, Look};
use session_store_shared::UrlError;

use crate::error::RedisStoreError;
use crate::keys;
use crate::link::Retry;
use crate::store::{Inner, RedisStore};

const CODE: &str = include_str!("cache.lua");
static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(CODE));

/// Where the script looks for an entry's version.
const _: () = assert!(CacheEntry::VERSION_AT == 8 && CacheEntry::FORMAT == 2);

/// The lifetime of a lease. A later fill does nothing.
const LEASE: Duration = Duration::from_secs(10);
/// The first bytes of a lease, which no entry has.
const LEASED: u8 = 0;

/// Redis as the cache of a [`Layered`](session_store_layered::Layered) store. With `maxmemory` and `allkeys-lru` it may
/// evict any entry. Cloning is cheap, and clones share one connection.
#[derive(Clone)]
pub struct RedisCache(Arc<Inner>);

impl RedisCache {
    /// Creates the cache that a URL names, with the URLs of [`RedisStore`]. It connects with the first operation.
    ///
    /// # Errors
    /// The URL is invalid.
    pub fn open(url: &str) -> Result<Self, UrlError> {
        RedisStore::open(url).map(Into::into)
    }

    async fn step(
        &self,
        step: &str,
        key: &Handle,
        keep: Duration,
        needs: [&[u8]; 2],
    ) -> Result<Value, RedisStoreError> {
        let place = keys::cached(&self.0.prefix, key);
        let millis = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX).clamp(1, 1 << 48);
        let arguments = |command: &mut Cmd| {
            command.arg(step).arg(millis).arg(&needs);
        };
        self.0.link.run(&SCRIPT, CODE, &[&place], arguments, Retry::No).await
    }
}

impl From<RedisStore> for RedisCache {
    /// Returns a cache with the prefix, the options and the connection of a store.
    fn from(store: RedisStore) -> Self {
        // an entry that was evicted is read from the durable store again
        Self(store.without_index().0)
    }
}

/// The lease of a [`RedisCache`]: the bytes under the key when it was taken. These are an entry, whose bytes do not
/// recur once its version is replaced, or a nonce.
#[derive(Clone)]
pub struct RedisLease {
    key: Handle,
    seen: Vec<u8>,
}

impl Cache for RedisCache {
    type Error = RedisStoreError;
    type Lease = RedisLease;

    async fn look(&self, key: &Handle) -> Result<Look<RedisLease>, RedisStoreError> {
        let mut lease = [LEASED; 17];
        if let Some(nonce) = lease.get_mut(1..) {
            getrandom::fill(nonce).map_err(|why| RedisStoreError::Refused(format!("no random bytes: {why}")))?;
        }
        match self.step("look", key, LEASE, [&lease, &[]]).await? {
            Value::BulkString(there) if there.first() == Some(&LEASED) => Ok(Look::Taken),
            Value::BulkString(there) => Ok(Look::Found(there.clone(), RedisLease { key: *key, seen: there })),
            Value::Nil => Ok(Look::Leased(RedisLease { key: *key, seen: lease.to_vec() })),
            _ => Err(RedisStoreError::Unexpected),
        }
    }

    async fn fill(&self, lease: RedisLease, entry: &[u8], keep: Duration) -> Result<bool, RedisStoreError> {
        Ok(self.step("fill", &lease.key, keep, [&lease.seen, entry]).await? == Value::Int(1))
    }

    async fn replace(&self, key: &Handle, seen: Version, entry: &[u8], keep: Duration) -> Result<(), RedisStoreError> {
        self.step("replace", key, keep, [&seen.0.to_le_bytes(), entry]).await.map(drop)
    }

    async fn remove(&self, key: &Handle) -> Result<(), RedisStoreError> {
        let place = keys::cached(&self.0.prefix, key);
        self.0.link.ask(redis::cmd("DEL").arg(place), Retry::Yes).await.map(drop)
    }

    async fn pause(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }

    fn warning(&self) -> Option<&'static str> {
        self.0.link.warning()
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

impl fmt::Debug for RedisCache {
    /// Prints no address and no password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCache").field("prefix", &self.0.prefix).finish_non_exhaustive()
    }
}

impl fmt::Debug for RedisLease {
    /// Prints no key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisLease(..)")
    }
}
