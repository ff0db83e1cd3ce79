#![doc = include_str!("../README.md")]

mod cache;
mod doubts;
mod entry;
mod store;

pub use cache::{Cache, Look};
pub use entry::{ENTRY_HEAD, Entry, VERSION_AT};
pub use store::Layered;
