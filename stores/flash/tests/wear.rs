//! How the flash wears (EM3), what an operation costs as the store fills, and what it takes of RAM (EM6). Counts, no times.

mod common;

use common::{Draft, Numbers, at, key, run};
use nor_flash::{Counts, Strict};
use session_core::environment::{Clock, Time};
use session_core::store::{Outcome, Store, Version};
use session_core::testing::ManualClock;
use session_store_flash::{FlashStore, PersistedClock, WithoutPower};
use std::time::Duration;

type Flash = Strict<4, 4096>;
type Device = FlashStore<Flash, 16, 256>;

const DAY: u64 = 86_400_000;

/// A page polls once per second, which counts as activity (the worst case; a peek writes nothing), ten logins a day, and the
/// clock is persisted each minute. All other places are taken by sessions that stay.
#[test]
fn ten_years_of_polling_em3() {
    let flash = Flash::new(8);
    let store = Device::new(flash.clone());
    let uptime = ManualClock::at(Time::ZERO);
    let clock = run(PersistedClock::resume(&uptime, &store, WithoutPower::Free)).unwrap();
    let draft = Draft { version: 1, login: 1, idle: 0, data: 120, subject: Some("ann"), ..Draft::default() };
    for number in 0..14 {
        let outcome = run(store.create(&key(number), &draft.record(), clock.now())).unwrap();
        assert_eq!(outcome, Outcome::Applied(Version(1)));
    }
    // between two writes a poll writes nothing: all of an hour's
    let before = flash.counts();
    for second in 0..3_600 {
        uptime.set(at(second * 1_000));
        run(store.touch(&key(0), clock.now())).unwrap();
        run(clock.persist(&store)).unwrap();
    }
    let (hour, opened) = (flash.counts().written - before.written, flash.counts().erases - before.erases);
    let (touch, time, opening) = (28, 24, 24 + 24 + 24 + 24);
    // a touch each minute; a time when less than 15 s of the minute ahead are left, so each 46 s
    assert_eq!(hour, 59 * touch + 78 * time + opened * opening, "bytes of an hour, {opened} pages");

    // thirty days by the minute, with the logins
    let days = 30;
    let start = flash.counts();
    for minute in 60..days * 1_440 + 60 {
        for second in (0..60).step_by(10) {
            uptime.set(at(minute * 60_000 + second * 1_000));
            run(clock.persist(&store)).unwrap();
        }
        run(store.touch(&key(0), clock.now())).unwrap();
        if minute % 144 == 0 {
            // a login over an anonymous session, and its logout
            let (now, login) = (clock.now(), key(100_000 + minute));
            let anonymous = Draft { login: 0, subject: None, seen: now.millis(), ..draft };
            run(store.create(&login, &anonymous.record(), now)).unwrap();
            run(store.update(&login, Version(1), &Draft { seen: now.millis(), ..draft }.record(), now, &mut []))
                .unwrap();
            run(store.delete(&login, session_core::store::Only::Any, now)).unwrap();
        }
    }
    let month = flash.counts();
    let erases = month.erases - start.erases;
    let per_page = erases as f64 / 8.0 / days as f64 * 3_652.5;
    println!(
        "in {days} days {} bytes written, {erases} erases of 8 pages; in ten years (3652.5 days) {per_page:.0} a page of 100000",
        month.written - start.written
    );
    assert!(per_page < 20_000.0, "{per_page}");
    let pages = flash.erases();
    let (least, most) = (pages.iter().min().unwrap(), pages.iter().max().unwrap());
    assert!(most - least <= 1, "pages wear alike: {pages:?}");
    let mut counted = [0; 8];
    let usage = run(store.wear(&mut counted)).unwrap();
    assert_eq!((&counted[..], usage.pages), (&pages[..], 8));
    assert!(pages.iter().sum::<u32>() > 100 && DAY == 1_440 * 60_000);
}

/// Reads, bytes written and erases of an update, with so many of the sessions there.
fn cost(sessions: u64, hot: u64) -> (f64, f64, f64) {
    const UPDATES: u64 = 4_000;
    let flash = Flash::new(8);
    let store: FlashStore<_, 40, 256> = FlashStore::new(flash.clone());
    let draft = Draft { version: 0, login: 1, idle: 0, data: 180, subject: Some("ann"), ..Draft::default() };
    for number in 0..sessions {
        run(store.create(&key(number), &draft.record(), at(0))).unwrap();
    }
    let (mut numbers, mut versions) = (Numbers(1), vec![0; sessions as usize]);
    let mut go = |count| {
        for _ in 0..count {
            let number = numbers.below(hot.min(sessions));
            let seen = versions[number as usize];
            let record = Draft { version: seen + 1, ..draft }.record();
            let outcome = run(store.update(&key(number), Version(seen), &record, at(1), &mut [])).unwrap();
            assert_eq!(outcome, Outcome::Applied(Version(seen + 1)));
            versions[number as usize] += 1;
        }
    };
    go(500);
    let Counts { read, written, erases, .. } = flash.counts();
    go(UPDATES);
    let after = flash.counts();
    let per = |after: u64, before: u64| (after - before) as f64 / UPDATES as f64;
    (per(after.read, read), per(after.written, written), per(after.erases, erases))
}

/// Flat within 2 × from 10 to 90 % of 40 sessions, the stated capacity of 8 pages for sessions of 256 bytes; in the worst case, one
/// session that changes while all others stay, and when all change.
#[test]
fn costs_are_flat_as_it_fills() {
    for hot in [1, 40] {
        let few = cost(4, hot);
        println!("4 sessions, {hot} changing: {few:.4?} bytes read, written, erases an update");
        for sessions in [12, 20, 28, 36] {
            let many = cost(sessions, hot);
            println!(
                "{sessions} of 40 sessions, {hot} changing: {:.0} bytes read, {:.0} written, {:.4} erases an update; {:.2} times 4 sessions'",
                many.0,
                many.1,
                many.2,
                many.1 / few.1
            );
            assert!(many.1 <= 2.0 * few.1 && many.2 <= 2.0 * few.2, "{sessions}: {many:?} against {few:?}");
        }
    }
}

/// Start-up reads each byte of the flash a little more than once.
#[test]
fn mounting_reads_the_flash_once() {
    let flash = Flash::new(8);
    let store: FlashStore<_, 40, 256> = FlashStore::new(flash.clone());
    let draft = Draft { version: 1, login: 1, data: 180, subject: Some("ann"), ..Draft::default() };
    for number in 0..400 {
        run(store.create(&key(number % 40), &draft.record(), at(0))).unwrap();
        run(store.delete(&key(number % 40), session_core::store::Only::Any, at(0))).unwrap();
    }
    let before = flash.counts();
    run(FlashStore::<_, 40, 256>::new(flash.clone()).contents()).unwrap();
    let after = flash.counts();
    let (calls, bytes) = (after.reads - before.reads, after.read - before.read);
    println!("mounting 8 pages of 4 KB: {calls} reads, {bytes} bytes");
    assert!(bytes <= 8 * 4096 * 5 / 4 && after.written == before.written, "{bytes}");
}

#[test]
fn ram_of_a_session_em6() {
    assert_eq!(Device::RAM_PER_SESSION, 72);
    let empty = size_of::<FlashStore<(), 0, 256>>();
    println!("{} bytes a session, {empty} besides", Device::RAM_PER_SESSION);
    assert!(size_of::<FlashStore<(), 16, 256>>() <= empty + 16 * Device::RAM_PER_SESSION + 8);
    assert!(empty <= 200, "{empty}");
    assert!(Duration::from_secs(60) == session_store_flash::AHEAD);
}
