#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod store;

mod index;

mod keys;

mod link;

mod circuit;

mod cache;

mod url;

mod error;

pub use cache::{Lease, RedisCache};
pub use error::{RedisStoreError, UrlError};
pub use store::RedisStore;
