#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
// without a store there is an error for its URLs, and nothing else
#![cfg_attr(not(all(feature = "redis", feature = "memcached")), allow(unused_variables))]

mod existing;
mod store_url;

pub use existing::{ExistingStore, NoSessions};
pub use session_store_shared::{SharedStore, UrlError};
pub use store_url::{KINDS, StoreUrl};
