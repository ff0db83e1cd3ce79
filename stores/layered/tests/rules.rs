//! Round trips, what happens without the cache, and what a change of another node is worth, each without a server.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{MemoryCache, believe, keys};
use session_core::environment::Time;
use session_core::store::{DeleteCondition, Found, Handle, Load, Outcome, Store, Version};
use session_core::subject::SubjectIndex;
use session_store_layered::Layered;
use session_store_memory::MemoryStore;
use session_store_shared::SharedStore;
use store_support::Draft;

const KEY: Handle = Handle::from_bytes(*b"a handle");

fn at(seconds: u64) -> Time {
    Time::from_millis(1_790_000_000_000 + seconds * 1_000)
}

fn record(version: u64) -> Vec<u8> {
    Draft { version, login: 1, seen: at(0).millis(), idle: 60_000, ..Draft::default() }.record()
}

/// Two nodes over one cache and one durable store with one session.
async fn nodes() -> (Layered<MemoryCache, SharedStore>, Layered<MemoryCache, SharedStore>, MemoryCache) {
    let (cache, durable) = (MemoryCache::default(), SharedStore::from(MemoryStore::new()));
    durable.create(&KEY, &record(1), at(0)).await.unwrap();
    believe(&durable).await;
    let node = || Layered::new(cache.clone(), durable.clone(), &keys());
    (node(), node(), cache)
}

async fn version(node: &impl Store, seconds: u64) -> Option<u64> {
    match node.load(&KEY, at(seconds), &mut [0; 100]).await.unwrap() {
        Load::Found(Found { version, .. }) => Some(version.0),
        Load::Missing => None,
        Load::TooLarge { .. } => panic!("too large"),
    }
}

#[tokio::test]
async fn round_trips_st6() {
    let (node, _, cache) = nodes().await;
    for (what, seconds, calls) in
        [("a miss", 0, 2), ("a hit", 1, 1), ("a hit", 4, 1), ("no longer trusted", 5, 2), ("a hit", 9, 1)]
    {
        assert_eq!(version(&node, seconds).await, Some(1));
        assert_eq!(cache.calls(), calls, "{what}");
    }
    node.update(&KEY, Version(1), &record(2), at(9), &mut []).await.unwrap();
    assert_eq!(cache.calls(), 1, "an update");
    assert_eq!((version(&node, 13).await, cache.calls()), (Some(2), 1), "what was written is there");
    node.touch(&KEY, at(14)).await.unwrap();
    assert_eq!(cache.calls(), 1, "a touch");
    node.delete(&KEY, DeleteCondition::Login(1), at(14)).await.unwrap();
    assert_eq!(cache.calls(), 1, "a delete");
    node.create(&KEY, &record(3), at(14)).await.unwrap();
    assert_eq!(cache.calls(), 0, "a create");
}

#[tokio::test]
async fn what_one_node_changes_the_other_sees_st4() {
    let (here, there, cache) = nodes().await;
    assert_eq!((version(&here, 0).await, version(&there, 0).await), (Some(1), Some(1)));
    here.update(&KEY, Version(1), &record(2), at(1), &mut []).await.unwrap();
    assert_eq!(version(&there, 1).await, Some(2));
    let late = there.update(&KEY, Version(1), &record(3), at(1), &mut []).await.unwrap();
    assert!(matches!(late, Outcome::Conflict(_)));
    here.delete(&KEY, DeleteCondition::Login(1), at(2)).await.unwrap();
    assert_eq!((version(&there, 2).await, cache.entries()), (None, 0));
}

#[tokio::test(start_paused = true)]
async fn while_the_cache_is_down_everything_works_st4() {
    let (here, there, cache) = nodes().await;
    assert_eq!(version(&there, 0).await, Some(1));
    let failures = Arc::new(Mutex::new(0));
    let counted = failures.clone();
    let here = here.with_report(move |_| *counted.lock().unwrap() += 1);
    cache.down(true);
    let began = tokio::time::Instant::now();
    assert_eq!(version(&here, 1).await, Some(1), "read from the durable store");
    here.delete(&KEY, DeleteCondition::Login(1), at(1)).await.unwrap();
    let waited = began.elapsed();
    assert!(waited >= Duration::from_secs(5) && waited < Duration::from_secs(6), "{waited:?}");
    assert!(*failures.lock().unwrap() > 2);
    cache.down(false);
    assert_eq!(cache.entries(), 1, "nobody could remove it");
    assert_eq!(version(&there, 6).await, None, "and nobody trusts it when the answer is out");
}

/// How long something takes.
async fn waits<T>(what: impl Future<Output = T>) -> (T, Duration) {
    let began = tokio::time::Instant::now();
    (what.await, began.elapsed())
}

fn handle(number: u8) -> Handle {
    Handle::from_bytes([number; 8])
}

