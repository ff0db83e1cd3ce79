//! What is in the cache is nobody's word: foreign, cut or another format, or from a node with another clock.

mod common;

use std::time::Duration;

use common::MemoryCache;
use session_core::environment::Time;
use session_core::record::VERSION_AT;
use session_core::store::{DeleteCondition, Handle, Outcome, Store, Version};
use session_store_layered::{CacheEntry, Layered};
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
    Layered::new(cache.clone(), durable.clone())
}

async fn there(node: &impl Store, now: Time) -> Option<Vec<u8>> {
    load(node, &KEY, now).await.unwrap()
}

/// Each read gives the durable store's record and puts it into the cache again; each write and logout goes through.
#[tokio::test]
async fn foreign_and_cut_entries_are_asked_about_and_replaced_st4() {
    let (cache, durable) = (MemoryCache::default(), SharedStore::from(MemoryStore::new()));
    let node = node(&cache, &durable).await;
    let whole = CacheEntry { since: at(1_000), version: Version(1), record: &record(1) }.bytes();
    let mut bad: Vec<Vec<u8>> =
        vec![b"x".to_vec(), b"{\"json\": true, \"of\": \"somebody else\"}".to_vec(), vec![0xff; 300]];
    bad.extend((1..whole.len()).map(|len| whole[..len].to_vec()));
    bad.extend([0, 2, 9].map(|format| [&[format], &whole[1..]].concat()));
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

/// One node's clock is wrong, by seconds or by hours: nothing is served that has ended, and nothing is lost.
#[tokio::test]
async fn nodes_whose_clocks_differ_st4() {
    for (right, wrong) in [(1_000, 1_003), (1_003, 1_000), (1_000, 3_000), (3_000, 1_000)] {
        let (cache, durable) = (MemoryCache::default(), SharedStore::from(MemoryStore::new()));
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
