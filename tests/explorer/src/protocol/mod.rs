//! The requests of browsers over the shipped driver, on one store.

mod monitor;
mod record;
mod request;
mod rules;
mod run;
mod scenario;
mod start;
mod world;

use std::process::ExitCode;
use std::time::Instant;

pub(crate) use rules::RULES;

use crate::protocol::request::Verb;
use crate::protocol::run::DriverRun;
use crate::protocol::scenario::{Holder, Scenario};
use crate::protocol::start::Starts;
use crate::protocol::world::Kind;
use crate::search::{Found, explore, explore_all, keep_only};

/// All pairs, or a part of them; with `small_first` those with fewer faults and clock steps as well, before them.
pub(crate) fn two(whole: bool, small_first: bool, part: Option<(usize, usize)>, only: Option<&str>) -> ExitCode {
    let mut scenarios = Vec::new();
    if small_first {
        scenarios
            .extend([(0, 0), (1, 0), (0, 1)].map(|(faults, jumps)| scenario::all(2, faults, jumps, true)).concat());
    }
    scenarios.extend(scenario::all(2, 1, 1, whole));
    keep_only(&mut scenarios, only);
    let all = scenarios.len();
    if let Some((part, of)) = part {
        // mixed, always in the same way: each part has some of each kind, and every set is in one of them
        shuffle(&mut scenarios, 1);
        scenarios = scenarios.into_iter().skip(part - 1).step_by(of).collect();
    }
    run(&scenarios, all, None)
}

/// All triples in which two clicks sign in, or as many as the time allows.
pub(crate) fn two_clicks(whole: bool, deadline: Option<Instant>, only: Option<&str>) -> ExitCode {
    let clicks = |scenario: &Scenario| {
        let clicks = scenario.requests.iter().filter(|request| **request == (Verb::LoginA, Holder::Browser));
        clicks.count() >= 2
    };
    let mut scenarios = scenario::all(3, 0, 0, true);
    if whole {
        scenarios.extend([scenario::all(3, 1, 0, true), scenario::all(3, 0, 1, true)].concat());
    }
    // three logins at a cap of two would take as long as all the rest; `three` draws them
    scenarios.retain(|scenario| clicks(scenario) && scenario.kind != Kind::CappedAtTwo);
    keep_only(&mut scenarios, only);
    run(&scenarios, scenarios.len(), deadline)
}

/// As many triples as the time allows.
pub(crate) fn three(deadline: Instant, seed: u64) -> ExitCode {
    some([scenario::all(3, 1, 0, true), scenario::all(3, 0, 1, true)].concat(), deadline, seed)
}

/// As many pairs with two faults and a clock step as the time allows.
pub(crate) fn two_faults(deadline: Instant, seed: u64) -> ExitCode {
    some(scenario::all(2, 2, 1, true), deadline, seed)
}

fn some(mut scenarios: Vec<Scenario>, deadline: Instant, seed: u64) -> ExitCode {
    shuffle(&mut scenarios, seed);
    run(&scenarios, scenarios.len(), Some(deadline))
}

/// Explores these sets of `all`.
fn run(scenarios: &[Scenario], all: usize, deadline: Option<Instant>) -> ExitCode {
    let explorer = || {
        let starts = Kind::ALL.map(Starts::new);
        move |scenario: &Scenario| {
            let starts = &starts[scenario.kind as usize];
            explore(|told| DriverRun::begin(starts.app, starts.at(scenario.beginning), scenario, told), deadline)
        }
    };
    explore_all(scenarios, all, explorer, table)
}

fn table(explored: &[(&Scenario, Found)]) {
    println!("{:<10} {:>8} {:>12} {:>12}", "store like", "sets", "states", "paths");
    for kind in Kind::ALL {
        let of_kind = || explored.iter().filter(|(scenario, _)| scenario.kind == kind).map(|(_, found)| found);
        let (states, paths) = of_kind().fold((0, 0), |sum, found| (sum.0 + found.states, sum.1 + found.paths));
        println!("{:<10} {:>8} {states:>12} {paths:>12}", format!("{kind:?}"), of_kind().count());
    }
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
