//! Both bodies on random bytes and on mutated vectors, and not one allocation in the core (CP5, EM5).

use std::alloc::System;
use std::cell::Cell;

use core_tests::bad_input::{Watch, cookie_header, cookie_seeds, record, record_seeds};
use rand_core::TryRng;
use session_core::testing::ScriptedRng;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn any_bytes_are_read_without_panic_and_allocation_cp5_em5() {
    let words: [&[u8]; 8] = [b";", b"=", b"id=", b"\x01", b" \t", b"\n", b"\"", b"__Host-id=\x01"];
    Mutator::new(1, cookie_seeds(), &words).each(155_000, |data| unallocating(cookie_header, data));
    let words: [&[u8]; 6] = [&[0], &[255], &[0x80], b"\x01k\x01\x02\x03\x04\x00", b"\x01n", &[0x81, 0]];
    Mutator::new(2, record_seeds(), &words).each(50_000, |data| unallocating(record, data));
}

/// Runs the body. The allocator counts for all threads of the test program, so that a run may count one of theirs; what the
/// core allocates it would allocate at each.
fn unallocating(body: fn(&[u8], Watch<'_>), data: &[u8]) {
    let allocations = || {
        let counted = Cell::new(0);
        body(data, &|run| {
            let region = Region::new(ALLOCATOR);
            run();
            counted.set(counted.get() + region.change().allocations);
        });
        counted.get()
    };
    assert!((0..5).any(|_| allocations() == 0), "the core allocated");
}

struct Mutator<'w> {
    rng: ScriptedRng,
    seeds: Vec<Vec<u8>>,
    words: &'w [&'w [u8]],
}

impl<'w> Mutator<'w> {
    fn new(seed: u64, seeds: Vec<Vec<u8>>, words: &'w [&'w [u8]]) -> Self {
        Self { rng: ScriptedRng::new(seed), seeds, words }
    }

    fn below(&mut self, end: usize) -> usize {
        let number = self.rng.try_next_u32().expect("a scripted number");
        number as usize % end.max(1)
    }

    fn seed(&mut self) -> Vec<u8> {
        let at = self.below(self.seeds.len());
        self.seeds[at].clone()
    }

    /// Calls `body` with so many inputs: each seed as it stands, random bytes, and seeds with a few changes.
    fn each(mut self, inputs: usize, body: impl Fn(&[u8])) {
        self.seeds.iter().for_each(|seed| body(seed));
        for _ in 0..inputs {
            let mut data = match self.below(8) {
                0 => (0..self.below(200)).map(|_| self.below(256) as u8).collect(),
                _ => self.seed(),
            };
            for _ in 0..self.below(5) {
                self.mutate(&mut data);
            }
            // the bits that say what is made right in a record; for cookies one byte of the name
            if let Some(first) = data.first_mut().filter(|first| **first == 0) {
                *first = self.below(16) as u8;
            }
            body(&data);
        }
    }

    fn mutate(&mut self, data: &mut Vec<u8>) {
        let (at, end) = (self.below(data.len() + 1), self.below(data.len() + 1));
        let part = at.min(end)..at.max(end);
        match self.below(7) {
            0 => data.truncate(at),
            1 => drop(data.drain(part)),
            2 => {
                let copy = data[part].to_vec();
                data.splice(at..at, copy);
            }
            3 => {
                let word = self.words[self.below(self.words.len())];
                data.splice(at..at, word.iter().copied());
            }
            4 => {
                let other = self.seed();
                data.truncate(at);
                data.extend(other.get(at..).unwrap_or_default());
            }
            _ if at < data.len() => data[at] ^= 1 << self.below(8),
            _ => data.push(self.below(256) as u8),
        }
    }
}
