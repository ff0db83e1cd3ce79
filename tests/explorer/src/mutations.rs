//! Leaves one rule after another out of a copy of the repository, by mutations of the source, and explores that: the
//! explorer must miss it. The rules' numbers are those of docs/design.md.
//!
//! A mutation names the code that it replaces. After a change to that code the mutation has to be pointed at it anew: the
//! test below and all commands say so in one line for each, before anything is explored. White space does not count.
//!
//! All mutations are built into one program, because a build for each takes longer than all searches: a function that is
//! mutated becomes a `match` over the number of the rule that is left out, with the function's body as it is as the last
//! arm. An environment variable says which rule that is.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::{devices, layered, protocol};

/// What leaves a rule out.
pub(crate) struct Mutation {
    /// The rule's number.
    pub(crate) rule: u8,
    /// What the code then does.
    pub(crate) without: &'static str,
    /// The explorer's arguments: enough to miss it.
    pub(crate) explore: &'static str,
    /// What is to be changed.
    pub(crate) edits: &'static [Edit],
}

/// Code that occurs once in a file, and what takes its place.
pub(crate) struct Edit {
    /// The file, from the root of the repository.
    pub(crate) file: &'static str,
    /// What is there.
    pub(crate) code: &'static str,
    /// What is there instead.
    pub(crate) instead: &'static str,
}

/// Where the sets of requests stand that showed what comes of leaving a rule out.
const WITNESSES: &str = "tests/explorer/witnesses.txt";
/// What says to the program which mutation counts: its number.
const LEFT_OUT: &str = "EXPLORER_LEFT_OUT";

/// Prints a table of the rules of these numbers, or of all if there are none; failure if one is not missed.
///
/// A search for a violation begins with the set of requests that is recorded for it. If that set keeps every promise, all
/// sets are searched. What is found then is a failure, too, unless `record` writes it down.
pub(crate) fn explore_each(mutations: &'static [Mutation], numbers: &[u8], record: bool) -> ExitCode {
    match explore_without(mutations, numbers, record) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn explore_without(mutations: &'static [Mutation], numbers: &[u8], record: bool) -> Result<(), String> {
    let root = root();
    pointed_at_code(&root, mutations)?;
    let program = build(&root)?;
    let mut witnesses = witnesses(&root)?;
    let (mut green, mut missed, mut found) = (Vec::new(), 0, String::new());
    for mutation in mutations.iter().filter(|mutation| numbers.is_empty() || numbers.contains(&mutation.rule)) {
        let recorded = witnesses.get(mutation.without).map(|set| mutation.search(&program, Some(set)));
        let text = match recorded.transpose()?.flatten() {
            Some(text) => text,
            None => {
                let Some(text) = mutation.search(&program, None)? else {
                    green.push(mutation.name());
                    continue;
                };
                // the dialogue begins with the set, unless the rule is missed before any request
                if let Some(set) = text.lines().next().filter(|line| mutation.has_sets() && !line.starts_with("=> ")) {
                    found += &format!("{}: {set}\n", mutation.without);
                    witnesses.insert(mutation.without.into(), set.into());
                    if record {
                        write_witnesses(&root, &witnesses)?;
                    }
                }
                text
            }
        };
        missed += 1;
        let sentence = text.lines().find_map(|line| line.strip_prefix("=> ")).unwrap_or_default();
        println!("[{}] {}\n     red: {sentence}\n{}", mutation.rule, mutation.without, indented(&text));
    }
    if !green.is_empty() {
        return Err(format!("left out and not missed: {}", green.join("; ")));
    }
    if !found.is_empty() && !record {
        return Err(format!(
            "every rule is missed, but not by the sets of requests in {WITNESSES}: the same command with --record \
             writes these lines there:\n{found}"
        ));
    }
    println!("{missed} rules left out, each one is missed");
    Ok(())
}

/// Writes those that are of a mutation.
fn write_witnesses(root: &Path, witnesses: &BTreeMap<String, String>) -> Result<(), String> {
    let lines = witnesses.iter().filter(|(without, _)| all().any(|mutation| mutation.without == **without));
    let lines: String = lines.map(|(without, set)| format!("{without}: {set}\n")).collect();
    write(&root.join(WITNESSES), lines.as_bytes())
}

/// The recorded sets of requests, by what the code does without the rule.
fn witnesses(root: &Path) -> Result<BTreeMap<String, String>, String> {
    let text = fs::read_to_string(root.join(WITNESSES)).map_err(|why| format!("{WITNESSES}: {why}"))?;
    let pair = |line: &str| {
        let (without, set) = line.split_once(": ").ok_or_else(|| format!("{WITNESSES}: no set of requests: {line}"))?;
        Ok((without.to_owned(), set.to_owned()))
    };
    text.lines().map(pair).collect()
}

/// All mutations; their places are the numbers by which the program knows them, from 1 on.
fn all() -> impl Iterator<Item = &'static Mutation> {
    [protocol::RULES, layered::RULES, devices::RULES].into_iter().flatten()
}

