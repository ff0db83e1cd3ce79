//! `bench`: instructions and allocations of one request: the core beside the same work by hand, and what sessions add to a
//! request through each std framework. `peers`: the same through the session libraries of today. No times: they differ from
//! run to run.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use super::stepped;
use crate::run::{Log, cargo, program as command, root, target};

/// What the core may take, as a multiple of the floor in hundredths, when we are there.
const GOAL: u64 = 125;
/// The requests, and the multiple that each must not exceed until then. Lower it whenever one gets cheaper; never raise it.
const REQUESTS: [(&str, u64); 3] = [("read", 117), ("increment", 126), ("new", 125)];
/// A request, and what it may take: instructions and allocations.
type Budget = (&'static str, u64, u64);
/// What sessions may add to a request through a framework, by framework and request: instructions and allocations. The
/// frameworks hash with seeds that differ from process to process, which moves the instructions by some hundreds; so the
/// middle one of five runs counts, and there is a margin of six in a hundred. Lower them whenever one gets cheaper.
/// Poem's own request comes in two sizes, 700 instructions apart, so that its budgets count from the larger difference.
const ADDED: [(&str, [Budget; 4]); 4] = [
    ("actix", [("untouched", 1_500, 3), ("read", 15_900, 5), ("increment", 18_400, 5), ("new", 20_900, 7)]),
    ("axum", [("untouched", 2_090, 4), ("read", 15_200, 4), ("increment", 17_180, 4), ("new", 18_200, 5)]),
    ("poem", [("untouched", 1_690, 2), ("read", 14_700, 2), ("increment", 16_900, 2), ("new", 17_200, 3)]),
    ("rocket", [("untouched", 1_100, 3), ("read", 15_800, 6), ("increment", 18_300, 6), ("new", 29_300, 17)]),
];
/// What sessions may add to a request, as a multiple of what the peer's add in hundredths, when we are there: natively, by
/// framework, in the order of [`ADDED`].
const GOALS: [(&str, [u64; 4]); 3] =
    [("axum", [20, 50, 40, 70]), ("poem", [20, 70, 60, 80]), ("rocket", [60, 75, 70, 100])];
/// Requests of a program that is stepped through: the last ten are counted, when everything is as it is in the long run.
const STEPPED: &str = "300";
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

/// What our sessions add through each framework, as a table, and what of it is too much.
fn adapters(log: &mut Log) -> Result<(String, Vec<String>), String> {
    let mut table = String::from("| framework | request | added | allocations |\n| --- | --- | --- | --- |\n");
    let mut wrong = Vec::new();
    for (framework, requests) in ADDED {
        let costs = added(log, &target().join("release/bench-adapters"), framework)?;
        for ((request, instructions, allocations), cost) in requests.into_iter().zip(costs) {
            writeln!(table, "| {framework} | {request} | {} | {} |", cost.instructions, cost.allocations)
                .map_err(|why| why.to_string())?;
            if cost.instructions > instructions || cost.allocations > allocations {
                wrong.push(format!(
                    "{framework} {request} adds {} instructions and {} allocations, its budget is {instructions} and {allocations}",
                    cost.instructions, cost.allocations
                ));
            }
        }
    }
    Ok((table, wrong))
}

/// What a program's sessions add to the request without them, for each request of [`ADDED`].
fn added(log: &mut Log, program: &Path, framework: &str) -> Result<Vec<Cost>, String> {
    let bare = usual(log, program, &[framework, "bare"])?;
    let requests = ADDED[0].1.into_iter();
    requests
        .map(|(request, ..)| {
            let cost = usual(log, program, &[framework, request])?;
            Ok(Cost {
                instructions: cost.instructions.saturating_sub(bare.instructions),
                allocations: cost.allocations.saturating_sub(bare.allocations),
            })
        })
        .collect()
}

/// The middle one of several costs: they differ by the seeds of the frameworks' hashes.
fn usual(log: &mut Log, program: &Path, arguments: &[&str]) -> Result<Cost, String> {
    let mut costs = (0..5).map(|_| cost(log, program, arguments)).collect::<Result<Vec<_>, _>>()?;
    costs.sort_by_key(|cost| cost.instructions);
    Ok(costs.swap_remove(2))
}

/// Prints what the session libraries of today add to a request, beside ours, and writes it to bench/peers/results.md.
pub(crate) fn peers(log: &mut Log) -> Result<String, String> {
    let (peers, ours) = programs(log)?;
    let hash = cost(log, &target().join("release/bench"), &["hash"])?.instructions;
    let mut table = String::from(
        "| framework | request | peer | ours | ours without the hash | allocations: peer | ours |\n| --- | --- | --- | --- | --- | --- | --- |\n",
    );
    // actix-session keeps sessions in cookies or in Redis, and has nothing to be compared with here
    for (framework, requests) in ADDED.into_iter().filter(|(framework, _)| *framework != "actix") {
        let theirs = added(log, &peers, framework)?;
        let ours = added(log, &ours, framework)?;
        for (((request, ..), theirs), ours) in requests.into_iter().zip(theirs).zip(ours) {
            let beside = if request == "untouched" { 0 } else { hash };
            writeln!(
                table,
                "| {framework} | {request} | {} | {} | {} | {} | {} |",
                theirs.instructions,
                ours.instructions,
                ours.instructions.saturating_sub(beside),
                theirs.allocations,
                ours.allocations
            )
            .map_err(|why| why.to_string())?;
        }
    }
    println!("\n{table}");
    let file = root().join("bench/peers/results.md");
    let text = format!(
        "# What sessions add to a request: peers and ours\n\nInstructions, written by `cargo xtask peers`; see [../README.md](../README.md). The hash of a signed cookie is {hash} of them\n\
         where there are no SHA instructions, and about 700 where there are. Peers: tower-sessions, Poem's own ServerSession and rocket_flex_session, each\n\
         over its memory store; of them only the last protects its cookie (Rocket's private cookies), and none compares before it writes.\n\n{table}"
    );
    fs::write(&file, text).map_err(|why| format!("{}: {why}", file.display()))?;
    Ok("written to bench/peers/results.md".into())
}

/// Builds the peers' program and ours.
fn programs(log: &mut Log) -> Result<(PathBuf, PathBuf), String> {
    log.run(&mut cargo(&["build", "--locked", "--release", "-p", "bench"]))?;
    let (manifest, place) = (root().join("bench/peers/Cargo.toml"), target().join("peers"));
    log.run(
        cargo(&["build", "--locked", "--release", "--manifest-path"]).arg(manifest).arg("--target-dir").arg(&place),
    )?;
    Ok((place.join("release/bench-peers"), target().join("release/bench-adapters")))
}

/// Prints the instructions that this machine executes for the sessions of peers and for ours, and writes them to
/// bench/peers/native.md.
pub(crate) fn native(log: &mut Log) -> Result<String, String> {
    let (peers, ours) = programs(log)?;
    let mut table =
        String::from("| framework | request | peer | ours | ratio | goal |\n| --- | --- | --- | --- | --- | --- |\n");
    let mut missed = 0;
    for (framework, goals) in GOALS {
        println!("      stepping through {framework}");
        let (theirs, ours) = (stepped_through(&peers, framework)?, stepped_through(&ours, framework)?);
        for ((((request, ..), theirs), ours), goal) in ADDED[0].1.into_iter().zip(theirs).zip(ours).zip(goals) {
            let ratio = (100 * ours).div_ceil(theirs.max(1));
            let met = if ratio > goal { "" } else { ", met" };
            missed += usize::from(ratio > goal);
            let (ratio, goal) = (hundredths(ratio), hundredths(goal));
            writeln!(table, "| {framework} | {request} | {theirs} | {ours} | {ratio} | {goal}{met} |")
                .map_err(|why| why.to_string())?;
        }
    }
    println!("\n{table}");
    let has_sha = fs::read_to_string("/proc/cpuinfo").is_ok_and(|cpu| cpu.contains(" sha_ni"));
    let sha = if has_sha { "with SHA instructions" } else { "without SHA instructions" };
    let text = format!(
        "# What sessions add to a request, as a processor executes it\n\nNative instructions, written by `cargo xtask native` on a machine {sha}; see [../README.md](../README.md).\n\
         The peers are those of [results.md](results.md).\n\n{table}"
    );
    let file = root().join("bench/peers/native.md");
    fs::write(&file, text).map_err(|why| format!("{}: {why}", file.display()))?;
    Ok(format!("written to bench/peers/native.md, {missed} goals missed"))
}

/// What a program's sessions add to the request without them, for each request of [`ADDED`], in instructions of this machine.
fn stepped_through(program: &Path, framework: &str) -> Result<Vec<u64>, String> {
    // the middle one of three: they differ by the seeds of the frameworks' hashes
    let usual = |request| {
        let mut counts = (0..3)
            .map(|_| stepped::instructions(program, &[framework, request, STEPPED, "stepped"]))
            .collect::<Result<Vec<_>, _>>()?;
        counts.sort_unstable();
        Ok::<_, String>(counts[1] / 10)
    };
    let bare = usual("bare")?;
    ADDED[0].1.into_iter().map(|(request, ..)| Ok(usual(request)?.saturating_sub(bare))).collect()
}

/// Counts one case over two numbers of requests: the difference leaves out what is done before and after.
fn cost(log: &mut Log, counted: &Path, case: &[&str]) -> Result<Cost, String> {
    let mut counts = Vec::new();
    for times in TIMES {
        let mut valgrind = command("valgrind", &["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
        let text = log.run(valgrind.arg(counted).args(case).arg(times.to_string()))?;
        let instructions = text.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse::<u64>().ok());
        let allocations = text.lines().find_map(|line| line.trim().parse::<u64>().ok());
        counts.push(instructions.zip(allocations).ok_or(format!("valgrind counted nothing for {case:?}"))?);
    }
    let [(first, before), (second, after)] = counts[..] else { unreachable!("two runs") };
    let more = TIMES[1] - TIMES[0];
    let each = |first: u64, second: u64| second.saturating_sub(first);
    // a table that grows now and then is no allocation of a request
    Ok(Cost { instructions: each(first, second) / more, allocations: each(before, after) / more })
}
