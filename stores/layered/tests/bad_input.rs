//! What is in the cache is nobody's word: foreign, cut or another format, or from a node with another clock.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{MemoryCache, believe, keys, other_keys};
use session_core::Keys;
use session_core::environment::Time;
use session_core::record::VERSION_AT;
use session_core::store::{DeleteCondition, Handle, Outcome, Store, Version};
use session_store_layered::{CacheEvent, Layered};
use session_store_memory::MemoryStore;
use session_store_shared::SharedStore;
use store_support::{Draft, load};

const KEY: Handle = Handle::from_bytes(*b"a handle");

fn at(seconds: u64) -> Time {
    Time::from_millis(1_790_000_000_000 + seconds * 1_000)
}

fn record(version: u64) -> Vec<u8> {
    let (seen, idle) = (at(1_000).millis(), 3_600_000);
    Draft { version, login: 1, seen, idle, data: 100, ..Draft::default() }.record()
}

async fn node(cache: &MemoryCache, durable: &SharedStore) -> Layered<MemoryCache, SharedStore> {
    Layered::new(cache.clone(), durable.clone(), &keys())
}

/// A node that counts what it rejects.
fn watched(cache: &MemoryCache, durable: &SharedStore) -> (Layered<MemoryCache, SharedStore>, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let rejected = count.clone();
    let node = Layered::new(cache.clone(), durable.clone(), &keys()).with_report(move |event| {
        rejected.fetch_add(usize::from(matches!(event, CacheEvent::Rejected)), Ordering::SeqCst);
    });
    (node, count)
}

/// What a node of these keys puts into the cache for a record under a handle.
async fn entry_of(keys: &Keys, key: &Handle, record: &[u8]) -> Vec<u8> {
    let (cache, durable) = (MemoryCache::default(), SharedStore::from(MemoryStore::new()));
    believe(&durable).await;
    durable.create(key, record, at(1_000)).await.unwrap();
    let node = Layered::new(cache.clone(), durable, keys);
    assert!(load(&node, key, at(1_000)).await.unwrap().is_some());
    cache.peek(key).unwrap()
}

async fn there(node: &impl Store, now: Time) -> Option<Vec<u8>> {
    load(node, &KEY, now).await.unwrap()
}

/// Each read gives the durable store's record and puts it into the cache again; each write and logout goes through.
#[tokio::test]
async fn foreign_and_cut_entries_are_asked_about_and_replaced_st4() {
    let (cache, durable) = (MemoryCache::default(), SharedStore::from(MemoryStore::new()));
    believe(&durable).await;
    let node = node(&cache, &durable).await;
    let whole = entry_of(&keys(), &KEY, &record(1)).await;
    let mut bad: Vec<Vec<u8>> =
        vec![b"x".to_vec(), b"{\"json\": true, \"of\": \"somebody else\"}".to_vec(), vec![0xff; 300]];
    bad.extend((1..whole.len()).map(|len| whole[..len].to_vec()));
    bad.extend([0, 1, 9].map(|format| [&[format], &whole[1..]].concat()));
    bad.push([&whole[..], b"longer"].concat());
    for bytes in bad {
        durable.create(&KEY, &record(1), at(1_000)).await.unwrap();
        cache.plant(&KEY, &bytes);
        assert_eq!(there(&node, at(1_000)).await, Some(record(1)), "{bytes:?}");
        cache.calls();
        assert_eq!((there(&node, at(1_001)).await, cache.calls()), (Some(record(1)), 1), "the cache has it again");
        cache.plant(&KEY, &bytes);
        let updated = node.update(&KEY, Version(1), &record(2), at(1_002), &mut []).await;
        assert!(matches!(updated, Ok(Outcome::Applied(_))), "{updated:?}");
        assert_eq!(there(&node, at(1_002)).await, Some(record(2)));
        cache.plant(&KEY, &bytes);
        assert!(matches!(node.delete(&KEY, DeleteCondition::Login(1), at(1_003)).await, Ok(Outcome::Applied(_))));
        assert_eq!(there(&node, at(1_003)).await, None, "{bytes:?}");
    }
}

