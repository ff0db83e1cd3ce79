//! Time for a device without a clock (EM1, EM2): every policy for the time without power, with and without a wall clock
//! that comes late and jumps, over random lives with power cuts. A session never lives longer than its limits in
//! powered-on time; once a wall clock has come, never longer than in real time.

use nor_flash::Strict;
use session_core::environment::{Clock, Time};
use session_core::store::Store;
use session_core::testing::{ManualClock, run};
use session_store_flash::{AHEAD, FlashStore, PersistedClock, PersistedTime, WithoutPower};
use std::time::Duration;
use store_support::blocking::load;
use store_support::{Draft, Numbers, at, key};

type Flash = Strict<4, 4096>;
type Device = FlashStore<Flash, 4, 128>;

const POLICIES: [WithoutPower; 3] =
    [WithoutPower::Free, WithoutPower::Charge(Duration::from_secs(600)), WithoutPower::EndAll];

/// What a wall clock does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wall {
    None,
    /// Comes so many ms after each boot, and then each minute.
    Late(u64),
    /// The same, but it may be wrong by an hour, forward or back.
    Jumping(u64),
}

const WALLS: [Wall; 5] = [Wall::None, Wall::Late(0), Wall::Late(45_000), Wall::Jumping(0), Wall::Jumping(45_000)];
/// Unix time at the first boot.
const BEGAN: u64 = 1_790_000_000_000;
const IDLE: u64 = 20 * 60_000;
const ENDS: u64 = 90 * 60_000;

/// One session and how long it has lived.
#[derive(Clone, Copy)]
struct Life {
    number: u64,
    powered: u64,
    real: u64,
    seen_powered: u64,
    seen_real: u64,
    /// Boots since it was seen.
    boots: u32,
    /// It was without power before any wall clock came.
    uncharged: bool,
}

/// Plays a life of a device; how often a live session was accepted, and how many ended.
fn live(policy: WithoutPower, wall: Wall, seed: u64) -> (u32, u32) {
    let mut numbers = Numbers(seed);
    let flash = Flash::new(4);
    let (mut powered, mut real, mut next) = (0, BEGAN, 0);
    let (mut accepted, mut ended) = (0, 0);
    let mut last = Time::ZERO;
    let mut lives: Vec<Life> = Vec::new();
    for boot in 0..12 {
        let store = Device::new(flash.clone());
        // its uptime need not begin at zero
        let began = numbers.below(5_000);
        let uptime = ManualClock::at(at(began));
        let clock = run(PersistedClock::resume(&uptime, &store, policy)).unwrap();
        assert!(clock.now() >= last, "device time went back: {policy:?} {wall:?} {seed}");
        lives.iter_mut().for_each(|life| life.boots += 1);
        let (start, mut synced) = (powered, None);
        for _ in 0..20 + numbers.below(60) {
            let most = if numbers.below(6) == 0 { 10 * 60_000 } else { 30_000 };
            let step = 1 + numbers.below(most);
            // the device's task comes every ten seconds
            for part in (0..step).step_by(10_000) {
                uptime.set(at(began + powered - start + part));
                run(clock.persist(&store)).unwrap();
            }
            (powered, real) = (powered + step, real + step);
            uptime.set(at(began + powered - start));
            let due = match wall {
                Wall::None => None,
                Wall::Late(late) | Wall::Jumping(late) => (powered - start >= late).then_some(real),
            };
            let wrong = matches!(wall, Wall::Jumping(_)) && numbers.below(10) == 0;
            if let Some(unix) = due.filter(|_| synced.is_none_or(|at| real - at >= 60_000)) {
                let unix = if wrong { unix + 3_600_000 - 7_200_000 * numbers.below(2) } else { unix };
                clock.set_wall(at(unix));
                synced = Some(real);
            }
            run(clock.persist(&store)).unwrap();
            let now = clock.now();
            assert!(now >= last);
            last = now;
            lives.retain_mut(|life| {
                let there = load(&store, &key(life.number), now.millis()).is_some();
                if !there {
                    ended += 1;
                    return false;
                }
                let told = format!("{policy:?} {wall:?} seed {seed} boot {boot}");
                assert!(powered - life.powered < ENDS && powered - life.seen_powered < IDLE, "powered: {told}");
                if synced.is_some() && !matches!(wall, Wall::Jumping(_)) && !life.uncharged {
                    assert!(real - life.real < ENDS && real - life.seen_real < IDLE, "real: {told}");
                }
                assert!(policy != WithoutPower::EndAll || life.boots == 0, "outlived a boot: {told}");
                accepted += 1;
                if numbers.below(3) == 0 {
                    run(store.touch(&key(life.number), now)).unwrap();
                    (life.seen_powered, life.seen_real, life.boots) = (powered, real, 0);
                }
                true
            });
            if lives.len() < 3 {
                let draft = Draft {
                    version: 1,
                    login: 1,
                    seen: now.millis(),
                    idle: IDLE,
                    ends: now.millis() + ENDS,
                    ..Draft::default()
                };
                run(store.create(&key(next), &draft.record(), now)).unwrap();
                lives.push(Life {
                    number: next,
                    powered,
                    real,
                    seen_powered: powered,
                    seen_real: real,
                    boots: 0,
                    uncharged: false,
                });
                next += 1;
            }
        }
        // the power is cut, for a while
        let most = if numbers.below(2) == 0 { 60_000 } else { 3 * 3_600_000 };
        real += numbers.below(most);
        if clock.unix(last).is_none() {
            lives.iter_mut().for_each(|life| life.uncharged = true);
        }
    }
    (accepted, ended)
}

