//! `rooms`: checks that no published crate has a circle of files or a file that is not compiled, no store depends on an
//! adapter, and between the core's rooms the arrows run one way.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::arrows::{Arrows, arrows};
use crate::files::read;
use crate::run::root;

/// The directories of session-core/src. Each may use those in the lines before it. Files next to them, such as lib.rs,
/// may use all of them and are used by none.
const ROOMS: [&[&str]; 7] =
    [&["base"], &["codec"], &["record", "wire"], &["store"], &["protocol"], &["driver"], &["session"]];

pub(super) fn rooms() -> Result<String, String> {
    let mut crates = vec![root().join("session-core"), root().join("session-admin")];
    for directory in ["adapters", "stores"] {
        let entries = fs::read_dir(root().join(directory)).map_err(|why| format!("{directory}: {why}"))?;
        crates.extend(entries.flatten().map(|entry| entry.path()).filter(|path| path.join("Cargo.toml").is_file()));
    }
    let (mut files, mut count, mut wrong) = (0, 0, Vec::new());
    for path in &crates {
        let name = path.strip_prefix(root()).unwrap_or(path).join("src");
        let (arrows, strays) = arrows(&path.join("src"))?;
        wrong.extend(strays.into_iter().map(|file| format!("{}: no mod names {}", name.display(), file.display())));
        files += arrows.len();
        count += arrows.values().map(BTreeSet::len).sum::<usize>();
        wrong.extend(circles(&arrows).into_iter().map(|circle| format!("{}: a circle of {circle}", name.display())));
        if path.starts_with(root().join("stores")) && uses_an_adapter(&read(&path.join("Cargo.toml"))?) {
            wrong.push(format!("{} depends on an adapter", path.strip_prefix(root()).unwrap_or(path).display()));
        }
        if path.ends_with("session-core") {
            wrong.extend(upward(&arrows).into_iter().map(|arrow| format!("{}: {arrow}", name.display())));
        }
    }
    if count == 0 {
        return Err("no arrow was found".into());
    }
    if !wrong.is_empty() {
        return Err(wrong.join("; "));
    }
    let order: Vec<String> = ROOMS.iter().map(|rooms| rooms.join(", ")).collect();
    Ok(format!("{} crates, {files} files, {count} arrows, no circle; {}", crates.len(), order.join(" <- ")))
}

/// Whether a manifest of a store depends on an adapter; its tests may.
fn uses_an_adapter(manifest: &str) -> bool {
    let sections = manifest.split("\n[").filter(|section| section.starts_with("dependencies]"));
    sections.flat_map(str::lines).any(|line| line.contains("/adapters/"))
}

/// Each circle once, as a path through some of its files.
fn circles(arrows: &Arrows) -> Vec<String> {
    let mut found: BTreeSet<PathBuf> = BTreeSet::new();
    let mut circles = Vec::new();
    for file in arrows.keys() {
        if let Some(way) = way_back(arrows, file).filter(|way| !way.iter().any(|file| found.contains(file))) {
            let names: Vec<String> = way.iter().map(|file| file.display().to_string()).collect();
            circles.push(format!("{} -> {}", names.join(" -> "), names[0]));
            found.extend(way);
        }
    }
    circles
}

/// The shortest path from a file to itself.
fn way_back(arrows: &Arrows, start: &PathBuf) -> Option<Vec<PathBuf>> {
    let mut ways = vec![vec![start.clone()]];
    let mut seen = BTreeSet::new();
    let mut at = 0;
    while let Some(way) = ways.get(at).cloned() {
        at += 1;
        for next in way.last().and_then(|last| arrows.get(last)).into_iter().flatten() {
            if next == start {
                return Some(way);
            }
            if seen.insert(next) {
                ways.push(way.iter().chain([next]).cloned().collect());
            }
        }
    }
    None
}

/// The arrows between rooms in the wrong direction, and the directories that are not rooms.
fn upward(arrows: &Arrows) -> Vec<String> {
    let room = |file: &Path| file.parent()?.iter().next().map(|room| room.to_string_lossy().into_owned());
    let level = |file: &Path| match room(file) {
        Some(room) => ROOMS.iter().position(|rooms| rooms.contains(&room.as_str())),
        None => Some(ROOMS.len()),
    };
    let mut wrong = Vec::new();
    for (from, to) in arrows {
        if level(from).is_none() {
            wrong.push(format!("{} is in no room that xtask/src/steps/rooms.rs knows", from.display()));
            continue;
        }
        let up = to.iter().filter(|to| room(from) != room(to) && level(from) <= level(to));
        wrong.extend(up.map(|to| format!("{} uses {}, which is not below it", from.display(), to.display())));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrows(list: &[(&str, &str)]) -> Arrows {
        let mut arrows = Arrows::new();
        for (from, to) in list {
            arrows.entry(from.into()).or_default().insert(to.into());
        }
        arrows
    }

    #[test]
    fn circles_are_named_once() {
        assert_eq!(circles(&arrows(&[("a", "b"), ("b", "c"), ("a", "c")])), [""; 0]);
        let two = arrows(&[("a", "b"), ("b", "c"), ("c", "a"), ("d", "a"), ("e", "f"), ("f", "e")]);
        assert_eq!(circles(&two), ["a -> b -> c -> a", "e -> f -> e"]);
    }

    #[test]
    fn stores_are_below_adapters() {
        let line = "session-std = { path = \"../../adapters/std\" }\n";
        assert!(uses_an_adapter(&format!("[package]\n\n[dependencies]\n{line}")));
        assert!(!uses_an_adapter(&format!("[package]\n\n[dependencies]\n\n[dev-dependencies]\n{line}")));
    }

    #[test]
    fn arrows_run_down() {
        let right = [("lib.rs", "session/view.rs"), ("driver/a.rs", "base/b.rs"), ("wire/a.rs", "wire/b.rs")];
        assert_eq!(upward(&arrows(&right)), [""; 0]);
        for (from, to) in [
            ("base/a.rs", "wire/b.rs"),
            ("wire/a.rs", "record/b.rs"),
            ("store/a.rs", "testing.rs"),
            ("attic/a.rs", "base/b.rs"),
        ] {
            assert_eq!(upward(&arrows(&[(from, to)])).len(), 1, "{from} {to}");
        }
    }
}
