//! The steps of `test-all`. Each is a function that returns what it showed, or what is wrong.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::bench::bench;
use crate::compliance::compliance;
use crate::firmware::firmware;
use crate::fuzz::fuzz;
use crate::no_panic::no_panic;
use crate::outside::outside;
use crate::run::{Log, cargo, root, target};
use crate::setup::{
    CHROMEDRIVER, CHROMIUM, CLIPPY, CPP, MEMCACHED, Need, OPENSSL, POSTGRES, PYTHON, QEMU_ARM, QEMU_RISCV, REDIS,
    RUSTFMT, SETPRIV, VALGRIND,
};
use crate::size::size;
use crate::store_table::store_table;

/// One check.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) does: &'static str,
    pub(crate) needs: &'static [Need],
    pub(crate) run: fn(&mut Log) -> Result<String, String>,
}

/// The microcontrollers that the core and all crates without a heap must build for; the smallest first.
pub(crate) const BOARDS: [&str; 5] = [
    "thumbv6m-none-eabi",
    "thumbv7m-none-eabi",
    "thumbv7em-none-eabihf",
    "riscv32imc-unknown-none-elf",
    "riscv32imac-unknown-none-elf",
];

const V6M: Need = Need::Target(BOARDS[0]);
const V7M: Need = Need::Target(BOARDS[1]);
const V7EM: Need = Need::Target(BOARDS[2]);
const IMC: Need = Need::Target(BOARDS[3]);
const IMAC: Need = Need::Target(BOARDS[4]);
const WASM: Need = Need::Target("wasm32-unknown-unknown");

/// The crates that need no heap.
const NO_HEAP: [&str; 7] = [
    "session-core",
    "session-store-memory",
    "session-store-flash",
    "session-embedded",
    "session-picoserve",
    "session-edge-http",
    "device-ui",
];

/// Packages whose tests are steps of their own.
const OWN_STEPS: [&str; 5] = ["explorer", "layered-explorer", "conversations", "browser-tests", "firmware-tests"];

/// The stores, and what else is tested with real servers; excluded from `tests`, too.
const STORES: [&str; 7] = [
    "servers",
    "session-store-sql",
    "session-store-redis",
    "session-store-memcached",
    "session-store-layered",
    "store-tests",
    "session-admin",
];

/// In their order; the quick ones first.
pub(crate) const STEPS: &[Step] = &[
    Step { name: "fmt", does: "every file is as rustfmt writes it", needs: &[RUSTFMT], run: fmt },
    Step { name: "clippy", does: "no warnings in any target of any package", needs: &[CLIPPY], run: clippy },
    Step { name: "tests", does: "unit and integration tests on this machine", needs: &[PYTHON], run: tests },
    Step { name: "docs", does: "examples in the docs run; the docs build without warnings", needs: &[], run: docs },
    Step {
        name: "outside",
        does: "the READMEs' examples compile outside the workspace, with the lines that a user's Cargo.toml has",
        needs: &[],
        run: outside,
    },
    Step {
        name: "compliance",
        does: "every requirement is in docs/compliance.md, with tests that exist",
        needs: &[],
        run: |_| compliance(),
    },
    Step { name: "no-alloc", does: "the core's dependencies use neither std nor alloc", needs: &[], run: no_alloc },
    Step {
        name: "targets",
        does: "the crates without a heap build for every microcontroller target and for wasm",
        needs: &[V6M, V7M, V7EM, IMC, IMAC, WASM],
        run: targets,
    },
    Step {
        name: "on-target",
        does: "the core's unit tests run on an emulated Cortex-M3",
        needs: &[V7M, QEMU_ARM],
        run: on_target,
    },
    Step {
        name: "conversations",
        does: "the dialogues catch known bugs; every reference app refuses bad flags (the dialogues themselves: tests)",
        needs: &[],
        run: conversations,
    },
    Step {
        name: "stores",
        does: "each store over the network or on disk keeps its promises, with real servers that fail",
        needs: &[REDIS, MEMCACHED, POSTGRES, OPENSSL],
        run: stores,
    },
    Step {
        name: "browser",
        does: "headless Chromium drives the device's web UI, and the notes application over four adapters",
        needs: &[CHROMIUM, CHROMEDRIVER],
        run: |log| package(log, "browser-tests"),
    },
    Step {
        name: "firmware",
        does: "the device UI on emulated boards: its size, reboots, power cuts, faults, many visitors, a browser",
        needs: &[V7M, IMAC, QEMU_ARM, QEMU_RISCV, SETPRIV, CHROMIUM, CHROMEDRIVER],
        run: firmware,
    },
    Step {
        name: "explorer",
        does: "every order of two requests keeps the protocol's promises; of three, as far as a minute goes",
        needs: &[],
        run: |log| {
            Ok(format!("two: {}; three: {}", explorer(log, &["two"])?, explorer(log, &["three", "--seconds", "60"])?))
        },
    },
    Step {
        name: "rules",
        does: "each rule of the protocol, switched off, is missed by the explorer",
        needs: &[],
        run: |log| explorer(log, &["rules"]),
    },
    Step {
        name: "layered",
        does: "every order of two requests over the layered store keeps its promises; of three, as far as a minute goes",
        needs: &[],
        run: layered,
    },
    Step {
        name: "layered-rules",
        does: "each rule of the layered store, switched off, is missed",
        needs: &[],
        run: |log| explore(log, "layered-explorer", &["rules"]),
    },
    Step { name: "no-panic", does: "the core, linked, has no way to panic", needs: &[V6M], run: no_panic },
    Step {
        name: "size",
        does: "the core's code is within its budget; the goal beside it",
        needs: &[V6M, V7M, V7EM, IMC, IMAC],
        run: size,
    },
    Step {
        name: "bench",
        does: "the core's requests allocate nothing and stay within their multiple of the same work by hand; what adapters add",
        needs: &[VALGRIND],
        run: bench,
    },
    Step {
        name: "fuzz",
        does: "any bytes as cookies, records, flash images and operations on a flash: libFuzzer, so many inputs for each",
        needs: &[CPP],
        run: fuzz,
    },
];

