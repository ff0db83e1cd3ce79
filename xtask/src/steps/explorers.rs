//! `explorer`, `rules`, `layered` and `layered-rules`: every order of a few requests.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::run::{Log, cargo};

/// The number of parts, one of which is searched each day, because all of them take ten minutes of a processor.
const PARTS: u64 = 4;

/// Runs the explorer. Its last line is the result.
pub(super) fn explorer(log: &mut Log, what: &[&str]) -> Result<String, String> {
    let found = log.run(cargo(&["run", "--locked", "--release", "-p", "explorer", "--"]).args(what))?;
    found.lines().last().map(str::to_owned).ok_or("the explorer printed nothing".into())
}

/// Searches today's pairs of requests, two clicks, and some triples.
pub(super) fn protocol(log: &mut Log) -> Result<String, String> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|why| why.to_string())?.as_secs();
    let part = format!("{}/{PARTS}", seconds / (24 * 60 * 60) % PARTS + 1);
    let two = explorer(log, &["two", "--part", &part])?;
    let clicks = explorer(log, &["two-clicks"])?;
    let three = explorer(log, &["three", "--seconds", "60"])?;
    Ok(format!(
        "two, part {part} by the date, all other sets left out: {two}; two clicks and a third: {clicks}; three: {three}"
    ))
}

pub(super) fn layered(log: &mut Log) -> Result<String, String> {
    let mut sets = |requests, faults, seconds, trust, limit| {
        let what = ["layered", "--requests", requests, "--faults", faults, "--seconds", seconds];
        explorer(log, &[&what[..], &["--trust", trust, "--limit", limit]].concat())
    };
    let two = sets("2", "1", "1", "1", "600")?;
    let three = (sets("3", "0", "0", "2", "600")?, sets("3", "1", "0", "2", "20")?);
    Ok(format!("two, a fault: {two}; three: {}; three, a fault: {}", three.0, three.1))
}
