//! `fuzz`: each target runs under libFuzzer for a fixed number of inputs, the same at every run.
//!
//! cargo-fuzz needs a nightly compiler for sanitizers. libFuzzer itself needs counters at the edges of the code, which
//! stable Rust can insert. Nothing here is unsafe, so a sanitizer would find little.

use std::fs;

use crate::run::{Log, cargo, program, root, target};

/// Counters, comparisons and a table of places, as in cargo-fuzz.
const INSTRUMENTED: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// A target, the number of its inputs, and their maximum length.
const TARGETS: [(&str, u32, u32); 6] = [
    ("cookie_header", 600_000, 1_024),
    ("record", 1_000_000, 1_024),
    ("device", 300_000, 1_024),
    ("values", 1_000_000, 1_024),
    ("flash_operations", 25_000, 900),
    ("flash_image", 250_000, 9 * 512),
];

pub(super) fn fuzz(log: &mut Log) -> Result<String, String> {
    let place = target().join("fuzz");
    let version = program("rustc", &["-vV"]).output().map_err(|why| format!("cannot run rustc: {why}"))?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc does not name its host")?;

    // with a target, build scripts have no counters; not --locked: the lock file there follows the workspace's
    // manifests
    let mut build = cargo(&["build", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", host]);
    log.run(
        build.env_remove("CARGO_ENCODED_RUSTFLAGS").env("RUSTFLAGS", INSTRUMENTED).env("CARGO_TARGET_DIR", &place),
    )?;

    let corpus = place.join("corpus");
    if corpus.exists() {
        fs::remove_dir_all(&corpus).map_err(|why| format!("{}: {why}", corpus.display()))?;
    }
    for (package, seeds) in [("core-tests", "seeds"), ("values-tests", "value-seeds"), ("nor-flash", "flash-seeds")] {
        log.run(cargo(&["run", "--locked", "--quiet", "-p", package, "--bin", seeds, "--"]).arg(&corpus))?;
    }
    let artifacts = root().join("fuzz/artifacts");
    let shown = TARGETS.map(|(name, runs, longest)| {
        let found = artifacts.join(name).join("");
        fs::create_dir_all(&found).map_err(|why| format!("{}: {why}", found.display()))?;
        let fuzzer = place.join(host).join("release").join(name);
        let mut fuzzer = program(&fuzzer.to_string_lossy(), &["-seed=1", "-timeout=20", "-print_final_stats=1"]);
        fuzzer.arg(format!("-runs={runs}")).arg(format!("-max_len={longest}"));
        fuzzer.arg(format!("-artifact_prefix={}", found.display())).arg(corpus.join(name));
        let output =
            log.run(&mut fuzzer).map_err(|_| format!("{name}: the input that fails is in {}", found.display()))?;
        summary(&output).map(|summary| format!("{name} {summary}")).ok_or(format!("{name} does not say what it did"))
    });
    Ok(shown.into_iter().collect::<Result<Vec<_>, _>>()?.join("; "))
}

/// Of libFuzzer's last line: `#20000 DONE cov: 345 ft: 1064 corp: 206/7394b ...`.
fn summary(output: &str) -> Option<String> {
    let words: Vec<&str> = output.lines().rfind(|line| line.contains("DONE"))?.split_whitespace().collect();
    let after = |name| words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1));
    let (runs, edges) = (words.first()?.strip_prefix('#')?, after("cov:")?);
    Some(format!("{runs} inputs, {edges} edges, {} kept", after("corp:")?.split('/').next()?))
}
