//! A `SharedStore` keeps the contract whether the store behind it is called directly or through boxed futures (ST11).

use session_core::Keys;
use session_core::conformance::{Broken, end_all_ends_all, suite};
use session_core::environment::Time;
use session_core::testing::run;
use session_store_memory::MemoryStore;
use session_store_shared::SharedStore;

fn conforms(store: &SharedStore) -> Result<(), Broken> {
    let start = Time::from_millis(1_790_000_000_000);
    (0..5).try_for_each(|seed| run(suite(store, start, seed)))?;
    run(end_all_ends_all(store, start, 10))
}

#[test]
fn direct() {
    assert_eq!(conforms(&MemoryStore::new().into()), Ok(()));
}

#[test]
fn boxed() {
    let keys =
        Keys::new(b"\x8e\x1f\x0a\x93kd\xc5\x11q\x99\xfe\x02\x5b\xa0\xd7<N`\x18\xe9w\xb2D\x05\x9a\xcd1\xf6\x88.S\xbf");
    assert_eq!(conforms(&SharedStore::from(MemoryStore::new()).sealed_at_rest(&keys.unwrap())), Ok(()));
}
