//! Requests at two nodes over the shipped layered store, whose cache loses, delays and forgets.

mod record;
mod request;
mod rules;
mod run;
mod world;

use std::process::ExitCode;
use std::time::Instant;

pub(crate) use rules::RULES;

use crate::layered::request::Verb;
use crate::layered::run::{LayeredRun, Scenario};
use crate::search::{explore, explore_all, keep_only};

/// What happens besides the requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) faults: u8,
    pub(crate) seconds: u8,
    /// For how many seconds an entry is trusted.
    pub(crate) trust: u64,
    /// Nodes that are cut off reach the cache again.
    pub(crate) mends: bool,
}

/// All multisets of requests, but for those in which nobody changes anything; the first is at the first node.
pub(crate) fn explore_sets(requests: usize, bounds: Bounds, deadline: Option<Instant>, only: Option<&str>) -> ExitCode {
    let explorer = || |scenario: &Scenario| explore(|told| LayeredRun::begin(scenario, told), deadline);
    let mut scenarios = scenarios(requests, bounds);
    keep_only(&mut scenarios, only);
    explore_all(&scenarios, scenarios.len(), explorer, |_| ())
}

fn scenarios(requests: usize, bounds: Bounds) -> Vec<Scenario> {
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
    sets.into_iter().filter(wanted).map(|requests| Scenario { requests, bounds }).collect()
}
