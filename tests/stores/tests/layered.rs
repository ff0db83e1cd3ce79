//! The layered store over real caches and a durable store: the contract, and conversations.

use std::time::Duration;

use servers::{Server, conformance};
use session_core::environment::Clock;
use session_std::{MemoryStore, SharedStore, SystemClock};
use session_store_layered::{Cache, Layered};
use session_store_memcached::{MemcachedCache, Settings};
use session_store_redis::{RedisCache, RedisStore};
use session_store_sql::{Limits, SqlStore};

#[path = "../../../adapters/axum/examples/reference.rs"]
#[allow(dead_code, unreachable_pub)] // its main is not called here
mod axum_app;

/// No test is to fail because a machine is slow.
const PATIENCE: Duration = Duration::from_secs(60);

fn memcached(server: &Server) -> MemcachedCache {
    let settings = Settings::new([server.addr().to_string()]);
    MemcachedCache::new(&Settings { connect: PATIENCE, time_limit: PATIENCE, ..settings }).unwrap()
}

fn redis(server: &Server) -> RedisStore {
    RedisStore::open(&server.url()).unwrap().time_limit(PATIENCE)
}

fn sql(url: &str) -> SqlStore {
    let mut limits = Limits::default();
    (limits.connect, limits.response) = (PATIENCE, PATIENCE);
    SqlStore::open(url).unwrap().limits(limits)
}

async fn conforms(name: &str, cache: impl Cache, durable: impl Into<SharedStore>) {
    let store = Layered::new(cache, durable.into());
    conformance::conforms(name, &store, SystemClock.now(), 0..3).await;
}

#[tokio::test]
async fn memcached_before_memory() {
    let cache = servers::memcached::start();
    conforms("memcached + memory", memcached(&cache), MemoryStore::new()).await;
}

#[tokio::test]
async fn redis_before_memory() {
    let cache = servers::redis::start();
    conforms("Redis + memory", RedisCache::from(redis(&cache)), MemoryStore::new()).await;
}

#[tokio::test]
async fn memcached_before_redis() {
    let (cache, durable) = (servers::memcached::start(), servers::redis::start());
    conforms("memcached + Redis", memcached(&cache), redis(&durable)).await;
}

#[tokio::test]
async fn memcached_before_sqlite() {
    let (cache, dir) = (servers::memcached::start(), tempfile::tempdir().unwrap());
    conforms(
        "memcached + SQLite",
        memcached(&cache),
        sql(&format!("sqlite:{}", dir.path().join("sessions.db").display())),
    )
    .await;
}

#[tokio::test]
async fn redis_before_postgres() {
    let (cache, durable) = (servers::redis::start(), servers::postgres::start());
    conforms("Redis + PostgreSQL", RedisCache::from(redis(&cache)), sql(&durable.url())).await;
}

#[test]
fn all_conversations_through_axum() {
    let (memcached, redis) = (servers::memcached::start(), servers::redis::start());
    let memory = format!("layered:{}+memory:", memcached.url());
    let durable = format!("layered:{}+{}", memcached.url(), redis.url());
    reference_app::converse("axum", &[&memory, &durable], axum_app::serve);
}
