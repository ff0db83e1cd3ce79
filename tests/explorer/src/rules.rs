//! Switches off one rule of the protocol after another, in a copy of the core, and explores that: the explorer must find
//! it missing. The numbers are those of docs/design.md.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// A rule and the edits that switch it off.
struct Rule {
    number: u8,
    without: &'static str,
    edits: &'static [Edit],
}

/// A text that occurs once in a file, and what takes its place.
struct Edit {
    file: &'static str,
    text: &'static str,
    instead: &'static str,
}

const EXCHANGE: &str = "session-core/src/exchange.rs";
const STEPS: &str = "session-core/src/exchange/steps.rs";
const REPLIES: &str = "session-core/src/exchange/replies.rs";
const EXPIRY: &str = "session-core/src/expiry.rs";
const POLICY: &str = "session-core/src/policy.rs";
const SUBJECTS: &str = "session-core/src/driver/subjects.rs";
const CHANGES: &str = "session-core/src/changes.rs";
const STORE: &str = "tests/explorer/src/world.rs";

const RULES: &[Rule] = &[
    Rule {
        number: 1,
        without: "after a conflict the cookie is not asked about again",
        edits: &[Edit {
            file: REPLIES,
            text: "match expiry::accept(&token, &self.other, rules.policy, now) {",
            instead: "let _ = token; match core::convert::identity(Verdict::Current) {",
        }],
    },
    Rule {
        number: 2,
        without: "a cookie may be renewed while a grace runs",
        edits: &[
            Edit { file: EXPIRY, text: "current && !in_grace", instead: "(current || in_grace)" },
            Edit {
                file: POLICY,
                text: "if millis(after) <= millis(lifetimes.grace)",
                instead: "if millis(after) == 0",
            },
        ],
    },
    Rule {
        number: 3,
        without: "the store and the driver write to sessions that are over",
        edits: &[
            Edit {
                file: STORE,
                text: "slot.filter(|slot| Record::parse(&slot.bytes).live(now.millis()))",
                instead: "slot.filter(|_| now >= Time::ZERO)",
            },
            Edit {
                file: STEPS,
                text: "!self.active || expiry::expired(&self.mine, rules.policy, now)",
                instead: "!self.active",
            },
            Edit {
                file: STEPS,
                text: "if expiry::expired(&self.mine, rules.policy, now) {\n            return",
                instead: "if false {\n            return",
            },
        ],
    },
    Rule {
        number: 4,
        without: "the store keeps the last_seen that came last, not the latest",
        edits: &[Edit { file: STORE, text: "if Record::parse(record).last_seen < seen {", instead: "if seen > 0 {" }],
    },
    Rule {
        number: 5,
        without: "a login takes over the session of another subject",
        edits: &[Edit {
            file: STEPS,
            text: "is_none_or(|(before, _)| before == subject)",
            instead: "is_none_or(|(before, _)| before != \"\" || subject == \"\")",
        }],
    },
    Rule {
        number: 5,
        without: "a login over another subject ends whatever has the old handle",
        edits: &[Edit {
            file: STEPS,
            text: "return Ok(Step::Delete(handle, Only::Login(login)))",
            instead: "return Ok(Step::Delete(handle, if login > 0 { Only::Any } else { Only::Login(login) }))",
        }],
    },
    Rule {
        number: 6,
        without: "a login's cookie goes out and the index does not have its session",
        edits: &[Edit {
            file: REPLIES,
            text: "if rules.has_index && matches!(intent, Intent::Login { .. }) {",
            instead: "if rules.has_index && intent == Intent::Rotate {",
        }],
    },
    Rule {
        number: 7,
        without: "a login is added whatever became of the epoch since it began",
        edits: &[Edit { file: STORE, text: "if subject.epoch != seen.0 {", instead: "if subject.epoch < seen.0 {" }],
    },
    Rule {
        number: 8,
        without: "a revocation ends whatever has the handle",
        edits: &[Edit { file: SUBJECTS, text: "Only::Login(entry.login)", instead: "Only::Any" }],
    },
    Rule {
        number: 9,
        without: "the session that ends others is not accepted again",
        edits: &[Edit {
            file: SUBJECTS,
            text: "self.accept_again(own, room).await?;\n        self.end_each",
            instead: "let _ = room;\n        self.end_each",
        }],
    },
    Rule {
        number: 9,
        without: "a login at the cap looks at those that were added after it as well",
        edits: &[Edit { file: SUBJECTS, text: "and_then(|order| order.checked_sub(1))", instead: "map(|_| u64::MAX)" }],
    },
    Rule {
        number: 10,
        without: "a value that was read may have changed",
        edits: &[Edit {
            file: CHANGES,
            text: "matches!(kind, Kind::Write) || matches!(kind, Kind::Read) && heed_reads",
            instead: "matches!(kind, Kind::Read) && !heed_reads",
        }],
    },
    Rule {
        number: 11,
        without: "after a lost answer the own write counts as somebody else's",
        edits: &[
            Edit {
                file: REPLIES,
                text: "if there == self.mine.stamp().version {",
                instead: "if there == self.mine.stamp().version && !lost {",
            },
            Edit { file: REPLIES, text: "|| lost && there != self.base {", instead: "{" },
        ],
    },
    Rule {
        number: 11,
        without: "after a lost answer somebody else's write counts as proof that the own one was not done",
        edits: &[Edit {
            file: REPLIES,
            text: "|| lost && there != self.base {",
            instead: "|| lost && there == self.base {",
        }],
    },
    Rule {
        number: 12,
        without: "a cookie that was superseded is taken back",
        edits: &[Edit {
            file: EXCHANGE,
            text: "Verdict::Superseded => rules.observer.observe(&Event::Superseded(id)),",
            instead: "Verdict::Superseded => self.outgoing = Outgoing::Remove,",
        }],
    },
];

