//! What a full store does (ST9), what is too large, a flash that is too small, foreign or dead, and a subject's list.

use embedded_storage_async::nor_flash::NorFlashErrorKind;
use nor_flash::Strict;
use session_core::record::Stamp;
use session_core::store::{DeleteCondition, Load, Outcome, Store, Version};
use session_core::subject::{Added, Epoch, IndexEntry, SubjectId, SubjectIndex};
use session_core::testing::run;
use session_store_flash::{Contents, FlashError, FlashStore, PersistedTime};
use store_support::blocking::load;
use store_support::{Draft, at, key};

type Flash = Strict<4, 4096>;
type Four = FlashStore<Flash, 4, 96>;

const ANONYMOUS: Draft = Draft { version: 1, login: 0, seen: 0, idle: 1000, ends: 0, data: 0, subject: None };
const SIGNED_IN: Draft = Draft { login: 1, subject: Some("ann"), ..ANONYMOUS };
const APPLIED: Outcome = Outcome::Applied(Version(1));

fn create(store: &impl Store<Error = FlashError>, number: u64, now: u64, draft: Draft) -> Outcome {
    run(store.create(&key(number), &Draft { seen: now, ..draft }.record(), at(now))).unwrap()
}

/// As the memory stores: see stores/memory/tests/policy.rs.
#[test]
fn full_flash_store_st9() {
    let store = Four::new(Flash::new(2));
    for number in 0..3 {
        assert_eq!(create(&store, number, number, ANONYMOUS), APPLIED);
    }
    assert_eq!(create(&store, 3, 3, ANONYMOUS), Outcome::Full, "the last place is for who signs in (QU1)");
    assert_eq!(create(&store, 3, 3, SIGNED_IN), APPLIED);
    assert_eq!(create(&store, 4, 10, ANONYMOUS), Outcome::Full, "a new anonymous session is refused");
    assert_eq!(create(&store, 0, 10, ANONYMOUS), Outcome::Conflict(None), "a full store still knows its keys");
    // 0 was seen after 1
    assert_eq!(run(store.touch(&key(0), at(11))), Ok(APPLIED));
    assert_eq!(create(&store, 5, 12, SIGNED_IN), APPLIED);
    assert_eq!(load(&store, &key(1), 12), None, "the least recently seen gave way");
    assert!([0, 2, 3, 5].iter().all(|number| load(&store, &key(*number), 12).is_some()));
    assert_eq!(create(&store, 10, 12, Draft { login: 2, ..ANONYMOUS }), Outcome::Full, "no subject, so a visitor");
    // from here on the ones signed in are the least recently seen
    assert!([0, 2].iter().all(|number| run(store.touch(&key(*number), at(13))) == Ok(APPLIED)));
    for number in 6..8 {
        assert_eq!(create(&store, number, 13, SIGNED_IN), APPLIED);
    }
    assert_eq!(create(&store, 9, 14, SIGNED_IN), Outcome::Full, "nobody signed in gives way");
    assert!([3, 5, 6, 7].iter().all(|number| load(&store, &key(*number), 14).is_some()));
    // what is over makes room for anyone, and its own key is free
    assert_eq!(create(&store, 5, 1012, ANONYMOUS), APPLIED);
    assert!((10..12).all(|number| create(&store, number, 1013, ANONYMOUS) == APPLIED));
    assert_eq!(create(&store, 13, 1013, ANONYMOUS), Outcome::Full);
    assert_eq!(run(store.delete(&key(5), DeleteCondition::Any, at(1013))), Ok(APPLIED));
    assert_eq!(create(&store, 13, 1013, ANONYMOUS), APPLIED);
    assert_eq!(create(&store, 14, 1013, SIGNED_IN), APPLIED);
    assert_eq!(run(store.count(at(1013))), Ok(Some(4)));
}

