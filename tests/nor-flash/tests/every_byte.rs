//! Every sequence again and again, with the power cut one tick later each time, until it runs through (ST5).

use nor_flash::power_cuts::{Played, play, sequence, what_goes_is_forgotten, what_stays_is_moved};

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
    let sequence = what_stays_is_moved(92, 170);
    // by then the pages are used for the second time
    let (cuts, whole) = every_tick::<4, 512>(&sequence, 7_000);
    println!("{} operations, {} erases, cut at {cuts} ticks", whole.operations, whole.erases);
    assert!(whole.erases > 14 && cuts > 1_500, "{whole:?} {cuts}");
}

/// The first page is opened without a time, and may be full of what stays; the page that it is moved into has one.
#[test]
fn what_stays_fits_the_next_page_st5() {
    for last in 0..96 {
        let played = play::<4, 512>(&what_stays_is_moved(last, 170), None);
        assert!(played.erases > 10, "{last}: {played:?}");
    }
}

/// A power cut while an old page is erased: what lies in it, sessions that were deleted in it too, never counts again.
#[test]
fn nothing_returns_from_a_page_that_is_being_erased_st5() {
    let sequence = what_goes_is_forgotten();
    let (cuts, whole) = every_tick::<4, 512>(&sequence, 4_000);
    println!("{} operations, {} erases, cut at {cuts} ticks", whole.operations, whole.erases);
    assert!(whole.erases > 14 && cuts > 1_500, "{whole:?} {cuts}");
}
