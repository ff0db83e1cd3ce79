#![doc = include_str!("../README.md")]

mod browser;
pub use browser::{Browser, Element};

mod chromedriver;

mod keys;
pub use keys::Key;
