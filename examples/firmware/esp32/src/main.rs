//! The device UI on ESP32-C3 and ESP32-C6: the program of `examples/firmware`, on a board whose network is Wi-Fi.
//! `cargo xtask flash --board esp32c3` builds it, and says how it gets there.
#![no_std]
#![no_main]
#![recursion_limit = "256"] // the type of all routes, inside the futures that serve them

mod access;
#[path = "../../src/app.rs"]
mod app;
mod board;
#[path = "../../src/console.rs"]
mod console;
#[path = "../../src/line.rs"]
mod line;
#[path = "../../src/listener.rs"]
mod listener;
#[path = "../../src/mdns.rs"]
mod mdns;
mod part;
mod reason;
mod serial;
mod wifi;
