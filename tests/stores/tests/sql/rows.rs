//! What only this store has: the cut-off, the index in tables, the removal of rows, what others write into them.

use session_core::environment::Time;
use session_core::store::{DeleteCondition, Load, Outcome, Store, Version};
use session_core::subject::{Added, Epoch, IndexEntry, SubjectId, SubjectIndex};
use session_store_sql::{SqlError, SqlStore};
use store_support::{Draft, at};

use crate::common::{Fresh, create, key, load};

const HOUR: u64 = 3_600_000;

#[tokio::test]
async fn everybody_ends_at_once_lc10() {
    for database in Fresh::all() {
        let store = database.store();
        for number in 0..5 {
            create(&store, &key(number), Draft { version: number, seen: 10, ..Draft::default() }, 10).await;
        }
        assert_eq!(store.end_all(at(20)).await, Ok(true));
        create(&store, &key(7), Draft { version: 7, seen: 20, ..Draft::default() }, 20).await;
        let other = database.store();
        for store in [&store, &other] {
            assert_eq!(load(store, &key(0), 20).await, None);
            assert!(load(store, &key(7), 20).await.is_some(), "who came then stays");
        }
        // nothing revives one of them
        let new = Draft { version: 9, seen: 20, ..Draft::default() }.record();
        assert_eq!(store.update(&key(1), Version(1), &new, at(20), &mut []).await, Ok(Outcome::Missing));
        assert_eq!(store.touch(&key(1), at(20)).await, Ok(Outcome::Missing));
        assert_eq!(store.delete(&key(1), DeleteCondition::Any, at(20)).await, Ok(Outcome::Missing));
        assert_eq!(store.create(&key(1), &new, at(20)).await, Ok(Outcome::Applied(Version(9))), "its place is free");
        // the rows go in batches
        assert_eq!(store.count(at(20)).await, Ok(Some(6)));
        assert_eq!(store.remove_expired(3, at(20)).await, Ok(Some(3)));
        assert_eq!(store.remove_expired(3, at(20)).await, Ok(Some(1)));
        assert_eq!(store.remove_expired(3, at(20)).await, Ok(Some(0)));
        assert_eq!(store.count(at(20)).await, Ok(Some(2)));
    }
}

/// A row of an earlier release has a time where this one keeps a number, and ends all the same.
#[tokio::test]
async fn everybody_ends_whatever_the_clocks_lc10_st19() {
    for database in Fresh::all() {
        let store = database.store();
        let year = 365 * 24 * HOUR;
        create(&store, &key(1), Draft { version: 1, seen: 10 + year, ..Draft::default() }, 10 + year).await;
        create(&store, &key(2), Draft { version: 2, seen: 10, ..Draft::default() }, 10).await;
        database.sql("UPDATE session_records SET made = 1790000000000 WHERE version = 1").await.unwrap();
        assert_eq!(store.end_all(at(5)).await, Ok(true));
        for number in [1, 2] {
            assert_eq!(load(&store, &key(number), 10).await, None);
        }
        create(&store, &key(3), Draft { version: 3, seen: 10, ..Draft::default() }, 10).await;
        assert!(load(&store, &key(3), 10).await.is_some());
        assert_eq!(store.end_all(at(5)).await, Ok(true));
        assert_eq!(load(&store, &key(3), 10).await, None, "a second time in the same millisecond");
    }
}

#[tokio::test]
async fn what_is_over_goes_in_batches_st7() {
    for database in Fresh::all() {
        let store = database.store();
        for number in 0..10 {
            let draft = Draft { version: number, seen: 100, idle: 10 + number, ..Draft::default() };
            create(&store, &key(number), draft, 100).await;
        }
        create(&store, &key(10), Draft { version: 10, seen: 100, ends: 112, ..Draft::default() }, 100).await;
        create(&store, &key(11), Draft { version: 11, seen: 100, ..Draft::default() }, 100).await;
        assert_eq!(store.remove_expired(100, at(109)).await, Ok(Some(0)), "nobody is over");
        assert_eq!(store.remove_expired(2, at(112)).await, Ok(Some(2)));
        assert_eq!(store.remove_expired(100, at(112)).await, Ok(Some(2)), "to the millisecond");
        assert_eq!(store.remove_expired(0, at(119)).await, Ok(Some(0)));
        assert_eq!(store.remove_expired(100, at(119)).await, Ok(Some(7)));
        assert_eq!(store.remove_expired(100, at(Time::MAX.millis() - 1)).await, Ok(Some(0)));
        assert!(load(&store, &key(11), 1_000_000).await.is_some(), "a session without limits stays");
    }
}

