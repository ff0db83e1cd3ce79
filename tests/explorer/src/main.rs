//! Explores every order of events of two or three requests over the shipped driver: each store call is a point at which
//! others go first, answers are lost, requests crash, the clock steps across limits. Prints how many states there were,
//! or the dialogue that breaks a property.

mod monitor;
mod record;
mod request;
mod rules;
mod scenario;
mod search;
mod start;
mod world;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};

use crate::scenario::Scenario;
use crate::search::{Found, explore};
use crate::start::Starts;
use crate::world::Kind;

/// Explores every order of events of a few requests.
#[derive(Parser)]
struct Flags {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// All pairs of requests, with one fault and one clock step; those that list or revoke, or sign in
    /// at a cap, with one of the two.
    Two {
        /// These with both as well, which takes half as long again.
        #[arg(long)]
        whole: bool,
    },
    /// Triples of requests, each with a fault or a clock step, in an order that a seed gives, until the time is up.
    Three {
        /// How long.
        #[arg(long, default_value_t = 120)]
        seconds: u64,
        /// Which order.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Each rule of the protocol, switched off in a copy of the core, must be found missing.
    Rules {
        /// Only those of these numbers.
        numbers: Vec<u8>,
    },
}

fn main() -> ExitCode {
    let started = Instant::now();
    let (scenarios, deadline) = match Flags::parse().what {
        What::Rules { numbers } => return rules::EXPLORER.without_each(rules::RULES, &numbers),
        What::Two { whole } => (scenario::all(2, 1, 1, whole), None),
        What::Three { seconds, seed } => {
            let mut scenarios = [scenario::all(3, 1, 0, true), scenario::all(3, 0, 1, true)].concat();
            shuffle(&mut scenarios, seed);
            (scenarios, Some(started + Duration::from_secs(seconds)))
        }
    };
    let report = explore_all(&scenarios, deadline);
    if let Some(dialogue) = report.found.counter_example {
        println!("{dialogue}");
        return ExitCode::FAILURE;
    }
    println!("{:<10} {:>8} {:>12} {:>12}", "store like", "sets", "states", "paths");
    for (kind, (sets, found)) in Kind::ALL.iter().zip(&report.kinds) {
        println!("{:<10} {sets:>8} {:>12} {:>12}", format!("{kind:?}"), found.states, found.paths);
    }
    println!(
        "{} of {} sets of requests, {} states, {} paths, {} s: every property holds",
        report.done,
        scenarios.len(),
        report.found.states,
        report.found.paths,
        started.elapsed().as_secs()
    );
    if report.done == 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

#[derive(Default)]
struct Report {
    found: Found,
    done: usize,
    /// How many sets were explored over each kind of store, and what they came to.
    kinds: [(usize, Found); 3],
}

/// As many threads as there are processors, each with a world of its own.
fn explore_all(scenarios: &[Scenario], deadline: Option<Instant>) -> Report {
    let next = AtomicUsize::new(0);
    let report = Mutex::new(Report::default());
    let work = || {
        let starts = Kind::ALL.map(Starts::new);
        while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::SeqCst)) {
            let starts = &starts[scenario.kind as usize];
            let found = explore(starts.app, starts.at(scenario.beginning), scenario, deadline);
            let mut report = report.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let (sets, of_kind) = &mut report.kinds[scenario.kind as usize];
            *sets += usize::from(!found.cut);
            of_kind.states += found.states;
            of_kind.paths += found.paths;
            report.found.states += found.states;
            report.found.paths += found.paths;
            report.done += usize::from(!found.cut);
            if report.found.counter_example.is_some() || found.cut {
                break;
            }
            if found.counter_example.is_some() {
                report.found.counter_example = found.counter_example;
                break;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    report.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Fisher and Yates, by splitmix64.
fn shuffle<T>(list: &mut [T], seed: u64) {
    let mut state = seed;
    for last in (1..list.len()).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        list.swap(last, (mixed % (last as u64 + 1)) as usize);
    }
}
