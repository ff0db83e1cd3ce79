//! Sequences that are worth playing: for the tests, and as libFuzzer's first inputs.

use super::image_after;

/// A sequence that only looks random: `kinds` chooses what happens in it.
#[must_use]
pub fn sequence(seed: u64, steps: usize, kinds: &[u8]) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as u8
    };
    (0..steps).flat_map(|_| [0x20 | kinds[usize::from(next()) % kinds.len()], next() % 251, next()]).collect()
}

/// Four items and three sessions that stay, large ones but for the last item, and then the time again and again, until all
/// that stays has been moved from page to page.
#[must_use]
pub fn what_stays_is_moved(last: u8, steps: usize) -> Vec<u8> {
    let items = (0..4).map(|item| [0x2b, item, if item == 3 { last } else { 95 - item }]);
    let sessions = [0, 3, 2].map(|key| [0x20, key, 100]);
    let times = (0..steps).map(|step| [0x2c, step as u8 % 251, 4]);
    items.chain(sessions).chain(times).flatten().collect()
}

/// Sessions that come and go: the last deletion of each lies in the page of its record, and no newer page knows of it.
#[must_use]
pub fn what_goes_is_forgotten() -> Vec<u8> {
    (0..48).flat_map(|pair| [[0x20, pair / 9, 90], [0x29, pair / 9, 0]]).flatten().collect()
}

/// Sequences of operations to begin with.
#[must_use]
pub fn operation_seeds() -> Vec<Vec<u8>> {
    let all: Vec<u8> = (0..16).collect();
    let mixed = (1..9).map(|seed| sequence(seed, 100, &all));
    mixed.chain([what_stays_is_moved(92, 170), what_goes_is_forgotten()]).collect()
}

/// Contents of a flash to begin with: a log of this version, of one page and of all.
#[must_use]
pub fn image_seeds() -> Vec<Vec<u8>> {
    operation_seeds().iter().flat_map(|data| [&data[..30], data].map(image_after)).collect()
}
