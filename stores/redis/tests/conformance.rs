//! The store keeps the contract (ST11), on one server and in a cluster.

use session_core::conformance::suite;
use session_core::environment::Clock;
use session_std::SystemClock;
use session_store_redis::RedisStore;

#[tokio::test]
async fn one_server() {
    let server = servers::redis::start();
    let store = RedisStore::open(&server.url()).unwrap();
    for seed in 0..5 {
        assert_eq!(suite(&store, SystemClock.now(), seed).await, Ok(()));
    }
}
