//! Random operations at random times, against a map.
#![cfg(feature = "alloc")]

use session_core::store::{DeleteCondition, Outcome, Store, Version};
use session_store_memory::{FixedStore, MemoryStore};
use store_support::blocking::{load, ready};
use store_support::{Draft, Numbers, Oracle, at, key, stamp};

fn compare(store: &impl Store, sessions: usize, seed: u64, steps: u64) {
    let mut oracle = Oracle { sessions, ..Oracle::default() };
    let mut numbers = Numbers(seed);
    let mut now = 1000;
    let mut outcomes = [0; 4];
    for step in 0..steps {
        // every step has its own time, so that one session is the least recently seen; sometimes many end at once
        now += if numbers.below(200) == 0 { 2000 } else { 1 + numbers.below(20) };
        oracle.end(at(now));
        let key = key(numbers.below(64));
        let there = oracle.records.get(&key).map(|record| stamp(record));
        let login = numbers.below(3) as u32;
        let draft = Draft {
            version: step + 1,
            login,
            seen: now - if numbers.below(4) == 0 { numbers.below(1000) } else { 0 },
            idle: [0, 500, 1000, 3000][numbers.below(4) as usize],
            ends: [0, now + numbers.below(5000)][numbers.below(2) as usize],
            data: numbers.below(330) as usize,
            subject: (login > 0).then_some("ann"),
        };
        // created records are seen now, as the core makes them
        let created = Draft { seen: now, ..draft }.record();
        let updated = draft.record();
        let seen = there.filter(|_| numbers.below(4) > 0).map_or(Version(0), |stamp| stamp.version);
        let condition = [DeleteCondition::Any, DeleteCondition::Version(seen), DeleteCondition::Login(draft.login)]
            [numbers.below(3) as usize];
        let mut buffer = [0; 512];
        let (expected, outcome) = match numbers.below(8) {
            0..=2 => (oracle.create(key, &created), ready(store.create(&key, &created, at(now)))),
            3 | 4 => {
                let expected = oracle.update(&key, seen, &updated);
                (expected, ready(store.update(&key, seen, &updated, at(now), &mut buffer)))
            }
            5 | 6 => (oracle.touch(&key, at(now)), ready(store.touch(&key, at(now)))),
            _ => {
                let expected = oracle.delete(&key, condition);
                let outcome = ready(store.delete(&key, condition, at(now)));
                // what is over may still be there, and goes or does not
                (expected, if expected == Outcome::Missing { expected } else { outcome })
            }
        };
        assert_eq!(outcome, expected, "seed {seed}, step {step}");
        if let Outcome::Conflict(Some(found)) = outcome {
            assert_eq!(
                buffer.get(..found.len),
                oracle.records.get(&key).map(Vec::as_slice),
                "seed {seed}, step {step}"
            );
        }
        outcomes[match outcome {
            Outcome::Applied(_) => 0,
            Outcome::Missing => 1,
            Outcome::Conflict(_) => 2,
            Outcome::Full => 3,
            Outcome::TooLarge { .. } => panic!("seed {seed}, step {step}: nothing is too large"),
        }] += 1;
        oracle.end(at(now));
        for number in 0..64 {
            let key = store_support::key(number);
            assert_eq!(load(store, &key, now), oracle.records.get(&key).cloned(), "seed {seed}, step {step}");
        }
    }
    assert!(outcomes[..3].iter().all(|count| *count > 20), "{outcomes:?}");
    assert_eq!(outcomes[3] > 20, sessions < 64, "{outcomes:?}");
}

#[test]
fn memory_store_is_as_a_map() {
    for seed in 0..20 {
        compare(&MemoryStore::new(), usize::MAX, seed, 2000);
    }
}

#[test]
fn limited_memory_store_is_as_a_limited_map() {
    for seed in 0..20 {
        compare(&MemoryStore::with_max_sessions(10), 10, seed, 2000);
    }
}

#[test]
fn fixed_store_is_as_a_limited_map() {
    for seed in 0..20 {
        compare(&FixedStore::<10, 400>::new(), 10, seed, 2000);
    }
}
