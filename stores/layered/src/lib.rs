#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod agreement;
mod cache;
mod cache_entry;
mod pending_checks;
mod store;

pub use cache::{Cache, Look};
pub use cache_entry::CacheEntry;
pub use store::{CacheEvent, Layered, is_used_in};