#[tokio::test]
async fn what_is_long_over_goes_st7() {
    for database in Fresh::all() {
        let store = database.store();
        for number in 0..15 {
            let draft =
                Draft { version: number, seen: 0, idle: 1000 + number % 2 * (HOUR + HOUR / 2), ..Draft::default() };
            create(&store, &key(number), draft, 0).await;
        }
        assert_eq!(store.count(at(0)).await, Ok(Some(15)));
        // the sixteenth sweeps: what is over for an hour, not what may be over by a clock that goes wrong
        create(&store, &key(16), Draft { version: 16, seen: 2 * HOUR, ..Draft::default() }, 2 * HOUR).await;
        assert_eq!(store.count(at(0)).await, Ok(Some(8)), "seven are over by less than an hour, and the new one");
    }
}

#[tokio::test]
async fn the_index_keeps_its_order_lc9() {
    for database in Fresh::all() {
        let (store, ann, bob) = (database.store(), SubjectId::of("ann"), SubjectId::of("bob"));
        let entry = |number, login| IndexEntry { handle: key(number), login, ends: Time::MAX, order: 0 };
        for (number, subject) in [(3, &ann), (1, &ann), (9, &bob), (2, &ann)] {
            assert_eq!(store.add(subject, Epoch(0), &entry(number, 1), at(1)).await, Ok(Added::Applied));
        }
        // an answer was lost: the same again keeps its place; another login goes to the end
        assert_eq!(store.add(&ann, Epoch(0), &entry(3, 1), at(1)).await, Ok(Added::Applied));
        assert_eq!(store.add(&ann, Epoch(0), &entry(1, 2), at(1)).await, Ok(Added::Applied));
        let listed = list(&store, &ann, 0, 10).await;
        assert_eq!(
            listed.iter().map(|entry| (entry.handle, entry.login)).collect::<Vec<_>>(),
            [(key(3), 1), (key(2), 1), (key(1), 2)]
        );
        assert!(listed.is_sorted_by_key(|entry| entry.order) && listed[0].order > 0);
        // page by page
        assert_eq!(list(&store, &ann, 0, 2).await, listed[..2]);
        assert_eq!(list(&store, &ann, listed[1].order, 2).await, listed[2..]);
        let none = store.list(&ann, 0, at(1), &mut []).await.unwrap();
        assert_eq!((none.entries, none.last >= listed[2].order), (0, true));

        let bumped = store.bump(&ann, at(50)).await.unwrap();
        assert_eq!((bumped.epoch, bumped.last), (Epoch(50), none.last));
        assert_eq!(store.add(&ann, Epoch(0), &entry(4, 1), at(51)).await, Ok(Added::Moved));
        assert_eq!(list(&store, &ann, 0, 10).await.len(), 3, "a login of before is refused");
        assert_eq!(store.bump(&ann, at(40)).await.unwrap().epoch, Epoch(51));
        assert_eq!(store.bump(&bob, at(0)).await.unwrap().epoch, Epoch(1));
        let nobody = SubjectId::of("nobody");
        let forgotten = SubjectId::of("forgotten since");
        assert_eq!(store.add(&forgotten, Epoch(3), &entry(8, 1), at(0)).await, Ok(Added::Moved));
        assert_eq!(list(&store, &forgotten, 0, 1).await, []);
        assert_eq!(store.list(&nobody, 0, at(0), &mut [IndexEntry::NONE]).await.unwrap(), Default::default());

        // an entry goes by itself, with its end, or with its session
        store.remove(&ann, &entry(2, 9), at(51)).await.unwrap();
        assert_eq!(list(&store, &ann, 0, 10).await.len(), 3, "another login is not meant");
        store.remove(&ann, &entry(2, 1), at(51)).await.unwrap();
        store.remove(&ann, &entry(2, 1), at(51)).await.unwrap();
        let ends = IndexEntry { ends: at(60), ..entry(5, 1) };
        assert_eq!(store.add(&ann, Epoch(51), &ends, at(51)).await, Ok(Added::Applied));
        assert_eq!(list(&store, &ann, 0, 10).await.len(), 3);
        assert_eq!(store.list(&ann, 0, at(60), &mut [IndexEntry::NONE; 9]).await.unwrap().entries, 2);
        create(&store, &key(1), Draft { login: 2, ..Draft::default() }, 60).await;
        assert_eq!(store.delete(&key(1), DeleteCondition::Login(2), at(60)).await, Ok(Outcome::Applied(Version(0))));
        assert_eq!(store.list(&ann, 0, at(60), &mut [IndexEntry::NONE; 9]).await.unwrap().entries, 1);
        store.remove_expired(10, at(60)).await.unwrap();
        assert_eq!(database.number("SELECT count(*) FROM session_entries").await, 2, "ann's first and bob's");
        // places are never given twice
        let last = store.list(&ann, 0, at(60), &mut []).await.unwrap().last;
        assert_eq!(store.add(&ann, Epoch(51), &entry(6, 1), at(60)).await, Ok(Added::Applied));
        assert!(list(&store, &ann, 0, 10).await.last().unwrap().order > last);
    }
}

async fn list(store: &SqlStore, subject: &SubjectId, after: u64, most: usize) -> Vec<IndexEntry> {
    let mut entries = vec![IndexEntry::NONE; most];
    let listing = store.list(subject, after, at(1), &mut entries).await.unwrap();
    entries.truncate(listing.entries);
    entries
}

