//! A flash of 8 pages of 4 KB that fills: calls and bytes of a request, and how its pages wear in ten years.

#[path = "../../../stores/flash/tests/cost/mod.rs"]
mod cost;

use nor_flash::Strict;
use session_core::environment::{Clock, Time};
use session_core::store::{DeleteCondition, Store, Version};
use session_core::testing::{ManualClock, run};
use session_store_flash::{FlashStore, PersistedClock, WithoutPower};
use store_support::{Draft, at, key};

use self::cost::{Request, cost};
use crate::table::Table;
use crate::{Done, Size};

const PAGES: usize = 8;
/// What the store says that it holds.
const CAPACITY: u64 = 40;
const FULL: [u64; 5] = [4, 12, 20, 28, 36];
const TEN_YEARS: f64 = 3_652.5;

pub(crate) fn section(size: Size) -> Done {
    let mut costs = Table::new(&["request", "sessions of 40", "calls", "bytes"]);
    for request in [Request::Read, Request::Write, Request::Login] {
        for sessions in FULL {
            let each = cost(request, sessions, CAPACITY);
            let name = format!("{request:?}").to_lowercase();
            costs.push(vec![name, sessions.to_string(), format!("{:.1}", each.calls), format!("{:.0}", each.bytes)]);
        }
    }
    costs.write("flash")?;
    let mut wear = Table::new(&["sessions of 40", "erases of a page in ten years"]);
    for sessions in FULL {
        let days = size.of(30, 5);
        wear.push(vec![
            sessions.to_string(),
            format!("{:.0}", f64::from(erases(sessions, days)?) / days as f64 / PAGES as f64 * TEN_YEARS),
        ]);
    }
    wear.write("wear")
}

/// Erases in so many days. A page polls once per second, which counts as activity and is written once per minute; ten sign in and
/// out each day; the time is written each minute; all other sessions stay.
fn erases(sessions: u64, days: u64) -> Done<u32> {
    let told = |why| format!("{why:?}");
    let flash = Strict::<4, 4096>::new(PAGES);
    let store: FlashStore<_, 40, 256> = FlashStore::new(flash.clone());
    let uptime = ManualClock::at(Time::ZERO);
    let clock = run(PersistedClock::resume(&uptime, &store, WithoutPower::Free)).map_err(|why| format!("{why:?}"))?;
    let draft = Draft { version: 1, login: 1, data: 180, subject: Some("ann"), ..Draft::default() };
    for number in 0..sessions {
        run(store.create(&key(number), &draft.record(), clock.now())).map_err(told)?;
    }
    let begun: u32 = flash.erases().iter().sum();
    for minute in 0..days * 1_440 {
        for second in (0..60).step_by(10) {
            uptime.set(at(minute * 60_000 + second * 1_000));
            run(clock.persist(&store)).map_err(|why| format!("{why:?}"))?;
        }
        run(store.touch(&key(0), clock.now())).map_err(told)?;
        if minute % 144 == 0 {
            let (now, login) = (clock.now(), key(100_000 + minute));
            let anonymous = Draft { login: 0, subject: None, seen: now.millis(), ..draft };
            run(store.create(&login, &anonymous.record(), now)).map_err(told)?;
            let signed_in = Draft { seen: now.millis(), ..draft };
            run(store.update(&login, Version(1), &signed_in.record(), now, &mut [])).map_err(told)?;
            run(store.delete(&login, DeleteCondition::Any, now)).map_err(told)?;
        }
    }
    Ok(flash.erases().iter().sum::<u32>() - begun)
}
