//! What both sides use alike: a table of sessions, a clock, random numbers, and a request's Cookie header.

use std::cell::{Cell, RefCell};
use std::hash::{BuildHasherDefault, Hasher};
use std::hint::black_box;

use hashbrown::HashMap;
use rand_core::{TryCryptoRng, TryRng};

/// Signs the cookies.
pub(crate) const KEY: [u8; 32] =
    *b"\x8e\x1f\x0a\x93kd\xc5\x11q\x99\xfe\x02\x5b\xa0\xd7\x3cN\x60\x18\xe9\x77\xb2\x44\x05\x9a\xcd\x31\xf6\x88\x2e\x53\xbf";
/// Bytes of a record at most.
pub(crate) const RECORD: usize = 256;
/// Milliseconds: lifetimes that both sides check.
pub(crate) const IDLE: u64 = 30 * 60 * 1_000;
pub(crate) const ABSOLUTE: u64 = 12 * 60 * 60 * 1_000;

/// A Cookie header of four cookies, the session's the third; without a session of three.
pub(crate) fn header(session: Option<&str>) -> String {
    let session = session.map(|value| format!("id={value}; ")).unwrap_or_default();
    format!("theme=dark; _ga=GA1.1.1234567890.1700000000; {session}lang=en")
}

/// Unix time in milliseconds, a moment later at each call.
pub(crate) struct Ticks(Cell<u64>);

impl Ticks {
    pub(crate) const fn new() -> Self {
        Self(Cell::new(1_800_000_000_000))
    }

    pub(crate) fn now(&self) -> u64 {
        self.0.get()
    }
}

/// splitmix64: what random numbers cost is not the subject.
#[derive(Clone, Copy)]
pub(crate) struct Rng<'s>(pub(crate) &'s Cell<u64>);

impl TryRng for Rng<'_> {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.try_next_u64().map(|number| number as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Ok(mixed ^ (mixed >> 31))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.try_next_u64()?.to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Rng<'_> {}

/// A record in the table.
pub(crate) struct Slot {
    pub(crate) bytes: [u8; RECORD],
    pub(crate) len: usize,
}

impl Slot {
    pub(crate) fn new(record: &[u8]) -> Self {
        let mut slot = Self { bytes: [0; RECORD], len: 0 };
        slot.put(record);
        slot
    }

    pub(crate) fn put(&mut self, record: &[u8]) {
        self.bytes[..record.len()].copy_from_slice(record);
        self.len = record.len();
    }

    pub(crate) fn record(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }
}

/// Handles are uniform: they are their own hash.
#[derive(Default)]
pub(crate) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    }

    fn write_usize(&mut self, _: usize) {}

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

pub(crate) type Table = RefCell<HashMap<u64, Slot, BuildHasherDefault<AsItIs>>>;

/// Room for all that will come, so that the table itself never grows.
pub(crate) fn table(sessions: usize) -> Table {
    RefCell::new(HashMap::with_capacity_and_hasher(black_box(sessions), BuildHasherDefault::default()))
}
