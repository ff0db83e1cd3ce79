//! The device UI on boards, without a heap: `cargo xtask demo --board NAME`. Each board is a feature and a
//! module; `app` is the program, the same on every one. A board runs the executor with its own tasks, and
//! hands in its network, its flash, entropy and a serial line.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![recursion_limit = "256"] // the type of all routes, inside the futures that serve them

#[cfg(target_os = "none")]
mod app;
#[cfg(all(target_os = "none", feature = "lm3s6965evb"))]
#[path = "lm3s6965evb/mod.rs"]
mod board;
#[cfg(all(target_os = "none", any(feature = "pico", feature = "pico2")))]
#[path = "pico/mod.rs"]
mod board;
#[cfg(all(target_os = "none", feature = "pico-usb"))]
#[path = "pico-usb/mod.rs"]
mod board;
#[cfg(all(target_os = "none", feature = "riscv-virt"))]
#[path = "riscv-virt/mod.rs"]
mod board;
#[cfg(all(target_os = "none", feature = "console"))]
mod console;
#[cfg(all(target_os = "none", feature = "pico-usb"))]
mod dhcp;
#[cfg(all(target_os = "none", feature = "console"))]
mod line;
#[cfg(target_os = "none")]
mod listener;
#[cfg(all(target_os = "none", feature = "mdns"))]
mod mdns;
#[cfg(all(target_os = "none", any(feature = "lm3s6965evb", feature = "riscv-virt")))]
mod registers;
#[cfg(all(target_os = "none", feature = "rp"))]
mod rp;

#[cfg(not(target_os = "none"))]
fn main() {
    println!("this is a program for a board: cargo xtask demo --board lm3s6965evb");
}
