//! A wrapped store keeps the contract of the store in it.

use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, NoopRawMutex};
use nor_flash::{FileFlash, Strict};
use session_core::conformance::{end_all_ends_all, suite};
use session_core::environment::Time;
use session_core::testing::run;
use session_device::{BlockingFlash, LockedStore};
use session_store_flash::FlashStore;

type Store<F> = FlashStore<F, 2, 192>;

fn store() -> Store<Strict<4, 4096>> {
    FlashStore::new(Strict::new(8))
}

#[test]
fn wrapped_stores_keep_the_contract_st11() {
    let (at_once, locked) = (store(), LockedStore::<NoopRawMutex, _>::new(store()));
    let at_once = BlockingFlash(&at_once);
    for seed in 0..3 {
        let start = Time::from_millis(1_790_000_000_000 + seed * 1_000_000);
        assert_eq!(run(suite(&at_once, start, seed)), Ok(()));
        assert_eq!(run(end_all_ends_all(&at_once, start, seed)), Ok(()));
        assert_eq!(run(suite(&locked, start, seed)), Ok(()));
        assert_eq!(run(end_all_ends_all(&locked, start, seed)), Ok(()));
    }
}

/// A flash that waits, as one behind an I2C bus does, is waited for.
#[test]
fn a_flash_that_waits_is_waited_for_st11() {
    let flash = Strict::<4, 4096>::new(8);
    flash.wait(true);
    let store: Store<_> = FlashStore::new(flash);
    assert_eq!(run(suite(&BlockingFlash(&store), Time::from_millis(1_790_000_000_000), 1)), Ok(()));
}

/// The store in it is for one executor, the locked one for every thread.
#[test]
fn a_locked_store_is_for_every_thread() {
    const fn is_shared<T: Send + Sync>() {}
    is_shared::<LockedStore<CriticalSectionRawMutex, Store<FileFlash<4096>>>>();
}
