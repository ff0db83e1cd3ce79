//! Leaves one rule after another out of a copy of the repository, by mutations of the source, and explores that: the
//! explorer must miss it. The rules' numbers are those of docs/design.md.
//!
//! A mutation names the code that it replaces. After a change to that code the mutation has to be pointed at it anew: the
//! test below and both commands say so in one line for each, before anything is explored. White space does not count.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

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

/// Prints a table of the rules of these numbers, or of all if there are none; failure if one is not missed.
pub(crate) fn explore_each(mutations: &[Mutation], numbers: &[u8]) -> ExitCode {
    match explore_without(mutations, numbers) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn explore_without(mutations: &[Mutation], numbers: &[u8]) -> Result<(), String> {
    let root = root();
    pointed_at_code(&root, mutations)?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let target = target.join("mutations");
    let copy = target.join("copy");
    let (mut green, mut missed) = (Vec::new(), 0);
    for mutation in mutations.iter().filter(|mutation| numbers.is_empty() || numbers.contains(&mutation.rule)) {
        copy_sources(&root, &copy)?;
        mutation.edits.iter().try_for_each(|edit| edit.apply(&copy))?;
        let mut explorer = Command::new("cargo");
        explorer.args(["run", "--quiet", "--release", "-p", "explorer", "--"]).args(mutation.explore.split(' '));
        explorer.current_dir(&copy).env("CARGO_TARGET_DIR", &target).env("RUSTFLAGS", "-Awarnings");
        let ran = explorer.output().map_err(|why| format!("cannot start cargo: {why}"))?;
        let text = String::from_utf8_lossy(&ran.stdout);
        match text.lines().find_map(|line| line.strip_prefix("=> ")) {
            Some(sentence) => {
                missed += 1;
                println!("[{}] {}\n     red: {sentence}\n{}", mutation.rule, mutation.without, indented(&text));
            }
            None if ran.status.success() => green.push(format!("[{}] {}", mutation.rule, mutation.without)),
            None => {
                let why = String::from_utf8_lossy(&ran.stderr);
                return Err(format!("{}: its replacement does not compile:\n{why}", mutation.name()));
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

    fn apply(&self, copy: &Path) -> Result<(), String> {
        let (mut text, place) = self.place(copy)?;
        text.replace_range(place, self.instead);
        write(&copy.join(self.file), text.as_bytes())
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

/// Copies a directory without what was built in it and what git keeps.
fn copy_sources(from: &Path, to: &Path) -> Result<(), String> {
    fs::create_dir_all(to).map_err(|why| format!("{}: {why}", to.display()))?;
    for entry in fs::read_dir(from).map_err(|why| format!("{}: {why}", from.display()))?.flatten() {
        let (path, place) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            if !["target", ".git"].iter().any(|name| entry.file_name() == *name) {
                copy_sources(&path, &place)?;
            }
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
    use super::{places, pointed_at_code, root};
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
}