/// Prints the table, with the dialogue that breaks without each rule; failure if a rule is not missed.
pub(crate) fn run(numbers: &[u8]) -> ExitCode {
    match explore_without_each(numbers) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn explore_without_each(numbers: &[u8]) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from).join("rules");
    let copy = target.join("copy");
    let (mut green, mut missed) = (Vec::new(), 0);
    for rule in RULES.iter().filter(|rule| numbers.is_empty() || numbers.contains(&rule.number)) {
        copy_workspace(&root, &copy)?;
        rule.edits.iter().try_for_each(|edit| edit.apply(&copy))?;
        let mut build = Command::new("cargo");
        build.args(["run", "--quiet", "--release", "-p", "explorer", "--", "two"]).current_dir(&copy);
        let ran = build.env("CARGO_TARGET_DIR", &target).env("RUSTFLAGS", "-Awarnings").output();
        let ran = ran.map_err(|why| format!("cannot start cargo: {why}"))?;
        let text = String::from_utf8_lossy(&ran.stdout);
        match text.lines().find_map(|line| line.strip_prefix("=> ")) {
            Some(sentence) => {
                missed += 1;
                println!("[{}] {}\n     red: {sentence}\n{}", rule.number, rule.without, told(&text));
            }
            None if ran.status.success() => green.push(format!("[{}] {}", rule.number, rule.without)),
            None => return Err(format!("[{}] does not run:\n{}", rule.number, String::from_utf8_lossy(&ran.stderr))),
        }
    }
    if green.is_empty() {
        println!("{missed} rules switched off, each one is missed");
        Ok(())
    } else {
        Err(format!("switched off and not missed: {}", green.join("; ")))
    }
}

/// The dialogue that leads there, a little to the right.
fn told(dialogue: &str) -> String {
    dialogue
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("=> "))
        .map(|line| format!("       {line}\n"))
        .collect()
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

/// The core and this package, as a workspace of two.
fn copy_workspace(root: &Path, copy: &Path) -> Result<(), String> {
    let manifest = read(&root.join("Cargo.toml"))?;
    let members =
        manifest.split_once("members = [").and_then(|(before, rest)| Some((before, rest.split_once("\n]")?.1)));
    let (before, after) = members.ok_or("the workspace's members are not where they were")?;
    let manifest = format!("{before}members = [\"session-core\", \"tests/explorer\"]{after}");
    for directory in ["session-core", "tests/explorer"] {
        copy_sources(&root.join(directory), &copy.join(directory))?;
    }
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
