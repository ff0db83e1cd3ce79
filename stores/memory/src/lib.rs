#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "alloc")]
mod index;

#[cfg(feature = "alloc")]
mod memory;

#[cfg(feature = "alloc")]
mod shard;

#[cfg(feature = "alloc")]
mod slots;

mod fixed;

pub use fixed::{FixedError, FixedStore};
#[cfg(feature = "alloc")]
pub use memory::MemoryStore;

use session_core::environment::Time;
use session_core::record::Stamp;
use session_core::store::{Found, Version};

/// The stamp of what is kept. Bytes that are no record are never over, and the first to make room.
fn stamp(record: &[u8]) -> Stamp {
    let garbled = Stamp { version: Version(0), login: 0, last_seen: Time::ZERO, idle: 0, ends: 0 };
    Stamp::of(record).unwrap_or(garbled)
}

/// Copies a record into the caller's buffer, if it has room.
fn copy(record: &[u8], into: &mut [u8]) -> Option<Found> {
    into.get_mut(..record.len())?.copy_from_slice(record);
    Some(Found { len: record.len(), version: stamp(record).version })
}

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct WorkspaceReadme;
