//! Each database keeps the contract (ST11).

use session_core::conformance::end_all_ends_all;
use session_core::environment::Time;
use session_core::store::Store;
use store_tests::servers::PATIENT;
use store_tests::servers::conformance::conforms;

use crate::common::{Fresh, WAYS};

async fn keeps_the_contract(name: &str, database: &Fresh) {
    let pooled = format!("{name}, an application's pool");
    for (name, way) in [(name, WAYS[0]), (&pooled, WAYS[1])] {
        let store = way(&database.url()).with_options(PATIENT);
        assert_eq!(store.check(Time::from_millis(0)).await, Ok(()), "{name}");
        for seed in 0..4 {
            let start = Time::from_millis(1_790_000_000_000 + seed * 1_000_000);
            conforms(name, &store, start, seed..seed + 1).await;
            assert_eq!(end_all_ends_all(&store, start, seed).await, Ok(()));
        }
    }
}

#[tokio::test]
async fn sqlite() {
    keeps_the_contract("SQLite", &Fresh::sqlite()).await;
}

#[tokio::test]
async fn postgres() {
    keeps_the_contract("PostgreSQL", &Fresh::postgres()).await;
}

#[tokio::test]
async fn mariadb() {
    keeps_the_contract("MariaDB", &Fresh::mariadb()).await;
}
