//! Switches off one rule of the layered store after another, in a copy of it, and explores that: it must be found missing.
//! The numbers are those of docs/design.md.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// A rule and the edits that switch it off.
struct Rule {
    number: u8,
    without: &'static str,
    /// Requests, faults and seconds that are enough to miss it.
    enough: [u8; 3],
    edits: &'static [Edit],
}

/// A text that occurs once in a file, and what takes its place.
struct Edit {
    file: &'static str,
    text: &'static str,
    instead: &'static str,
}

const STORE: &str = "stores/layered/src/store.rs";
const ENTRY: &str = "stores/layered/src/entry.rs";
const CACHE: &str = "tests/layered/src/world.rs";

/// What the copy needs.
const MEMBERS: [&str; 5] = ["session-core", "adapters/std", "stores/memory", "stores/layered", "tests/layered"];

const RULES: &[Rule] = &[
    Rule {
        number: 1,
        without: "the lease is taken after the durable store was asked",
        enough: [3, 0, 0],
        edits: &[Edit {
            file: STORE,
            text: "        match (load, lease) {",
            instead: "        drop(lease);
        let _gone = self.cache.remove(key).await;
        let lease = match self.cache.look(key).await {
            Ok(Look::Found(_, lease) | Look::Leased(lease)) => Some(lease),
            _ => None,
        };
        match (load, lease) {",
        }],
    },
    Rule {
        number: 2,
        without: "a lease is filled without comparing",
        enough: [3, 0, 0],
        edits: &[Edit {
            file: CACHE,
            text: "if self.cached.as_ref().is_some_and(|(number, _)| *number == place.number) {",
            instead: "if place.number > 0 {",
        }],
    },
    Rule {
        number: 2,
        without: "a lease is filled over another connection, after the cache was started again",
        enough: [4, 1, 0],
        edits: &[Edit { file: CACHE, text: "if place.life != life {", instead: "if place.life > life {" }],
    },
    Rule {
        number: 3,
        without: "a write tells the cache nothing",
        enough: [2, 0, 0],
        edits: &[Edit {
            file: STORE,
            text: "if self.heard(self.cache.replace(key, seen, &entry.bytes(), self.keep()).await).is_none() {",
            instead: "if entry.bytes().is_empty() || seen == version {",
        }],
    },
    Rule {
        number: 4,
        without: "a logout tells the cache nothing",
        enough: [3, 0, 0],
        edits: &[Edit {
            file: STORE,
            text: "Ok(Outcome::Applied(_) | Outcome::Missing) => self.settle(key).await,",
            instead: "Ok(Outcome::Applied(_) | Outcome::Missing) => {}",
        }],
    },
    Rule {
        number: 4,
        without: "a logout that finds nothing to end tells the cache nothing",
        enough: [4, 0, 0],
        edits: &[Edit {
            file: STORE,
            text: "Ok(Outcome::Applied(_) | Outcome::Missing) => self.settle(key).await,",
            instead: "Ok(Outcome::Applied(_)) => self.settle(key).await,\n            Ok(Outcome::Missing) => {}",
        }],
    },
    Rule {
        number: 4,
        without: "a load that finds nothing leaves the lease of somebody else",
        enough: [4, 0, 0],
        edits: &[Edit {
            file: STORE,
            text: "(Load::Missing, _) => self.settle(key).await,",
            instead: "(Load::Missing, Some(_)) => self.settle(key).await,\n            (Load::Missing, None) => {}",
        }],
    },
    Rule {
        number: 4,
        without: "a load that finds nothing relies on its own lease",
        enough: [4, 0, 0],
        edits: &[Edit {
            file: STORE,
            text: "(Load::Missing, _) => self.settle(key).await,",
            instead: "(Load::Missing, None) => self.settle(key).await,\n            (Load::Missing, Some(_)) => {}",
        }],
    },
    Rule {
        number: 5,
        without: "the reload after a conflict asks the cache",
        enough: [3, 0, 0],
        edits: &[Edit {
            file: STORE,
            text: "        if let Some(doubt) = self.doubts.about(key) {",
            instead: "        if let Some(doubt) = self.doubts.about(key).filter(|doubt| *doubt != Doubt::Conflict) {",
        }],
    },
    Rule {
        number: 6,
        without: "an entry is trusted as long as it is there",
        enough: [3, 1, 2],
        edits: &[Edit { file: ENTRY, text: "age < trust && ", instead: "age <= trust * 9 && " }],
    },
    Rule {
        number: 7,
        without: "the answer does not wait while the cache cannot be reached",
        enough: [3, 1, 0],
        edits: &[Edit {
            file: STORE,
            text: "            while self.heard(self.cache.remove(key).await).is_none() {
                self.cache.pause(self.trust / 10).await;
            }",
            instead: "            self.heard(self.cache.remove(key).await);",
        }],
    },
    Rule {
        number: 7,
        without: "after a lost answer of the durable store the cache is not told",
        enough: [3, 1, 0],
        edits: &[Edit {
            file: STORE,
            text: "        if let Some(doubt) = self.doubts.about(key) {",
            instead: "        if let Some(doubt) = self.doubts.about(key).filter(|doubt| *doubt != Doubt::Unknown) {",
        }],
    },
];

