#![doc = include_str!("../README.md")]

mod app;
pub mod servers;

pub use app::{App, Browser};
