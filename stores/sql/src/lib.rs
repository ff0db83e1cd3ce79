#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod connection;
mod database;
mod error;
mod index;
mod schema;
mod statements;
mod store;

pub use error::SqlError;
pub use session_store_shared::{ConnectionOptions, UrlError};
pub use store::SqlStore;
