//! What a full store does (ST9), and that sessions that are over make room without a background task (ST7).
#![cfg(feature = "alloc")]

use session_core::record::MIN_LEN;
use session_core::store::{Load, Outcome, Store, Version};
use session_store_memory::{FixedStore, MemoryStore};
use store_support::blocking::{load, ready};
use store_support::{Draft, at, key};

fn create(store: &impl Store, number: u64, now: u64, draft: Draft) -> Outcome {
    ready(store.create(&key(number), &Draft { seen: now, ..draft }.record(), at(now)))
}

/// The size of the live record there.
fn size(store: &impl Store, number: u64, now: u64) -> Option<usize> {
    match ready(store.load(&key(number), at(now), &mut [])) {
        Load::TooLarge { size } => Some(size),
        _ => None,
    }
}

const ANONYMOUS: Draft = Draft { version: 1, login: 0, seen: 0, idle: 1000, ends: 0, data: 0, subject: None };
const SIGNED_IN: Draft = Draft { login: 1, subject: Some("ann"), ..ANONYMOUS };
const APPLIED: Outcome = Outcome::Applied(Version(1));

/// Four places, three of which visitors may take.
fn full_store_st9(store: &impl Store) {
    for number in 0..3 {
        assert_eq!(create(store, number, number, ANONYMOUS), APPLIED);
    }
    assert_eq!(create(store, 3, 3, ANONYMOUS), Outcome::Full, "the last place is for who signs in (QU1)");
    assert_eq!(create(store, 3, 3, SIGNED_IN), APPLIED);
    assert_eq!(create(store, 4, 10, ANONYMOUS), Outcome::Full, "a new anonymous session is refused");
    assert_eq!(create(store, 0, 10, ANONYMOUS), Outcome::Conflict(None), "a full store still knows its keys");

    // 0 was seen after 1, and no subject makes it a visitor's, whatever its login number (rotate counts, too)
    assert_eq!(ready(store.touch(&key(0), at(11))), APPLIED);
    assert_eq!(create(store, 5, 12, SIGNED_IN), APPLIED);
    assert_eq!(load(store, &key(1), 12), None, "the least recently seen gave way");
    assert!([0, 2, 3, 5].iter().all(|number| load(store, &key(*number), 12).is_some()));
    assert_eq!(create(store, 10, 12, Draft { login: 2, ..ANONYMOUS }), Outcome::Full, "no subject, so a visitor");

    // from here on the ones signed in are the least recently seen
    assert!([0, 2].iter().all(|number| ready(store.touch(&key(*number), at(13))) == APPLIED));
    for number in 6..8 {
        assert_eq!(create(store, number, 13, SIGNED_IN), APPLIED);
    }
    assert_eq!(create(store, 9, 14, SIGNED_IN), Outcome::Full, "nobody signed in gives way");
    assert!([3, 5, 6, 7].iter().all(|number| load(store, &key(*number), 14).is_some()));

    // what is over makes room for anyone, and its own key is free
    assert_eq!(create(store, 5, 1012, ANONYMOUS), APPLIED);
    assert_eq!(create(store, 10, 1013, ANONYMOUS), APPLIED);
    assert_eq!(create(store, 11, 1013, ANONYMOUS), APPLIED);
    assert_eq!(create(store, 13, 1013, ANONYMOUS), Outcome::Full);
    assert_eq!(ready(store.delete(&key(5), session_core::store::DeleteCondition::Any, at(1013))), APPLIED);
    assert_eq!(create(store, 13, 1013, ANONYMOUS), APPLIED);
    assert_eq!(create(store, 14, 1013, ANONYMOUS), Outcome::Full);
    assert_eq!(create(store, 14, 1013, SIGNED_IN), APPLIED);
}

#[test]
fn full_memory_store_st9() {
    let store = MemoryStore::with_max_sessions(4);
    full_store_st9(&store);
    assert_eq!(store.len(), 4);
}

#[test]
fn full_fixed_store_st9() {
    let store = FixedStore::<4, 80>::new();
    full_store_st9(&store);
    assert_eq!(store.len(), 4);
}

