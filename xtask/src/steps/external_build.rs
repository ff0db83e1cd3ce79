//! `external-build`: the READMEs' examples as programs of a user, outside the workspace, with manifests that name what a
//! user has to name.

use std::fs;
use std::path::Path;

use crate::files::read;
use crate::run::{Log, cargo, root, target};

/// A user's program.
#[derive(Clone, Copy)]
struct Program {
    name: &'static str,
    /// Where its text stands: the first Rust example.
    readme: &'static str,
    /// Our crates that its manifest names, with their directories.
    ours: &'static [(&'static str, &'static str)],
    /// The features that it names, of the last of them.
    features: &'static [&'static str],
    /// The lines of its manifest for the rest.
    others: &'static str,
    /// A store's README does not know with which adapter it is used.
    adapter: Option<&'static str>,
}

const CORE: (&str, &str) = ("session-core", "session-core");
const MEMORY: (&str, &str) = ("session-store-memory", "stores/memory");
const AXUM: (&str, &str) = ("session-axum", "adapters/axum");
const POEM: (&str, &str) = ("session-poem", "adapters/poem");

/// One line for the adapter, which brings the memory store, and one for another store. Without a heap the store and the
/// core are lines, too.
const PROGRAMS: &[Program] = &[
    Program {
        name: "over-axum",
        readme: "adapters/axum/README.md",
        ours: &[AXUM],
        features: &[],
        others: "axum = '0.8.9'",
        adapter: None,
    },
    Program {
        name: "over-actix",
        readme: "adapters/actix/README.md",
        ours: &[("session-actix", "adapters/actix")],
        features: &[],
        others: "actix-web = '4.18.1'",
        adapter: None,
    },
    Program {
        name: "over-poem",
        readme: "adapters/poem/README.md",
        ours: &[POEM],
        features: &[],
        others: "poem = '3.1.12'",
        adapter: None,
    },
    Program {
        name: "over-rocket",
        readme: "adapters/rocket/README.md",
        ours: &[("session-rocket", "adapters/rocket")],
        features: &[],
        others: "rocket = '0.5.2'",
        adapter: None,
    },
    Program {
        name: "over-picoserve",
        readme: "adapters/picoserve/README.md",
        ours: &[("session-picoserve", "adapters/picoserve"), MEMORY, CORE],
        features: &[],
        others: "picoserve = '0.20.1'",
        adapter: None,
    },
    Program {
        name: "over-edge-http",
        readme: "adapters/edge-http/README.md",
        ours: &[("session-edge-http", "adapters/edge-http"), MEMORY, CORE],
        features: &[],
        others: "edge-http = { version = '0.8.0', default-features = false, features = ['io'] }\nedge-nal = '0.7.0'",
        adapter: None,
    },
    Program {
        name: "axum-and-sql",
        readme: "stores/sql/README.md",
        ours: &[AXUM, ("session-store-sql", "stores/sql")],
        features: &["postgres", "tls"],
        others: "",
        adapter: Some("session_axum"),
    },
    Program {
        name: "axum-and-opentelemetry",
        readme: "adapters/opentelemetry/README.md",
        ours: &[AXUM, ("session-opentelemetry", "adapters/opentelemetry")],
        features: &[],
        others: "opentelemetry = { version = '0.33.1', default-features = false, features = ['metrics'] }",
        adapter: Some("session_axum"),
    },
    Program {
        name: "poem-and-memcached",
        readme: "stores/memcached/README.md",
        ours: &[POEM, ("session-store-memcached", "stores/memcached")],
        features: &[],
        others: "",
        adapter: Some("session_poem"),
    },
];

/// A program with an SQLite of its own, of which a program has one only. A workspace for itself, because others have ours.
const BESIDE: &[Program] = &[Program {
    name: "sql-beside-rusqlite",
    readme: "stores/sql/README.md",
    ours: &[AXUM, ("session-store-sql", "stores/sql")],
    features: &["postgres", "tls"],
    others: "rusqlite = '0.43'",
    adapter: Some("session_axum"),
}];

/// Compiles all of them.
pub(super) fn external_build(log: &mut Log) -> Result<String, String> {
    compile(log, PROGRAMS)?;
    let lock = compile(log, BESIDE)?;
    if lock.contains("\"sqlx-sqlite\"") {
        return Err("SQLite comes with PostgreSQL, and collides with the program's own".into());
    }
    Ok(format!("{} programs outside the workspace, one with an SQLite of its own", PROGRAMS.len() + BESIDE.len()))
}

/// Returns the lockfile.
fn compile(log: &mut Log, programs: &[Program]) -> Result<String, String> {
    let place = std::env::temp_dir().join(format!("session-external-build-{}", std::process::id()));
    let compiled = write(&place, programs).and_then(|()| {
        let mut check = cargo(&["check", "--workspace"]);
        log.run(check.current_dir(&place).env("CARGO_TARGET_DIR", target().join("external-build")))?;
        read(&place.join("Cargo.lock"))
    });
    fs::remove_dir_all(&place).map_err(|why| format!("{}: {why}", place.display()))?;
    compiled
}

fn write(place: &Path, programs: &[Program]) -> Result<(), String> {
    let file = |path: &str, text: &str| {
        let path = place.join(path);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
        written.map_err(|why| format!("{}: {why}", path.display()))
    };
    let names: Vec<&str> = programs.iter().map(|program| program.name).collect();
    file("Cargo.toml", &format!("[workspace]\nresolver = '3'\nmembers = {names:?}\n"))?;
    // the versions that everything else is tested with
    file("Cargo.lock", &read(&root().join("Cargo.lock"))?)?;
    for program in programs {
        let name = program.name;
        let last = program.ours.last().map(|(ours, _)| *ours);
        let line = |(ours, path): &(&str, &str)| {
            let features = if last == Some(*ours) { program.features } else { &[] };
            format!("{ours} = {{ path = {:?}, features = {features:?} }}\n", root().join(path))
        };
        let ours: String = program.ours.iter().map(line).collect();
        let manifest =
            format!("[package]\nname = '{name}'\nedition = '2024'\n\n[dependencies]\n{ours}{}\n", program.others);
        file(&format!("{name}/Cargo.toml"), &manifest)?;
        let mut text =
            example(&read(&root().join(program.readme))?).ok_or(format!("{}: no example", program.readme))?;
        if let Some(adapter) = program.adapter {
            text = text.replace("session_std", adapter);
        }
        file(&format!("{name}/src/main.rs"), &text)?;
    }
    Ok(())
}

/// The first Rust example of a README as a program, as rustdoc makes one of it.
fn example(readme: &str) -> Option<String> {
    let after = readme.split_once("```rust")?.1.split_once('\n')?.1;
    let lines = after.split_once("\n```")?.0.lines();
    let text: String = lines.map(|line| format!("{}\n", line.strip_prefix("# ").unwrap_or(line))).collect();
    Some(if text.contains("fn main()") { text } else { format!("#![allow(unused)]\nfn main() {{\n{text}}}\n") })
}