/// Who writes to the cache signs in as nobody: what no node of this application wrote for this handle is rejected, reported,
/// read from the durable store and overwritten, and the next write stores nothing of it.
#[tokio::test]
async fn what_others_write_into_the_cache_does_not_count_st15() {
    const OTHER: Handle = Handle::from_bytes(*b"b handle");
    const NOBODY: Handle = Handle::from_bytes(*b"c handle");
    let mallory = Draft { version: 1, login: 7, seen: at(1_000).millis(), subject: Some("admin"), ..Draft::default() };
    let genuine = entry_of(&keys(), &KEY, &record(1)).await;
    let swapped = entry_of(&keys(), &OTHER, &mallory.record()).await;
    let grafted = [&genuine[..32], &mallory.record()[..]].concat();
    let mut later = genuine.clone();
    later[1] ^= 1;
    for (what, forged) in [
        ("under another key", entry_of(&other_keys(), &KEY, &mallory.record()).await),
        // SE9: staging and production have one key and one cache, and who writes to staging's database is not production's
        ("of another application", entry_of(&keys().application("staging"), &KEY, &mallory.record()).await),
        ("without a tag", [&[2; 1], &genuine[1..16], &[0; 16], &mallory.record()[..]].concat()),
        ("of another session", swapped),
        ("with the tag of a genuine entry", grafted),
        ("moved in time", later),
        ("truncated", genuine[..genuine.len() - 1].to_vec()),
        ("truncated to its head", genuine[..32].to_vec()),
    ] {
        let (cache, durable) = (MemoryCache::default(), SharedStore::from(MemoryStore::new()));
        believe(&durable).await;
        let (node, rejected) = watched(&cache, &durable);
        durable.create(&KEY, &record(1), at(1_000)).await.unwrap();
        cache.plant(&KEY, &forged);
        assert_eq!(there(&node, at(1_000)).await, Some(record(1)), "{what}");
        assert_eq!(rejected.load(Ordering::SeqCst), 1, "{what}: an event");
        assert_eq!(cache.peek(&KEY), Some(genuine.clone()), "{what}: overwritten");
        cache.plant(&KEY, &forged);
        let updated = node.update(&KEY, Version(1), &record(2), at(1_001), &mut []).await;
        assert!(matches!(updated, Ok(Outcome::Applied(_))), "{what}: {updated:?}");
        assert_eq!(load(&durable, &KEY, at(1_001)).await.unwrap(), Some(record(2)), "{what}");
        // a session that does not exist is not made by an entry
        cache.plant(&NOBODY, &forged);
        assert_eq!(load(&node, &NOBODY, at(1_000)).await.unwrap(), None, "{what}");
    }
}

/// After a change of keys old entries are misses, unless the old key still verifies.
#[tokio::test]
async fn another_key_is_a_miss_and_a_ring_goes_on_st15() {
    let (cache, durable) = (MemoryCache::default(), SharedStore::from(MemoryStore::new()));
    believe(&durable).await;
    durable.create(&KEY, &record(1), at(1_000)).await.unwrap();
    let old = Layered::new(cache.clone(), durable.clone(), &other_keys());
    assert_eq!(there(&old, at(1_000)).await, Some(record(1)));
    let before = cache.peek(&KEY);

    let ring = Keys::new(b"0a1b2c3d4e5f6g7h8i9jkQlWmEnRoTpY").unwrap();
    let ring = ring.and_verify(b"zX9cV8bN7mQ6wE5rT4yU3iO2pA1sD0fG").unwrap();
    let both = Layered::new(cache.clone(), durable.clone(), &ring);
    cache.calls();
    assert_eq!((there(&both, at(1_001)).await, cache.calls()), (Some(record(1)), 1), "served from the cache");

    let (new, rejected) = watched(&cache, &durable);
    assert_eq!((there(&new, at(1_001)).await, cache.calls()), (Some(record(1)), 2), "looked and filled in");
    assert_eq!(rejected.load(Ordering::SeqCst), 1);
    assert_ne!(cache.peek(&KEY), before);
}

