//! The store keeps the contract (ST11), on flash of any word size, and after the power was cut anywhere in the suite.

use nor_flash::Strict;
use session_core::conformance::{Broken, end_all_ends_all, suite};
use session_core::environment::Time;
use session_core::testing::run;
use session_store_flash::FlashStore;

const START: u64 = 1_790_000_000_000;

fn conforms<const WORD: usize, const PAGE: usize>(pages: usize) -> Result<(), Broken> {
    let flash = Strict::<WORD, PAGE>::new(pages);
    for seed in 0..10 {
        // a new store each time: what the last one left is read again
        let store: FlashStore<_, 2, 192> = FlashStore::new(flash.clone());
        let start = Time::from_millis(START + seed * 1_000_000);
        run(suite(&store, start, seed))?;
        run(end_all_ends_all(&store, start, seed))?;
    }
    Ok(())
}

#[test]
fn words_of_any_size_st11() {
    assert_eq!(conforms::<1, 4096>(8), Ok(()));
    assert_eq!(conforms::<2, 1024>(16), Ok(()));
    assert_eq!(conforms::<4, 4096>(2), Ok(()));
    assert_eq!(conforms::<8, 2048>(5), Ok(()));
    assert_eq!(conforms::<16, 8192>(3), Ok(()));
    assert_eq!(conforms::<32, 131_072>(2), Ok(()));
    assert_eq!(conforms::<64, 4096>(3), Ok(()));
}

/// The suite, with the power cut in the first, the second, the third write or erase and so on, until it runs through;
/// each time, the device that boots again on what is left keeps the contract.
#[test]
fn after_a_cut_anywhere_st5() {
    let mut cuts = 0;
    for calls in 0.. {
        let flash = Strict::<4, 2048>::new(4);
        flash.cut_in_call(calls, calls);
        let store: FlashStore<_, 4, 192> = FlashStore::new(flash.clone());
        let whole = run(suite(&store, Time::from_millis(START), 1));
        assert_eq!(whole.is_err(), flash.is_off(), "{calls}: {whole:?}");
        if whole.is_ok() {
            break;
        }
        cuts += 1;
        flash.power_on();
        let store: FlashStore<_, 4, 192> = FlashStore::new(flash);
        // what was left behind is over by then, or has no limit and keeps its place
        assert_eq!(run(suite(&store, Time::from_millis(START + 3_600_000), 2)), Ok(()), "cut in {calls}");
    }
    println!("cut in each of the {cuts} writes and erases of the suite");
    assert!(cuts > 300, "{cuts}");
}
