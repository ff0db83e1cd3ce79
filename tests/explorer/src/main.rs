//! Explores every order of events of a few requests: over the shipped driver, where each store call is a point at which
//! others go first, answers are lost, requests crash and the clock steps across limits; and over the shipped layered
//! store, where the same holds for each call to the cache or to the durable store. Prints how many states there were, or
//! the dialogue that breaks a promise.

mod devices;
mod layered;
mod mutations;
mod protocol;
mod search;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Parser, Subcommand};

use crate::layered::Bounds;

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
        /// All sets without fault and clock step before these, then with one of the two: a violation is found sooner.
        #[arg(long)]
        small_first: bool,
        /// Only this part of the sets, for instance 3/4: each set is in one of the four.
        #[arg(long, value_parser = part)]
        part: Option<(usize, usize)>,
        /// Only this set, as a dialogue names it in its first line.
        #[arg(long)]
        only: Option<String>,
    },
    /// Two logins of one subject over one cookie, with any third request.
    TwoClicks {
        /// With a fault or a clock step as well, which takes hours.
        #[arg(long)]
        whole: bool,
        /// Ends after so many seconds of real time, wherever it is.
        #[arg(long)]
        limit: Option<u64>,
        /// Only this set, as a dialogue names it in its first line.
        #[arg(long)]
        only: Option<String>,
    },
    /// Triples of requests, each with a fault or a clock step, in an order that a seed gives, until the time is up.
    Three(Sample),
    /// Pairs of requests, each with two faults and a clock step, in an order that a seed gives, until the time is up.
    TwoFaults(Sample),
    /// Each rule of the protocol, left out of a copy of the code, must be missed.
    Rules(Without),
    /// All sets of so many requests over the layered store.
    Layered {
        /// How many.
        #[arg(long, default_value_t = 3)]
        requests: usize,
        /// How many faults.
        #[arg(long, default_value_t = 1)]
        faults: u8,
        /// How many seconds pass.
        #[arg(long, default_value_t = 2)]
        seconds: u8,
        /// For how many seconds an entry is trusted.
        #[arg(long, default_value_t = 2)]
        trust: u64,
        /// Nodes that are cut off from the cache reach it again.
        #[arg(long)]
        mends: bool,
        /// Ends after so many seconds of real time, wherever it is.
        #[arg(long)]
        limit: Option<u64>,
        /// Only this set, as a dialogue names it in its first line.
        #[arg(long)]
        only: Option<String>,
    },
    /// Every order of so many things that happen to a browser of two people and a thief, with device-bound sessions.
    Devices {
        /// How many.
        #[arg(long, default_value_t = 4)]
        things: u32,
        /// Each proof counts once.
        #[arg(long)]
        single_use: bool,
    },
    /// Each rule of device-bound sessions, left out of a copy of the code, must be missed.
    DeviceRules(Without),
    /// Each rule of the layered store, left out of a copy of the code, must be missed.
    LayeredRules(Without),
}

#[derive(Args)]
struct Sample {
    /// How long.
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// Which order.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Reads `3/4`.
fn part(text: &str) -> Result<(usize, usize), String> {
    let numbers = text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
    numbers.filter(|(part, of)| (1..=*of).contains(part)).ok_or_else(|| format!("{text} is no part such as 3/4"))
}

#[derive(Args)]
struct Without {
    /// Only those of these numbers.
    numbers: Vec<u8>,
    /// Writes the sets of requests that show it to tests/explorer/witnesses.txt, where those recorded there do not.
    #[arg(long)]
    record: bool,
}

fn main() -> ExitCode {
    let deadline = |seconds| Instant::now() + Duration::from_secs(seconds);
    match Flags::parse().what {
        What::Two { whole, small_first, part, only } => protocol::two(whole, small_first, part, only.as_deref()),
        What::TwoClicks { whole, limit, only } => protocol::two_clicks(whole, limit.map(deadline), only.as_deref()),
        What::Three(Sample { seconds, seed }) => protocol::three(deadline(seconds), seed),
        What::TwoFaults(Sample { seconds, seed }) => protocol::two_faults(deadline(seconds), seed),
        What::Rules(Without { numbers, record }) => mutations::explore_each(protocol::RULES, &numbers, record),
        What::Layered { requests, faults, seconds, trust, mends, limit, only } => {
            let bounds = Bounds { faults, seconds, trust, mends };
            layered::explore_sets(requests, bounds, limit.map(deadline), only.as_deref())
        }
        What::Devices { things, single_use } => devices::explore(things, single_use),
        What::DeviceRules(Without { numbers, record }) => mutations::explore_each(devices::RULES, &numbers, record),
        What::LayeredRules(Without { numbers, record }) => mutations::explore_each(layered::RULES, &numbers, record),
    }
}
