//! Every store of this crate keeps the contract (ST11).

use session_core::conformance::{Broken, end_all_ends_all, suite};
use session_core::environment::Time;
use session_core::store::Store;
use session_core::testing::run;
use session_store_memory::FixedStore;
#[cfg(feature = "alloc")]
use session_store_memory::MemoryStore;

fn conforms(store: &impl Store) -> Result<(), Broken> {
    let start = Time::from_millis(1_790_000_000_000);
    (0..10).try_for_each(|seed| run(suite(store, start, seed)))?;
    run(end_all_ends_all(store, start, 10))
}

#[test]
#[cfg(feature = "alloc")]
fn memory_store() {
    assert_eq!(conforms(&MemoryStore::new()), Ok(()));
}

#[test]
#[cfg(feature = "alloc")]
fn limited_memory_store() {
    assert_eq!(conforms(&MemoryStore::with_max_sessions(2)), Ok(()));
}

#[test]
#[cfg(feature = "alloc")]
fn limited_memory_store_of_many_shards() {
    assert_eq!(conforms(&MemoryStore::with_max_sessions(2000)), Ok(()));
}

#[test]
fn fixed_store() {
    assert_eq!(conforms(&FixedStore::<2, 192>::new()), Ok(()));
}
