//! Many threads at one store: nothing is lost, and no limit is exceeded.
#![cfg(feature = "std")]

use session_core::record::{MIN_LEN, Stamp};
use session_core::store::{DeleteCondition, Outcome, Store, Version};
use session_store_memory::MemoryStore;
use std::thread;
use store_support::blocking::{load, ready};
use store_support::{Draft, Numbers, at, key};

/// 8 threads increment a number behind the head of each of 4 records by compare-and-set (ST2, ST3).
#[test]
fn no_increment_is_lost_st3() {
    let store = &MemoryStore::new();
    for number in 0..4 {
        ready(store.create(&key(number), &Draft { data: 8, ..Draft::default() }.record(), at(0)));
        let mut record = load(store, &key(number), 0).unwrap();
        record[MIN_LEN..].fill(0);
        ready(store.update(&key(number), Version(0), &record, at(0), &mut []));
    }
    thread::scope(|threads| {
        for thread in 1..=8_u64 {
            threads.spawn(move || {
                for step in 0..10_000 {
                    let key = key(step % 4);
                    loop {
                        let record = load(store, &key, 0).unwrap();
                        let count = u64::from_le_bytes(*record[MIN_LEN..].first_chunk().unwrap()) + 1;
                        let before = u64::from_le_bytes(*record[2..].first_chunk().unwrap());
                        // the record also changes its size, so it moves
                        let data = if count % 2 == 0 { 8 } else { 200 };
                        let mut new = Draft { version: thread << 32 | step, data, ..Draft::default() }.record();
                        new[MIN_LEN..][..8].copy_from_slice(&count.to_le_bytes());
                        match ready(store.update(&key, Version(before), &new, at(0), &mut [])) {
                            Outcome::Applied(_) => break,
                            Outcome::Conflict(_) => {}
                            other => panic!("{other:?}"),
                        }
                    }
                }
            });
        }
    });
    for number in 0..4 {
        let record = load(store, &key(number), 0).unwrap();
        assert_eq!(u64::from_le_bytes(*record[MIN_LEN..].first_chunk().unwrap()), 20_000);
    }
}

/// Creates, logins, deletes and ends race for the last places (ST9), for those of visitors (QU1) and for bytes (QU2).
#[test]
fn the_limit_holds_between_threads_st9() {
    for limit in [100, 2000] {
        let store = &MemoryStore::with_max_sessions(limit);
        thread::scope(|threads| {
            for thread in 0..8 {
                threads.spawn(move || {
                    let mut numbers = Numbers(thread);
                    for now in 0..5000 {
                        let key = key(numbers.below(4 * limit as u64));
                        let login = u32::from(numbers.below(10) == 0);
                        let idle = 1 + numbers.below(1000);
                        match numbers.below(3) {
                            0 => drop(ready(store.delete(&key, DeleteCondition::Any, at(now)))),
                            _ => {
                                let subject = (login > 0).then_some("ann");
                                let draft = Draft { version: now, login, seen: now, idle, subject, ..Draft::default() };
                                if ready(store.create(&key, &draft.record(), at(now))) == Outcome::Conflict(None) {
                                    // in another size, and by chance signed in
                                    let data = numbers.below(300) as usize;
                                    let seen = load(store, &key, now).and_then(|record| Stamp::of(&record));
                                    let seen = seen.map_or(Version(0), |stamp| stamp.version);
                                    let record = Draft { data, ..draft }.record();
                                    ready(store.update(&key, seen, &record, at(now), &mut []));
                                }
                            }
                        }
                        if now % 1000 == 0 {
                            // looked at shard by shard while others work: right only at rest, if there is more than one
                            assert!(limit > 1024 || store.len() <= limit);
                        }
                    }
                });
            }
        });
        assert!(store.len() <= limit);
        // the counts are right: as many fit as there is room, and each finds it soon
        let now = 1_000_000;
        let visitor = Draft { version: 1, seen: now, ..Draft::default() };
        let fit = |draft: Draft, first: u64| {
            let record = draft.record();
            let created = |number| ready(store.create(&key(first + number), &record, at(now)));
            (0..2 * limit as u64).filter(|number| created(*number) == Outcome::Applied(Version(1))).count()
        };
        let visitors = limit - limit / 4;
        assert_eq!((fit(visitor, 1_000_000), store.len()), (visitors, visitors));
        assert_eq!(store.bytes(), visitors * MIN_LEN);
        // visitors go for those who sign in
        let signed_in = Draft { login: 1, subject: Some("ann"), ..visitor };
        assert_eq!((fit(signed_in, 2_000_000), store.len()), (limit, limit));
        assert_eq!(store.bytes(), limit * signed_in.record().len());
    }
}

/// Frameworks with work-stealing executors need it.
#[test]
fn futures_are_send() {
    fn is_send<T: Send>(_: T) {}
    fn is_shared<T: Send + Sync + 'static>(_: &T) {}
    let store = MemoryStore::new();
    is_shared(&store);
    let (key, now) = (key(0), at(0));
    is_send(store.load(&key, now, &mut []));
    is_send(store.create(&key, &[], now));
    is_send(store.update(&key, Version(0), &[], now, &mut []));
    is_send(store.touch(&key, now));
    is_send(store.delete(&key, DeleteCondition::Any, now));
    is_send(store.check(now));
}
