#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
mod cache;
mod cas_cache;
mod connection;
mod error;
mod server;
mod servers;
mod store;
mod tls;
mod url;

pub use cache::{MemcachedCache, MemcachedLease};
pub use error::MemcachedError;
pub use session_store_shared::{ConnectionOptions, UrlError};
pub use store::MemcachedStore;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/seed.md")]
struct Seed;
