//! The device UI on two emulated boards, without a heap: `cargo xtask demo --board lm3s6965evb` or `--board riscv-virt`.
//! `app` is the program, the same on every board; a board brings a network driver, a flash, entropy, a serial line and a
//! time driver for embassy.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![recursion_limit = "256"] // the type of all routes, inside the futures that serve them

#[cfg(target_os = "none")]
mod app;
#[cfg(target_os = "none")]
mod blocking_flash;
#[cfg(all(target_os = "none", target_arch = "arm"))]
#[path = "lm3s6965evb/mod.rs"]
mod board;
#[cfg(all(target_os = "none", target_arch = "riscv32"))]
#[path = "riscv-virt/mod.rs"]
mod board;
#[cfg(target_os = "none")]
mod listener;
#[cfg(target_os = "none")]
mod random;
#[cfg(target_os = "none")]
mod registers;

#[cfg(not(target_os = "none"))]
fn main() {
    println!("this is a program for a board: cargo xtask demo --board lm3s6965evb");
}
