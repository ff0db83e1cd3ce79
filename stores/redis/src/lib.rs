#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod application;

mod store;

mod index;

mod scan;

mod keys;

mod link;

mod cache;

mod url;

mod error;

pub use cache::{RedisCache, RedisLease};
pub use error::RedisStoreError;
pub use session_store_shared::{ConnectionOptions, UrlError};
pub use store::RedisStore;
