#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod cache;
mod connection;
mod error;
mod notes;
mod server;
mod servers;
mod settings;
mod store;

pub use cache::MemcachedCache;
pub use error::Error;
pub use settings::Settings;
pub use store::MemcachedStore;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/seed.md")]
struct Seed;
