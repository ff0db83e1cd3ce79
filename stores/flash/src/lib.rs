#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod bytes;
mod clock;
mod error;
mod index;
mod log;
mod log_entry;
mod operations;
mod persisted_time;
mod session_table;
mod state;
mod store;

pub use clock::{AHEAD, PersistedClock, WithoutPower};
pub use error::FlashError;
pub use log::Contents;
pub use persisted_time::PersistedTime;
pub use state::Usage;
pub use store::FlashStore;