/// A visitor who signs in gives his place among the visitors back, and bytes are counted exactly.
#[test]
fn a_login_takes_no_place_of_visitors_qu1() {
    let store = MemoryStore::with_max_sessions(10).with_max_anonymous(2);
    for number in 0..10 {
        assert_eq!(create(&store, number, 0, ANONYMOUS), APPLIED);
        if number < 9 {
            let record = Draft { version: 2, ..SIGNED_IN }.record();
            let signed_in = ready(store.update(&key(number), Version(1), &record, at(1), &mut []));
            assert_eq!(signed_in, Outcome::Applied(Version(2)));
        }
    }
    assert_eq!(store.len(), 10);
    assert_eq!(create(&store, 10, 1, SIGNED_IN), APPLIED, "in the place of the only visitor");
    assert_eq!(load(&store, &key(9), 1), None);
    assert_eq!(create(&store, 11, 1, SIGNED_IN), Outcome::Full);

    // without a limit of sessions
    let store = MemoryStore::new().with_max_anonymous(100);
    let applied = (0..1000).filter(|number| create(&store, *number, 0, ANONYMOUS) == APPLIED).count();
    assert_eq!(applied, 100);
    assert!((1000..2000).all(|number| create(&store, number, 0, SIGNED_IN) == APPLIED));
    // what is over makes room
    let applied = (0..1000).filter(|number| create(&store, *number, 1000, ANONYMOUS) == APPLIED).count();
    assert_eq!(applied, 100);
}

/// Visitors with large sessions fill a part of the memory that the program sets, and never keep a login out.
#[test]
fn bytes_are_limited_qu2() {
    let large = Draft { data: 10_000 - MIN_LEN, ..ANONYMOUS };
    for store in [MemoryStore::new(), MemoryStore::with_max_sessions(50)] {
        let store = store.with_max_bytes(100_000);
        let applied = (0..1000).filter(|number| create(&store, *number, *number, large) == APPLIED).count();
        assert_eq!((applied, store.len(), store.bytes()), (10, 10, 100_000));
        // one that grows
        let longer = Draft { version: 2, data: large.data + 1, ..ANONYMOUS }.record();
        assert_eq!(ready(store.update(&key(0), Version(1), &longer, at(10), &mut [])), Outcome::Full);
        assert_eq!(size(&store, 0, 10), Some(10_000), "nothing was changed");
        // one that signs in and grows: others go for it, and not itself
        let longer = Draft { version: 2, data: large.data + 1, ..SIGNED_IN }.record();
        let signed_in = ready(store.update(&key(0), Version(1), &longer, at(10), &mut []));
        assert_eq!(signed_in, Outcome::Applied(Version(2)));
        assert_eq!((store.len(), store.bytes()), (9, 80_000 + longer.len()));
        assert_eq!(size(&store, 0, 10), Some(longer.len()));
        // logins take the rest
        let own = Draft { data: 30_000, ..SIGNED_IN };
        for number in 2000..2002 {
            assert_eq!(create(&store, number, 20, own), APPLIED);
        }
        assert!(store.bytes() <= 100_000 && store.len() < 9, "{store:?}");
        // more than all bytes is too large, and nobody has to go (ST12)
        let before = store.len();
        let huge = Draft { version: 3, data: 100_000, ..SIGNED_IN };
        let too_large = Outcome::TooLarge { need: huge.record().len(), have: 100_000 };
        assert_eq!(create(&store, 3000, 20, huge), too_large);
        assert_eq!(ready(store.update(&key(0), Version(2), &huge.record(), at(20), &mut [])), too_large);
        assert_eq!((store.len(), size(&store, 0, 20)), (before, Some(longer.len())));
        // what is over makes room, and what is gone is not counted
        assert_eq!(create(&store, 3001, 2_000, Draft { data: 99_000, ..ANONYMOUS }), APPLIED);
        assert_eq!((store.len(), store.bytes()), (1, 99_000 + MIN_LEN));
        assert_eq!(ready(store.delete(&key(3001), session_core::store::DeleteCondition::Any, at(2_000))), APPLIED);
        assert_eq!((store.len(), store.bytes()), (0, 0));
        assert_eq!(create(&store, 1, 2_000, large), APPLIED);
        assert!(ready(store.end_all(at(2_000))));
        assert_eq!((store.len(), store.bytes()), (0, 0));
    }
}

/// The default: 256 MiB.
#[test]
fn bytes_are_limited_by_default_qu2() {
    let store = MemoryStore::new();
    let large = Draft { data: (32 << 20) - MIN_LEN, idle: 0, ..ANONYMOUS };
    let applied = (0..20).filter(|number| create(&store, *number, 0, large) == APPLIED).count();
    assert_eq!((applied, store.bytes()), (8, 256 << 20));
}

#[test]
fn without_any_place_all_is_refused_st9() {
    assert_eq!(create(&MemoryStore::with_max_sessions(0), 0, 0, SIGNED_IN), Outcome::Full);
    assert_eq!(create(&FixedStore::<0, 80>::new(), 0, 0, SIGNED_IN), Outcome::Full);
}

