#![doc = include_str!("../README.md")]

mod app;
mod node;
pub mod servers;

pub use app::{App, Browser};
pub use node::Node;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/choose-a-store.md")]
struct ChooseAStore;
