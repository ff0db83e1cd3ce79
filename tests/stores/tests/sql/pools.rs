//! What an application's pool has to be, and what it gets back.

use session_core::store::{Load, Store};
use session_store_sql::{SqlError, SqlStore};
use sqlx::mysql::MySqlPoolOptions;
use sqlx::sqlite::SqlitePoolOptions;
use store_support::{Draft, at};
use store_tests::servers::PATIENT;

use crate::common::{Fresh, create, key, load};

/// Refused at the first operation, in a sentence.
async fn refused(store: SqlStore, word: &str) {
    for _ in 0..2 {
        let why = store.load(&key(1), at(0), &mut []).await.unwrap_err();
        assert!(matches!(&why, SqlError::Pool(why) if why.contains(word)), "{why}");
        assert!(!why.to_string().contains('\n'));
    }
}

#[tokio::test]
async fn pools_in_which_sessions_would_not_be_safe_are_refused() {
    refused(SqlitePoolOptions::new().connect_lazy("sqlite::memory:").unwrap().into(), "memory").await;
    let database = Fresh::mariadb();
    for setting in ["SET autocommit = 0", "SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED"] {
        let pool = MySqlPoolOptions::new().after_connect(move |connection, _| {
            Box::pin(async move { sqlx::Executor::execute(connection, setting).await.map(drop) })
        });
        refused(SqlStore::from(pool.connect_lazy(&database.url()).unwrap()).with_options(PATIENT), "autocommit").await;
    }
}

/// At other levels of isolation each operation is what it is.
#[tokio::test]
async fn a_pool_keeps_its_isolation_level() {
    let database = Fresh::mariadb();
    for level in [
        "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    ] {
        let pool = MySqlPoolOptions::new().after_connect(move |connection, _| {
            Box::pin(async move { sqlx::Executor::execute(connection, level).await.map(drop) })
        });
        let store = SqlStore::from(pool.connect_lazy(&database.url()).unwrap()).with_options(PATIENT);
        let start = session_core::environment::Time::from_millis(1_790_000_000_000);
        assert_eq!(session_core::conformance::suite(&store, start, 1).await, Ok(()), "{level}");
    }
}

/// Sessions and the application share connections, and neither finds the other's settings on them.
#[tokio::test]
async fn a_pool_gets_its_connections_back_as_they_were() {
    let database = Fresh::mariadb();
    let pool = MySqlPoolOptions::new().max_connections(1).connect(&database.url()).await.unwrap();
    let settings =
        "SELECT CONCAT_WS(' ', @@innodb_lock_wait_timeout, @@max_statement_time, @@tx_isolation, @@autocommit)";
    let before: String = sqlx::query_scalar(settings).fetch_one(&pool).await.unwrap();
    let store = SqlStore::from(pool.clone()).with_options(PATIENT);
    create(&store, &key(1), Draft::default(), 0).await;
    assert_eq!(store.load(&key(2), at(0), &mut []).await, Ok(Load::Missing));
    let after: String = sqlx::query_scalar(settings).fetch_one(&pool).await.unwrap();
    assert_eq!(after, before);

    let database = Fresh::sqlite();
    let pool =
        SqlitePoolOptions::new().max_connections(1).connect(&format!("{}?mode=rwc", database.url())).await.unwrap();
    let store = SqlStore::from(pool.clone()).with_options(PATIENT);
    create(&store, &key(1), Draft::default(), 0).await;
    let patience: i64 = sqlx::query_scalar("PRAGMA busy_timeout").fetch_one(&pool).await.unwrap();
    assert_eq!(patience, 5000);
    assert!(load(&store, &key(1), 0).await.is_some());

    let database = Fresh::postgres();
    let pool = sqlx::PgPool::connect(&database.url()).await.unwrap();
    let store = SqlStore::from(pool.clone()).with_options(PATIENT);
    create(&store, &key(1), Draft::default(), 0).await;
    let limit: String = sqlx::query_scalar("SHOW statement_timeout").fetch_one(&pool).await.unwrap();
    assert_eq!(limit, "0");
}

/// An application that has all connections in use is told from a database that is away.
#[tokio::test]
async fn a_pool_that_is_in_use_is_busy_st10() {
    let database = Fresh::sqlite();
    // the pool itself waits for longer than the store does
    let pool = SqlitePoolOptions::new().max_connections(1);
    let pool = pool.connect(&format!("{}?mode=rwc", database.url())).await.unwrap();
    let store = SqlStore::from(pool.clone()).with_options(PATIENT);
    store.check(at(0)).await.unwrap();
    let taken = pool.acquire().await.unwrap();
    assert_eq!(store.check(at(0)).await, Err(SqlError::Busy));
    drop(taken);
    assert_eq!(store.check(at(0)).await, Ok(()));
}
