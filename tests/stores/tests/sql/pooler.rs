//! PostgreSQL as many run it: behind pgbouncer, which lends each transaction any of its few connections, and with
//! `default_transaction_isolation = serializable`.

use std::sync::Arc;

use session_core::environment::Time;
use session_core::store::{Outcome, Store, Version};
use session_store_sql::{SqlError, SqlStore};
use store_support::{Draft, at};
use store_tests::servers::conformance::conforms;
use store_tests::servers::{PATIENT, Server, postgres};

use crate::common::{create, key, load};

fn store(server: &Server) -> SqlStore {
    SqlStore::open(&server.url()).unwrap().with_options(PATIENT)
}

/// As packaged, it refuses a parameter that it does not know; many are told to ignore it, and then a connection only looks
/// as if it were well.
const REFUSES: &[&str] = &[];
const IGNORES: &[&str] = &["ignore_startup_parameters = extra_float_digits,options"];

/// More requests at once than the pooler has connections, each of several statements.
async fn many_at_once(store: SqlStore) {
    let store = Arc::new(store);
    let draft = |version| Draft { version, seen: 1, data: 40, ..Draft::default() };
    let tasks: Vec<_> = (0..24_u64)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                for round in 0..8 {
                    let key = key(1_000 + number * 10 + round);
                    create(&*store, &key, draft(1), 1).await;
                    assert_eq!(store.touch(&key, at(2)).await, Ok(Outcome::Applied(Version(1))));
                    let next = draft(2).record();
                    let updated = store.update(&key, Version(1), &next, at(2), &mut []).await;
                    assert_eq!(updated, Ok(Outcome::Applied(Version(2))));
                    assert!(load(&*store, &key, 2).await.is_some());
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_pgbouncer_in_transaction_mode_st10() {
    for settings in [REFUSES, IGNORES] {
        let database = postgres::start();
        let pooler = postgres::pooled(&database, settings);
        let start = Time::from_millis(1_790_000_000_000);
        conforms("PostgreSQL behind pgbouncer", &store(&pooler), start, 0..1).await;
        many_at_once(store(&pooler)).await;
    }
}

#[tokio::test]
async fn what_a_pooler_does_not_take_is_told_in_a_sentence_st10() {
    let database = postgres::start();
    let pooler = postgres::pooled(&database, REFUSES);
    let url = format!("{}?options[search_path]=shop", pooler.url());
    let why = SqlStore::open(&url).unwrap().with_options(PATIENT).check(at(1)).await.unwrap_err();
    assert!(matches!(&why, SqlError::Connect(why) if why.contains("ALTER ROLE")), "{why}");
}

/// A statement waits for a lock no longer behind a pooler.
#[tokio::test]
async fn a_lock_is_not_waited_for_forever_behind_pgbouncer_st13() {
    use sqlx::{Connection, raw_sql};
    let database = postgres::start();
    let pooler = postgres::pooled(&database, REFUSES);
    let draft = Draft { version: 1, seen: 1, ..Draft::default() };
    create(&store(&pooler), &key(1), draft, 1).await;
    let impatient = PATIENT.with_operation_timeout(std::time::Duration::from_secs(1));
    let store = SqlStore::open(&pooler.url()).unwrap().with_options(impatient);
    store.check(at(1)).await.unwrap();
    let mut holder = sqlx::PgConnection::connect(&database.url()).await.unwrap();
    raw_sql("BEGIN; SELECT handle FROM session_records FOR UPDATE").execute(&mut holder).await.unwrap();
    let next = Draft { version: 2, ..draft }.record();
    assert_eq!(store.update(&key(1), Version(1), &next, at(1), &mut []).await, Err(SqlError::Timeout));
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(&mut holder).await.unwrap();
    assert_eq!(waiting, 0, "the server has given it up");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_serializable_transactions_st10() {
    let database = postgres::start_with(&["default_transaction_isolation=serializable"]);
    conforms("PostgreSQL serializable", &store(&database), Time::from_millis(1_790_000_000_000), 0..1).await;
    many_at_once(store(&database)).await;
    // writers of one row, which PostgreSQL aborts in that mode
    let draft = Draft { version: 1, seen: 1, ..Draft::default() };
    let store = Arc::new(store(&database));
    create(&*store, &key(1), draft, 1).await;
    let tasks: Vec<_> = (0..16_u64)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                for round in 0..8 {
                    let touched = store.touch(&key(1), at(2 + number + 16 * round)).await;
                    assert_eq!(touched, Ok(Outcome::Applied(Version(1))));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}
