//! The steps of `test-all`: their names, what they show, and what they need. Each is a function that returns what it
//! showed, or an error.

pub(crate) mod api;
mod arrows;
pub(crate) mod bench;
mod compliance;
mod explorers;
pub(crate) mod firmware;
mod fuzz;
mod lint;
mod newcomers;
mod no_panic;
mod package;
pub(crate) mod performance;
mod rooms;
pub(crate) mod size;
pub(crate) mod soak;
mod store_table;
mod targets;
mod tests;
mod tokens;

use self::targets::BOARDS;
use crate::run::Log;
use crate::setup::{
    CARGO_DENY, CHROMEDRIVER, CHROMIUM, CLIPPY, CPP, CURL, MARIADB, MEMCACHED, NODE, NPM, Need, OPENSSL, PGBOUNCER,
    PIP, POSTGRES, PYTHON, QEMU_ARM, QEMU_RISCV, REDIS, REDIS_6, REDIS_8, RP2040JS, RUSTFMT, SETPRIV, VALGRIND, VALKEY,
};

/// One check.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) does: &'static str,
    pub(crate) needs: &'static [Need],
    pub(crate) run: fn(&mut Log) -> Result<String, String>,
}

const V6M: Need = Need::Target(BOARDS[0]);
const V7M: Need = Need::Target(BOARDS[1]);
const V7EM: Need = Need::Target(BOARDS[2]);
const V8M: Need = Need::Target("thumbv8m.main-none-eabihf");
const IMC: Need = Need::Target(BOARDS[3]);
const IMAC: Need = Need::Target(BOARDS[4]);
const WASM: Need = Need::Target("wasm32-unknown-unknown");

/// All steps in order, the quick ones first.
pub(crate) const STEPS: &[Step] = &[
    Step { name: "fmt", does: "every file is as rustfmt writes it", needs: &[RUSTFMT], run: lint::fmt },
    Step { name: "clippy", does: "no warnings in any target of any package", needs: &[CLIPPY], run: lint::clippy },
    Step { name: "tests", does: "unit and integration tests on this machine", needs: &[PYTHON], run: tests::tests },
    Step {
        name: "docs",
        does: "examples in the docs run; the docs build without warnings",
        needs: &[],
        run: lint::docs,
    },
    Step { name: "api", does: "the public API of every published crate is as recorded", needs: &[], run: api::api },
    Step {
        name: "package",
        does: "the crates can be published, a user's programs compile from them and the guides suffice; licences",
        needs: &[PIP, PYTHON, CARGO_DENY, CURL, OPENSSL],
        run: package::package,
    },
    Step {
        name: "compliance",
        does: "every requirement is in docs/compliance.md, with tests that exist",
        needs: &[],
        run: |_| compliance::compliance(&names()),
    },
    Step {
        name: "rooms",
        does: "no published crate has a circle of files, no store needs an adapter; between the core's rooms the arrows run one way",
        needs: &[],
        run: |_| rooms::rooms(),
    },
    Step {
        name: "no-alloc",
        does: "the core's dependencies use neither std nor alloc",
        needs: &[],
        run: targets::no_alloc,
    },
    Step {
        name: "targets",
        does: "the crates without a heap build for every microcontroller target and for wasm",
        needs: &[V6M, V7M, V7EM, IMC, IMAC, WASM],
        run: targets::targets,
    },
    Step {
        name: "on-target",
        does: "the core's unit tests run on an emulated Cortex-M3",
        needs: &[V7M, QEMU_ARM],
        run: targets::on_target,
    },
    Step {
        name: "stores",
        does: "each store over the network or on disk keeps its promises, with real servers that fail",
        needs: &[REDIS, MEMCACHED, POSTGRES, PGBOUNCER, MARIADB, OPENSSL, PYTHON, PIP, REDIS_6, REDIS_8, VALKEY],
        run: tests::stores,
    },
    Step {
        name: "soak",
        does: "a minute of many clients over each store, while nodes and servers fail: what they were told is what happened",
        needs: &[REDIS, MEMCACHED, POSTGRES],
        run: soak::soak,
    },
    Step {
        name: "browser",
        does: "headless Chromium drives the device's web UI, and the notes application over five adapters",
        needs: &[CHROMIUM, CHROMEDRIVER],
        run: |log| tests::package(log, "browser-tests"),
    },
    Step {
        name: "firmware",
        does: "the device UI on emulated boards: its size, reboots, power cuts, faults, many visitors, a browser",
        needs: &[V6M, V7M, V8M, IMC, IMAC, QEMU_ARM, QEMU_RISCV, NODE, NPM, RP2040JS, SETPRIV, CHROMIUM, CHROMEDRIVER],
        run: firmware::firmware,
    },
    Step {
        name: "explorer",
        does: "every order of two requests keeps the protocol's promises, a fourth of the sets by the date; of three, as far as a minute goes",
        needs: &[],
        run: explorers::protocol,
    },
    Step {
        name: "rules",
        does: "each rule of the protocol, switched off, is missed by the explorer",
        needs: &[],
        run: |log| explorers::explorer(log, &["rules"]),
    },
    Step {
        name: "layered",
        does: "every order of two requests over the layered store keeps its promises; of three, as far as a minute goes",
        needs: &[],
        run: explorers::layered,
    },
    Step {
        name: "layered-rules",
        does: "each rule of the layered store that the explorer reaches, switched off, is missed",
        needs: &[],
        run: |log| explorers::explorer(log, &["layered-rules"]),
    },
    Step {
        name: "device-rules",
        does: "each rule of device-bound sessions, switched off, is missed by the search over them",
        needs: &[],
        run: |log| explorers::explorer(log, &["device-rules"]),
    },
    Step { name: "no-panic", does: "the core, linked, has no way to panic", needs: &[V6M], run: no_panic::no_panic },
    Step {
        name: "size",
        does: "the core's code is within its budget; the goal beside it",
        needs: &[V6M, V7M, V7EM, IMC, IMAC],
        run: size::size,
    },
    Step {
        name: "bench",
        does: "the core's requests allocate nothing and stay within their multiple of the same work by hand; what adapters add",
        needs: &[VALGRIND],
        run: bench::bench,
    },
    Step {
        name: "fuzz",
        does: "any bytes as cookies, records, flash images and operations on a flash: libFuzzer, so many inputs for each",
        needs: &[CPP],
        run: fuzz::fuzz,
    },
];

/// Everything that these steps need, each item once.
pub(crate) fn needs(steps: &[&'static Step]) -> Vec<Need> {
    let mut needs: Vec<Need> = Vec::new();
    for need in steps.iter().flat_map(|step| step.needs) {
        if !needs.contains(need) {
            needs.push(*need);
        }
    }
    needs
}

fn names() -> Vec<&'static str> {
    STEPS.iter().map(|step| step.name).collect()
}