#[test]
fn no_session_outlives_its_limits_em1() {
    for policy in POLICIES {
        for wall in WALLS {
            let (mut accepted, mut ended) = (0, 0);
            for seed in 0..10 {
                let (more, over) = live(policy, wall, seed);
                (accepted, ended) = (accepted + more, ended + over);
            }
            println!("{policy:?}, {wall:?}: accepted {accepted} times, {ended} ended");
            assert!(accepted > 1_000 && ended > 50, "{policy:?} {wall:?}: {accepted} {ended}");
        }
    }
}

fn clock(uptime: &ManualClock, kept: Option<PersistedTime>, policy: WithoutPower) -> PersistedClock<&ManualClock> {
    PersistedClock::new(uptime, kept, policy)
}

/// A boot charges what the policy says, and at most a minute more.
#[test]
fn what_a_boot_charges_em1() {
    let kept = Some(PersistedTime { until: at(500_000), offset: None });
    for (policy, charge) in [(POLICIES[0], 0), (POLICIES[1], 600_000), (POLICIES[2], 0)] {
        let uptime = ManualClock::at(at(70));
        assert_eq!(clock(&uptime, kept, policy).now(), at(500_000 + charge), "{policy:?}");
        // the first boot of all has nothing to charge
        assert_eq!(clock(&uptime, None, policy).now(), at(70), "{policy:?}");
    }
    // a wall clock that comes later does not charge it again
    let kept = Some(PersistedTime { until: at(500_000), offset: Some(1_000_000) });
    let uptime = ManualClock::new();
    let charged = clock(&uptime, kept, POLICIES[1]);
    charged.set_wall(at(1_000_000 + 500_000 + 700_000));
    assert_eq!(charged.now(), at(1_200_000));
}