#[test]
fn too_large_says_both_sizes_st12() {
    let store = Four::new(Flash::new(2));
    let (fits, large) = (Draft { data: 36, ..ANONYMOUS }.record(), Draft { data: 37, ..ANONYMOUS }.record());
    assert_eq!(run(store.create(&key(0), &fits, at(0))), Ok(APPLIED));
    let error = FlashError::TooLarge { need: 97, have: 96 };
    let too_large = Outcome::TooLarge { need: 97, have: 96 };
    assert_eq!(run(store.create(&key(1), &large, at(0))), Ok(too_large));
    assert_eq!(run(store.update(&key(0), Version(1), &large, at(0), &mut [])), Ok(too_large));
    assert_eq!(run(store.write_item(0, &large, at(0))), Err(error));
    assert_eq!(run(store.write_item(4, &[], at(0))), Err(FlashError::NoSuchItem));
    assert_eq!(error.to_string(), "the item needs 97 bytes, at most 96 fit");
    assert_eq!(run(store.load(&key(0), at(0), &mut [0; 95])), Ok(Load::TooLarge { size: 96 }));
    assert_eq!(load(&store, &key(0), 1), Some(fits));
}

#[test]
fn too_small_a_flash_is_told() {
    // 8 * 128 bytes twice, in pages of 512: more than four
    let store: FlashStore<_, 4, 96> = FlashStore::new(Strict::<4, 512>::new(4));
    let told = run(store.check(at(0))).unwrap_err();
    assert!(matches!(told, FlashError::TooSmall { have: 2048, need } if need > 2048), "{told}");
    let store: FlashStore<_, 4, 96> = FlashStore::new(Strict::<4, 4096>::new(1));
    assert!(matches!(run(store.check(at(0))), Err(FlashError::TooSmall { have: 4096, need: 8192 })));
}

/// Another version's or geometry's image is told, mounts empty, and is not touched before the first write.
#[test]
fn foreign_contents_are_told() {
    let flash = Flash::new(4);
    let store = Four::new(flash.clone());
    assert_eq!(run(store.contents()), Ok(Contents::Blank));
    assert_eq!(create(&store, 0, 0, ANONYMOUS), APPLIED);
    assert_eq!(run(Four::new(flash.clone()).contents()), Ok(Contents::Ours));

    let larger: FlashStore<_, 4, 96> = FlashStore::new(Flash::with([flash.bytes(), flash.bytes()].concat()));
    assert_eq!(run(larger.contents()), Ok(Contents::Foreign));
    assert_eq!(load(&larger, &key(0), 1), None);

    let version = flash.clone();
    version.damage(|bytes| bytes.iter_mut().step_by(4096).for_each(|page| *page ^= 1));
    let (before, store) = (version.bytes(), Four::new(version.clone()));
    assert_eq!(run(store.contents()), Ok(Contents::Foreign));
    assert_eq!(run(store.count(at(0))), Ok(Some(0)));
    assert_eq!(version.bytes(), before);
}

/// A flash that does not answer is an error of each operation that needs it; afterwards all is as before.
#[test]
fn a_flash_that_stops_answering_st10() {
    let flash = Flash::new(2);
    let store = Four::new(flash.clone());
    flash.fail_reads(true);
    let failed = FlashError::Flash(NorFlashErrorKind::Other);
    assert_eq!(run(store.check(at(0))), Err(failed), "not even mounted");
    flash.fail_reads(false);
    assert_eq!(create(&store, 0, 0, SIGNED_IN), APPLIED);
    let record = load(&store, &key(0), 1);
    flash.fail_reads(true);
    flash.fail_writes(true);
    assert_eq!(run(store.load(&key(0), at(1), &mut [0; 96])), Err(failed));
    assert_eq!(run(store.create(&key(1), &ANONYMOUS.record(), at(1))), Err(failed));
    assert_eq!(run(store.delete(&key(0), DeleteCondition::Any, at(1))), Err(failed));
    assert_eq!(run(store.end_all(at(1))), Err(failed));
    assert_eq!(run(store.check(at(1))), Err(failed));
    flash.fail_reads(false);
    flash.fail_writes(false);
    assert_eq!(run(store.check(at(1))), Ok(()));
    assert_eq!(load(&store, &key(0), 1), record);
    assert_eq!(failed.to_string(), "the flash driver failed");
}

