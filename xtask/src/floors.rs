//! `floors`: the published crates compile with the oldest dependencies that their manifests allow.
//!
//! Cargo can resolve what a workspace names to its oldest allowed versions, and the rest to the newest. It does so with
//! dev-dependencies as well, so it works on copies of the manifests that lack them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::files::read;
use crate::run::{Log, cargo, root, target};

/// The crates whose framework or client needs newer versions of what other crates name: of tokio (actix-web, Rocket),
/// http, serde and futures-util. Each group is resolved by itself, so that it does not raise the floors of the others.
/// All other crates are the last group.
const APART: &[&[&str]] = &[
    &["adapters/actix", "adapters/device", "adapters/picoserve", "adapters/rocket", "adapters/salvo"],
    &["session-admin", "stores/sql", "stores/url"],
];

/// Resolves and checks each group of crates.
pub(crate) fn floors() -> Result<(), String> {
    let mut log = Log::new("floors")?;
    let manifest = read(&root().join("Cargo.toml"))?;
    let published = manifest.split_once("# published\n").and_then(|(_, rest)| rest.split_once("# examples\n"));
    let (published, _) = published.ok_or("Cargo.toml does not say which crates are published")?;
    let published = published.lines().filter_map(|line| Some(line.trim().strip_prefix('"')?.split_once('"')?.0));
    let (apart, others): (Vec<_>, Vec<_>) = published.partition(|folder| APART.concat().contains(folder));
    if apart.len() != APART.concat().len() {
        return Err("xtask/src/floors.rs names a crate that is not published".into());
    }
    for (number, group) in APART.iter().copied().chain([others.as_slice()]).enumerate() {
        let place = target().join("floors").join(number.to_string());
        copy(&manifest, group, &place).map_err(|why| format!("{}: {why}", place.display()))?;
        let update = ["-Z", "direct-minimal-versions", "update"];
        let check = ["check", "--locked", "--workspace", "--all-features"];
        log.run(cargo(&update).current_dir(&place).env("RUSTC_BOOTSTRAP", "1"))
            .and_then(|_| log.run(cargo(&check).current_dir(&place).env("CARGO_TARGET_DIR", target())))
            .inspect_err(|_| eprintln!("{}", log.tail(80)))?;
    }
    Ok(())
}

/// Makes a workspace of these crates. Its other crates of ours are those of the repository.
fn copy(root_manifest: &str, group: &[&str], place: &Path) -> std::io::Result<()> {
    let _nothing_there = fs::remove_dir_all(place);
    let inherited = root_manifest.find("[workspace.package]").map_or("", |at| &root_manifest[at..]);
    fs::create_dir_all(place)?;
    let workspace = format!("[workspace]\nresolver = \"3\"\nmembers = {group:?}\n\n{inherited}");
    // the core is the only crate of ours that the others inherit
    let core = format!("path = {:?}", crate_path("session-core", group, place));
    fs::write(place.join("Cargo.toml"), workspace.replace("path = \"session-core\"", &core))?;
    for member in group {
        let (from, to) = (root().join(member), place.join(member));
        fs::create_dir_all(&to)?;
        for entry in fs::read_dir(&from)?.flatten() {
            let name = entry.file_name();
            if !["Cargo.toml", "benches", "examples", "tests"].iter().any(|apart| name == *apart) {
                symlink(entry.path(), to.join(name))?;
            }
        }
        fs::write(
            to.join("Cargo.toml"),
            without_tests(&fs::read_to_string(from.join("Cargo.toml"))?, |path| {
                let folder = from.join(path).canonicalize()?;
                let folder = folder.strip_prefix(root().canonicalize()?).unwrap_or(&folder).display().to_string();
                Ok(crate_path(&folder, group, place))
            })?,
        )?;
    }
    Ok(())
}

/// Returns where a crate of ours is for this group: its copy, or the original.
fn crate_path(folder: &str, group: &[&str], place: &Path) -> String {
    let beside = if group.contains(&folder) { place } else { root() };
    beside.join(folder).display().to_string()
}

/// Returns a manifest without dev-dependencies and targets of tests, and with other paths of our crates.
fn without_tests(manifest: &str, path: impl Fn(&str) -> std::io::Result<String>) -> std::io::Result<String> {
    let mut kept = String::new();
    let mut skipped = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            skipped = line.contains("dev-dependencies")
                || ["[[bench", "[[example", "[[test"].iter().any(|target| line.starts_with(target));
        }
        if skipped {
            continue;
        }
        let moved = line.split_once("path = \"").and_then(|(before, rest)| Some((before, rest.split_once('"')?)));
        match moved {
            Some((before, (old, after))) if line.contains(" = { ") => {
                kept += &format!("{before}path = {:?}{after}\n", path(old)?);
            }
            _ => kept += &format!("{line}\n"),
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_loses_its_tests_and_gets_other_paths() {
        let manifest = "[dependencies]\na = { path = \"../a\", version = \"1\" }\nb = \"2\"\n[dev-dependencies]\nc = \"3\"\n\
                        [[test]]\nname = \"d\"\n[lints]\nworkspace = true\n";
        let copied = without_tests(manifest, |path| Ok(path.replace("..", "/ours"))).unwrap();
        let expected =
            "[dependencies]\na = { path = \"/ours/a\", version = \"1\" }\nb = \"2\"\n[lints]\nworkspace = true\n";
        assert_eq!(copied, expected);
    }
}
