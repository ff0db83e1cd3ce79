//! What sessions add to a request: instructions of this machine by single-stepping, allocations, and their bytes.

use std::path::PathBuf;
use std::process::Command;

use crate::stepped;
use crate::table::Table;
use crate::{Done, LIBRARIES, REQUESTS, Size};

/// What ours may add, as a multiple of the fastest peer in hundredths, in the order of [`REQUESTS`].
const GOALS: [(&str, [u64; 4]); 3] =
    [("axum", [20, 50, 40, 70]), ("poem", [20, 70, 60, 80]), ("rocket", [60, 75, 70, 100])];
/// The last ten of so many requests are stepped through, when everything is as it is in the long run.
const STEPPED: &str = "300";
/// Requests of the runs whose allocations are counted.
const TIMES: u64 = 2_000;

/// In place of a framework's name: the floor has none.
pub(crate) const BY_HAND: &str = "no framework";

/// Instructions, allocations and bytes of one request.
type Cost = [u64; 3];

/// Another program of this package.
pub(crate) fn program(name: &str) -> Done<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(name))
}

fn cost(library: &str, framework: &str, request: &str) -> Done<Cost> {
    let steps = stepped::instructions(&program("stepped")?, &[library, framework, request, STEPPED, "stepped"])?;
    let program = program("counted")?;
    // the middle one of five: they differ by the seeds of the libraries' hashes
    let (mut allocations, mut bytes) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let output = Command::new(&program).args([library, framework, request, &TIMES.to_string()]).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let numbers: Vec<u64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        let [of_allocations, of_bytes, ..] = numbers[..] else {
            return Err(format!("{library} {framework} {request}: {}", String::from_utf8_lossy(&output.stderr)).into());
        };
        allocations.push(of_allocations / TIMES);
        bytes.push(of_bytes / TIMES);
    }
    allocations.sort_unstable();
    bytes.sort_unstable();
    Ok([steps / 10, allocations[2], bytes[2]])
}

pub(crate) fn section(size: Size) -> Done {
    let mut all = Table::new(&["framework", "library", "request", "instructions", "allocations", "bytes"]);
    let mut goals =
        Table::new(&["framework", "request", "fastest peer", "its instructions", "ours", "ratio", "goal", "met"]);
    for (framework, libraries) in LIBRARIES.into_iter().take(size.of(4, 1)) {
        let bare = cost("ours", framework, "bare")?;
        let mut added = Vec::new();
        for library in libraries {
            // the peers' programs have handlers of their own
            let bare = if *library == "ours" { bare } else { cost(library, framework, "bare")? };
            for (at, request) in REQUESTS.into_iter().enumerate() {
                let cost = cost(library, framework, request)?;
                let cost: Vec<u64> = cost.iter().zip(bare).map(|(with, bare)| with.saturating_sub(bare)).collect();
                let numbers = cost.iter().map(u64::to_string);
                all.push([framework, *library, request].map(String::from).into_iter().chain(numbers).collect());
                added.push((*library, at, cost[0]));
            }
        }
        for (at, request) in REQUESTS.into_iter().enumerate() {
            let of = |ours: bool| added.iter().filter(move |(name, it, _)| *it == at && (*name == "ours") == ours);
            let (Some((_, _, ours)), Some((peer, _, theirs))) = (of(true).next(), of(false).min_by_key(|it| it.2))
            else {
                continue;
            };
            let ratio = (100 * ours).div_ceil((*theirs).max(1));
            let goal = GOALS.iter().find(|(name, _)| *name == framework).map(|(_, goals)| goals[at]);
            let hundredths = |number: u64| format!("{}.{:02}", number / 100, number % 100);
            let met = goal.map_or("none set", |goal| if ratio > goal { "no" } else { "yes" });
            goals.push(vec![
                framework.into(),
                request.into(),
                (*peer).into(),
                theirs.to_string(),
                ours.to_string(),
                hundredths(ratio),
                goal.map_or("-".into(), hundredths),
                met.into(),
            ]);
        }
    }
    let bare = cost("floor", BY_HAND, "bare")?;
    for request in &REQUESTS[1..] {
        let cost = cost("floor", BY_HAND, request)?;
        let numbers = cost.iter().zip(bare).map(|(with, bare)| with.saturating_sub(bare).to_string());
        all.push([BY_HAND, "floor", request].map(String::from).into_iter().chain(numbers).collect());
    }
    all.write("counts")?;
    goals.write("goals")
}
