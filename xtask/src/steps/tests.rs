//! `tests`, `stores` and the packages whose tests are separate steps.

use super::store_table::store_table;
use crate::run::{Log, cargo, passed};

/// Packages whose tests are separate steps.
const OWN_STEPS: [&str; 2] = ["browser-tests", "firmware-tests"];

/// The package that cannot be built together with the others, because it has another clock.
pub(super) const ALONE: &str = "device-tests";

/// Tested with real servers, and excluded from `tests` as well.
const STORES: [&str; 2] = ["store-tests", "session-admin"];

pub(super) fn tests(log: &mut Log) -> Result<String, String> {
    let mut tests = cargo(&["test", "--locked", "--workspace", "--all-features", "--no-fail-fast"]);
    tests.args(["--lib", "--bins", "--tests", "--examples"]);
    tests.args(OWN_STEPS.iter().chain(&STORES).chain(&[ALONE]).flat_map(|package| ["--exclude", package]));
    let tests = log.run(&mut tests)? + &log.run(&mut cargo(&["test", "--locked", "-p", ALONE, "--tests"]))?;
    passed(&tests)
}

/// The tests of one of [`OWN_STEPS`].
pub(super) fn package(log: &mut Log, name: &str) -> Result<String, String> {
    passed(&log.run(&mut cargo(&["test", "--locked", "--all-features", "--no-fail-fast", "-p", name]))?)
}

pub(super) fn stores(log: &mut Log) -> Result<String, String> {
    let mut tests = cargo(&["test", "--locked", "--all-features", "--no-fail-fast"]);
    let output = log.run(tests.args(STORES.iter().flat_map(|name| ["-p", name])).args(["--", "--show-output"]))?;
    Ok(format!("{}; {}", passed(&output)?, store_table(&output)?))
}
