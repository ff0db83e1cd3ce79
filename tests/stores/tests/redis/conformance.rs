//! The store keeps the contract (ST11), on one server, in a cluster, and behind a sentinel.

use session_core::conformance::end_all_ends_all;
use session_store_redis::RedisStore;
use store_support::now;
use store_tests::servers;
use store_tests::servers::conformance::conforms;

async fn keeps_the_contract(name: &str, url: &str) {
    let store = RedisStore::open(url).unwrap().with_options(servers::PATIENT);
    conforms(name, &store, now(), 0..5).await;
    assert_eq!(end_all_ends_all(&store, now(), 5).await, Ok(()));
}

#[tokio::test]
async fn one_server() {
    keeps_the_contract("Redis", &servers::redis::start().url()).await;
}

#[tokio::test]
async fn a_cluster() {
    keeps_the_contract("Redis, cluster", &servers::redis::Cluster::start().url()).await;
}

#[tokio::test]
async fn behind_a_sentinel() {
    keeps_the_contract("Redis, sentinel", &servers::redis::Watched::start().url()).await;
}
