#![doc = include_str!("../README.md")]

pub mod life_cycle;
pub mod vectors;