/// Forward jumps of the wall clock move device time, others do not; what cannot be is not believed.
#[test]
fn a_wall_clock_that_jumps_em1() {
    let uptime = ManualClock::at(at(1_000));
    let clock = clock(&uptime, None, WithoutPower::Free);
    assert_eq!(clock.unix(at(1_000)), None);
    clock.set_wall(at(BEGAN));
    assert_eq!((clock.now(), clock.unix(clock.now())), (at(1_000), Some(at(BEGAN))));
    clock.set_wall(at(BEGAN + 60_000));
    assert_eq!((clock.now(), clock.unix(clock.now())), (at(61_000), Some(at(BEGAN + 60_000))));
    clock.set_wall(at(BEGAN));
    assert_eq!((clock.now(), clock.unix(clock.now())), (at(61_000), Some(at(BEGAN))), "shown as it says, but not back");
    clock.set_wall(Time::MAX);
    clock.set_wall(Time::ZERO);
    clock.set_wall(Time::MAX);
    assert_eq!(clock.now(), at(61_000), "device time has an end, and must not come near it");
    uptime.set(at(2_000));
    assert_eq!(clock.now(), at(62_000));
}

/// A session ends after its limits of time that passes, however often the uptime jumps back in between.
#[test]
fn an_uptime_that_jumps_back_em1() {
    let store = Device::new(Flash::new(4));
    let uptime = ManualClock::at(at(5_000_000));
    let clock = run(PersistedClock::resume(&uptime, &store, WithoutPower::Free)).unwrap();
    let draft = Draft { version: 1, login: 1, seen: clock.now().millis(), idle: IDLE, ..Draft::default() };
    run(store.create(&key(1), &draft.record(), clock.now())).unwrap();
    let began = clock.now().millis();
    for minute in 1..20 {
        let before = clock.now();
        uptime.advance(Duration::from_secs(60));
        assert_eq!(clock.now(), before.after(Duration::from_secs(60)));
        // to zero; by a minute; by a day
        uptime.set(at(uptime.now().millis().saturating_sub([u64::MAX, 60_000, 86_400_000][minute % 3])));
        assert_eq!(clock.now(), before.after(Duration::from_secs(60)), "neither back nor on");
        assert!(load(&store, &key(1), clock.now().millis()).is_some(), "minute {minute}");
    }
    uptime.advance(Duration::from_secs(60));
    assert_eq!(clock.now().millis(), began + IDLE);
    assert_eq!(load(&store, &key(1), clock.now().millis()), None);
}

/// Power that never lasts until somebody persists the time: each boot has done so.
#[test]
fn boots_that_are_cut_short_em1() {
    let (flash, mut last) = (Flash::new(4), Time::ZERO);
    for boot in 0..50 {
        let (store, uptime) = (Device::new(flash.clone()), ManualClock::new());
        let clock = run(PersistedClock::resume(&uptime, &store, WithoutPower::Free)).unwrap();
        assert!(clock.now() >= last, "boot {boot}: device time went back");
        uptime.advance(Duration::from_secs(14));
        last = clock.now();
    }
    assert!(last >= at(50 * 14_000));
}

/// What is persisted is always ahead, as long as somebody calls.
#[test]
fn a_time_is_persisted_before_it_comes() {
    let uptime = ManualClock::new();
    let clock = clock(&uptime, None, WithoutPower::Free);
    let mut kept = clock.due().expect("at once");
    clock.persisted(kept);
    let mut writes = 0;
    for second in (0..7_200).step_by(15) {
        uptime.set(at(second * 1_000));
        if let Some(due) = clock.due() {
            (kept, writes) = (due, writes + 1);
            clock.persisted(kept);
        }
        assert!(kept.until > clock.now() && kept.until <= clock.now().after(AHEAD));
    }
    assert!(writes <= 7_200 / 45, "{writes}");
}

/// Whatever the flash says, the clock works.
#[test]
fn corrupt_times_em1() {
    for (until, offset) in [(u64::MAX, Some(i64::MIN)), (0, Some(i64::MAX)), (1 << 47, None), (5, Some(-1))] {
        let uptime = ManualClock::at(at(3));
        let clock = clock(&uptime, Some(PersistedTime { until: at(until), offset }), POLICIES[1]);
        clock.set_wall(at(BEGAN));
        clock.set_wall(Time::ZERO);
        let (_, before) = (clock.unix(Time::MAX), clock.now());
        uptime.set(at(9));
        assert!(clock.now() >= before);
        let _ = clock.due();
    }
}
