//! Checks that docs/compliance.md names every requirement once, and only tests that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::files::{read, rust_files};
use crate::run::root;

/// The number of requirements of each kind.
const REQUIREMENTS: [(&str, usize); 13] = [
    ("ID", 8),
    ("LC", 20),
    ("CK", 12),
    ("CP", 5),
    ("SE", 9),
    ("ST", 19),
    ("TR", 5),
    ("EM", 9),
    ("VA", 5),
    ("QU", 4),
    ("TM", 1),
    ("KY", 1),
    ("DV", 4),
];

pub(super) fn compliance(steps: &[&str]) -> Result<String, String> {
    let known = known(steps)?;
    let table = read(&root().join("docs/compliance.md"))?;
    let mut ids = Vec::new();
    let (mut names, mut not_built) = (0, 0);
    for line in table.lines().filter(|line| line.starts_with("| ")).skip(2) {
        let [id, _, shown] = cells(line).ok_or(format!("not three cells: {line}"))?;
        ids.push(id);
        let tests: Vec<&str> = shown.split('`').skip(1).step_by(2).filter(|name| !name.ends_with(".rs")).collect();
        let words = shown.starts_with("not built") || shown.starts_with("cannot be written") || id == "ID5";
        if tests.is_empty() && !words {
            return Err(format!("{id} names no test"));
        }
        not_built += usize::from(shown.starts_with("not built"));
        if let Some(missing) = tests.iter().find(|name| !words && !known.contains(**name)) {
            return Err(format!("{id} names `{missing}`, which is no test, dialogue, conformance function or step"));
        }
        names += tests.len();
    }
    let wanted: Vec<String> =
        REQUIREMENTS.iter().flat_map(|(kind, count)| (1..=*count).map(move |n| format!("{kind}{n}"))).collect();
    if ids != wanted {
        let missing: Vec<_> = wanted.iter().filter(|id| !ids.contains(&id.as_str())).collect();
        return Err(format!("the table's ids are not each requirement once in order; missing: {missing:?}"));
    }
    Ok(format!("{} requirements, {names} tests named, {not_built} not built", ids.len()))
}

fn cells(line: &str) -> Option<[&str; 3]> {
    let cells: Vec<&str> = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
    cells.try_into().ok()
}

/// Names of test functions, dialogues, conformance functions and steps.
fn known(steps: &[&str]) -> Result<BTreeSet<String>, String> {
    let mut known: BTreeSet<String> = steps.iter().map(|&step| step.to_owned()).collect();
    let mut files = Vec::new();
    for directory in ["session-core", "session-admin", "stores", "adapters", "examples", "tests"] {
        rust_files(&root().join(directory), &mut files)?;
    }
    for file in &files {
        let text = read(file)?;
        let mut lines = text.lines().map(str::trim);
        while let Some(line) = lines.next() {
            let test = line == "#[test]" || line.starts_with("#[tokio::test") || line == "#[actix_web::test]";
            let test = if test { lines.find(|line| line.contains("fn ")) } else { None };
            let rule =
                line.split_once("::").filter(|_| file.ends_with("store/conformance/mod.rs")).map(|(_, rest)| rest);
            known.extend(
                test.and_then(|line| line.trim_start_matches("async ").strip_prefix("fn "))
                    .and_then(|rest| word(rest, '(')),
            );
            known.extend(rule.and_then(|rest| word(rest, ' ')));
        }
    }
    let dialogues = root().join("tests/conversations/dialogues");
    let entries = fs::read_dir(&dialogues).map_err(|why| format!("{}: {why}", dialogues.display()))?;
    known.extend(entries.flatten().filter_map(|entry| stem(&entry.path())));
    Ok(known)
}

fn word(text: &str, end: char) -> Option<String> {
    text.split_once(end).map(|(word, _)| word.to_owned())
}

fn stem(path: &Path) -> Option<String> {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned())
}