/// Prints the table; failure if a rule is not missed.
pub(crate) fn run() -> ExitCode {
    match explore_without_each() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn explore_without_each() -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let target = target.join("layered-rules");
    let copy = target.join("copy");
    let mut green = Vec::new();
    for rule in RULES {
        copy_workspace(&root, &copy)?;
        rule.edits.iter().try_for_each(|edit| edit.apply(&copy))?;
        let [requests, faults, seconds] = rule.enough.map(|number| number.to_string());
        let mut build = Command::new("cargo");
        build.args(["run", "--quiet", "--release", "-p", "layered-explorer", "--", "explore"]).current_dir(&copy);
        build.args(["--requests", &requests, "--faults", &faults, "--seconds", &seconds]);
        let ran = build.env("CARGO_TARGET_DIR", &target).env("RUSTFLAGS", "-Awarnings").output();
        let ran = ran.map_err(|why| format!("cannot start cargo: {why}"))?;
        let text = String::from_utf8_lossy(&ran.stdout);
        match text.lines().find_map(|line| line.strip_prefix("=> ")) {
            Some(sentence) => println!("[{}] {}\n     red: {sentence}", rule.number, rule.without),
            None if ran.status.success() => green.push(format!("[{}] {}", rule.number, rule.without)),
            None => return Err(format!("[{}] does not run:\n{}", rule.number, String::from_utf8_lossy(&ran.stderr))),
        }
    }
    if green.is_empty() {
        println!("{} rules of the layered store switched off, each one is missed", RULES.len());
        Ok(())
    } else {
        Err(format!("switched off and not missed: {}", green.join("; ")))
    }
}

impl Edit {
    fn apply(&self, copy: &Path) -> Result<(), String> {
        let path = copy.join(self.file);
        let text = read(&path)?;
        match text.matches(self.text).count() {
            1 => write(&path, &text.replace(self.text, self.instead)),
            times => Err(format!("{}: found {times} times, not once: {}", self.file, self.text)),
        }
    }
}

/// The layered store and this package, as a workspace of their own.
fn copy_workspace(root: &Path, copy: &Path) -> Result<(), String> {
    let manifest = read(&root.join("Cargo.toml"))?;
    let members =
        manifest.split_once("members = [").and_then(|(before, rest)| Some((before, rest.split_once("\n]")?.1)));
    let (before, after) = members.ok_or("the workspace's members are not where they were")?;
    let manifest = format!("{before}members = {MEMBERS:?}{after}");
    for directory in MEMBERS {
        copy_sources(&root.join(directory), &copy.join(directory))?;
    }
    // its documentation is part of the crate
    write(&copy.join("README.md"), "")?;
    write(&copy.join("Cargo.toml"), &manifest)?;
    write(&copy.join("Cargo.lock"), &read(&root.join("Cargo.lock"))?)
}

fn copy_sources(from: &Path, to: &Path) -> Result<(), String> {
    fs::create_dir_all(to).map_err(|why| format!("{}: {why}", to.display()))?;
    for entry in fs::read_dir(from).map_err(|why| format!("{}: {why}", from.display()))?.flatten() {
        let (path, place) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_sources(&path, &place)?;
        } else {
            write(&place, &read(&path)?)?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|why| format!("{}: {why}", path.display()))
}

/// Leaves a file alone that is as it should be, so that cargo has less to build.
fn write(path: &Path, text: &str) -> Result<(), String> {
    if fs::read_to_string(path).is_ok_and(|before| before == text) {
        return Ok(());
    }
    fs::write(path, text).map_err(|why| format!("{}: {why}", path.display()))
}
