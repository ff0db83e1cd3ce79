//! Explores every order of events of a few requests at two nodes over the shipped layered store: each call to the cache or
//! to the durable store is a point at which others go first, answers are lost, calls arrive late; the cache evicts,
//! is started again, or is cut off; time passes. Prints how many states there were, or the story that breaks a promise.

mod record;
mod request;
mod rules;
mod search;
mod world;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};

use crate::request::Verb;
use crate::search::{Scenario, explore};

/// Explores every order of events of a few requests over the layered store.
#[derive(Parser)]
struct Flags {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// All sets of so many requests.
    Explore {
        /// How many.
        #[arg(long, default_value_t = 3)]
        requests: usize,
        /// How many faults.
        #[arg(long, default_value_t = 1)]
        faults: u8,
        /// How many seconds pass; an entry is trusted for two.
        #[arg(long, default_value_t = 2)]
        seconds: u8,
        /// Ends after so many seconds of real time, wherever it is.
        #[arg(long)]
        limit: Option<u64>,
    },
    /// Each rule, switched off in a copy, must be found missing.
    Rules {
        /// Only those of these numbers.
        numbers: Vec<u8>,
    },
}

fn main() -> ExitCode {
    match Flags::parse().what {
        What::Rules { numbers } => rules::EXPLORER.without_each(rules::RULES, &numbers),
        What::Explore { requests, faults, seconds, limit } => {
            let deadline = limit.map(|limit| Instant::now() + Duration::from_secs(limit));
            explore_all(&scenarios(requests, faults, seconds), deadline)
        }
    }
}

/// All multisets of requests, but for those in which nobody changes anything; the first is at the first node.
fn scenarios(requests: usize, faults: u8, seconds: u8) -> Vec<Scenario> {
    let kinds: Vec<(Verb, usize)> =
        [Verb::Read, Verb::Write, Verb::Logout].into_iter().flat_map(|verb| [(verb, 0), (verb, 1)]).collect();
    let mut sets: Vec<Vec<(Verb, usize)>> = vec![Vec::new()];
    for _ in 0..requests {
        let longer = |set: &Vec<(Verb, usize)>| {
            let set = set.clone();
            let from = set.last().and_then(|last| kinds.iter().position(|kind| kind == last)).unwrap_or(0);
            kinds[from..].iter().map(move |kind| [&set[..], &[*kind]].concat()).collect::<Vec<_>>()
        };
        sets = sets.iter().flat_map(longer).collect();
    }
    let wanted = |set: &Vec<(Verb, usize)>| {
        set.iter().any(|(verb, _)| *verb != Verb::Read) && set.first().is_some_and(|(_, node)| *node == 0)
    };
    sets.into_iter().filter(wanted).map(|requests| Scenario { requests, faults, seconds }).collect()
}

/// As many threads as there are processors.
fn explore_all(scenarios: &[Scenario], deadline: Option<Instant>) -> ExitCode {
    let began = Instant::now();
    let next = AtomicUsize::new(0);
    let found = Mutex::new((0_u64, 0_usize, None));
    let work = || {
        while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::SeqCst)) {
            let explored = explore(scenario, deadline);
            let mut found = found.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            found.0 += explored.states;
            found.1 += usize::from(!explored.cut);
            if found.2.is_none() {
                found.2 = explored.counter_example;
            }
            if found.2.is_some() || explored.cut {
                next.store(scenarios.len(), Ordering::SeqCst);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let (states, done, counter_example) = found.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(story) = counter_example {
        println!("{story}");
        return ExitCode::FAILURE;
    }
    let seconds = began.elapsed().as_secs();
    println!("{done} of {} sets of requests, {states} states, {seconds} s: every promise holds", scenarios.len());
    if done == 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
