//! `fmt`, `clippy` and `docs`: what the toolchain says of the code.

use crate::run::{Log, cargo, passed};

pub(super) fn fmt(log: &mut Log) -> Result<String, String> {
    log.run(&mut cargo(&["fmt", "--all", "--check", "--", "--color", "never"]))?;
    Ok("formatted".into())
}

pub(super) fn clippy(log: &mut Log) -> Result<String, String> {
    let workspace = ["clippy", "--locked", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    log.run(&mut cargo(&workspace))?;
    Ok("no warnings".into())
}

pub(super) fn docs(log: &mut Log) -> Result<String, String> {
    let examples = passed(&log.run(&mut cargo(&["test", "--locked", "--workspace", "--all-features", "--doc"]))?)?;
    let mut doc = cargo(&["doc", "--locked", "--workspace", "--all-features", "--no-deps"]);
    log.run(doc.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(format!("{examples}; no warnings"))
}