/// Adds and moves of the epoch at once, over two nodes: whoever was added was so before the epoch moved, and is found
/// by the last place that the move tells (protocol rules 7 and 8).
#[tokio::test(flavor = "multi_thread")]
async fn no_login_slips_past_a_revocation_lc9() {
    for database in Fresh::all() {
        let nodes = [database.store(), database.store()];
        for round in 0..20_u64 {
            let subject = &SubjectId::of(&format!("subject {round}"));
            let add = |number: u64| {
                let entry = IndexEntry { handle: key(round * 100 + number), login: 1, ends: Time::MAX, order: 0 };
                let store = &nodes[usize::try_from(number % 2).unwrap()];
                async move { store.add(subject, Epoch(0), &entry, at(1)).await.unwrap() }
            };
            let (a, b, bumped, c, d) = tokio::join!(add(0), add(1), nodes[0].bump(subject, at(5)), add(2), add(3));
            let bumped = bumped.unwrap();
            let added = [a, b, c, d].into_iter().filter(|added| *added == Added::Applied).count();
            let listed = list(&nodes[1], subject, 0, 10).await;
            assert_eq!(listed.len(), added);
            assert!(listed.iter().all(|entry| entry.order <= bumped.last), "{listed:?} {bumped:?}");
        }
    }
}

#[tokio::test]
async fn rows_that_others_wrote_st1() {
    for database in Fresh::all() {
        let store = database.store();
        create(&store, &key(1), Draft { version: 5, seen: 10, ..Draft::default() }, 10).await;
        let garbage = database.words("x'00ff2727'", "'\\x00ff2727'", "x'00ff2727'");
        let columns =
            "INSERT INTO session_records (handle, record, version, login, last_seen, idle, ends, made) VALUES";
        let numbers = [
            "(100, RECORD, 0, 0, 0, 0, 0, 0)",
            "(101, RECORD, -9223372036854775808, -1, -1, 0, 0, 9223372036854775807)",
            "(102, RECORD, 9223372036854775807, 9223372036854775807, 9223372036854775807, 0, 0, 0)",
            "(103, RECORD, 1, 1, 5, -7, 9223372036854775807, 0)",
            "(-1, RECORD, 1, 1, 5, 1, -5, -9223372036854775808)",
        ];
        for row in numbers {
            database
                .sql(Box::leak(format!("{columns} {}", row.replace("RECORD", garbage)).into_boxed_str()))
                .await
                .unwrap();
        }
        let mut buffer = [0; 64];
        for number in [100, 101, 102] {
            let Load::Found(found) = store.load(&key(number), at(10), &mut buffer).await.unwrap() else {
                panic!("{number}: what is there is handed out, and the core refuses it");
            };
            assert_eq!(buffer[..found.len], [0x00, 0xff, 0x27, 0x27]);
            let new = Draft { version: 8, seen: 10, ..Draft::default() }.record();
            let outcome = store.update(&key(number), Version(1234), &new, at(10), &mut buffer).await.unwrap();
            assert!(matches!(outcome, Outcome::Conflict(Some(_))), "{outcome:?}");
            assert!(matches!(store.touch(&key(number), at(11)).await, Ok(Outcome::Applied(_))));
            assert!(matches!(
                store.delete(&key(number), DeleteCondition::Version(found.version), at(11)).await,
                Ok(Outcome::Applied(_))
            ));
        }
        assert_eq!(load(&store, &key(103), 10).await, None);
        assert_eq!(load(&store, &key(u64::MAX), 10).await, None);
        // a long one is not even sent to whoever has no room for it
        let long =
            database.words("zeroblob(3000000)", "decode(repeat('00', 3000000), 'hex')", "repeat(x'00', 3000000)");
        database.sql(Box::leak(format!("{columns} (104, {long}, 0, 0, 0, 0, 0, 0)").into_boxed_str())).await.unwrap();
        assert_eq!(store.load(&key(104), at(10), &mut buffer).await, Ok(Load::TooLarge { size: 3_000_000 }));

        let name = database.words("x'00'", "'\\x00'", "x'00'");
        let hostile = format!(
            "INSERT INTO session_entries VALUES (7, -1, {name}, 9223372036854775807, -3); UPDATE session_subjects SET epoch = -1, last = -1"
        );
        database.sql(Box::leak(hostile.into_boxed_str())).await.unwrap();
        assert_eq!(load(&store, &key(1), 10).await, Some(Draft { version: 5, seen: 10, ..Draft::default() }.record()));
        // tables that are not ours
        database.sql("ALTER TABLE session_records RENAME TO elsewhere").await.unwrap();
        assert!(matches!(store.load(&key(1), at(10), &mut buffer).await, Err(SqlError::Refused(_))));
        database.sql("ALTER TABLE elsewhere RENAME TO session_records").await.unwrap();
        assert!(load(&store, &key(1), 10).await.is_some());
    }
}
