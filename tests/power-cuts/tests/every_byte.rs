//! Every sequence again and again, with the power cut one tick later each time, until it runs through (ST5).

use power_cuts::{Played, play};

/// A sequence that only looks random: `kinds` chooses what happens in it.
fn sequence(seed: u64, steps: usize, kinds: &[u8]) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as u8
    };
    (0..steps).flat_map(|_| [0x20 | kinds[usize::from(next()) % kinds.len()], next() % 251, next()]).collect()
}

/// Cuts at every tick; how many, over how many operations and erases of a run without a cut.
fn every_tick<const WORD: usize, const PAGE: usize>(sequence: &[u8]) -> (u64, Played) {
    let whole = play::<WORD, PAGE>(sequence, None);
    for ticks in 0.. {
        if play::<WORD, PAGE>(sequence, Some(ticks)).cuts == 0 {
            return (ticks, whole);
        }
    }
    unreachable!("a sequence that never runs through")
}

#[test]
fn nothing_is_lost_wherever_the_power_is_cut_st5() {
    // ordinary use; items, time and epoch between; only sessions that come and go
    let all: Vec<u8> = (0..15).collect();
    let kinds: [&[u8]; 3] = [&all, &[0, 4, 5, 11, 12, 13], &[0, 1, 2, 3, 9, 4]];
    let mut cuts = [0; 3];
    for (seed, kinds) in kinds.into_iter().enumerate() {
        let sequence = sequence(seed as u64 + 1, 40, kinds);
        let (byte, whole) = every_tick::<1, 512>(&sequence);
        let (word, _) = every_tick::<4, 512>(&sequence);
        let (line, _) = every_tick::<32, 1024>(&sequence);
        assert!(whole.erases > 2 && whole.cuts == 0, "{whole:?}");
        [byte, word, line].iter().zip(&mut cuts).for_each(|(more, sum)| *sum += more);
        println!("sequence {seed}: {} operations, {} erases, cut at {byte} ticks", whole.operations, whole.erases);
    }
    println!("power cut at {} bytes (words of 1, 4 and 32 bytes: {cuts:?}), nothing lost", cuts.iter().sum::<u64>());
    assert!(cuts.iter().all(|cuts| *cuts > 3_000), "{cuts:?}");
}