/// Builds the program with all mutations, and returns where it is.
fn build(root: &Path) -> Result<PathBuf, String> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let target = target.join("mutations");
    let copy = target.join("copy");
    copy_sources(root, &copy, &switchable(root)?)?;
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--quiet", "--release", "-p", "explorer"]);
    cargo.current_dir(&copy).env("CARGO_TARGET_DIR", &target).env("RUSTFLAGS", "-Awarnings");
    let built = cargo.output().map_err(|why| format!("cannot start cargo: {why}"))?;
    if built.status.success() {
        Ok(target.join("release/explorer"))
    } else {
        let why = String::from_utf8_lossy(&built.stderr);
        Err(format!("with its mutations the code does not compile; the number of an arm says which:\n{why}"))
    }
}

/// The files that differ in the copy, with what they are there.
fn switchable(root: &Path) -> Result<BTreeMap<PathBuf, String>, String> {
    let mut bodies: BTreeMap<(&str, usize), (Range<usize>, String)> = BTreeMap::new();
    for (number, mutation) in (1..).zip(all()) {
        let mut mutated: BTreeMap<(&str, usize), (Range<usize>, String)> = BTreeMap::new();
        for edit in mutation.edits {
            let (text, place) = edit.place(root)?;
            let body = body(&text, &place).ok_or_else(|| format!("{}: not within a function", mutation.name()))?;
            let (_, code) =
                mutated.entry((edit.file, body.start)).or_insert_with(|| (body.clone(), text[body].to_owned()));
            let [place] = &places(code, edit.code)[..] else { return Err(format!("{}: no place", mutation.name())) };
            code.replace_range(place.clone(), edit.instead);
        }
        for (place, (body, code)) in mutated {
            let (_, arms) = bodies.entry(place).or_insert_with(|| (body, String::new()));
            *arms += &format!("// {}\n{number} => {{\n{code}\n}}\n", mutation.name());
        }
    }
    let mut files = BTreeMap::new();
    let text = |file: &str| {
        let path = root.join(file);
        fs::read_to_string(&path).map(|text| (path, text)).map_err(|why| format!("{file}: {why}"))
    };
    // from the last one, so that the places of the others stay as they are
    for ((file, _), (body, arms)) in bodies.iter().rev() {
        let (path, read) = text(file)?;
        let text = files.entry(path).or_insert(read);
        let as_it_is = text[body.clone()].to_owned();
        let switch = format!("match session_core::left_out() {{\n{arms}_ => {{\n{as_it_is}\n}}\n}}\n");
        text.replace_range(body.clone(), &switch);
    }
    let (core, read) = text("session-core/src/lib.rs")?;
    files.insert(core, read + SWITCH);
    let (main, read) = text("tests/explorer/src/main.rs")?;
    let begin = "fn main() -> ExitCode {";
    let leave_out = format!(
        "{begin}\n    let number = std::env::var(\"{LEFT_OUT}\").ok().and_then(|number| number.parse().ok());\n    \
         session_core::leave_out(number.unwrap_or(0));"
    );
    files.insert(main, read.replace(begin, &leave_out));
    Ok(files)
}

