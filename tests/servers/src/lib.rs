#![doc = include_str!("../README.md")]

pub mod conformance;
pub mod memcached;
pub mod postgres;
pub mod proxy;
pub mod redis;

mod process;

pub use process::{Server, wait_until};
