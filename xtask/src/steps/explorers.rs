//! `explorer`, `rules`, `layered` and `layered-rules`: every order of a few requests.

use crate::run::{Log, cargo};

/// Runs the explorer; its last line says what it found.
pub(super) fn explorer(log: &mut Log, what: &[&str]) -> Result<String, String> {
    let found = log.run(cargo(&["run", "--locked", "--release", "-p", "explorer", "--"]).args(what))?;
    found.lines().last().map(str::to_owned).ok_or("the explorer printed nothing".into())
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
