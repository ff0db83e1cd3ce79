//! `fmt`, `clippy` and `docs`: what the toolchain says of the code.

use firmware_tests::ESP32;

use super::tests::ALONE;
use crate::run::{Log, cargo, passed};

pub(super) fn fmt(log: &mut Log) -> Result<String, String> {
    for packages in [&["--all"][..], &["--manifest-path", ESP32]] {
        log.run(cargo(&["fmt", "--check"]).args(packages).args(["--", "--color", "never"]))?;
    }
    Ok("formatted".into())
}

pub(super) fn clippy(log: &mut Log) -> Result<String, String> {
    for packages in [&["--workspace", "--exclude", ALONE][..], &["-p", ALONE]] {
        let mut clippy = cargo(&["clippy", "--locked", "--all-targets", "--all-features"]);
        log.run(clippy.args(packages).args(["--", "-D", "warnings"]))?;
    }
    Ok("no warnings".into())
}

pub(super) fn docs(log: &mut Log) -> Result<String, String> {
    let workspace = ["--locked", "--workspace", "--exclude", ALONE, "--all-features"];
    let examples = passed(&log.run(cargo(&["test", "--doc"]).args(workspace))?)?;
    let mut doc = cargo(&["doc", "--no-deps"]);
    doc.args(workspace);
    log.run(doc.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(format!("{examples}; no warnings"))
}
