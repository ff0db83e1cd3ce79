//! Leaves one rule after another out of a copy of the code, and explores that: the explorer must miss it. The rules' numbers
//! are those of docs/design.md.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// A rule, and the edits that leave it out.
pub struct Rule {
    /// Its number.
    pub number: u8,
    /// What the code then does.
    pub without: &'static str,
    /// The explorer's arguments: enough to miss it.
    pub explore: &'static str,
    /// What is to be changed.
    pub edits: &'static [Edit],
}

/// A text that occurs once in a file, and what takes its place.
pub struct Edit {
    /// The file, from the root of the repository.
    pub file: &'static str,
    /// What is there.
    pub text: &'static str,
    /// What is there instead.
    pub instead: &'static str,
}

/// An explorer: a package whose program prints `=> ` and a sentence after the dialogue that breaks a promise.
pub struct Explorer {
    /// Its package.
    pub package: &'static str,
    /// The directories that it is made of, as a workspace of their own.
    pub members: &'static [&'static str],
    /// Whether the table shows the dialogues.
    pub dialogues: bool,
}

impl Explorer {
    /// Prints a table of the rules of these numbers, or of all if there are none; failure if one is not missed.
    #[must_use]
    pub fn without_each(&self, rules: &[Rule], numbers: &[u8]) -> ExitCode {
        match self.explore_without(rules, numbers) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                eprintln!("{why}");
                ExitCode::FAILURE
            }
        }
    }

    fn explore_without(&self, rules: &[Rule], numbers: &[u8]) -> Result<(), String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let target = target.join("left-out").join(self.package);
        let copy = target.join("copy");
        let (mut green, mut missed) = (Vec::new(), 0);
        for rule in rules.iter().filter(|rule| numbers.is_empty() || numbers.contains(&rule.number)) {
            self.copy_workspace(&root, &copy)?;
            rule.edits.iter().try_for_each(|edit| edit.apply(&copy))?;
            let mut build = Command::new("cargo");
            build.args(["run", "--quiet", "--release", "-p", self.package, "--"]).args(rule.explore.split(' '));
            build.current_dir(&copy).env("CARGO_TARGET_DIR", &target).env("RUSTFLAGS", "-Awarnings");
            let ran = build.output().map_err(|why| format!("cannot start cargo: {why}"))?;
            let text = String::from_utf8_lossy(&ran.stdout);
            match text.lines().find_map(|line| line.strip_prefix("=> ")) {
                Some(sentence) => {
                    missed += 1;
                    let dialogue = if self.dialogues { told(&text) } else { String::new() };
                    println!("[{}] {}\n     red: {sentence}\n{dialogue}", rule.number, rule.without);
                }
                None if ran.status.success() => green.push(format!("[{}] {}", rule.number, rule.without)),
                None => {
                    return Err(format!("[{}] does not run:\n{}", rule.number, String::from_utf8_lossy(&ran.stderr)));
                }
            }
        }
        if green.is_empty() {
            println!("{missed} rules left out, each one is missed");
            Ok(())
        } else {
            Err(format!("left out and not missed: {}", green.join("; ")))
        }
    }

    fn copy_workspace(&self, root: &Path, copy: &Path) -> Result<(), String> {
        let manifest = read(&root.join("Cargo.toml"))?;
        let members =
            manifest.split_once("members = [").and_then(|(before, rest)| Some((before, rest.split_once("\n]")?.1)));
        let (before, after) = members.ok_or("the workspace's members are not where they were")?;
        for directory in self.members {
            copy_sources(&root.join(directory), &copy.join(directory))?;
        }
        // the documentation of crates
        write(&copy.join("README.md"), "")?;
        write(&copy.join("Cargo.toml"), &format!("{before}members = {:?}{after}", self.members))?;
        write(&copy.join("Cargo.lock"), &read(&root.join("Cargo.lock"))?)
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
