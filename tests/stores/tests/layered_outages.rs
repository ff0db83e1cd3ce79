//! Two nodes over one durable store and a real cache that is killed, hangs, is started again, or whose connections are cut
//! (ST4, ST10).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use session_core::environment::Time;
use session_core::record::{FORMAT, IDLE_AT, LAST_SEEN_AT, LOGIN_AT, MIN_LEN, VERSION_AT};
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_std::{MemoryStore, SharedStore, keys};
use session_store_layered::{Cache, Layered, Look};
use session_store_memcached::{ConnectionOptions, MemcachedCache, MemcachedStore};
use session_store_redis::{RedisCache, RedisStore};
use store_tests::servers;
use store_tests::servers::proxy::{Fault, Proxy};

const KEY: Handle = Handle::from_bytes(*b"a handle");
const TRUST: Duration = Duration::from_secs(1);

/// The nodes' clock: time that passes.
struct Clock(Instant);

impl Clock {
    fn now(&self) -> Time {
        Time::from_millis(1_790_000_000_000).after(self.0.elapsed())
    }
}

fn record(version: u64, now: Time) -> Vec<u8> {
    let mut record = vec![0; MIN_LEN];
    record[0] = FORMAT;
    record[VERSION_AT..][..8].copy_from_slice(&version.to_le_bytes());
    record[LOGIN_AT] = 1;
    record[LAST_SEEN_AT..][..6].copy_from_slice(&now.millis().to_le_bytes()[..6]);
    record[IDLE_AT..][..6].copy_from_slice(&3_600_000_u64.to_le_bytes()[..6]);
    record
}

/// Has the nodes over a durable store agree that the cache is believed, as they do some seconds after the first load.
async fn believe(durable: &impl Store, now: Time) {
    durable.create(&Handle::from_bytes(*b"layered\0"), &record(1, now), now).await.unwrap();
}

/// A cache whose long pauses are counted: those in which an answer waits until other nodes have heard.
struct Counted<C>(C, Arc<AtomicUsize>);

impl<C: Cache> Cache for Counted<C> {
    type Error = C::Error;
    type Lease = C::Lease;

    async fn look(&self, key: &Handle) -> Result<Look<C::Lease>, C::Error> {
        self.0.look(key).await
    }

    async fn fill(&self, lease: C::Lease, entry: &[u8], keep: Duration) -> Result<bool, C::Error> {
        self.0.fill(lease, entry, keep).await
    }

    async fn replace(&self, key: &Handle, seen: Version, entry: &[u8], keep: Duration) -> Result<(), C::Error> {
        self.0.replace(key, seen, entry, keep).await
    }

    async fn remove(&self, key: &Handle) -> Result<(), C::Error> {
        self.0.remove(key).await
    }

    async fn pause(&self, span: Duration) {
        self.1.fetch_add(usize::from(span > TRUST / 2), Ordering::SeqCst);
        self.0.pause(span).await;
    }

    fn now(&self) -> Instant {
        self.0.now()
    }
}

/// Five sessions that one node ends after memcached was killed, one after the other: one wait.
#[tokio::test]
async fn memcached_killed_costs_one_wait_st17() {
    let mut server = servers::memcached::start();
    let (clock, durable, waits) = (Clock(Instant::now()), SharedStore::from(MemoryStore::new()), Arc::default());
    believe(&durable, clock.now()).await;
    let cache = Counted(hasty(server.addr(), "a"), Arc::clone(&waits));
    let node = Layered::new(cache, durable, &keys::generated()).with_trust(TRUST);
    for number in 0..5 {
        let key = Handle::from_bytes([number; 8]);
        node.create(&key, &record(1, clock.now()), clock.now()).await.unwrap();
        assert!(matches!(node.load(&key, clock.now(), &mut [0; 100]).await, Ok(Load::Found(_))));
    }
    server.kill();
    for number in 0..5 {
        let ended = node.delete(&Handle::from_bytes([number; 8]), DeleteCondition::Any, clock.now()).await.unwrap();
        assert!(matches!(ended, Outcome::Applied(_)));
    }
    assert_eq!(waits.load(Ordering::SeqCst), 1);
}

async fn version(node: &impl Store, clock: &Clock) -> Option<u64> {
    match node.load(&KEY, clock.now(), &mut [0; 100]).await.unwrap() {
        Load::Found(found) => Some(found.version.0),
        Load::Missing => None,
        Load::TooLarge { .. } => panic!("too large"),
    }
}

/// Timeouts that a test does not have to wait long for; a prefix for each pair of nodes.
fn hasty(cache: std::net::SocketAddr, prefix: &str) -> MemcachedCache {
    let options = ConnectionOptions::new().with_operation_timeout(Duration::from_millis(200));
    let store = MemcachedStore::open(&format!("memcached://{cache}")).unwrap().with_prefix(prefix).unwrap();
    store.with_options(options.with_pause(Duration::from_millis(50))).into()
}

