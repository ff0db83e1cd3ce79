//! `bench`: instructions and allocations of one request, the core beside the same work by hand. No times: they differ from run
//! to run.

use std::fmt::Write;
use std::fs;

use crate::run::{Log, cargo, program, root, target};

/// What the core may take, as a multiple of the floor in hundredths, when we are there.
const GOAL: u64 = 125;
/// The requests, and the multiple that each must not exceed until then. Lower it whenever one gets cheaper; never raise it.
const REQUESTS: [(&str, u64); 3] = [("read", 132), ("increment", 150), ("new", 145)];
/// Requests of the two runs whose difference is counted.
const TIMES: [u64; 2] = [1_000, 2_000];

/// What one request costs.
struct Cost {
    instructions: u64,
    allocations: u64,
}

/// Prints the table and writes it to bench/results.md; an error if a request allocates or exceeds its budget.
pub(crate) fn bench(log: &mut Log) -> Result<String, String> {
    log.run(&mut cargo(&["build", "--locked", "--release", "-p", "bench"]))?;
    let hash = cost(log, "hash")?.instructions;
    let mut table = String::from(
        "| request | floor | core | ratio | goal | without the hashes: floor | core | allocations |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    let (mut shown, mut wrong) = (Vec::new(), Vec::new());
    for (request, budget) in REQUESTS {
        let (floor, core) = (cost(log, &format!("floor-{request}"))?, cost(log, &format!("core-{request}"))?);
        let ratio = (100 * core.instructions).div_ceil(floor.instructions.max(1));
        let beside = |cost: &Cost| cost.instructions.saturating_sub(hash);
        writeln!(
            table,
            "| {request} | {} | {} | {} | {} | {} | {} | {} |",
            floor.instructions,
            core.instructions,
            hundredths(ratio),
            hundredths(GOAL),
            beside(&floor),
            beside(&core),
            core.allocations
        )
        .map_err(|why| why.to_string())?;
        let reached = if ratio > GOAL { "goal missed" } else { "goal reached" };
        shown.push(format!("{request} {} ({reached}: {})", hundredths(ratio), hundredths(GOAL)));
        if ratio > budget {
            wrong.push(format!(
                "{request} takes {} of the floor, its budget is {}",
                hundredths(ratio),
                hundredths(budget)
            ));
        }
        if core.allocations > 0 {
            wrong.push(format!("{request} allocates {} times", core.allocations));
        }
    }
    println!("\n{table}");
    let file = root().join("bench/results.md");
    let text = format!(
        "# Instructions of one request\n\nWritten by `cargo xtask bench`; see [README.md](README.md). One hash is {hash} instructions there.\n\n{table}"
    );
    fs::write(&file, text).map_err(|why| format!("{}: {why}", file.display()))?;
    if wrong.is_empty() {
        Ok(format!("of the floor: {}; 0 allocations", shown.join(", ")))
    } else {
        Err(wrong.join("; "))
    }
}

fn hundredths(number: u64) -> String {
    format!("{}.{:02}", number / 100, number % 100)
}

/// Counts one case over two numbers of requests: the difference leaves out what is done before and after.
fn cost(log: &mut Log, case: &str) -> Result<Cost, String> {
    let mut counts = Vec::new();
    for times in TIMES {
        let mut valgrind = program("valgrind", &["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
        let text = log.run(valgrind.arg(target().join("release/bench")).args([case, &times.to_string()]))?;
        let instructions = text.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse::<u64>().ok());
        let allocations = text.lines().find_map(|line| line.trim().parse::<u64>().ok());
        counts.push(instructions.zip(allocations).ok_or(format!("valgrind counted nothing for {case}"))?);
    }
    let [(first, _), (second, allocations)] = counts[..] else { unreachable!("two runs") };
    Ok(Cost { instructions: (second - first) / (TIMES[1] - TIMES[0]), allocations })
}
