//! One request so many times, through each std framework: `bench-adapters FRAMEWORK REQUEST TIMES`. `cargo xtask bench` counts
//! the instructions, and what they are more than those of the same request `bare`, without sessions.

mod ask;
mod through_actix;
mod through_axum;
mod through_poem;
mod through_rocket;

use std::alloc::System;
use std::process::ExitCode;

// In place of glibc's malloc, which takes some hundreds of instructions more or less by the state of its heap. This one takes
// the same few for each size.
use mimalloc as _;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Signs the cookies.
const KEY: [u8; 32] = *b"\x1a\x7f\x03\xc2\x55\x9e\x60\xd4\x21\xb8\x0c\x73\xea\x4f\x96\x38\xd1\x2a\x85\x6b\x17\xfc\x40\x9d\xe3\x58\x04\xa7\x72\xcb\x39\x16";

fn rocket_config() -> rocket::Config {
    rocket::Config { log_level: rocket::config::LogLevel::Off, ..rocket::Config::release_default() }
}

fn main() -> ExitCode {
    ask::count("bench-adapters", std::env::args().skip(1), async |framework, ask, times| match framework {
        "actix" => Some(through_actix::ask(ask, times).await),
        "axum" => Some(through_axum::ask(ask, times).await),
        "poem" => Some(through_poem::ask(ask, times).await),
        "rocket" => Some(through_rocket::ask(ask, times).await),
        _ => None,
    })
}
