//! The layered store over real caches and a durable store: the contract, and conversations.

use session_core::conformance::suite;
use session_core::environment::Clock;
use session_std::{MemoryStore, SharedStore, SystemClock};
use session_store_layered::{Cache, Layered};
use session_store_memcached::MemcachedCache;
use session_store_redis::{RedisCache, RedisStore};
use session_store_sql::SqlStore;

#[path = "../../../adapters/axum/examples/reference.rs"]
#[allow(dead_code, unreachable_pub)] // its main is not called here
mod axum_app;

async fn conforms(cache: impl Cache, durable: impl Into<SharedStore>) {
    let store = Layered::new(cache, durable.into());
    for seed in 0..3 {
        assert_eq!(suite(&store, SystemClock.now(), seed).await, Ok(()));
    }
}

#[tokio::test]
async fn memcached_before_memory() {
    let server = servers::memcached::start();
    conforms(MemcachedCache::open(&server.url()).unwrap(), MemoryStore::new()).await;
}

#[tokio::test]
async fn redis_before_memory() {
    let server = servers::redis::start();
    conforms(RedisCache::open(&server.url()).unwrap(), MemoryStore::new()).await;
}

#[tokio::test]
async fn memcached_before_redis() {
    let (memcached, redis) = (servers::memcached::start(), servers::redis::start());
    conforms(MemcachedCache::open(&memcached.url()).unwrap(), RedisStore::open(&redis.url()).unwrap()).await;
}

#[tokio::test]
async fn memcached_before_sqlite() {
    let (memcached, dir) = (servers::memcached::start(), tempfile::tempdir().unwrap());
    let durable = SqlStore::open(&format!("sqlite:{}", dir.path().join("sessions.db").display())).unwrap();
    conforms(MemcachedCache::open(&memcached.url()).unwrap(), durable).await;
}

#[tokio::test]
async fn redis_before_postgres() {
    let (redis, postgres) = (servers::redis::start(), servers::postgres::start());
    conforms(RedisCache::open(&redis.url()).unwrap(), SqlStore::open(&postgres.url()).unwrap()).await;
}

#[test]
fn all_conversations_through_axum() {
    let memcached = servers::memcached::start();
    let redis = servers::redis::start();
    let dir = tempfile::tempdir().unwrap();
    let memory = format!("layered:{}+memory:", memcached.url());
    let sqlite = format!("layered:{}+sqlite:{}", redis.url(), dir.path().join("sessions").display());
    reference_app::converse("axum", &[&memory, &sqlite], axum_app::serve);
}
