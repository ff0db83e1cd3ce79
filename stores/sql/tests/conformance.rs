//! Each database keeps the contract (ST11).

mod common;

use common::Fresh;
use session_core::conformance::{end_all_ends_all, suite};
use session_core::environment::Time;

async fn conforms(database: &Fresh) {
    let store = database.store();
    for seed in 0..4 {
        let start = Time::from_millis(1_790_000_000_000 + seed * 1_000_000);
        assert_eq!(suite(&store, start, seed).await, Ok(()));
        assert_eq!(end_all_ends_all(&store, start, seed).await, Ok(()));
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
