//! SQLite keeps the contract (ST11). What needs a server, PostgreSQL above all, is in tests/stores.

use session_core::conformance::{end_all_ends_all, suite};
use session_store_sql::SqlStore;
use store_support::at;

#[tokio::test]
async fn sqlite_keeps_the_contract_st11() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqlStore::open(&format!("sqlite:{}", directory.path().join("sessions.db").display())).unwrap();
    assert_eq!(suite(&store, at(1_790_000_000_000), 1).await, Ok(()));
    assert_eq!(end_all_ends_all(&store, at(1_790_000_000_000), 1).await, Ok(()));
}
