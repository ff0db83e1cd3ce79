//! The flash store against a map, while the power is cut, the flash fails and futures are dropped (ST5). The tests run
//! these bodies on chosen and random bytes, and the targets in `fuzz/` run them under libFuzzer.

mod oracle;
mod play;
mod seeds;

pub use play::{Played, image_after, play};
pub use seeds::{image_seeds, operation_seeds, sequence, what_goes_is_forgotten, what_stays_is_moved};

use crate::Strict;
use session_core::environment::Time;
use session_core::store::{Handle, Load, Store};
use session_core::testing::run;
use session_store_flash::FlashStore;

/// Sessions and bytes of each; with four items they need seven of the pages below.
pub(crate) const SESSIONS: usize = 3;
pub(crate) const BYTES: usize = 96;
/// Small pages are full soon.
const PAGE: usize = 512;
pub(crate) const PAGES: usize = 9;

/// Any bytes as the content of a flash: it mounts, empty or partly, and works.
///
/// # Panics
/// If it does not, or if it takes more than a few reads of each byte.
pub fn image(data: &[u8]) {
    let mut bytes = vec![0xff; PAGES * PAGE];
    bytes.iter_mut().zip(data).for_each(|(place, byte)| *place = *byte);
    let flash = Strict::<4, PAGE>::with(bytes);
    let store: FlashStore<_, SESSIONS, BYTES> = FlashStore::new(flash.clone());
    let now = Time::from_millis(1_000_000);
    run(store.contents()).expect("garbage mounts");
    let read = flash.counts().read;
    assert!(read <= 4 * (PAGES * PAGE) as u64 * PAGES as u64, "{read} bytes were read");
    let there = run(store.count(now)).expect("a count").expect("a count");
    assert!(there <= SESSIONS as u64);
    let key = Handle::from_bytes(*b"a handle");
    let record = play::record(1, 1, now.millis(), 0, 20);
    run(store.end_all(now)).expect("all are ended");
    run(store.create(&key, &record, now)).expect("and the next is created");
    let again: FlashStore<_, SESSIONS, BYTES> = FlashStore::new(flash);
    let mut buffer = [0; BYTES];
    let Ok(Load::Found(found)) = run(again.load(&key, now, &mut buffer)) else { panic!("what was created is gone") };
    assert_eq!(buffer.get(..found.len), Some(&record[..]));
    assert_eq!(run(again.count(now)), Ok(Some(1)));
}
