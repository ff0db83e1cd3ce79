#![doc = include_str!("../README.md")]

pub mod bad_input;
pub mod devices;
pub mod life_cycle;
pub mod texts;
pub mod vectors;