/// All that these steps need, each once.
pub(crate) fn needs(steps: &[&'static Step]) -> Vec<Need> {
    let mut needs: Vec<Need> = Vec::new();
    for need in steps.iter().flat_map(|step| step.needs) {
        if !needs.contains(need) {
            needs.push(*need);
        }
    }
    needs
}

fn fmt(log: &mut Log) -> Result<String, String> {
    log.run(&mut cargo(&["fmt", "--all", "--check", "--", "--color", "never"]))?;
    Ok("formatted".into())
}

fn clippy(log: &mut Log) -> Result<String, String> {
    let workspace = ["clippy", "--locked", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    log.run(&mut cargo(&workspace))?;
    Ok("no warnings".into())
}

fn tests(log: &mut Log) -> Result<String, String> {
    let mut tests = cargo(&["test", "--locked", "--workspace", "--all-features", "--no-fail-fast"]);
    tests.args(["--lib", "--bins", "--tests", "--examples"]);
    tests.args(OWN_STEPS.iter().chain(&STORES).flat_map(|package| ["--exclude", package]));
    passed(&log.run(&mut tests)?)
}

/// The tests of one of [`OWN_STEPS`].
fn package(log: &mut Log, name: &str) -> Result<String, String> {
    passed(&log.run(&mut cargo(&["test", "--locked", "--all-features", "--no-fail-fast", "-p", name]))?)
}

fn stores(log: &mut Log) -> Result<String, String> {
    let mut tests = cargo(&["test", "--locked", "--all-features", "--no-fail-fast"]);
    let output = log.run(tests.args(STORES.iter().flat_map(|name| ["-p", name])).args(["--", "--show-output"]))?;
    Ok(format!("{}; {}", passed(&output)?, store_table(&output)?))
}

/// The adapters that have a reference app.
const ADAPTERS: [&str; 5] =
    ["session-picoserve", "session-axum", "session-poem", "session-rocket", "session-edge-http"];

fn conversations(log: &mut Log) -> Result<String, String> {
    let tests = package(log, "conversations")?;
    for adapter in ADAPTERS {
        log.run(&mut cargo(&["build", "--locked", "-p", adapter, "--example", "reference"]))?;
        let program = target().join("debug/examples/reference");
        log.run(cargo(&["run", "--locked", "-p", "conversations", "--bin", "bad-starts", "--"]).arg(program))?;
    }
    Ok(format!("{tests}; bad starts refused by {}", ADAPTERS.join(", ")))
}

fn explorer(log: &mut Log, what: &[&str]) -> Result<String, String> {
    explore(log, "explorer", what)
}

/// Runs an explorer; its last line says what it found.
fn explore(log: &mut Log, package: &str, what: &[&str]) -> Result<String, String> {
    let found = log.run(cargo(&["run", "--locked", "--release", "-p", package, "--"]).args(what))?;
    found.lines().last().map(str::to_owned).ok_or("the explorer printed nothing".into())
}

fn layered(log: &mut Log) -> Result<String, String> {
    let mut sets = |requests, faults, seconds, limit| {
        let what = ["--requests", requests, "--faults", faults, "--seconds", seconds, "--limit", limit];
        explore(log, "layered-explorer", &[&["explore"][..], &what].concat())
    };
    let two = sets("2", "1", "2", "600")?;
    let three = (sets("3", "0", "1", "600")?, sets("3", "1", "0", "60")?);
    Ok(format!("two, a fault: {two}; three: {}; three, a fault: {}", three.0, three.1))
}

fn docs(log: &mut Log) -> Result<String, String> {
    let examples = passed(&log.run(&mut cargo(&["test", "--locked", "--workspace", "--all-features", "--doc"]))?)?;
    let mut doc = cargo(&["doc", "--locked", "--workspace", "--all-features", "--no-deps"]);
    log.run(doc.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(format!("{examples}; no warnings"))
}

/// What `cargo test` printed, summed up. A test that is ignored shows nothing, so it is a failure.
pub(crate) fn passed(output: &str) -> Result<String, String> {
    let results =
        || output.lines().filter(|line| line.starts_with("test result:")).flat_map(|line| line.split([';', '.']));
    let count = |what: &str| -> u32 {
        results().filter_map(|part| part.trim().strip_suffix(what)?.trim().parse::<u32>().ok()).sum()
    };
    match (count("passed"), count("ignored")) {
        (0, _) => Err("no test ran".into()),
        (passed, 0) => Ok(format!("{passed} tests passed")),
        (_, ignored) => Err(format!("{ignored} tests are ignored")),
    }
}

/// The core's dependencies, all looked through: with the features they have here, none uses std or alloc.
const CORE_DEPENDENCIES: &str = "\
    aead base64ct bitflags block-buffer cfg-if chacha20 chacha20poly1305 cipher cmov cobs cpufeatures crypto-common ctutils \
    defmt digest hmac hybrid-array inout log poly1305 postcard rand_core serde serde_core session-core sha2 subtle thiserror \
    typenum universal-hash zeroize \
    critical-section embassy-time embassy-time-driver embedded-hal embedded-hal-async futures-core nb void";

fn no_alloc(log: &mut Log) -> Result<String, String> {
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

fn targets(log: &mut Log) -> Result<String, String> {
    let packages: Vec<&str> = NO_HEAP.iter().flat_map(|name| ["-p", name]).collect();
    let mut targets: Vec<&str> = BOARDS.iter().flat_map(|name| ["--target", name]).collect();
    targets.extend(["--target", "wasm32-unknown-unknown"]);
    log.run(cargo(&["build", "--locked", "--lib", "--no-default-features"]).args(&packages).args(&targets))?;
    log.run(cargo(&["build", "--locked", "--all-features", "-p", "session-core"]).args(&targets))?;
    Ok(format!("{} for {} targets, the core with and without its features", NO_HEAP.join(", "), targets.len() / 2))
}

/// The tests in files that begin so need a host; every other `#[test]` of the core has to run on the target.
const HOST_ONLY: &str = "//! Host only";

fn on_target(log: &mut Log) -> Result<String, String> {
    let mut run =
        cargo(&["run", "--locked", "--profile", "on-target", "-p", "on-target", "--target", "thumbv7m-none-eabi"]);
    // no test takes minutes; one that hangs is ended
    let board =
        "timeout 300 qemu-system-arm -M lm3s6965evb -nographic -semihosting-config enable=on,target=native -kernel";
    let output = log.run(run.env("CARGO_TARGET_THUMBV7M_NONE_EABI_RUNNER", board))?;
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
    Ok(format!("{ran} of {both} tests ran on the Cortex-M3; {host} more, in files marked so, need a host"))
}

pub(crate) fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|why| format!("{}: {why}", path.display()))
}

pub(crate) fn rust_files(directory: &Path, into: &mut Vec<PathBuf>) -> Result<(), String> {
    for entry in fs::read_dir(directory).map_err(|why| format!("{}: {why}", directory.display()))?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, into)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
    Ok(())
}
