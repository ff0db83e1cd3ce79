//! The cas and the stamp of the records that this process saw last, so that a write after a load needs no read before.

use std::sync::{Mutex, PoisonError};

use session_core::record::Stamp;
use session_core::store::Handle;

/// More than there are concurrent requests. Each handle has one slot, and the last record stays.
const SLOTS: usize = 1024;

/// The stamp of a record under this cas. The cas changes with every write, so a record that still has it still has this
/// stamp.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) cas: u64,
    pub(crate) stamp: Stamp,
}

type Slot = Option<(Handle, Seen)>;

pub(crate) struct CasCache(Box<[Mutex<Slot>]>);

impl CasCache {
    pub(crate) fn new() -> Self {
        Self((0..SLOTS).map(|_| Mutex::default()).collect())
    }

    pub(crate) fn put(&self, key: &Handle, seen: Seen) {
        self.with(key, |slot| *slot = Some((*key, seen)));
    }

    /// Removes and returns the remembered values. A write that fails must not be followed by one that relies on it.
    pub(crate) fn take(&self, key: &Handle) -> Option<Seen> {
        let (owner, seen) = self.with(key, Option::take).flatten()?;
        (owner == *key).then_some(seen)
    }

    fn with<T>(&self, key: &Handle, action: impl FnOnce(&mut Slot) -> T) -> Option<T> {
        let [low, high, ..] = *key.as_bytes();
        let slot = self.0.get(usize::from(u16::from_le_bytes([low, high])) % SLOTS)?;
        Some(action(&mut slot.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}
