//! `size`: the core's size on microcontrollers, with the goal next to each figure.

use std::fs;
use std::path::{Path, PathBuf};

use object::{Object, ObjectSection, ObjectSymbol, SectionKind};

use super::targets::BOARDS;
use crate::run::{Log, cargo, target};

/// The sha2 crate's small version.
pub(crate) const SMALL_SHA2: &str = "--cfg sha2_backend_soft=\"compact\"";

/// A program of examples/size and the bytes of code on the first of the boards: the goal, and the budget. Lower the
/// budget whenever the program gets smaller; raise it only when the program does more.
const PROGRAMS: [(&str, u64, u64); 3] =
    [("read-set-create", 18_432, 18_980), ("all-verbs", 21_504, 21_980), ("sealed", 26_624, 29_370)];

/// The bytes of RAM of a request on the first of the boards, with two records of 512 bytes.
const REQUEST: u64 = 1_360;

/// Bytes of one program.
struct Weight {
    /// Machine code and constants, as in flash.
    code: u64,
    /// The static that all requests share.
    shared: u64,
    /// The static of each concurrent request.
    request: u64,
}

/// Prints the table; an error if a program exceeds its budget.
pub(crate) fn size(log: &mut Log) -> Result<String, String> {
    let mut build = cargo(&["build", "--locked", "--profile", "size", "-p", "size"]);
    build.args(BOARDS.iter().flat_map(|target| ["--target", target]));
    log.run(build.env("RUSTFLAGS", SMALL_SHA2))?;

    println!(
        "\n{:<30} {:<16} {:>7} {:>7} {:>7} {:>11} {:>10}",
        "target", "program", "code", "goal", "budget", "shared RAM", "a request"
    );
    let mut shown = Vec::new();
    let mut missed = Vec::new();
    for target in BOARDS {
        for (program, goal, budget) in PROGRAMS {
            let Weight { code, shared, request } = weigh(&built(target, "size").join(program))?;
            let has_goal = target == BOARDS[0];
            let [goal_text, budget_text] =
                [goal, budget].map(|most| if has_goal { most.to_string() } else { "-".into() });
            println!("{target:<30} {program:<16} {code:>7} {goal_text:>7} {budget_text:>7} {shared:>11} {request:>10}");
            if has_goal {
                let reached = if code > goal { "goal missed" } else { "goal reached" };
                shown.push(format!("{program} {code} bytes, budget {budget}, {reached}: {goal}"));
                if code > budget {
                    missed.push(format!("{program} has {code} bytes of code, its budget is {budget}"));
                }
                if request > REQUEST {
                    missed.push(format!("a request of {program} has {request} bytes of RAM, its budget is {REQUEST}"));
                }
            }
        }
    }
    println!();
    if missed.is_empty() { Ok(shown.join(", ")) } else { Err(missed.join("; ")) }
}

/// The directory of the programs of a target and profile.
pub(crate) fn built(triple: &str, profile: &str) -> PathBuf {
    target().join(triple).join(profile)
}

fn weigh(program: &Path) -> Result<Weight, String> {
    let read = || {
        let bytes = fs::read(program).map_err(|why| why.to_string())?;
        let file = object::File::parse(&bytes[..]).map_err(|why| why.to_string())?;
        let code = |kind| {
            matches!(
                kind,
                SectionKind::Text | SectionKind::ReadOnlyData | SectionKind::ReadOnlyString | SectionKind::Data
            )
        };
        let symbol = |name| {
            let found = file.symbols().find(|symbol| symbol.name().is_ok_and(|symbol| symbol.ends_with(name)));
            found.map(|symbol| symbol.size()).ok_or(format!("no symbol {name}"))
        };
        Ok(Weight {
            code: file.sections().filter(|section| code(section.kind())).map(|section| section.size()).sum(),
            shared: symbol("SHARED_RAM")?,
            request: symbol("REQUEST_RAM")?,
        })
    };
    read().map_err(|why: String| format!("{}: {why}", program.display()))
}