/// Above 1024 the policy is approximate in whom it finds, and exact in what it refuses.
#[test]
fn large_limit_st9() {
    let limit = 10_000;
    let store = MemoryStore::with_max_sessions(limit as usize).with_max_anonymous(limit as usize);
    assert!((0..limit).all(|number| create(&store, number, number, ANONYMOUS) == APPLIED));
    let far = Draft { idle: 1_000_000, ..SIGNED_IN };
    assert_eq!(create(&MemoryStore::with_max_sessions(2000), 0, 0, far), APPLIED);

    // every anonymous session gives way to one signed in, and none of these does
    let store = MemoryStore::with_max_sessions(limit as usize).with_max_anonymous(limit as usize);
    let anonymous = Draft { idle: 1_000_000, ..ANONYMOUS };
    assert!((0..limit).all(|number| create(&store, number, number, anonymous) == APPLIED));
    assert_eq!(create(&store, limit, limit, anonymous), Outcome::Full);
    assert!((limit..2 * limit).all(|number| create(&store, number, number, far) == APPLIED));
    assert_eq!(create(&store, 2 * limit, 2 * limit, far), Outcome::Full);
    assert!((limit..2 * limit).all(|number| load(&store, &key(number), 2 * limit).is_some()));
    assert_eq!(store.len(), limit as usize);

    // once they are over, anonymous ones find their places, all of them, in a few tries each at most
    let now = 3_000_000;
    let tries: u64 = (limit..2 * limit)
        .map(|number| (1..100).find(|_| create(&store, 7 * number, now, anonymous) == APPLIED).unwrap())
        .sum();
    assert!(tries < 2 * limit, "{tries}");
    assert_eq!(store.len(), limit as usize);
}

/// A steady load of sessions that live for 10,000 creates: what is kept stays close to what is live.
#[test]
fn garbage_is_bounded_st7() {
    let store = MemoryStore::new();
    let live = 10_000;
    let mut most = 0;
    for number in 0..100_000 {
        // now and then a larger one, in another class, or one with a box of its own
        let data = [10, 10, 10, 60, 300][number as usize % 5];
        assert_eq!(create(&store, number, number, Draft { idle: live, data, ..ANONYMOUS }), APPLIED);
        most = most.max(if number % 100 == 0 { store.len() } else { 0 });
    }
    println!("{most} kept at most, {live} live");
    assert!(most as u64 <= live * 3 / 2, "{most} kept, {live} live");
    assert!((90_000..100_000).all(|number| load(&store, &key(number), 99_999).is_some()), "no live one was swept");
    assert!((0..90_000).all(|number| load(&store, &key(number), 99_999).is_none()));
    assert_eq!(store.len() as u64, live, "a load removes what it finds to be over");
}

#[test]
fn what_is_over_never_comes_back_lc3() {
    fn check(store: &impl Store) {
        assert_eq!(create(store, 0, 0, ANONYMOUS), APPLIED);
        let record = Draft { seen: 1000, ..ANONYMOUS }.record();
        assert_eq!(ready(store.update(&key(0), Version(1), &record, at(1000), &mut [])), Outcome::Missing);
        assert_eq!(ready(store.touch(&key(0), at(1000))), Outcome::Missing);
        assert_eq!(load(store, &key(0), 1000), None);
        assert_eq!(create(store, 0, 1000, Draft { version: 2, ..ANONYMOUS }), Outcome::Applied(Version(2)));
        assert_eq!(load(store, &key(0), 1999).map(|record| record[14..20].to_vec()), Some(vec![232, 3, 0, 0, 0, 0]));
    }
    check(&MemoryStore::new());
    check(&MemoryStore::with_max_sessions(1));
    check(&FixedStore::<1, 60>::new());
}

#[test]
fn too_large_says_both_sizes_st12() {
    let store = FixedStore::<1, 64>::new();
    assert_eq!(create(&store, 0, 0, Draft { data: 4, ..ANONYMOUS }), APPLIED);
    let large = Draft { data: 5, version: 2, ..ANONYMOUS }.record();
    let too_large = Outcome::TooLarge { need: 65, have: 64 };
    assert_eq!(ready(store.update(&key(0), Version(1), &large, at(0), &mut [])), too_large);
    assert_eq!(ready(store.create(&key(1), &large, at(5000))), too_large);
    assert_eq!(load(&store, &key(0), 1).map(|record| record.len()), Some(64));
    assert_eq!(ready(store.load(&key(0), at(0), &mut [0; 63])), Load::TooLarge { size: 64 });
}

/// Bytes that are no record are handed out as they are; the core refuses them.
#[test]
fn corrupt_bytes_are_kept_as_they_are() {
    fn check(store: &impl Store) {
        assert!(matches!(ready(store.create(&key(0), b"no record", at(0))), Outcome::Applied(_)));
        assert_eq!(load(store, &key(0), 1).as_deref(), Some(b"no record".as_slice()));
        assert!(matches!(
            ready(store.delete(&key(0), session_core::store::DeleteCondition::Any, at(0))),
            Outcome::Applied(_)
        ));
        assert_eq!(load(store, &key(0), 1), None);
    }
    check(&MemoryStore::new());
    check(&FixedStore::<1, { MIN_LEN }>::new());
}
