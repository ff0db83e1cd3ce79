//! The layered store over real caches and a durable store: the contract, and conversations.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use session_core::environment::Clock;
use session_core::record::{FORMAT, MIN_LEN, VERSION_AT};
use session_core::store::{DeleteCondition, Found, Handle, Load, Outcome, Store, Version};
use session_std::{Keys, MemoryStore, SharedStore, SystemClock, keys};
use session_store_layered::{Cache, CacheEntry, CacheEvent, Layered, Look};
use session_store_memcached::{MemcachedCache, MemcachedStore};
use session_store_redis::{RedisCache, RedisStore};
use session_store_sql::SqlStore;
use store_support::Draft;
use store_tests::servers::{self, PATIENT, Server, conformance};

#[path = "../../../adapters/axum/examples/reference.rs"]
#[allow(dead_code, unreachable_pub)] // its main is not called here
mod axum_app;

fn signing() -> Keys {
    Keys::new(b"0a1b2c3d4e5f6g7h8i9jkQlWmEnRoTpY").unwrap()
}

fn memcached(server: &Server) -> MemcachedCache {
    MemcachedStore::open(&server.url()).unwrap().with_options(PATIENT).into()
}

fn redis(server: &Server) -> RedisStore {
    RedisStore::open(&server.url()).unwrap().with_options(PATIENT)
}

fn sql(url: &str) -> SqlStore {
    SqlStore::open(url).unwrap().with_options(PATIENT)
}