/// What the core has in addition.
const SWITCH: &str = "
extern crate self as session_core;
static LEFT_OUT: core::sync::atomic::AtomicUsize = core::sync::atomic::AtomicUsize::new(0);
/// The number of the mutation that counts.
pub fn left_out() -> usize {
    LEFT_OUT.load(core::sync::atomic::Ordering::Relaxed)
}
/// Says which one.
pub fn leave_out(number: usize) {
    LEFT_OUT.store(number, core::sync::atomic::Ordering::Relaxed);
}
";

/// The body of the function around a place, in a text as rustfmt writes it.
fn body(text: &str, place: &Range<usize>) -> Option<Range<usize>> {
    let begins = |line: &str| {
        let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub") || *word == "async");
        words.next() == Some("fn")
    };
    let mut lines = Vec::new();
    for line in text.split_inclusive('\n') {
        let from = lines.last().map_or(0, |(line, _): &(Range<usize>, &str)| line.end);
        lines.push((from..from + line.len(), line.trim_end()));
    }
    let head = lines.iter().rposition(|(line, text)| line.start <= place.start && begins(text))?;
    let indent = lines[head].1.len() - lines[head].1.trim_start().len();
    let outer = |line: &str| line.len() - line.trim_start().len() == indent;
    let open = lines[head..].iter().find(|(_, line)| outer(line) && line.ends_with('{'))?;
    let close = lines[head..].iter().find(|(_, line)| outer(line) && line.trim_start() == "}")?;
    let body = open.0.end..close.0.start;
    (body.start <= place.start && place.end <= body.end).then_some(body)
}

/// An error with a line for each mutation whose code is not there.
fn pointed_at_code(root: &Path, mutations: &[Mutation]) -> Result<(), String> {
    let mut lines = Vec::new();
    for mutation in mutations {
        for edit in mutation.edits {
            if let Err(why) = edit.place(root) {
                lines.push(format!("{}: point it anew, {why}\n", mutation.name()));
            }
        }
    }
    if lines.is_empty() { Ok(()) } else { Err(lines.concat()) }
}

impl Mutation {
    fn name(&self) -> String {
        format!("rule [{}] \"{}\"", self.rule, self.without)
    }

    /// Whether it is searched in sets of requests, of which one can be recorded.
    fn has_sets(&self) -> bool {
        !self.explore.starts_with("devices")
    }

    /// What the program prints that has this mutation, if it finds that a promise is broken: in all sets, or in one.
    fn search(&self, program: &Path, only: Option<&String>) -> Result<Option<String>, String> {
        let number = 1 + all().take_while(|other| !std::ptr::eq(*other, self)).count();
        let mut explorer = Command::new(program);
        explorer.args(self.explore.split(' ')).env(LEFT_OUT, number.to_string());
        explorer.args(only.into_iter().flat_map(|set| ["--only", set]));
        let ran = explorer.output().map_err(|why| format!("cannot start {}: {why}", program.display()))?;
        let text = String::from_utf8_lossy(&ran.stdout).into_owned();
        let is_red = text.lines().any(|line| line.starts_with("=> "));
        // a recorded set that there is no more is none
        if is_red || ran.status.success() || only.is_some() {
            return Ok(is_red.then_some(text));
        }
        Err(format!("{}: {}", self.name(), String::from_utf8_lossy(&ran.stderr)))
    }
}