/// A chip that was left in another mode, or a bus that hangs: nothing is taken for lost, and nothing begun anew.
#[test]
fn a_flash_that_answers_nonsense_st10() {
    let failed = FlashError::Flash(NorFlashErrorKind::Other);
    for nonsense in [0x00, 0x80, 0xff] {
        let flash = Flash::new(2);
        let store = Four::new(flash.clone());
        for number in 0..3 {
            assert_eq!(create(&store, number, 0, SIGNED_IN), APPLIED);
        }
        run(store.write_item(1, b"item", at(1))).unwrap();
        flash.answer(Some(nonsense));
        for _ in 0..3 {
            assert_eq!(run(store.load(&key(0), at(1), &mut [0; 96])), Err(failed));
            assert_eq!(run(store.read_item(1, &mut [0; 96])), Err(failed));
            assert_eq!(run(store.create(&key(3), &SIGNED_IN.record(), at(1))), Err(failed));
        }
        flash.answer(None);
        let all = |store: &Four| [0, 1, 2, 3].map(|number| load(store, &key(number), 1).is_some());
        assert_eq!(all(&store), [true, true, true, false]);
        // what stays is to be moved meanwhile
        flash.answer(Some(nonsense));
        let moving =
            (0..1_000).find_map(|_| run(store.persist_time(PersistedTime { until: at(9), offset: None }, at(1))).err());
        assert_eq!(moving, Some(failed));
        flash.answer(None);
        for store in [store, Four::new(flash)] {
            assert_eq!(all(&store), [true, true, true, false]);
            assert_eq!(run(store.read_item(1, &mut [0; 96])), Ok(Some(&b"item"[..])));
        }
    }
}

/// A session that moves to another page keeps when it was seen last, to the touch interval, also after a power cut.
#[test]
fn a_moved_session_keeps_its_last_activity_lc5() {
    let flash = Flash::new(2);
    let store = Four::new(flash.clone());
    assert_eq!(create(&store, 0, 0, Draft { idle: 0, ..SIGNED_IN }), APPLIED);
    for now in (0..2_000_000).step_by(100_000) {
        assert_eq!(run(store.touch(&key(0), at(now))), Ok(APPLIED));
        let before = flash.counts().erases;
        while flash.counts().erases == before {
            run(store.write_item(0, &[7; 90], at(now))).unwrap();
        }
        let record = load(&Four::new(flash.clone()), &key(0), now).unwrap();
        assert_eq!(Stamp::of(&record).unwrap().last_seen, at(now));
    }
}

/// A page whose header decays while the device runs costs its sessions; the store goes on.
#[test]
fn a_page_that_decays_costs_its_sessions() {
    let flash = Flash::new(3);
    let store = Four::new(flash.clone());
    let mut number = 0;
    while flash.erases().iter().sum::<u32>() < 2 {
        assert_eq!(run(store.write_item(0, &[7; 90], at(0))), Ok(()));
        if number < 2 {
            assert_eq!(create(&store, number, 0, SIGNED_IN), APPLIED);
            number += 1;
        }
    }
    assert_eq!(create(&store, 2, 0, SIGNED_IN), APPLIED);
    // the first two lie in the first page, which lies behind the free one
    flash.damage(|bytes| bytes[4096] ^= 1);
    assert!(run(store.load(&key(0), at(1), &mut [0; 96])).is_ok(), "its entry is still whole");
    flash.damage(|bytes| bytes[4096..2 * 4096].fill(0x33));
    assert!(run(store.load(&key(0), at(1), &mut [0; 96])).is_err(), "the flash may come back");
    assert_eq!([0, 1, 2].map(|number| load(&store, &key(number), 1).is_some()), [false, false, true]);
    assert_eq!(run(store.count(at(1))), Ok(Some(1)));
    assert_eq!(create(&store, 0, 1, SIGNED_IN), APPLIED);
}

