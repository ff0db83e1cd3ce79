//! Does one of the cases so many times: `bench CASE TIMES`. Prints the allocations that they made; `cargo xtask bench`
//! counts the instructions.

mod floor;
mod ours;
mod surroundings;

use std::alloc::System;
use std::hint::black_box;
use std::process::ExitCode;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Makes ready for so many requests, and gives what does one of them.
type Case = fn(usize) -> Box<dyn FnMut()>;

const CASES: [(&str, Case); 7] = [
    ("hash", floor::hash),
    ("floor-read", |times| floor::Floor::case(times, floor::read, true)),
    ("floor-increment", |times| floor::Floor::case(times, floor::increment, true)),
    ("floor-new", |times| floor::Floor::case(times, floor::new, false)),
    ("core-read", |times| ours::case(times, ours::READ)),
    ("core-increment", |times| ours::case(times, ours::INCREMENT)),
    ("core-new", |times| ours::case(times, ours::NEW)),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, times] = &arguments[..] else { return usage() };
    let case = CASES.iter().find(|(known, _)| known == name);
    let (Some((_, case)), Ok(times)) = (case, times.parse::<usize>()) else { return usage() };
    let mut request = case(times);
    let region = Region::new(COUNTING);
    for _ in 0..times {
        black_box(&mut request)();
    }
    println!("{}", region.change().allocations);
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("bench CASE TIMES, CASE one of {}", CASES.map(|(name, _)| name).join(", "));
    ExitCode::from(2)
}