impl Edit {
    /// The file's text, and where the code stands in it.
    fn place(&self, root: &Path) -> Result<(String, Range<usize>), String> {
        let text = fs::read_to_string(root.join(self.file)).map_err(|why| format!("{}: {why}", self.file))?;
        let places = places(&text, self.code);
        match &places[..] {
            [place] => Ok((text, place.clone())),
            _ => Err(format!("{} has {} times, not once: {}", self.file, places.len(), self.code)),
        }
    }
}

/// Where `code` stands in `text`, whatever their white space.
fn places(text: &str, code: &str) -> Vec<Range<usize>> {
    let dense: Vec<(usize, char)> = text.char_indices().filter(|(_, letter)| !letter.is_whitespace()).collect();
    let code: Vec<char> = code.chars().filter(|letter| !letter.is_whitespace()).collect();
    let found = dense.windows(code.len()).filter(|window| window.iter().map(|(_, letter)| letter).eq(&code));
    found.filter_map(|window| Some(window.first()?.0..window.last()?.0 + window.last()?.1.len_utf8())).collect()
}

/// The dialogue that leads there, a little to the right.
fn indented(dialogue: &str) -> String {
    let lines = dialogue.lines().filter(|line| !line.is_empty() && !line.starts_with("=> "));
    lines.map(|line| format!("       {line}\n")).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Copies a directory without what was built in it and what git keeps; some files are other ones there.
fn copy_sources(from: &Path, to: &Path, others: &BTreeMap<PathBuf, String>) -> Result<(), String> {
    fs::create_dir_all(to).map_err(|why| format!("{}: {why}", to.display()))?;
    for entry in fs::read_dir(from).map_err(|why| format!("{}: {why}", from.display()))?.flatten() {
        let (path, place) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            if !["target", ".git"].iter().any(|name| entry.file_name() == *name) {
                copy_sources(&path, &place, others)?;
            }
        } else if let Some(other) = others.get(&path) {
            write(&place, other.as_bytes())?;
        } else if path.is_file() {
            write(&place, &fs::read(&path).map_err(|why| format!("{}: {why}", path.display()))?)?;
        }
    }
    Ok(())
}

/// Leaves a file alone that is as it should be, so that cargo has less to build.
fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    if fs::read(path).is_ok_and(|before| before == bytes) {
        return Ok(());
    }
    fs::write(path, bytes).map_err(|why| format!("{}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::{all, body, places, pointed_at_code, root, switchable, witnesses};
    use crate::{devices, layered, protocol};

    #[test]
    fn every_mutation_points_at_code() {
        let lists = [protocol::RULES, layered::RULES, devices::RULES];
        let lines: String = lists.iter().filter_map(|list| pointed_at_code(&root(), list).err()).collect();
        assert!(lines.is_empty(), "\n{lines}\n");
    }

    #[test]
    fn white_space_does_not_count() {
        assert_eq!(places("(b,\n    ö) c (b,ö)", "(b, ö)"), [0..11, 14..20]);
        assert!(places("ab", "ac").is_empty());
    }

    #[test]
    fn a_mutated_function_is_the_one_around_the_place() {
        let text = "impl A {\n    pub(crate) async fn b(\n        c: C,\n    ) -> D {\n        if e {\n        }\n        f\n    }\n\n    fn g() {}\n}\n";
        let at = |code: &str| text.find(code).map(|at| at..at + code.len()).unwrap();
        assert_eq!(body(text, &at("f\n")).map(|body| &text[body]), Some("        if e {\n        }\n        f\n"));
        assert_eq!(body(text, &at("impl")), None);
        assert_eq!(body(text, &at("c: C")), None);
    }

    #[test]
    fn every_mutation_is_within_a_function() {
        assert!(switchable(&root()).is_ok_and(|files| files.len() > 2));
    }

    #[test]
    fn every_recorded_set_is_of_a_mutation() {
        let recorded = witnesses(&root()).unwrap();
        let unknown: Vec<_> = recorded.keys().filter(|name| !all().any(|rule| rule.without == **name)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}
