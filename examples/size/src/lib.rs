//! Surroundings that the optimizer cannot see through: whatever the core asks, any answer may come, so that no path of
//! the core is left out of the weighed program.
#![cfg_attr(target_os = "none", no_std)]

#[cfg(target_os = "none")]
mod surroundings;
#[cfg(target_os = "none")]
pub use surroundings::*;
