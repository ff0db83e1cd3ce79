//! The layered store keeps the contract, with the cache and without it (ST11).

mod common;

use std::time::Duration;

use common::MemoryCache;
use session_core::conformance::{Broken, suite};
use session_core::environment::Time;
use session_core::store::Store;
use session_store_layered::Layered;
use session_store_memory::MemoryStore;

async fn conforms(store: &impl Store) -> Result<(), Broken> {
    for seed in 0..5 {
        suite(store, Time::from_millis(1_790_000_000_000), seed).await?;
    }
    Ok(())
}

#[tokio::test]
async fn memory_before_memory() {
    assert_eq!(conforms(&Layered::new(MemoryCache::default(), MemoryStore::new(), &common::keys())).await, Ok(()));
}

#[tokio::test]
async fn trusted_for_a_minute() {
    let store =
        Layered::new(MemoryCache::default(), MemoryStore::new(), &common::keys()).with_trust(Duration::from_secs(60));
    assert_eq!(conforms(&store).await, Ok(()));
}

#[tokio::test]
async fn trusted_never() {
    let store = Layered::new(MemoryCache::default(), MemoryStore::new(), &common::keys()).with_trust(Duration::ZERO);
    assert_eq!(conforms(&store).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn cache_down() {
    let cache = MemoryCache::default();
    cache.down(true);
    assert_eq!(conforms(&Layered::new(cache, MemoryStore::new(), &common::keys())).await, Ok(()));
}
