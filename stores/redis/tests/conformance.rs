//! The store keeps the contract (ST11), on one server, in a cluster, and behind a sentinel.

mod common;

use session_core::conformance::{end_all_ends_all, suite};
use session_store_redis::RedisStore;

async fn conforms(url: &str) {
    let store = RedisStore::open(url).unwrap().time_limit(common::GUARD);
    for seed in 0..5 {
        assert_eq!(suite(&store, common::now(), seed).await, Ok(()));
    }
    assert_eq!(end_all_ends_all(&store, common::now(), 5).await, Ok(()));
}

#[tokio::test]
async fn one_server() {
    conforms(&servers::redis::start().url()).await;
}

#[tokio::test]
async fn a_cluster() {
    conforms(&servers::redis::Cluster::start().url()).await;
}

#[tokio::test]
async fn behind_a_sentinel() {
    conforms(&servers::redis::Watched::start().url()).await;
}
