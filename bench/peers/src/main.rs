//! The same requests as `../src/adapters` does, through the session libraries of today: what they cost beside ours.

#[path = "../../src/adapters/ask.rs"]
mod ask;
mod through_axum;
mod through_poem;
mod through_rocket;

use std::alloc::System;
use std::process::ExitCode;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    ask::count("bench-peers", async |framework, ask, times| match framework {
        "axum" => Some(through_axum::ask(ask, times).await),
        "poem" => Some(through_poem::ask(ask, times).await),
        "rocket" => Some(through_rocket::ask(ask, times).await),
        _ => None,
    })
}