/// An older entry of the same session that is put back is shown until its trust is over, counted from when it was made, and
/// never gets into the durable store.
#[tokio::test]
async fn a_replayed_entry_lasts_no_longer_than_its_trust_st15() {
    let (cache, durable) = (MemoryCache::default(), SharedStore::from(MemoryStore::new()));
    believe(&durable).await;
    let node = node(&cache, &durable).await;
    durable.create(&KEY, &record(1), at(1_000)).await.unwrap();
    assert_eq!(there(&node, at(1_000)).await, Some(record(1)));
    let old = cache.peek(&KEY).unwrap();
    node.update(&KEY, Version(1), &record(2), at(1_001), &mut []).await.unwrap();
    cache.plant(&KEY, &old);
    let stale = node.update(&KEY, Version(1), &record(3), at(1_002), &mut []).await.unwrap();
    assert!(matches!(stale, Outcome::Conflict(_)), "{stale:?}");
    cache.plant(&KEY, &old);
    assert_eq!(there(&node, at(1_005)).await, Some(record(2)), "five seconds after it was made");
    node.delete(&KEY, DeleteCondition::Login(1), at(1_006)).await.unwrap();
    cache.plant(&KEY, &old);
    assert_eq!(there(&node, at(1_007)).await, None);
}

/// One node's clock is wrong, by seconds or by hours: nothing is served that has ended, and nothing is lost.
#[tokio::test]
async fn nodes_whose_clocks_differ_st4() {
    for (right, wrong) in [(1_000, 1_003), (1_003, 1_000), (1_000, 3_000), (3_000, 1_000)] {
        let (cache, durable) = (MemoryCache::default(), SharedStore::from(MemoryStore::new()));
        believe(&durable).await;
        let (here, other) = (node(&cache, &durable).await, node(&cache, &durable).await);
        durable.create(&KEY, &record(1), at(right)).await.unwrap();
        assert_eq!(there(&other, at(wrong)).await, Some(record(1)), "filled in by the wrong clock");
        cache.calls();
        assert_eq!(there(&here, at(right)).await, Some(record(1)));
        let far = right.abs_diff(wrong) >= 5;
        assert_eq!(
            cache.calls(),
            1 + usize::from(far),
            "an entry from far away in time is not trusted: {right} {wrong}"
        );

        let seen = |bytes: Option<Vec<u8>>| bytes.map(|bytes| bytes[VERSION_AT]);
        let updated = other.update(&KEY, Version(1), &record(2), at(wrong), &mut []).await;
        assert!(matches!(updated, Ok(Outcome::Applied(_))));
        assert_eq!(seen(there(&here, at(right)).await), Some(2), "what was acknowledged is seen");
        assert!(matches!(here.delete(&KEY, DeleteCondition::Login(1), at(right)).await, Ok(Outcome::Applied(_))));
        assert_eq!((there(&other, at(wrong)).await, there(&here, at(right)).await), (None, None));
    }
}

/// While the cache cannot be reached, the clocks' difference comes on top of the trust, and no more.
#[tokio::test(start_paused = true)]
async fn without_the_cache_the_difference_adds_to_the_trust_st4() {
    let (cache, durable) = (MemoryCache::default(), SharedStore::from(MemoryStore::new()));
    believe(&durable).await;
    let (here, ahead) = (node(&cache, &durable).await, node(&cache, &durable).await);
    durable.create(&KEY, &record(1), at(1_000)).await.unwrap();
    assert_eq!(there(&ahead, at(1_002)).await, Some(record(1)));
    cache.down(true);
    let began = tokio::time::Instant::now();
    assert!(matches!(here.delete(&KEY, DeleteCondition::Login(1), at(1_000)).await, Ok(Outcome::Applied(_))));
    assert!(began.elapsed() >= Duration::from_secs(5));
    cache.down(false);
    // five seconds later by either clock; the entry was made two seconds ahead
    assert_eq!(there(&ahead, at(1_007)).await, None);
    assert_eq!(there(&here, at(1_007)).await, None);
}
