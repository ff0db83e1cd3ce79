//! `soak`: clients of two nodes and a real server that fail, and a checker of the responses.

use std::path::PathBuf;

use crate::run::{Log, cargo, program, target};

/// Builds the soak and the node that it starts; returns the program.
pub(crate) fn build(log: &mut Log) -> Result<PathBuf, String> {
    log.run(&mut cargo(&["build", "--locked", "-p", "soak", "-p", "store-tests", "--bin", "soak", "--bin", "node"]))?;
    Ok(target().join("debug/soak"))
}

/// A minute over each store, in parallel: clients wait most of the time, so it is little work.
pub(super) fn soak(log: &mut Log) -> Result<String, String> {
    let soak = build(log)?;
    let history = log.path().with_extension("history");
    // of the previous run, if there was one
    let _absent = std::fs::remove_file(&history);
    let history = history.to_string_lossy();
    let found = log.run(&mut program(&soak.to_string_lossy(), &["--seconds", "60", "--history", &history]))?;
    let counts = |what: &str| -> u64 {
        let parts = found.lines().flat_map(|line| line.split([':', ';']));
        parts.filter_map(|part| part.trim().split_once(&format!(" {what}"))?.0.parse::<u64>().ok()).sum()
    };
    let last = found.lines().last().unwrap_or_default().trim_start_matches("soak: ");
    Ok(format!("{} requests, {} faults; {last}", counts("requests"), counts("faults")))
}
