#![doc = include_str!("../README.md")]

mod app;
mod node;
pub mod servers;

pub use app::{App, Browser};
pub use node::Node;
