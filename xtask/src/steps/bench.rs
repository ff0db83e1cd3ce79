//! `bench`: instructions and allocations of one request: the core compared with the same work by hand, and what
//! sessions add to a request in each server framework. Times are not measured, because they differ from run to run.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::run::{Log, cargo, program as command, root, target};

/// The goal for the core, as a multiple of the floor in hundredths.
const GOAL: u64 = 125;
/// The requests, and the multiple that each must not exceed. Lower it whenever one gets cheaper; never raise it.
const REQUESTS: [(&str, u64); 3] = [("read", 117), ("increment", 126), ("new", 123)];
/// A request and its budget: instructions, allocations, and their bytes.
type Budget = (&'static str, u64, u64, u64);
/// What sessions may add to a request through a framework, by framework and request: instructions, allocations and bytes. The
/// frameworks' seeds move the instructions by some tens from process to process, so there is a margin of two in a hundred. The
/// bytes of a new session have four: the store's shards grow by chance.
/// Lower them whenever one gets cheaper.
const ADDED: [(&str, [Budget; 4]); 4] = [
    (
        "actix",
        [
            ("untouched", 1_350, 3, 600),
            ("read", 14_330, 4, 915),
            ("increment", 16_870, 4, 920),
            ("new", 19_020, 5, 1_140),
        ],
    ),
    (
        "axum",
        [
            ("untouched", 1_635, 4, 565),
            ("read", 13_655, 4, 1_345),
            ("increment", 15_870, 4, 1_350),
            ("new", 16_740, 5, 1_590),
        ],
    ),
    (
        "poem",
        [
            ("untouched", 1_130, 2, 160),
            ("read", 13_015, 2, 442),
            ("increment", 15_215, 2, 442),
            ("new", 15_910, 3, 660),
        ],
    ),
    (
        "rocket",
        [
            ("untouched", 840, 3, 465),
            ("read", 13_855, 6, 1_375),
            ("increment", 16_345, 6, 1_380),
            ("new", 25_800, 17, 3_180),
        ],
    ),
];
/// Requests of the two runs whose difference is counted.
const TIMES: [u64; 2] = [1_000, 2_000];

/// The cost of one request.
struct Cost {
    instructions: u64,
    allocations: u64,
    bytes: u64,
}

/// Prints the table and writes it to bench/results.md; an error if a request allocates or exceeds its budget.
pub(crate) fn bench(log: &mut Log) -> Result<String, String> {
    log.run(&mut cargo(&["build", "--locked", "--release", "-p", "bench"]))?;
    let program = target().join("release/bench");
    let hash = cost(log, &program, &["hash"])?.instructions;
    let mut table = String::from(
        "| request | floor | core | ratio | goal | without the hashes: floor | core | allocations |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    let (mut shown, mut wrong) = (Vec::new(), Vec::new());
    for (request, budget) in REQUESTS {
        let (floor, core) =
            (cost(log, &program, &[&format!("floor-{request}")])?, cost(log, &program, &[&format!("core-{request}")])?);
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
    let (added, too_much) = adapters(log)?;
    wrong.extend(too_much);
    println!("\n{table}\n{added}");
    let file = root().join("bench/results.md");
    let text = format!(
        "# Instructions of one request\n\nWritten by `cargo xtask bench`; see [README.md](README.md). One hash is {hash} instructions there.\n\n{table}\n\
         # What sessions add to a request\n\nOf a framework, without a socket, with the memory store. A read and an increment have one hash.\n\n{added}"
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

/// A table of what our sessions add in each framework, and the values above their budgets.
fn adapters(log: &mut Log) -> Result<(String, Vec<String>), String> {
    let mut table =
        String::from("| framework | request | added | allocations | bytes |\n| --- | --- | --- | --- | --- |\n");
    let mut wrong = Vec::new();
    for (framework, requests) in ADDED {
        let costs = added(log, &target().join("release/bench-adapters"), framework)?;
        for ((request, instructions, allocations, bytes), cost) in requests.into_iter().zip(costs) {
            let Cost { instructions: steps, allocations: times, bytes: taken } = cost;
            writeln!(table, "| {framework} | {request} | {steps} | {times} | {taken} |")
                .map_err(|why| why.to_string())?;
            if steps > instructions || times > allocations || taken > bytes {
                wrong.push(format!(
                    "{framework} {request} adds {steps} instructions and {times} allocations of {taken} bytes, its budget is \
                     {instructions} and {allocations} of {bytes}"
                ));
            }
        }
    }
    Ok((table, wrong))
}

/// What a program's sessions add to each request of [`ADDED`].
fn added(log: &mut Log, program: &Path, framework: &str) -> Result<Vec<Cost>, String> {
    let bare = cost(log, program, &[framework, "bare"])?;
    let requests = ADDED[0].1.into_iter();
    requests
        .map(|(request, ..)| {
            let cost = cost(log, program, &[framework, request])?;
            Ok(Cost {
                instructions: cost.instructions.saturating_sub(bare.instructions),
                allocations: cost.allocations.saturating_sub(bare.allocations),
                bytes: cost.bytes.saturating_sub(bare.bytes),
            })
        })
        .collect()
}

/// Counts one case over two numbers of requests: the difference excludes the start and end of the program.
fn cost(log: &mut Log, counted: &Path, case: &[&str]) -> Result<Cost, String> {
    let mut counts = Vec::new();
    for times in TIMES {
        let mut valgrind = command("valgrind", &["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
        let text = log.run(valgrind.arg(counted).args(case).arg(times.to_string()))?;
        let instructions = text.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse::<u64>().ok());
        // a line of numbers: allocations, and of adapters their bytes
        let numbers = text.lines().find_map(|line| {
            let numbers =
                line.split_whitespace().map(|number| number.parse::<u64>().ok()).collect::<Option<Vec<_>>>()?;
            Some((*numbers.first()?, numbers.get(1).copied().unwrap_or(0)))
        });
        counts.push(instructions.zip(numbers).ok_or(format!("valgrind counted nothing for {case:?}"))?);
    }
    let [(first, before), (second, after)] = counts[..] else { unreachable!("two runs") };
    // a table that sometimes grows is not an allocation of a request
    let each = |first: u64, second: u64| second.saturating_sub(first) / (TIMES[1] - TIMES[0]);
    Ok(Cost { instructions: each(first, second), allocations: each(before.0, after.0), bytes: each(before.1, after.1) })
}
