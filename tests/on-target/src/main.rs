//! The core's unit tests, on the board. `build.rs` makes the core's sources fit for inclusion here, at this crate's
//! root, as their paths want it: with `cfg(test)` on and every `#[test]` a plain function in the list `TESTS`.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
include!(concat!(env!("OUT_DIR"), "/core/lib.rs"));
#[cfg(target_os = "none")]
include!(concat!(env!("OUT_DIR"), "/tests.rs"));

#[cfg(target_os = "none")]
mod board;

#[cfg(target_os = "none")]
mod frames;

#[cfg(not(target_os = "none"))]
fn main() {
    println!("built for a host, this program is empty: cargo xtask test-all --only on-target");
}
