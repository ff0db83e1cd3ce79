//! The store keeps the contract (ST11), on flash of any word size, and again with the power cut after 1, 2, 3 … ticks.

use nor_flash::Strict;
use session_core::conformance::{Broken, suite};
use session_core::environment::Time;
use session_core::testing::run;
use session_store_flash::FlashStore;

const START: u64 = 1_790_000_000_000;

fn conforms<const WORD: usize, const PAGE: usize>(pages: usize) -> Result<(), Broken> {
    let flash = Strict::<WORD, PAGE>::new(pages);
    for seed in 0..10 {
        // a new store each time: what the last one left is read again
        let store: FlashStore<_, 2, 192> = FlashStore::new(flash.clone());
        run(suite(&store, Time::from_millis(START + seed * 1_000_000), seed))?;
    }
    Ok(())
}

#[test]
fn words_of_any_size_st11() {
    assert_eq!(conforms::<1, 4096>(8), Ok(()));
    assert_eq!(conforms::<2, 1024>(16), Ok(()));
    assert_eq!(conforms::<4, 4096>(2), Ok(()));
    assert_eq!(conforms::<8, 2048>(4), Ok(()));
    assert_eq!(conforms::<16, 8192>(3), Ok(()));
    assert_eq!(conforms::<32, 131_072>(2), Ok(()));
    assert_eq!(conforms::<64, 4096>(3), Ok(()));
}
