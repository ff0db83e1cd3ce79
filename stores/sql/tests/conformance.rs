//! Each database keeps the contract (ST11).

mod common;

use common::Fresh;
use session_core::conformance::suite;
use session_core::environment::Time;

async fn conforms(database: &Fresh) {
    let store = database.store();
    for seed in 0..4 {
        assert_eq!(suite(&store, Time::from_millis(1_790_000_000_000), seed).await, Ok(()));
    }
}

#[tokio::test]
async fn sqlite() {
    conforms(&Fresh::sqlite()).await;
}

#[tokio::test]
async fn postgres() {
    conforms(&Fresh::postgres()).await;
}
