//! Memory per session, counted by the allocator; run with `--nocapture` to see the figures.
#![cfg(feature = "alloc")]

use session_core::store::{Outcome, Store, Version};
use session_store_memory::{FixedStore, MemoryStore};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use store_support::blocking::ready;
use store_support::{Draft, at, key};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SESSIONS: u64 = 1_000_000;
/// The value of a small integer under the key "visits": 1 + 6 bytes of key, 1 of length, 4 of digest, 1 of value.
const INTEGER: usize = 13;
const RENEWED: usize = 38;
/// A time, a length and a subject of 16 bytes.
const SIGNED_IN: usize = 7 + 16;

/// Heap bytes that are allocated for each of a million sessions.
fn bytes(data: usize) -> f64 {
    let region = Region::new(ALLOCATOR);
    let store = MemoryStore::new();
    let record = Draft { version: 1, data, ..Draft::default() }.record();
    for number in 0..SESSIONS {
        assert_eq!(ready(store.create(&key(number), &record, at(0))), Outcome::Applied(Version(1)));
    }
    assert_eq!(store.len() as u64, SESSIONS);
    let change = region.change();
    (change.bytes_allocated - change.bytes_deallocated) as f64 / SESSIONS as f64
}

/// One test, so that no other allocates meanwhile.
#[test]
fn bytes_per_session() {
    // with a budget each: lower it whenever a session gets smaller
    let kinds = [
        ("anonymous", INTEGER, 100.0),
        ("renewed", INTEGER + RENEWED, 132.0),
        ("signed in", INTEGER + SIGNED_IN, 124.0),
    ];
    for (kind, data, budget) in kinds {
        let bytes = bytes(data);
        println!("{kind}, with one integer: {bytes:.1} bytes of heap a session");
        assert!(bytes <= budget, "{kind}: {bytes} bytes, its budget is {budget}");
    }
    let region = Region::new(ALLOCATOR);
    let store = MemoryStore::new();
    ready(store.create(&key(0), &Draft::default().record(), at(0)));
    println!("a store with one session: {} bytes of heap", region.change().bytes_allocated);
}

#[test]
fn bytes_of_a_fixed_store() {
    assert_eq!(size_of::<FixedStore<32, 256>>(), 32 * 276 + 24);
    assert_eq!(size_of::<FixedStore<32, 255>>(), 32 * 276 + 24);
}
