//! The tables: made at the first use, by one of many nodes; checked; refused.

use std::time::Duration;

use session_core::environment::Time;
use session_core::store::{Load, Store};
use session_core::subject::{Added, IndexEntry, SubjectId, SubjectIndex};
use session_store_sql::{ConnectionOptions, SqlError, SqlStore};
use sqlx::Connection;
use store_support::{Draft, at};

use store_tests::servers::{PATIENT, mariadb};

use crate::common::{Fresh, WAYS, create, key, load};

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
        // MariaDB cannot undo the tables that came before: they are taken as they are, if they are ours
        let told = database.words("already exists", "already exists", "Unknown column");
        assert!(matches!(&why, SqlError::Refused(why) if why.contains(told)), "{why}");
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

#[tokio::test]
async fn a_table_prefix_keeps_applications_apart_st8() {
    for database in Fresh::all() {
        for way in WAYS {
            let of = |name: &str| way(&database.url()).with_table_prefix(name).unwrap().with_options(PATIENT);
            let store = of("shop_");
            let number = 7;
            create(&store, &key(number), Draft { version: 1, login: 1, ..Draft::default() }, 0).await;
            let by_url = SqlStore::open(&format!("{}?table_prefix=shop_", database.url())).unwrap();
            assert!(load(&by_url.with_options(PATIENT), &key(number), 0).await.is_some());
            for other in ["blog_", ""] {
                assert_eq!(load(&of(other), &key(number), 0).await, None);
            }
            // all that a store does goes to its own tables
            let subject = SubjectId::of("ann");
            let entry = IndexEntry { handle: key(number), login: 1, ends: Time::MAX, order: 0 };
            let seen = store.list(&subject, 0, at(0), &mut []).await.unwrap().epoch;
            assert_eq!(store.add(&subject, seen, &entry, at(0)).await, Ok(Added::Applied));
            assert_eq!(of("blog_").list(&subject, 0, at(0), &mut [entry; 2]).await.unwrap().entries, 0);
            assert_eq!(store.end_all(at(0)).await, Ok(true));
            assert_eq!(store.remove_expired(9, at(0)).await, Ok(Some(1)));
            assert_eq!(store.count(at(0)).await, Ok(Some(0)));
            assert_eq!(store.list(&subject, 0, at(0), &mut [entry; 2]).await.unwrap().entries, 0);
        }
    }
}

#[test]
fn a_table_prefix_is_a_name_and_nothing_else() {
    for bad in ["a b", "a;", "a.", "A_", "1a", "\u{e4}", "a'", &"a".repeat(33)] {
        let why = SqlStore::open("sqlite:x").unwrap().with_table_prefix(bad).unwrap_err();
        assert!(why.to_string().contains("table prefix"), "{why}");
        assert!(SqlStore::open(&format!("sqlite:x?table_prefix={bad}")).is_err(), "{bad}");
    }
}

/// The files of the migrations, run as they are by those who make tables themselves; then a role needs no right to.
#[tokio::test]
async fn the_migrations_are_files_to_run() {
    for database in Fresh::all() {
        let existing = || database.store().existing();
        let why = existing().check(at(0)).await.unwrap_err();
        assert!(matches!(why, SqlError::Schema(_) | SqlError::Connect(_)), "{why}");
        database
            .sql(database.words(
                include_str!("../../../../stores/sql/migrations/sqlite/1.sql"),
                include_str!("../../../../stores/sql/migrations/postgres/1.sql"),
                include_str!("../../../../stores/sql/migrations/mysql/1.sql"),
            ))
            .await
            .unwrap();
        assert_eq!(existing().check(at(0)).await, Ok(()));
        create(&database.store(), &key(1), Draft::default(), 0).await;
        assert_eq!(database.number("SELECT count(*) FROM session_schema").await, 1);
    }
}

/// Somebody else makes the tables, for longer than an operation waits: nothing is made beside that.
#[tokio::test]
async fn tables_that_another_program_makes_are_waited_for_st13() {
    let database = Fresh::mariadb();
    let lock = "SELECT GET_LOCK(MD5(CONCAT(DATABASE(), '.session_store')), 0)";
    for way in WAYS {
        let other = database.holding(lock).await;
        let store = way(&database.url()).with_options(PATIENT);
        let why = store.check(at(0)).await.unwrap_err();
        assert!(matches!(&why, SqlError::Contended(why) if why.contains("session tables")), "{why}");
        let tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE()";
        assert_eq!(database.number(tables).await, 0);
        drop(other);
        assert_eq!(store.check(at(0)).await, Ok(()));
        database
            .sql("DROP TABLE session_records, session_entries, session_subjects, session_cutoff, session_schema")
            .await
            .unwrap();
    }
}

/// A SQLite file whose tables came from elsewhere, a backup or a tool, has the journal of before, in which one who reads
/// keeps all writers out.
#[tokio::test]
async fn sqlite_writes_beside_one_who_reads_st10() {
    for way in WAYS {
        let database = Fresh::sqlite();
        database.sql(include_str!("../../../../stores/sql/migrations/sqlite/1.sql")).await.unwrap();
        let store = way(&database.url()).with_options(PATIENT);
        assert_eq!(store.check(at(0)).await, Ok(()));
        let mut reader = sqlx::SqliteConnection::connect(&database.url()).await.unwrap();
        sqlx::raw_sql("BEGIN; SELECT count(*) FROM session_records").execute(&mut reader).await.unwrap();
        create(&store, &key(1), Draft::default(), 0).await;
        drop(reader);
        assert!(load(&store, &key(1), 0).await.is_some());
    }
}

/// A server with a binary log lets only administrators make triggers: we make none there. One without autocommit keeps what a
/// connection of its defaults has written to itself: ours set it.
#[tokio::test]
async fn mariadb_with_a_binary_log_needs_no_administrator() {
    let server = mariadb::start_with(&["--log-bin=log", "--server-id=1", "--autocommit=0"]);
    let role = "CREATE USER app@'%' IDENTIFIED BY 'secret'; GRANT ALL ON app.* TO app@'%'; FLUSH PRIVILEGES;
        CREATE USER lowly@'%'";
    mariadb::ask(server.addr(), role).unwrap();
    let of = |user: &str| SqlStore::open(&server.url().replace("root", user)).unwrap().with_options(PATIENT);
    let why = of("lowly").check(at(0)).await.unwrap_err();
    assert!(matches!(&why, SqlError::Connect(why) if why.contains("denied")), "{why}");
    mariadb::ask(server.addr(), "GRANT SELECT, INSERT, UPDATE, DELETE ON app.* TO lowly@'%'").unwrap();
    let why = of("lowly").check(at(0)).await.unwrap_err();
    assert!(matches!(&why, SqlError::Refused(why) if why.contains("denied")), "{why}");
    let app = of("app:secret");
    create(&app, &key(1), Draft::default(), 0).await;
    let lowly = of("lowly");
    assert!(load(&lowly, &key(1), 0).await.is_some());
    create(&lowly, &key(2), Draft::default(), 0).await;
    assert_eq!(lowly.remove_expired(9, at(0)).await, Ok(Some(0)));
}
