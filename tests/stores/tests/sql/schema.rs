//! The tables: made at the first use, by one of many nodes; checked; refused.

use std::time::Duration;

use session_core::store::{Load, Store};
use session_store_sql::{ConnectionOptions, SqlError, SqlStore};
use store_support::{Draft, at};

use crate::common::{Fresh, create, key, load};

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_at_once_make_one_schema() {
    for database in Fresh::all() {
        let nodes: Vec<_> = (0..12_u64)
            .map(|number| {
                let store = database.store();
                tokio::spawn(async move {
                    create(&store, &key(number), Draft { version: number, seen: 1, ..Draft::default() }, 1).await;
                })
            })
            .collect();
        for node in nodes {
            node.await.unwrap();
        }
        assert_eq!(database.store().count(at(1)).await, Ok(Some(12)));
        assert_eq!(database.number("SELECT count(*) FROM session_schema").await, 1);
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    for database in Fresh::all() {
        create(&database.store(), &key(1), Draft::default(), 0).await;
        database.sql("INSERT INTO session_schema VALUES (99)").await.unwrap();
        let why = database.store().load(&key(1), at(0), &mut []).await.unwrap_err();
        assert!(matches!(why, SqlError::Schema(_)) && why.to_string().contains("99"), "{why}");
        database.sql("DELETE FROM session_schema WHERE version = 99").await.unwrap();
        assert!(load(&database.store(), &key(1), 0).await.is_some());
    }
}

/// A migration that fails half-way leaves nothing.
#[tokio::test]
async fn a_schema_is_made_as_a_whole() {
    for database in Fresh::all() {
        database.sql("CREATE TABLE session_subjects (other bigint)").await.unwrap();
        let store = database.store();
        let why = store.load(&key(1), at(0), &mut []).await.unwrap_err();
        assert!(matches!(&why, SqlError::Refused(why) if why.contains("already exists")), "{why}");
        database.sql("DROP TABLE session_subjects").await.unwrap();
        assert_eq!(
            store.load(&key(1), at(0), &mut []).await,
            Ok(Load::Missing),
            "nothing of the first try is in the way"
        );
    }
}

#[tokio::test]
async fn a_role_that_may_not_make_tables_works_where_they_are() {
    let database = Fresh::postgres();
    let role = database.url().replace("postgres@", "app:secret@");
    let lowly = SqlStore::open(&role).unwrap();
    let why = lowly.load(&key(1), at(0), &mut []).await.unwrap_err();
    assert!(matches!(&why, SqlError::Connect(why) if why.contains("app")), "{why}");
    assert!(!format!("{why}{why:?}{lowly:?}").contains("secret"));
    database.sql("CREATE ROLE app LOGIN").await.unwrap();
    let why = lowly.load(&key(1), at(0), &mut []).await.unwrap_err();
    assert!(matches!(&why, SqlError::Refused(why) if why.contains("permission")), "{why}");
    create(&database.store(), &key(1), Draft::default(), 0).await;
    database.sql("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app").await.unwrap();
    assert!(load(&lowly, &key(1), 0).await.is_some());
    create(&lowly, &key(2), Draft::default(), 0).await;
}

#[tokio::test]
async fn the_search_path_keeps_applications_apart_st8() {
    let database = Fresh::postgres();
    database.sql("CREATE SCHEMA shop; CREATE SCHEMA blog").await.unwrap();
    let of = |name| SqlStore::open(&format!("{}?options[search_path]={name}", database.url())).unwrap();
    create(&of("shop"), &key(1), Draft::default(), 0).await;
    assert_eq!(load(&of("blog"), &key(1), 0).await, None);
    assert!(load(&of("shop"), &key(1), 0).await.is_some());
}

#[tokio::test]
async fn options_beyond_reason() {
    for database in Fresh::all() {
        create(&database.store(), &key(1), Draft::default(), 0).await;
        let high = ConnectionOptions::new()
            .with_connect_timeout(Duration::MAX)
            .with_operation_timeout(Duration::MAX)
            .with_pause(Duration::MAX)
            .with_max_connections(usize::MAX)
            .with_max_failures(u32::MAX);
        assert!(load(&database.store().with_options(high), &key(1), 0).await.is_some());
        let low = high.with_max_connections(0).with_operation_timeout(Duration::ZERO);
        let answer = database.store().with_options(low).load(&key(1), at(0), &mut [0; 256]).await;
        assert!(matches!(answer, Ok(Load::Found(_)) | Err(SqlError::Timeout | SqlError::Connect(_))), "{answer:?}");
    }
}
