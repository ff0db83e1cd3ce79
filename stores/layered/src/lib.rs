#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod cache;
mod doubts;
mod entry;
mod store;

pub use cache::{Cache, Look};
pub use entry::{ENTRY_HEAD, Entry, VERSION_AT};
pub use store::Layered;