/// While `fails` holds for one node or for both, everything works, and what is acknowledged holds at both nodes.
async fn goes_on_without<C: Cache>(here: C, there: C, fails: impl FnOnce(), works: impl FnOnce()) {
    let (clock, durable) = (Clock(Instant::now()), SharedStore::from(MemoryStore::new()));
    believe(&durable, clock.now()).await;
    let keys = keys::generated();
    let here = Layered::new(here, durable.clone(), &keys).with_trust(TRUST);
    let there = Layered::new(there, durable.clone(), &keys).with_trust(TRUST);
    here.create(&KEY, &record(1, clock.now()), clock.now()).await.unwrap();
    assert_eq!((version(&here, &clock).await, version(&there, &clock).await), (Some(1), Some(1)));

    fails();
    assert_eq!(version(&here, &clock).await, Some(1));
    let updated = here.update(&KEY, Version(1), &record(2, clock.now()), clock.now(), &mut []).await.unwrap();
    assert_eq!(updated, Outcome::Applied(Version(2)));
    assert_eq!(version(&there, &clock).await, Some(2), "a write that was acknowledged is seen");
    let touched = here.touch(&KEY, clock.now()).await.unwrap();
    assert_eq!(touched, Outcome::Applied(Version(2)));
    let deleted = here.delete(&KEY, DeleteCondition::Login(1), clock.now()).await.unwrap();
    assert_eq!(deleted, Outcome::Applied(Version(2)));
    assert_eq!(version(&there, &clock).await, None, "a logout that was acknowledged holds");

    works();
    assert_eq!((version(&here, &clock).await, version(&there, &clock).await), (None, None));
    here.create(&KEY, &record(3, clock.now()), clock.now()).await.unwrap();
    // until the cache is asked again
    for _ in 0..50 {
        assert_eq!((version(&here, &clock).await, version(&there, &clock).await), (Some(3), Some(3)));
    }
}

#[tokio::test]
async fn memcached_killed_st4_st10() {
    let server = std::cell::RefCell::new(servers::memcached::start());
    let addr = server.borrow().addr();
    let (fails, works) = (|| server.borrow_mut().kill(), || server.borrow_mut().restart());
    goes_on_without(hasty(addr, "a"), hasty(addr, "a"), fails, works).await;
}

#[tokio::test]
async fn memcached_hangs_st4_st10() {
    let server = servers::memcached::start();
    goes_on_without(hasty(server.addr(), "a"), hasty(server.addr(), "a"), || server.pause(), || server.resume()).await;
}

#[tokio::test]
async fn memcached_restarted_st4_st10() {
    let server = std::cell::RefCell::new(servers::memcached::start());
    let addr = server.borrow().addr();
    goes_on_without(hasty(addr, "a"), hasty(addr, "a"), || server.borrow_mut().restart(), || ()).await;
}

/// The node that changes something cannot tell the cache; the other one still reads it.
#[tokio::test]
async fn memcached_cut_off_from_one_node_st4_st10() {
    let server = servers::memcached::start();
    let proxy = Proxy::start(server.addr());
    for fault in [Fault::Refuse, Fault::Hang] {
        proxy.set(Fault::Pass);
        let (fails, works) = (|| proxy.set(fault), || proxy.set(Fault::Pass));
        let prefix = format!("{fault:?}");
        goes_on_without(hasty(proxy.addr(), &prefix), hasty(server.addr(), &prefix), fails, works).await;
    }
}

#[tokio::test]
async fn memcached_answers_cut_st4_st10() {
    let server = servers::memcached::start();
    let proxy = Proxy::start(server.addr());
    for passes in 0..12 {
        let (fails, works) = (|| proxy.set(Fault::Cut(passes)), || proxy.set(Fault::Pass));
        let prefix = format!("cut{passes}");
        goes_on_without(hasty(proxy.addr(), &prefix), hasty(server.addr(), &prefix), fails, works).await;
    }
}

#[tokio::test]
async fn redis_killed_and_cut_off_st4_st10() {
    let server = std::cell::RefCell::new(servers::redis::start());
    let (addr, url) = (server.borrow().addr(), server.borrow().url());
    let cache = |url: &str, prefix: &str| RedisCache::from(RedisStore::open(url).unwrap().with_prefix(prefix).unwrap());
    let (fails, works) = (|| server.borrow_mut().kill(), || server.borrow_mut().restart());
    goes_on_without(cache(&url, "killed:"), cache(&url, "killed:"), fails, works).await;

    let proxy = Proxy::start(addr);
    let (fails, works) = (|| proxy.set(Fault::Refuse), || proxy.set(Fault::Pass));
    goes_on_without(cache(&format!("redis://{}/", proxy.addr()), "cut:"), cache(&url, "cut:"), fails, works).await;
}

/// A durable store that is down: what the cache has is served until the trust is over, and nothing is acknowledged.
#[tokio::test]
async fn durable_store_killed_st4_st10() {
    let cache = servers::memcached::start();
    let mut durable = servers::redis::start();
    let clock = Clock(Instant::now());
    let store = RedisStore::open(&durable.url()).unwrap();
    let (cached, durable_store) = (hasty(cache.addr(), "a"), SharedStore::from(store));
    believe(&durable_store, clock.now()).await;
    let node = Layered::new(cached, durable_store, &keys::generated()).with_trust(Duration::from_secs(3600));
    node.create(&KEY, &record(1, clock.now()), clock.now()).await.unwrap();
    assert_eq!(version(&node, &clock).await, Some(1));
    durable.kill();
    assert_eq!(version(&node, &clock).await, Some(1), "the cache has it");
    assert!(node.update(&KEY, Version(1), &record(2, clock.now()), clock.now(), &mut []).await.is_err());
    assert!(node.load(&KEY, clock.now(), &mut [0; 100]).await.is_err(), "what came of it is not known");
    durable.restart();
    while node.check(clock.now()).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(version(&node, &clock).await, Some(1));
}
