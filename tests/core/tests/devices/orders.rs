//! Every order of what can happen to a browser of two people and a thief, over the code that ships.

use core_tests::devices::every_order;

fn every(length: u32, single_use: bool) -> usize {
    every_order(length, single_use).unwrap_or_else(|why| panic!("{why}"))
}

/// Never another person's session, for the thief never longer than the lifetime, nobody locked out for good.
#[test]
fn every_order_of_four_things_tr3() {
    assert_eq!(every(4, false), 160_000);
}

/// The same with proofs that count once.
#[test]
fn every_order_of_three_things_with_proofs_that_count_once_tr3() {
    assert_eq!(every(3, true), 8_000);
}