/// A minute without the cache: the first change waits for the trust, and nothing after it, at the other node neither.
#[tokio::test(start_paused = true)]
async fn an_outage_costs_the_trust_once_st17() {
    let (here, there, cache) = nodes().await;
    for number in 0..20 {
        here.create(&handle(number), &record(1), at(0)).await.unwrap();
    }
    assert_eq!((version(&here, 0).await, version(&there, 0).await), (Some(1), Some(1)));
    cache.down(true);
    let mut long = Vec::new();
    for number in 0..20 {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let now = at(1 + 3 * u64::from(number));
        let node = if number % 2 == 0 { &here } else { &there };
        let (updated, one) = waits(node.update(&handle(number), Version(1), &record(2), now, &mut [])).await;
        let (deleted, other) = waits(here.delete(&handle(number), DeleteCondition::Login(1), now)).await;
        assert!(matches!((updated, deleted), (Ok(Outcome::Applied(_)), Ok(Outcome::Applied(_)))));
        long.extend([(number, one), (number, other)].into_iter().filter(|(_, waited)| !waited.is_zero()));
    }
    let of = |node: u8| long.iter().filter(|(number, _)| number % 2 == node).count();
    assert!(of(0) <= 1 && of(1) <= 1, "once at each node: {long:?}");
    assert!(long.iter().all(|(_, waited)| *waited <= Duration::from_secs(5)), "{long:?}");
}

/// Five sessions that end while the cache is down, one after the other.
#[tokio::test(start_paused = true)]
async fn ending_five_sessions_waits_once_st17() {
    let (here, _, cache) = nodes().await;
    for number in 0..5 {
        here.create(&handle(number), &record(1), at(0)).await.unwrap();
    }
    cache.down(true);
    let all = async {
        for number in 0..5 {
            let ended = here.delete(&handle(number), DeleteCondition::Any, at(1)).await;
            assert!(matches!(ended, Ok(Outcome::Applied(_))));
        }
    };
    assert_eq!(waits(all).await.1, Duration::from_secs(5));
}

/// One node is cut off. What a second request reads there, after the first has changed it, the other node does not
/// contradict.
#[tokio::test(start_paused = true)]
async fn what_a_reader_was_shown_every_node_shows_st17() {
    let (here, there, cache) = nodes().await;
    assert_eq!(version(&there, 0).await, Some(1));
    let cut = cache.another_way();
    let here = Layered::new(cut.clone(), here.durable().clone(), &keys());
    cut.down(true);
    let (newer, mut there_now) = (record(2), []);
    let renewed = here.update(&KEY, Version(1), &newer, at(1), &mut there_now);
    let second = async {
        tokio::task::yield_now().await;
        assert_eq!(version(&here, 1).await, Some(2));
        version(&there, 6).await
    };
    let ((renewed, seen), waited) = waits(async { tokio::join!(renewed, second) }).await;
    assert!(matches!(renewed, Ok(Outcome::Applied(_))));
    assert_eq!((seen, waited), (Some(2), Duration::from_secs(5)));
}

/// The other node reads from the durable store while a node is cut off, and from the cache some time after.
#[tokio::test(start_paused = true)]
async fn the_cache_is_believed_again_st17() {
    let (here, there, cache) = nodes().await;
    cache.down(true);
    assert_eq!(version(&here, 1).await, Some(1));
    cache.down(false);
    let mut seconds = 10;
    let mut durable_only = 0;
    while cache.entries() == 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!((version(&here, seconds).await, version(&there, seconds).await), (Some(1), Some(1)));
        seconds += 1;
        durable_only += 1;
    }
    assert!((9..=21).contains(&durable_only), "{durable_only} seconds");
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_comes_back_ends_the_wait_st4() {
    let (here, _, cache) = nodes().await;
    cache.down(true);
    let back = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        cache.down(false);
    };
    let began = tokio::time::Instant::now();
    let (deleted, ()) = tokio::join!(here.delete(&KEY, DeleteCondition::Login(1), at(1)), back);
    assert!(matches!(deleted, Ok(Outcome::Applied(_))));
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_touch_in_the_last_second_counts_everywhere_lc5() {
    let (here, there, cache) = nodes().await;
    assert_eq!(version(&there, 58).await, Some(1));
    cache.down(true); // the touch cannot tell the cache
    here.touch(&KEY, at(59)).await.unwrap();
    cache.down(false);
    assert_eq!(version(&there, 61).await, Some(1), "what looks over in the cache is asked about");
}

#[tokio::test(start_paused = true)]
async fn the_index_is_that_of_the_durable_store_lc9_lc10() {
    let (here, there, _) = nodes().await;
    assert!(here.index().is_some() && here.durable().index().is_some());
    assert_eq!(version(&there, 0).await, Some(1));
    let subject = session_core::subject::SubjectId::of("ann");
    assert!(here.index().unwrap().bump(&subject, at(0)).await.is_ok());
    assert_eq!(here.count(at(0)).await.unwrap(), here.durable().count(at(0)).await.unwrap());
    if here.end_all(at(1)).await.unwrap() {
        assert_eq!(version(&there, 6).await, None);
    }
}
