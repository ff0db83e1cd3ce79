#![doc = include_str!("../README.md")]

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
