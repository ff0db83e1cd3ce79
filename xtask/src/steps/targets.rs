//! `no-alloc`, `targets` and `on-target`: the crates for microcontrollers.

use std::collections::BTreeSet;

use crate::files::{read, rust_files};
use crate::run::{Log, cargo, root};

/// The microcontrollers that the core and all crates without a heap must build for; the smallest first.
pub(crate) const BOARDS: [&str; 5] = [
    "thumbv6m-none-eabi",
    "thumbv7m-none-eabi",
    "thumbv7em-none-eabihf",
    "riscv32imc-unknown-none-elf",
    "riscv32imac-unknown-none-elf",
];

/// The crates that need no heap.
const NO_HEAP: [&str; 9] = [
    "session-core",
    "session-store-memory",
    "session-store-flash",
    "session-embedded",
    "session-picoserve",
    "session-device",
    "session-edge-http",
    "session-embedded-svc",
    "device-ui",
];

/// The core's dependencies. All were read: with the features used here, none uses std or alloc.
const CORE_DEPENDENCIES: &str = "\
    aead base64ct bitflags block-buffer cfg-if chacha20 chacha20poly1305 cipher cmov cpufeatures crypto-common ctutils \
    defmt digest hmac hybrid-array inout log poly1305 rand_core serde serde_core session-core sha2 subtle \
    typenum universal-hash zeroize \
    critical-section embassy-time embassy-time-driver embedded-hal embedded-hal-async futures-core nb void";

pub(super) fn no_alloc(log: &mut Log) -> Result<String, String> {
    let tree = ["tree", "--locked", "-p", "session-core", "--all-features", "-e", "normal,no-proc-macro"];
    let tree = log.run(cargo(&tree).args(["--prefix", "none", "--format", "{p}|{f}"]))?;
    let mut names = BTreeSet::new();
    for line in tree.lines().filter(|line| line.contains('|')) {
        let (package, features) = line.split_once('|').unwrap_or_default();
        let name = package.split(' ').next().unwrap_or_default();
        if !CORE_DEPENDENCIES.split_whitespace().any(|known| known == name) {
            return Err(format!("the core depends on {name}, which nobody has looked through for std and alloc"));
        }
        if features.split(',').any(|feature| ["std", "alloc"].contains(&feature.trim_end_matches(" (*)"))) {
            return Err(format!("the core's dependency {name} has the features {features}"));
        }
        names.insert(name);
    }
    let mut files = Vec::new();
    rust_files(&root().join("session-core/src"), &mut files)?;
    for file in &files {
        if read(file)?.contains("extern crate alloc") {
            return Err(format!("{} takes alloc in", file.display()));
        }
    }
    if names.is_empty() {
        Err("cargo tree printed nothing".into())
    } else {
        Ok(format!("{} crates, none with std or alloc", names.len()))
    }
}

pub(super) fn targets(log: &mut Log) -> Result<String, String> {
    let packages: Vec<&str> = NO_HEAP.iter().flat_map(|name| ["-p", name]).collect();
    let mut targets: Vec<&str> = BOARDS.iter().flat_map(|name| ["--target", name]).collect();
    targets.extend(["--target", "wasm32-unknown-unknown"]);
    log.run(cargo(&["build", "--locked", "--lib", "--no-default-features"]).args(&packages).args(&targets))?;
    log.run(cargo(&["build", "--locked", "--all-features", "-p", "session-core"]).args(&targets))?;
    Ok(format!("{} for {} targets, the core with and without its features", NO_HEAP.join(", "), targets.len() / 2))
}

/// Tests in files with this beginning need a host; every other `#[test]` of the core has to run on the target.
const HOST_ONLY: &str = "//! Host only";

pub(super) fn on_target(log: &mut Log) -> Result<String, String> {
    let mut run = cargo(&["run", "--locked", "--profile", "on-target", "-p", "on-target", "--bin", "on-target"]);
    run.args(["--target", "thumbv7m-none-eabi"]);
    // no test takes minutes, so one that hangs is killed
    let board =
        "timeout 300 qemu-system-arm -M lm3s6965evb -nographic -semihosting-config enable=on,target=native -kernel";
    let output = log.run(run.env("CARGO_TARGET_THUMBV7M_NONE_EABI_RUNNER", board))?;
    let read = instructions_of_a_read(log)?;
    let ran = output.lines().filter(|line| line.starts_with("test ") && line.ends_with("... ok")).count();
    let mut files = Vec::new();
    rust_files(&root().join("session-core/src"), &mut files)?;
    let (mut host, mut both) = (0, 0);
    for file in &files {
        let text = read(file)?;
        let tests = text.lines().filter(|line| line.trim() == "#[test]").count();
        *if text.starts_with(HOST_ONLY) { &mut host } else { &mut both } += tests;
    }
    if ran == 0 || ran != both {
        return Err(format!("{ran} tests ran on the target, the core has {both}"));
    }
    Ok(format!("{ran} of {both} tests ran on the Cortex-M3; {host} more, in files marked so, need a host; {read}"))
}

/// The instructions of a read on the Cortex-M3, as hundredths of those of its hash, and the budget of both. Lower it
/// whenever a read gets cheaper.
const READ_GOAL: u64 = 125;
const READ: u64 = 183;

fn instructions_of_a_read(log: &mut Log) -> Result<String, String> {
    let what = ["run", "--locked", "--profile", "no-panic", "-p", "on-target", "--bin", "read"];
    let mut run = cargo(&[&what[..], &["--target", "thumbv7m-none-eabi"]].concat());
    // an instruction takes one nanosecond
    let board = "timeout 300 qemu-system-arm -M lm3s6965evb -nographic -icount shift=0 -semihosting-config \
                 enable=on,target=native -kernel";
    let output = log.run(run.env("CARGO_TARGET_THUMBV7M_NONE_EABI_RUNNER", board))?;
    let line =
        output.lines().find_map(|line| line.strip_prefix("a read has ")?.strip_suffix(" hundredths of its hash"));
    let ratio: u64 = line.and_then(|number| number.parse().ok()).ok_or("the count of a read is missing")?;
    let reached = if ratio > READ_GOAL { "goal missed" } else { "goal reached" };
    let told = format!("a read takes {ratio} hundredths of its hash, budget {READ}, {reached}: {READ_GOAL}");
    if ratio > READ { Err(told) } else { Ok(told) }
}
