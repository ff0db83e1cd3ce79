//! The database is absent, hangs, dies, comes back, loses its answers, says no. Outcomes are asserted, never times.

use std::future::Future;
use std::time::Duration;

use session_core::environment::Time;
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_core::subject::{Added, Epoch, IndexEntry, SubjectId, SubjectIndex};
use session_store_sql::{ConnectionOptions, SqlError, SqlStore};
use store_support::{Draft, at};
use store_tests::servers::proxy::Fault;
use store_tests::servers::{Server, mariadb, postgres};

use crate::common::{Fresh, WAYS, create, key, load, proxy, servers};

/// Patient enough for a machine that does other things; impatient where nothing is to come.
fn options(timeout: u64) -> ConnectionOptions {
    ConnectionOptions::new()
        .with_max_connections(2)
        .with_connect_timeout(Duration::from_secs(20))
        .with_operation_timeout(Duration::from_millis(timeout))
}

/// Never left alone, for tests that fail on purpose.
fn insistent(timeout: u64) -> ConnectionOptions {
    options(timeout).with_max_failures(u32::MAX)
}

const PATIENT: u64 = 20_000;

/// Until it is well again; the circuit lets one try after each pause.
async fn recovers(store: &SqlStore) {
    for _ in 0..200 {
        if store.check(at(0)).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the store does not recover");
}

#[tokio::test]
async fn absent_killed_and_back_st10() {
    for mut server in servers() {
        for way in WAYS {
            server.kill();
            let sparing = options(PATIENT).with_pause(Duration::from_millis(200));
            // built while there is none
            let store = way(&server.url()).with_options(sparing);
            for _ in 0..3 {
                assert!(matches!(store.check(at(0)).await, Err(SqlError::Connect(_))));
            }
            assert_eq!(store.check(at(0)).await, Err(SqlError::Paused), "then it is left alone");
            server.restart();
            recovers(&store).await;
            let draft = Draft { version: 1, seen: 1, ..Draft::default() };
            store.delete(&key(1), DeleteCondition::Any, at(1)).await.unwrap();
            create(&store, &key(1), draft, 1).await;

            // what was acknowledged survives a crash; a read goes on as if nothing had been
            server.restart();
            assert_eq!(load(&store, &key(1), 1).await, Some(draft.record()));
            server.kill();
            assert!(matches!(store.load(&key(1), at(1), &mut []).await, Err(SqlError::Connect(_))));
            let new = Draft { version: 2, seen: 1, ..Draft::default() }.record();
            assert!(store.update(&key(1), Version(1), &new, at(1), &mut []).await.is_err());
            server.restart();
            recovers(&store).await;
            assert_eq!(load(&store, &key(1), 1).await, Some(draft.record()), "nothing was overwritten");
            assert_eq!(store.update(&key(1), Version(1), &new, at(1), &mut []).await, Ok(Outcome::Applied(Version(2))));
        }
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_waited_for_no_longer_than_told_st10() {
    for server in servers() {
        for way in WAYS {
            let patient = way(&server.url()).with_options(options(PATIENT));
            let draft = Draft { version: 1, seen: 1, ..Draft::default() };
            patient.delete(&key(1), DeleteCondition::Any, at(1)).await.unwrap();
            create(&patient, &key(1), draft, 1).await;
            let sparing = options(PATIENT).with_max_failures(2);
            let store = way(&server.url()).with_options(sparing);
            recovers(&store).await;
            server.pause();
            let sparing =
                sparing.with_operation_timeout(Duration::from_millis(100)).with_pause(Duration::from_millis(100));
            let store = way(&server.url()).with_options(sparing);
            // a pool of sqlx's asks the server whether it is there, so that nothing of ours was sent
            let late = |why: &SqlError| matches!(why, SqlError::Timeout | SqlError::Connect(_));
            assert!(store.check(at(1)).await.is_err_and(|why| late(&why)));
            assert!(store.delete(&key(1), DeleteCondition::Any, at(1)).await.is_err_and(|why| late(&why)));
            assert_eq!(store.check(at(1)).await, Err(SqlError::Paused));
            server.resume();
            assert_eq!(load(&patient, &key(1), 1).await, Some(draft.record()), "its connections are as they were");
        }
    }
}

#[tokio::test]
async fn waiting_for_a_connection_has_an_end() {
    for server in servers() {
        for way in WAYS {
            let (proxy, url) = proxy(&server).await;
            let one = insistent(PATIENT).with_max_connections(1);
            let store = way(&url).with_options(one);
            recovers(&store).await;
            proxy.set(Fault::Hang);
            let one = one.with_operation_timeout(Duration::from_millis(100));
            let store = way(&url).with_options(one);
            // the first one has the place and waits for an answer; it gives the place back when it is looked at again
            let mut first = std::pin::pin!(store.check(at(0)));
            std::future::poll_fn(|context| std::task::Poll::Ready(first.as_mut().poll(context).is_pending())).await;
            assert_eq!(store.check(at(0)).await, Err(SqlError::Busy));
            assert!(matches!(first.await, Err(SqlError::Timeout | SqlError::Connect(_))));
        }
    }
}

/// Cut after every number of bytes: an error, after which the record is the old one or the new one, and the next
/// operation has an answer of its own.
#[tokio::test]
async fn answers_that_are_cut_st10() {
    for server in servers() {
        for (way, pooled) in WAYS.into_iter().zip([false, true]) {
            let (proxy, url) = proxy(&server).await;
            let store = way(&url).with_options(insistent(PATIENT));
            let other = way(&server.url()).with_options(insistent(PATIENT));
            let draft = |version| Draft { version, seen: 1, ..Draft::default() };
            for number in [1, 2] {
                store.delete(&key(number), DeleteCondition::Any, at(1)).await.unwrap();
            }
            create(&store, &key(1), draft(0), 1).await;
            create(&store, &key(2), draft(1), 1).await;
            let prepares = server.url().starts_with("postgres") && !pooled;
            let (mut there, mut landed, mut lost) = (0, 0, 0);
            for cut in 0..60 {
                let version = 100 + u64::try_from(cut).unwrap();
                recovers(&store).await;
                if cut % 2 == 0 {
                    // at its first use on a connection a statement is prepared, and the cut hits that answer
                    let same = store.update(&key(2), Version(1), &draft(1).record(), at(1), &mut []).await;
                    assert_eq!(same, Ok(Outcome::Applied(Version(1))));
                }
                proxy.set(Fault::Cut(cut));
                let outcome = store.update(&key(1), Version(there), &draft(version).record(), at(1), &mut []).await;
                if proxy.fault() != Fault::Pass {
                    // the answer was shorter than that
                    proxy.set(Fault::Pass);
                }
                // MariaDB answers statement by statement, and goes on with a message whose first answer was cut
                while outcome.is_err() && server.url().starts_with("mysql") && busy(&server) {}
                let now = load(&other, &key(1), 1).await.unwrap();
                match outcome {
                    Ok(outcome) => {
                        assert_eq!((outcome, &now), (Outcome::Applied(Version(version)), &draft(version).record()));
                        there = version;
                    }
                    Err(SqlError::Broken(_)) if now == draft(version).record() => {
                        there = version;
                        landed += 1;
                    }
                    Err(SqlError::Broken(_)) => {
                        assert_eq!(now, draft(there).record());
                        lost += 1;
                    }
                    Err(SqlError::Connect(_)) if pooled => assert_eq!(now, draft(there).record()),
                    Err(why) => panic!("{cut}: {why}"),
                }
                assert_eq!(load(&store, &key(2), 1).await, Some(draft(1).record()));
                // a read whose answer is lost is asked again
                proxy.set(Fault::Cut(cut));
                match store_support::load(&store, &key(1), at(1)).await {
                    // the pool opened another connection, and that was cut
                    Err(SqlError::Connect(_)) if pooled => {}
                    answer => assert_eq!(answer, Ok(Some(now))),
                }
                proxy.set(Fault::Pass);
            }
            // what is sent as text is one message, which was on its way; a pool of sqlx's asks before, and that is cut
            assert!((landed > 0 || pooled) && (lost > 0 || !prepares), "{landed} landed, {lost} did not");
        }
    }
}

/// Whether MariaDB has a statement under way, of others than who asks.
fn busy(server: &Server) -> bool {
    let busy = "SELECT count(*) FROM information_schema.processlist WHERE command = 'Query' AND id <> CONNECTION_ID()";
    mariadb::ask(server.addr(), busy).unwrap().trim() != "0"
}

/// One connection, and each operation dropped at each of its waits: the next one has its own answer.
#[tokio::test]
async fn dropped_futures_leave_no_broken_connection_st10() {
    for database in Fresh::all() {
        for way in WAYS {
            let one = insistent(PATIENT).with_max_connections(1);
            let store = &way(&database.url()).with_options(one);
            let subject = SubjectId::of("ann");
            let record = |version| Draft { version, login: 1, seen: 1, ..Draft::default() }.record();
            for polls in 0..8 {
                let (mine, other) = (key(10 + polls), key(100 + polls));
                for number in [10, 100, 1000] {
                    store.delete(&key(number + polls), DeleteCondition::Any, at(1)).await.unwrap();
                }
                store.create(&mine, &record(1), at(1)).await.unwrap();
                store.create(&other, &record(2), at(1)).await.unwrap();
                let entry = IndexEntry { handle: mine, login: 1, ends: Time::MAX, order: 0 };
                dropped(polls, store.load(&mine, at(1), &mut [0; 256])).await;
                assert_eq!(load(store, &other, 1).await, Some(record(2)));
                dropped(polls, store.update(&mine, Version(1), &record(3), at(1), &mut [])).await;
                assert_eq!(load(store, &other, 1).await, Some(record(2)));
                let now = load(store, &mine, 1).await.unwrap();
                assert!(now == record(1) || now == record(3));
                dropped(polls, store.add(&subject, Epoch(0), &entry, at(1))).await;
                assert_eq!(load(store, &other, 1).await, Some(record(2)));
                dropped(polls, store.touch(&mine, at(1))).await;
                dropped(polls, store.delete(&mine, DeleteCondition::Any, at(1))).await;
                assert_eq!(load(store, &other, 1).await, Some(record(2)));
                dropped(polls, store.create(&key(1000 + polls), &record(4), at(1))).await;
                assert!(matches!(store.count(at(1)).await, Ok(Some(_))));
                assert!(matches!(
                    store.delete(&other, DeleteCondition::Any, at(1)).await,
                    Ok(Outcome::Applied(Version(2)))
                ));
            }
            store
                .add(&subject, Epoch(0), &IndexEntry { handle: Handle::from_bytes([9; 8]), ..IndexEntry::NONE }, at(1))
                .await
                .unwrap();
        }
    }
}

/// Polls a future so often, in the runtime that drives its connection, and drops it.
async fn dropped(polls: u64, future: impl Future) {
    let mut future = std::pin::pin!(future);
    for _ in 0..polls {
        let ready = std::future::poll_fn(|context| std::task::Poll::Ready(future.as_mut().poll(context).is_ready()));
        if ready.await {
            return;
        }
        // lets the answer come
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_database_that_refuses_writes_still_reads_st10() {
    for database in Fresh::all() {
        let draft = Draft { version: 1, seen: 1, ..Draft::default() };
        create(&database.store(), &key(1), draft, 1).await;
        database
            .sql(database.words(
                // as a full disk answers
                "CREATE TRIGGER a BEFORE INSERT ON session_records BEGIN SELECT RAISE(ABORT, 'read-only'); END;
                CREATE TRIGGER b BEFORE UPDATE ON session_records BEGIN SELECT RAISE(ABORT, 'read-only'); END;
                CREATE TRIGGER c BEFORE DELETE ON session_records BEGIN SELECT RAISE(ABORT, 'read-only'); END",
                // as a replica answers
                "ALTER DATABASE postgres SET default_transaction_read_only = on",
                "CREATE TRIGGER a BEFORE INSERT ON session_records FOR EACH ROW SIGNAL SQLSTATE '45000'
                    SET MESSAGE_TEXT = 'read-only';
                CREATE TRIGGER b BEFORE UPDATE ON session_records FOR EACH ROW SIGNAL SQLSTATE '45000'
                    SET MESSAGE_TEXT = 'read-only';
                CREATE TRIGGER c BEFORE DELETE ON session_records FOR EACH ROW SIGNAL SQLSTATE '45000'
                    SET MESSAGE_TEXT = 'read-only'",
            ))
            .await
            .unwrap();
        let store = database.store();
        for number in 0..5 {
            let refused = store.create(&key(10 + number), &draft.record(), at(1)).await;
            assert!(matches!(&refused, Err(SqlError::Refused(why)) if why.contains("read-only")), "{refused:?}");
        }
        assert!(matches!(store.touch(&key(1), at(2)).await, Err(SqlError::Refused(_))));
        assert!(matches!(store.delete(&key(1), DeleteCondition::Any, at(1)).await, Err(SqlError::Refused(_))));
        assert_eq!(load(&store, &key(1), 1).await, Some(draft.record()), "no circuit opens for it");
    }
}

/// As PostgreSQL says it when its disk is full: an error without a circuit that opens, and nothing is lost.
#[tokio::test]
async fn a_full_disk_is_told_and_nothing_is_lost_st9() {
    let database = Fresh::postgres();
    let draft = Draft { version: 1, seen: 1, ..Draft::default() };
    create(&database.store(), &key(1), draft, 1).await;
    let full = "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
        CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON session_records FOR EACH ROW EXECUTE FUNCTION full_disk()";
    database.sql(full).await.unwrap();
    let store = database.store();
    let next = Draft { version: 2, ..draft }.record();
    for number in 0..5 {
        for refused in [
            store.create(&key(10 + number), &draft.record(), at(1)).await,
            store.update(&key(1), Version(1), &next, at(1), &mut []).await,
        ] {
            assert!(matches!(&refused, Err(SqlError::Refused(why)) if why.contains("53100")), "{refused:?}");
        }
    }
    assert_eq!(load(&store, &key(1), 1).await, Some(draft.record()));
    database.sql("DROP TRIGGER full_disk ON session_records").await.unwrap();
    assert_eq!(store.update(&key(1), Version(1), &next, at(1), &mut []).await, Ok(Outcome::Applied(Version(2))));
}

#[tokio::test]
async fn a_wrong_password_is_told_and_not_repeated_id6() {
    let dir = tempfile::tempdir().unwrap();
    let hba = dir.path().join("hba.conf");
    std::fs::write(&hba, "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n").unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(dir.path(), open).unwrap();
    let database = Fresh::Postgres(postgres::start_with(&[&format!("hba_file={}", hba.display())]));
    database.store().check(at(0)).await.unwrap();
    let ann = "CREATE ROLE ann LOGIN PASSWORD 'correct horse'; GRANT ALL ON ALL TABLES IN SCHEMA public TO ann";
    database.sql(ann).await.unwrap();
    let store = |user: &str| {
        let url = database.url().replace("postgres@", &format!("{user}@"));
        SqlStore::open(&url).unwrap().with_options(insistent(PATIENT))
    };
    assert_eq!(store("ann:correct%20horse").check(at(0)).await, Ok(()));
    for user in ["ann:hunter2", "ann", "eve:hunter2"] {
        let store = store(user);
        for number in 0..5 {
            let why = store.load(&key(number), at(0), &mut []).await.unwrap_err();
            assert!(matches!(why, SqlError::Connect(_) | SqlError::Paused), "{why:?}");
            let told = format!("{why} {why:?} {store:?}");
            assert!(!told.contains("hunter2") && !why.to_string().contains('\n'), "{told}");
        }
    }
}

/// Nodes whose clocks differ: the later activity stays.
#[tokio::test]
async fn the_later_of_two_last_seen_stays_with_slow_clocks_lc5() {
    for database in Fresh::all() {
        let (fast, slow) = (database.store(), database.store());
        let draft = Draft { version: 1, seen: 1_000_000, idle: 3_600_000, ..Draft::default() };
        create(&fast, &key(1), draft, 1_000_000).await;
        assert_eq!(fast.touch(&key(1), at(1_030_000)).await, Ok(Outcome::Applied(Version(1))));
        slow.touch(&key(1), at(970_000)).await.unwrap();
        let next = Draft { version: 2, seen: 970_000, ..draft }.record();
        let updated = slow.update(&key(1), Version(1), &next, at(970_000), &mut []).await;
        assert_eq!(updated, Ok(Outcome::Applied(Version(2))));
        let kept = Draft { version: 2, seen: 1_030_000, ..draft }.record();
        assert_eq!(load(&fast, &key(1), 970_000).await, Some(kept));
    }
}

/// A statement that waits for somebody's lock is broken off, at the server too.
#[tokio::test]
async fn a_lock_is_not_waited_for_forever_st10() {
    for database in Fresh::all() {
        for way in WAYS {
            let draft = Draft { version: 1, seen: 1, ..Draft::default() };
            database.store().delete(&key(1), DeleteCondition::Any, at(1)).await.unwrap();
            create(&database.store(), &key(1), draft, 1).await;
            let store = way(&database.url()).with_options(insistent(200));
            recovers(&store).await;
            let holder = database.locked().await;
            let outcome =
                store.update(&key(1), Version(1), &Draft { version: 2, ..draft }.record(), at(1), &mut []).await;
            // the server's own word, and not that our wait is over: nothing is left that could be done later
            match outcome {
                Err(SqlError::Contended(_)) if database.is_sqlite() => {}
                Err(SqlError::Timeout) if !database.is_sqlite() => {
                    let waiting = database.words(
                        "",
                        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
                        "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
                    );
                    assert_eq!(database.number(waiting).await, 0);
                }
                other => panic!("{other:?}"),
            }
            assert_eq!(load(&store, &key(1), 1).await, Some(draft.record()), "readers do not wait");
            drop(holder);
            let patient = way(&database.url()).with_options(insistent(PATIENT));
            let next = Draft { version: 3, ..draft }.record();
            let outcome = patient.update(&key(1), Version(1), &next, at(1), &mut []).await;
            assert_eq!(outcome, Ok(Outcome::Applied(Version(3))), "what was given up is not done later");
        }
    }
}

/// An operation of several statements, which waits at its first one.
#[tokio::test]
async fn a_login_that_was_given_up_is_not_listed_later_st10() {
    for database in Fresh::all() {
        for (way, name) in WAYS.into_iter().zip(["ann", "bob"]) {
            let store = way(&database.url()).with_options(insistent(400));
            recovers(&store).await;
            let subject = SubjectId::of(name);
            let handle = Handle::from_bytes(subject.as_bytes()[..8].try_into().unwrap());
            let entry = IndexEntry { handle, login: 1, ends: Time::MAX, order: 0 };
            let patient = way(&database.url()).with_options(insistent(PATIENT));
            assert_eq!(patient.add(&subject, Epoch(0), &entry, at(1)).await, Ok(Added::Applied));
            let holder = database.holding("BEGIN; SELECT subject FROM session_subjects FOR UPDATE").await;
            let late = IndexEntry { handle: key(2), ..entry };
            let why = store.add(&subject, Epoch(0), &late, at(1)).await.unwrap_err();
            assert!(matches!(why, SqlError::Timeout | SqlError::Contended(_)), "{why}");
            drop(holder);
            let bumped = patient.bump(&subject, at(1)).await.unwrap();
            let listing = patient.list(&subject, 0, at(1), &mut [entry; 4]).await.unwrap();
            assert_eq!((listing.entries, listing.epoch), (1, bumped.epoch));
        }
    }
}

#[tokio::test]
async fn a_store_without_a_server_is_an_error_at_once() {
    for server in servers() {
        for way in WAYS {
            let (proxy, url) = proxy(&server).await;
            proxy.set(Fault::Refuse);
            let store = way(&url).with_options(insistent(PATIENT));
            assert!(matches!(store.check(at(0)).await, Err(SqlError::Connect(_))));
            proxy.set(Fault::Pass);
            recovers(&store).await;
            assert_eq!(store.load(&key(1), at(0), &mut []).await, Ok(Load::Missing));
        }
    }
}
