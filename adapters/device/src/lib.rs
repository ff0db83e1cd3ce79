#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod blocking;
mod config;
mod listener;
mod locked;
mod random;
#[cfg(feature = "sntp")]
mod sntp;
mod time;
mod turn;

pub use self::blocking::{BlockingFlash, block_on};
pub use self::config::{CONFIG_ITEM, ConfigError, ConfigItems};
pub use self::listener::{Buffers, Client, GOODBYE, Listener, SILENCE, Worker};
pub use self::locked::LockedStore;
#[cfg(feature = "rand_core_06")]
pub use self::random::Rng06;
#[cfg(feature = "rand_core_09")]
pub use self::random::Rng09;
pub use self::random::{NotReady, Random, condense};
#[cfg(feature = "sntp")]
pub use self::sntp::{SNTP_EVERY, SNTP_PATIENCE, SntpError, SntpRequest, keep_wall, sntp_time};
pub use self::time::{PERSIST_EVERY, keep_time};
pub use self::turn::{Chip, Held, PATIENCE, while_free};