/// Whichever bit of an entry it is, its length and checksum too: that one is lost, those around it are not.
#[test]
fn bits_that_decay_cost_one_session() {
    let flash = Flash::new(2);
    let store = Four::new(flash.clone());
    let draft = |number| Draft { version: number, data: 25, ..SIGNED_IN };
    for number in 0..3 {
        run(store.create(&key(number), &draft(number).record(), at(0))).unwrap();
    }
    let (whole, needle) = (flash.bytes(), draft(1).record());
    let record = whole.windows(needle.len()).position(|window| window == needle).unwrap();
    // before it: length, kind, handle, number; after it: the checksum
    for byte in record - 4 - 13..record + needle.len() + 4 {
        for bit in 0..8 {
            let mut damaged = whole.clone();
            damaged[byte] ^= 1 << bit;
            let store = Four::new(Flash::with(damaged));
            let there = [0, 1, 2].map(|number| load(&store, &key(number), 1).is_some());
            assert_eq!(there, [true, false, true], "bit {bit} of byte {byte}");
            assert_eq!(create(&store, 3, 1, SIGNED_IN), APPLIED);
        }
    }
    // while it runs
    flash.damage(|bytes| bytes[record + 20] ^= 4);
    for store in [store, Four::new(flash)] {
        assert_eq!([0, 1, 2].map(|number| load(&store, &key(number), 1).is_some()), [true, false, true]);
    }
}

/// The list comes from the records, keeps its order over a reboot, and the epoch guards it.
#[test]
fn a_subjects_sessions_lc9() {
    let flash = Flash::new(2);
    let store = Four::new(flash.clone());
    let ann = SubjectId::of("ann");
    let handles = |store: &Four, after: u64| {
        let mut entries = [IndexEntry::NONE; 4];
        let listing = run(store.list(&ann, after, at(9), &mut entries)).unwrap();
        let orders: Vec<_> = entries[..listing.entries].iter().map(|entry| (entry.handle, entry.order)).collect();
        (orders, listing)
    };
    let add = |number, login| {
        let entry = IndexEntry { handle: key(number), login, ..IndexEntry::NONE };
        assert_eq!(run(store.add(&ann, Epoch(0), &entry, at(6))), Ok(Added::Applied));
    };
    for number in [0, 1, 2] {
        create(&store, number, number, SIGNED_IN);
        add(number, 1);
    }
    create(&store, 3, 3, Draft { subject: Some("bob"), ..SIGNED_IN });
    // a second login of the first session makes it the last; a plain update of another changes nothing
    let again = Draft { version: 2, login: 2, ..SIGNED_IN }.record();
    assert_eq!(run(store.update(&key(0), Version(1), &again, at(5), &mut [])), Ok(Outcome::Applied(Version(2))));
    add(0, 2);
    let more = Draft { version: 2, data: 5, ..SIGNED_IN }.record();
    assert_eq!(run(store.update(&key(1), Version(1), &more, at(5), &mut [])), Ok(Outcome::Applied(Version(2))));
    let (listed, listing) = handles(&store, 0);
    assert_eq!(listed.iter().map(|(handle, _)| *handle).collect::<Vec<_>>(), [key(1), key(2), key(0)]);
    assert_eq!(listing.last, listed[2].1);
    assert_eq!(handles(&store, listed[0].1).0, listed[1..]);

    let entry = IndexEntry { handle: key(0), login: 2, ..IndexEntry::NONE };
    let moved = run(store.bump(&ann, at(7))).unwrap();
    assert!(moved.epoch.0 >= 7 && moved.last == listing.last);
    assert_eq!(run(store.add(&ann, Epoch(0), &entry, at(8))), Ok(Added::Moved));

    let reboot = Four::new(flash);
    assert_eq!(handles(&reboot, 0), (listed, moved_to(listing, moved.epoch)));
}

fn moved_to(listing: session_core::subject::Listing, epoch: Epoch) -> session_core::subject::Listing {
    session_core::subject::Listing { epoch, ..listing }
}
