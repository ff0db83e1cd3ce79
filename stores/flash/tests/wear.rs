//! How the flash wears (EM3), what an operation costs as the store fills, and what it takes of RAM (EM6). Counts, no
//! times.

mod cost;

use cost::{Request, cost};
use nor_flash::{Counts, Strict};
use session_core::environment::{Clock, Time};
use session_core::store::{Outcome, Store, Version};
use session_core::testing::{ManualClock, run};
use session_store_flash::{FlashStore, PersistedClock, WithoutPower};
use std::time::Duration;
use store_support::{Draft, at, key};

type Flash = Strict<4, 4096>;
type Device = FlashStore<Flash, 16, 256>;

const DAY: u64 = 86_400_000;

/// A page polls once per second, which counts as activity (the worst case; a peek writes nothing), ten logins a day,
/// and the clock is persisted each minute. All other places are taken by sessions that stay.
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
            run(store.delete(&login, session_core::store::DeleteCondition::Any, now)).unwrap();
        }
    }
    let month = flash.counts();
    let erases = month.erases - start.erases;
    let per_page = erases as f64 / 8.0 / days as f64 * 3_652.5;
    println!(
        "in {days} days {} bytes written, {erases} erases of 8 pages; in ten years (3652.5 days) {per_page:.0} a page of 100000",
        month.written - start.written
    );
    // the same by hand: a page takes what is written less its header and opening; what stays is moved once a turn
    let login: u32 = [0, 1].map(|login| entry(&Draft { login, ..draft })).iter().sum::<u32>() + 24;
    let (touches, times) = (1_440 * touch, 86_400 / 46 * time);
    let day = (touches + times) as u32 + 10 * login;
    let room = 8 * (4_096 - opening as u32 - 24) - 14 * entry(&draft);
    let by_hand = f64::from(day) / f64::from(room) * 3_652.5;
    println!(
        "by hand: 1440 touches of {touch} + {} times of {time} + 10 logins of {login} = {day} bytes a day; the ring takes {room} \
         bytes a turn beside 14 sessions that stay; in ten years {by_hand:.0} turns, each one erase of a page",
        86_400 / 46
    );
    assert!((0.9..1.1).contains(&(per_page / by_hand)), "{per_page} by simulation, {by_hand} by hand");
    // a budget: lower it whenever it gets less
    assert!(per_page < 11_200.0, "{per_page}");
    let pages = flash.erases();
    let (least, most) = (pages.iter().min().unwrap(), pages.iter().max().unwrap());
    assert!(most - least <= 1, "pages wear alike: {pages:?}");
    let mut counted = [0; 8];
    let usage = run(store.wear(&mut counted)).unwrap();
    assert_eq!((&counted[..], usage.pages), (&pages[..], 8));
    assert!(pages.iter().sum::<u32>() > 100 && DAY == 1_440 * 60_000);
}

/// A page whose count decayed shows none, and goes on from about as many as the others have.
#[test]
fn a_count_that_decayed_is_not_believed_em3() {
    let flash = Flash::new(8);
    let store = Device::new(flash.clone());
    let page = |store: &Device, number: u64| {
        while flash.erases().iter().map(|erases| u64::from(*erases)).sum::<u64>() < number {
            run(store.write_item(0, &[1; 200], at(0))).unwrap();
        }
        let mut erases = [0; 8];
        run(store.wear(&mut erases)).unwrap();
        erases
    };
    assert_eq!(page(&store, 22), [2, 3, 3, 3, 3, 3, 3, 2]);
    // of the header: magic 4, format, word, pages 2, page size 4, number 4; then the count
    flash.damage(|bytes| bytes[7 * 4096 + 18] ^= 0x40);
    let again = Device::new(flash.clone());
    assert_eq!(page(&again, 22), [2, 3, 3, 3, 3, 3, 3, 0]);
    assert_eq!(page(&again, 24), [3, 3, 3, 3, 3, 3, 3, 4]);
}

/// Bytes of flash that a record takes: its length, kind, name and number before it, its checksum after it.
fn entry(draft: &Draft) -> u32 {
    (4 + (1 + 8 + 4 + draft.record().len() + 4).next_multiple_of(4)) as u32
}

/// Flat within 2 × from 10 to 90 % of 40 sessions, the stated capacity of 8 pages for sessions of 256 bytes; in the
/// worst case, one session that is used while all others stay, and when all are used.
#[test]
fn costs_are_flat_as_it_fills() {
    // calls and bytes of a request at 36 sessions, at most: lower them whenever it gets cheaper
    let budgets = [(Request::Read, 6.4, 360.0), (Request::Write, 18.8, 970.0), (Request::Login, 33.5, 1_490.0)];
    for (request, most_calls, most_bytes) in budgets {
        for hot in [1, 40] {
            let few = cost(request, 4, hot);
            println!("{request:?}, {hot} used, 4 of 40 sessions: {:.1} calls, {:.0} bytes", few.calls, few.bytes);
            for sessions in [12, 20, 28, 36] {
                let many = cost(request, sessions, hot);
                let (calls, bytes) = (many.calls / few.calls, many.bytes / few.bytes);
                println!(
                    "    {sessions} of 40: {:.1} calls, {:.0} bytes; {calls:.2} and {bytes:.2} times as many",
                    many.calls, many.bytes
                );
                assert!(calls <= 2.0 && bytes <= 2.0, "{request:?} {hot} {sessions}: {many:?} against {few:?}");
                assert!(many.calls <= most_calls && many.bytes <= most_bytes, "{request:?} {hot} {sessions}: {many:?}");
            }
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
        run(store.delete(&key(number % 40), session_core::store::DeleteCondition::Any, at(0))).unwrap();
    }
    let before = flash.counts();
    run(FlashStore::<_, 40, 256>::new(flash.clone()).contents()).unwrap();
    let after = flash.counts();
    let (calls, bytes) = (after.reads - before.reads, after.read - before.read);
    println!("mounting 8 pages of 4 KB: {calls} reads, {bytes} bytes");
    assert!(bytes <= 8 * 4096 * 5 / 4 && after.written == before.written, "{bytes}");
    // erased flash is read as a whole once, to be sure that nobody else's is overwritten
    let erased = Flash::new(8);
    run(FlashStore::<_, 40, 256>::new(erased.clone()).contents()).unwrap();
    let Counts { reads, read, written, .. } = erased.counts();
    println!("mounting 8 erased pages of 4 KB: {reads} reads, {read} bytes");
    assert!(read <= 8 * 4096 * 5 / 4 && written == 0, "{read}");
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
