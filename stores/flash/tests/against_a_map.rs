//! The figures of docs/design.md: this store and sequential-storage's map, with all its caches, on the same flash; a
//! session of 250 bytes that changes again and again, while the others stay. Counts, no times.

use nor_flash::{Counts, Strict};
use sequential_storage::cache::Cache;
use sequential_storage::cache::key_pointers::ArrayKeyPointers;
use sequential_storage::cache::page_pointers::ArrayPagePointers;
use sequential_storage::cache::page_states::ArrayPageStates;
use sequential_storage::map::{MapConfig, MapStorage};
use session_core::store::{Outcome, Store, Version};
use session_core::testing::run;
use session_store_flash::FlashStore;
use store_support::{Draft, at, key};

type Flash = Strict<4, 4096>;

const UPDATES: u64 = 1_000;
/// Bytes of a record.
const BYTES: usize = 250;

fn record(version: u64) -> Vec<u8> {
    let draft = Draft { version, login: 1, subject: Some("ann"), ..Draft::default() };
    let data = BYTES - draft.record().len();
    Draft { data, ..draft }.record()
}

/// Bytes written and read for an update, and erases for a thousand.
#[derive(Clone, Copy, Debug)]
struct Cost {
    written: u64,
    read: u64,
    erases: u64,
}

impl Cost {
    fn between(before: Counts, after: Counts) -> Self {
        let written = (after.written - before.written) / UPDATES;
        Self { written, read: (after.read - before.read) / UPDATES, erases: after.erases - before.erases }
    }
}

fn ours<const SESSIONS: usize>(live: u64) -> Option<Cost> {
    let flash = Flash::new(8);
    let store: FlashStore<_, SESSIONS, BYTES> = FlashStore::new(flash.clone());
    for number in 0..live {
        run(store.create(&key(number), &record(0), at(0))).ok()?;
    }
    let mut before = flash.counts();
    for version in 1..=2 * UPDATES {
        if version == UPDATES + 1 {
            before = flash.counts();
        }
        let outcome = run(store.update(&key(0), Version(version - 1), &record(version), at(1), &mut [])).unwrap();
        assert_eq!(outcome, Outcome::Applied(Version(version)));
    }
    Some(Cost::between(before, flash.counts()))
}

fn map(live: u64) -> Cost {
    let flash = Flash::new(8);
    let cache =
        Cache::new(ArrayPageStates::<8>::new(), ArrayPagePointers::<8>::new(), ArrayKeyPointers::<_, 128>::new());
    let mut map = MapStorage::new(flash.clone(), MapConfig::new(0..8 * 4096), cache);
    let mut buffer = [0; 512];
    for number in 0..live {
        run(map.store_item(&mut buffer, key(number).as_bytes(), &&record(0)[..])).unwrap();
    }
    let mut before = flash.counts();
    for version in 1..=2 * UPDATES {
        if version == UPDATES + 1 {
            before = flash.counts();
        }
        run(map.store_item(&mut buffer, key(0).as_bytes(), &&record(version)[..])).unwrap();
    }
    Cost::between(before, flash.counts())
}

#[test]
fn what_an_update_costs() {
    println!("| live | sequential-storage: written, read, erases | ours |");
    let mut costs = Vec::new();
    for live in [4, 20, 36, 60, 100, 104] {
        let (map, ours) = (map(live), if live <= 40 { ours::<40>(live) } else { ours::<60>(live) });
        let told =
            ours.map_or("refused at construction".into(), |c| format!("{}, {}, {}", c.written, c.read, c.erases));
        println!("| {live} | {}, {}, {} | {told} |", map.written, map.read, map.erases);
        costs.push((map, ours));
    }
    // what decided: the map becomes a hundred times as dear before it is full, ours states what it takes and stays flat
    let (first, last) = (costs[0].0, costs[5].0);
    assert!(last.written > 20 * first.written && last.read > 20 * first.read, "{first:?} {last:?}");
    let (few, many) = (costs[0].1.unwrap(), costs[2].1.unwrap());
    assert!(many.written <= 2 * few.written && many.erases <= 2 * few.erases, "{few:?} {many:?}");
    assert!(costs[3..].iter().all(|(_, ours)| ours.is_none()));
}
