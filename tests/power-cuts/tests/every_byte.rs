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

/// Four items and three sessions that stay, large ones, and then the time again and again, until all that stays has been
/// moved from page to page.
fn what_stays_is_moved(steps: usize) -> Vec<u8> {
    let items = (0..4).map(|item| [0x2b, item, 95 - item]);
    let sessions = [0, 3, 2].map(|key| [0x20, key, 100]);
    let times = (0..steps).map(|step| [0x2c, step as u8 % 251, 4]);
    items.chain(sessions).chain(times).flatten().collect()
}

/// Cuts at every tick from that one on; how many, over how many operations and erases of a run without a cut.
fn every_tick<const WORD: usize, const PAGE: usize>(sequence: &[u8], from: u64) -> (u64, Played) {
    let whole = play::<WORD, PAGE>(sequence, None);
    for ticks in from.. {
        if play::<WORD, PAGE>(sequence, Some(ticks)).cuts == 0 {
            return (ticks - from, whole);
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
        let (byte, whole) = every_tick::<1, 512>(&sequence, 0);
        let (word, _) = every_tick::<4, 512>(&sequence, 0);
        let (line, _) = every_tick::<32, 1024>(&sequence, 0);
        assert!(whole.erases > 2 && whole.cuts == 0, "{whole:?}");
        [byte, word, line].iter().zip(&mut cuts).for_each(|(more, sum)| *sum += more);
        println!("sequence {seed}: {} operations, {} erases, cut at {byte} ticks", whole.operations, whole.erases);
    }
    println!("power cut at {} bytes (words of 1, 4 and 32 bytes: {cuts:?}), nothing lost", cuts.iter().sum::<u64>());
    assert!(cuts.iter().all(|cuts| *cuts > 3_000), "{cuts:?}");
}

/// A power cut while a page is moved: it counts once all of it is there, and the old one until then.
#[test]
fn nothing_is_lost_while_a_page_is_moved_st5() {
    let sequence = what_stays_is_moved(170);
    // by then the pages are used for the second time
    let (cuts, whole) = every_tick::<4, 512>(&sequence, 7_000);
    println!("{} operations, {} erases, cut at {cuts} ticks", whole.operations, whole.erases);
    assert!(whole.erases > 14 && cuts > 1_500, "{whole:?} {cuts}");
}

/// A power cut while an old page is erased: what lies in it, sessions that were deleted in it too, never counts again.
#[test]
fn nothing_returns_from_a_page_that_is_being_erased_st5() {
    // a session's last deletion lies in the page of its record, and no newer page knows of it
    let pairs = (0..48).flat_map(|pair| [[0x20, pair / 9, 90], [0x29, pair / 9, 0]]);
    let sequence: Vec<u8> = pairs.flatten().collect();
    let (cuts, whole) = every_tick::<4, 512>(&sequence, 4_000);
    println!("{} operations, {} erases, cut at {cuts} ticks", whole.operations, whole.erases);
    assert!(whole.erases > 14 && cuts > 1_500, "{whole:?} {cuts}");
}
