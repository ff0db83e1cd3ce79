//! The cache's keys are those of the application's sessions, also when they change while the nodes run.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{MemoryCache, believe, keys, other_keys};
use session_core::environment::Time;
use session_core::store::{Handle, Store as _};
use session_core::testing::ManualClock;
use session_std::keys::from_text;
use session_std::{Keys, MemoryStore, Policy, Request, Sessions, SharedStore};
use session_store_layered::{CacheEvent, Layered};
use store_support::{Draft, load};

const OLD: &str = "8e1f0a936b64c5117199fe025ba0d73c4e6018e977b244059acd31f6882e53bf";
const NEW: &str = "01f49c2d66aa7e13d0583be7910c45f22a866dbe19c87054e3379f0bad62d841";
const NOW: Time = Time::from_millis(1_790_000_000_000);

/// A node, and how often it rejected what is in the cache.
fn node(cache: &MemoryCache, durable: &SharedStore, keys: &Keys) -> (SharedStore, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let rejected = count.clone();
    let node = Layered::new(cache.clone(), durable.clone(), keys).with_report(move |event| {
        rejected.fetch_add(usize::from(matches!(event, CacheEvent::Rejected)), Ordering::SeqCst);
    });
    (node.into(), count)
}

/// One request; the visits so far, which it counts only if it is to write.
async fn visit(sessions: &Sessions, cookie: &mut String, write: bool) -> u32 {
    let request = Request::new(sessions.clone());
    let session = request.session([cookie.as_bytes()].into_iter(), true).await.unwrap();
    let visits = session.get::<u32>("visits").unwrap().unwrap_or(0);
    if write {
        session.set("visits", &(visits + 1)).unwrap();
    }
    let finished = request.finish().await;
    assert_eq!(finished.error, None);
    if let Some(set) = finished.cookie {
        *cookie = set.split(';').next().unwrap().to_owned();
    }
    visits
}

/// Each node takes each step at another time. After each of them either node serves what the other has put into the
/// cache, without a call of the durable store. The nodes began with keys of their own for the cache.
#[tokio::test(start_paused = true)]
async fn a_cache_lives_through_a_change_of_keys_ky1_st15() {
    let (cache, durable) = (MemoryCache::default(), SharedStore::from(MemoryStore::new()));
    believe(&durable).await;
    let clock = Arc::new(ManualClock::at(NOW));
    let made = [keys(), other_keys()].map(|keys| node(&cache, &durable, &keys));
    let nodes = made.each_ref().map(|(store, _)| {
        let sessions = Sessions::new(store.clone(), from_text(OLD, "K").unwrap()).policy(Policy::PLAIN_HTTP);
        sessions.clock(clock.clone()).sealed_at_rest()
    });
    for step in [OLD.to_owned(), format!("{OLD},{NEW}"), format!("{NEW},{OLD}"), NEW.to_owned()] {
        for changed in &nodes {
            changed.set_keys(from_text(&step, "K").unwrap());
            for (one, other) in [(&nodes[0], &nodes[1]), (&nodes[1], &nodes[0])] {
                let mut cookie = String::new();
                assert_eq!(visit(one, &mut cookie, true).await, 0);
                assert_eq!(visit(one, &mut cookie, false).await, 1, "fills the cache");
                cache.calls();
                assert_eq!(
                    (visit(other, &mut cookie, false).await, cache.calls()),
                    (1, 1),
                    "{step}: read of the cache"
                );
                assert_eq!(visit(other, &mut cookie, true).await, 1);
                cache.calls();
                assert_eq!((visit(one, &mut cookie, false).await, cache.calls()), (2, 1), "{step}: read of the cache");
            }
        }
    }
    assert_eq!(made.map(|(_, rejected)| rejected.load(Ordering::SeqCst)), [0, 0]);
}

/// Other keys reject what was written, also below data that is sealed with keys of its own.
#[tokio::test(start_paused = true)]
async fn a_store_with_other_keys_rejects_what_was_cached_ky1_st15() {
    const KEY: Handle = Handle::from_bytes(*b"a handle");
    let (cache, durable) = (MemoryCache::default(), SharedStore::from(MemoryStore::new()));
    believe(&durable).await;
    let (layered, rejected) = node(&cache, &durable, &keys());
    let own = from_text(OLD, "K").unwrap();
    let old = layered.sealed_at_rest(own.at(NOW));
    let new = old.with_keys(&other_keys());
    let record = Draft { version: 1, login: 1, seen: NOW.millis(), idle: 3_600_000, ..Draft::default() }.record();
    old.create(&KEY, &record, NOW).await.unwrap();
    let expected = load(&old, &KEY, NOW).await.unwrap();
    assert!(expected.is_some());
    cache.calls();
    for (store, calls, rejections) in [(&old, 1, 0), (&new, 2, 1), (&new, 1, 1), (&old, 2, 2)] {
        assert_eq!(load(store, &KEY, NOW).await.unwrap(), expected, "the data's keys stay");
        assert_eq!((cache.calls(), rejected.load(Ordering::SeqCst)), (calls, rejections));
    }
}