async fn conforms(name: &str, cache: impl Cache, durable: impl Into<SharedStore>) {
    let store = Layered::new(cache, durable.into(), &signing());
    Box::pin(conformance::conforms(name, &store, SystemClock.now(), 0..3)).await;
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

/// A cache that is full and may not evict costs time, and nothing else.
async fn a_full_cache(cache: impl Cache) {
    let durable = SharedStore::from(MemoryStore::new());
    let now = SystemClock.now();
    let store = Layered::new(cache, durable, &signing());
    for number in 0..20 {
        let handle = Handle::from_bytes([number; 8]);
        let mut record = vec![0; MIN_LEN + 8_000];
        record[0] = FORMAT;
        record[VERSION_AT] = 1;
        assert!(matches!(store.create(&handle, &record, now).await, Ok(Outcome::Applied(_))));
        let mut into = vec![0; 10_000];
        let Ok(Load::Found(found)) = store.load(&handle, now, &mut into).await else { panic!("lost: {number}") };
        record[VERSION_AT] = 2;
        let updated = store.update(&handle, found.version, &record, now, &mut []).await;
        assert!(matches!(updated, Ok(Outcome::Applied(_))), "{updated:?}");
        for _ in 0..2 {
            let Ok(Load::Found(found)) = store.load(&handle, now, &mut into).await else { panic!("lost: {number}") };
            assert_eq!(into[..found.len], record);
        }
        assert!(matches!(store.delete(&handle, DeleteCondition::Any, now).await, Ok(Outcome::Applied(_))));
        assert_eq!(store.load(&handle, now, &mut into).await.unwrap(), Load::Missing);
    }
}

#[tokio::test]
async fn a_full_memcached_costs_time_only_st4() {
    let server = servers::memcached::start_with(&["-m", "2", "-M"]);
    let junk = MemcachedStore::open(&server.url()).unwrap();
    for large in [100_000, 8_000, 1_000, 10] {
        let mut record = vec![0; MIN_LEN + large];
        record[0] = FORMAT;
        let mut number = 0_u64;
        let handle = |number: u64| Handle::from_bytes((number << 32 | large as u64).to_le_bytes());
        while junk.create(&handle(number), &record, SystemClock.now()).await.unwrap() != Outcome::Full {
            number += 1;
            assert!(number < 100_000, "it is never full");
        }
    }
    a_full_cache(memcached(&server)).await;
}

#[tokio::test]
async fn a_full_redis_costs_time_only_st4() {
    let server = servers::redis::start_with(&["--maxmemory", "1mb", "--maxmemory-policy", "noeviction"]);
    a_full_cache(RedisCache::from(redis(&server))).await;
}

/// What the durable store refuses is an error, and what was there stays and is served.
#[tokio::test]
async fn before_a_durable_store_that_takes_no_writes_st4_st10() {
    let (cache, primary) = (servers::memcached::start(), servers::redis::start());
    let now = SystemClock.now();
    let mut record = vec![0; MIN_LEN];
    (record[0], record[VERSION_AT]) = (FORMAT, 1);
    let handle = Handle::from_bytes(*b"a handle");
    redis(&primary).create(&handle, &record, now).await.unwrap();
    let replica = servers::redis::start_with(&["--replicaof", &format!("127.0.0.1 {}", primary.addr().port())]);
    let durable = redis(&replica);
    // it copies the primary's data first
    while !matches!(durable.load(&handle, now, &mut [0; 100]).await, Ok(Load::Found(_))) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let store = Layered::new(memcached(&cache), SharedStore::from(durable), &signing());
    let found = |load| matches!(load, Ok(Load::Found(Found { version: Version(1), .. })));
    assert!(found(store.load(&handle, now, &mut [0; 100]).await));
    record[VERSION_AT] = 2;
    for why in [
        store.update(&handle, Version(1), &record, now, &mut []).await.unwrap_err(),
        store.delete(&handle, DeleteCondition::Any, now).await.unwrap_err(),
        store.create(&Handle::from_bytes([7; 8]), &record, now).await.unwrap_err(),
    ] {
        assert!(why.to_string().contains("READONLY"), "{why}");
    }
    let old = store.load(&handle, now, &mut [0; 100]).await.unwrap();
    assert!(matches!(old, Load::Found(Found { version: Version(1), .. })), "the old one, no half of the new: {old:?}");
}

/// Another program on the same memcached cannot sign anybody in, nor move an entry to another session (ST15).
#[tokio::test]
async fn what_others_write_into_memcached_does_not_count_st15() {
    const ANN: Handle = Handle::from_bytes(*b"ann's hd");
    const BOB: Handle = Handle::from_bytes(*b"bob's hd");
    let server = servers::memcached::start();
    let now = SystemClock.now();
    let durable = SharedStore::from(MemoryStore::new());
    let record = |version, login, subject| {
        Draft { version, login, seen: now.millis(), idle: 3_600_000, subject: Some(subject), ..Draft::default() }
            .record()
    };
    // the nodes agree that the cache is believed
    let agreement = Draft { version: 1, login: 1, ..Draft::default() }.record();
    durable.create(&Handle::from_bytes(*b"layered\0"), &agreement, now).await.unwrap();
    durable.create(&ANN, &record(1, 1, "ann"), now).await.unwrap();
    durable.create(&BOB, &record(2, 1, "bob"), now).await.unwrap();
    let rejected = Arc::new(AtomicUsize::new(0));
    let count = rejected.clone();
    let node = Layered::new(memcached(&server), durable.clone(), &signing()).with_report(move |event| {
        count.fetch_add(usize::from(matches!(event, CacheEvent::Rejected)), Ordering::SeqCst);
    });
    for key in [ANN, BOB] {
        assert!(store_support::load(&node, &key, now).await.unwrap().is_some());
    }
    // the other program: it reads and writes what it likes
    let stranger = MemcachedCache::open(&server.url()).unwrap();
    let own = SharedStore::from(MemoryStore::new());
    own.create(&Handle::from_bytes(*b"layered\0"), &agreement, now).await.unwrap();
    own.create(&ANN, &record(1, 1, "admin"), now).await.unwrap();
    let entry = async |key| match stranger.look(&key).await.unwrap() {
        Look::Found(bytes, _) => bytes,
        other => panic!("{other:?}"),
    };
    let (anns, bobs) = (entry(ANN).await, entry(BOB).await);
    let theirs = Layered::new(memcached(&server), own, &keys::generated());
    stranger.remove(&ANN).await.unwrap();
    assert_eq!(store_support::load(&theirs, &ANN, now).await.unwrap(), Some(record(1, 1, "admin")));
    let under_another_key = entry(ANN).await;
    let grafted = [&anns[..CacheEntry::HEAD_LEN], &record(1, 1, "admin")[..]].concat();
    let truncated = anns[..anns.len() - 1].to_vec();
    let cases = [("another key", under_another_key), ("swapped", bobs), ("grafted", grafted), ("truncated", truncated)];
    for (at, (what, forged)) in cases.into_iter().enumerate() {
        let Look::Found(_, lease) = stranger.look(&ANN).await.unwrap() else { panic!("{what}: nothing there") };
        stranger.fill(lease, &forged, Duration::from_secs(60)).await.unwrap();
        assert_eq!(entry(ANN).await, forged, "{what}");
        let loaded = store_support::load(&node, &ANN, now).await.unwrap();
        assert_eq!((loaded, rejected.load(Ordering::SeqCst)), (Some(record(1, 1, "ann")), at + 1), "{what}");
        assert_eq!(entry(ANN).await, anns, "{what}: overwritten");
    }
    assert_eq!(store_support::load(&durable, &ANN, now).await.unwrap(), Some(record(1, 1, "ann")));
}

#[test]
fn all_conversations_through_axum() {
    let (memcached, redis) = (servers::memcached::start(), servers::redis::start());
    let dir = tempfile::tempdir().unwrap();
    let file = format!("layered:{}+sqlite:{}", memcached.url(), dir.path().join("sessions.db").display());
    let durable = format!("layered:{}+{}", memcached.url(), redis.url());
    support::reference::converse("axum", &[&file, &durable], axum_app::serve);
}

/// What goes to a cache in the clear is told as what goes to the durable store is.
#[test]
fn plaintext_to_a_cache_on_another_host_is_an_event_once() {
    fn told(cache: impl Cache) -> [Option<&'static str>; 2] {
        let store = Layered::new(cache, SharedStore::from(MemoryStore::new()), &signing());
        [store.warning(), store.warning()]
    }
    let open = |url| (RedisCache::open(url).map(told)).or_else(|_| MemcachedCache::open(url).map(told)).unwrap();
    for url in ["redis://cache.example", "memcached://cache.example"] {
        let [first, second] = open(url);
        assert!(first.is_some_and(|why| why.contains("TLS")) && second.is_none(), "{url}: {first:?} {second:?}");
    }
    for url in ["rediss://cache.example", "memcacheds://cache.example", "redis://localhost", "memcached+unix:///s"] {
        assert_eq!(open(url), [None, None], "{url}");
    }
}
