#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "alloc")]
mod index;

#[cfg(feature = "alloc")]
mod lock;

#[cfg(feature = "alloc")]
mod memory;

#[cfg(feature = "alloc")]
mod quota;

#[cfg(feature = "alloc")]
mod shard;

#[cfg(feature = "alloc")]
mod slots;

mod fixed;

pub use fixed::{FixedError, FixedStore};
#[cfg(feature = "alloc")]
pub use memory::MemoryStore;
