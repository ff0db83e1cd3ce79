//! `api`: the public API of every published library, recorded in `public-api.txt` next to its manifest. A change of the
//! API changes that file, so that a review notices it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::files::read;
use crate::run::{Log, cargo, root, target};

/// Compares the recorded API with the current one.
pub(super) fn api(log: &mut Log) -> Result<String, String> {
    let found = all(log)?;
    let count = found.len();
    let changed: Vec<String> = found
        .into_iter()
        .filter_map(|(file, text)| {
            let recorded = fs::read_to_string(&file).unwrap_or_default();
            let lines = |one: &str, other: &str, sign: &str| -> String {
                let new = one.lines().filter(|line| !other.lines().any(|known| known == *line));
                new.map(|line| format!("      {sign} {line}\n")).collect()
            };
            let lines = lines(&recorded, &text, "-") + &lines(&text, &recorded, "+");
            (recorded != text).then(|| format!("{}\n{lines}", file.display()))
        })
        .collect();
    if changed.is_empty() {
        return Ok(format!("the APIs of {count} crates are as recorded"));
    }
    Err(format!("another API than recorded; if it is meant, `cargo xtask api` records it\n{}", changed.concat()))
}

/// Records the API of every crate.
pub(crate) fn record() -> Result<(), String> {
    for (file, text) in all(&mut Log::new("api")?)? {
        fs::write(&file, text).map_err(|why| format!("{}: {why}", file.display()))?;
        println!("{}", file.display());
    }
    Ok(())
}

/// The files of all libraries, and their expected content.
fn all(log: &mut Log) -> Result<Vec<(PathBuf, String)>, String> {
    // rustdoc's JSON is not stable, so only rustdoc gets the flag and compiled dependencies are reused
    let rustdoc = target().join("rustdoc-json");
    let script = "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc \"$@\"\n";
    let executable = fs::Permissions::from_mode(0o755);
    let written = fs::create_dir_all(target()).and_then(|()| fs::write(&rustdoc, script));
    written
        .and_then(|()| fs::set_permissions(&rustdoc, executable))
        .map_err(|why| format!("{}: {why}", rustdoc.display()))?;
    let mut apis = Vec::new();
    for folder in libraries()? {
        let manifest = read(&folder.join("Cargo.toml"))?;
        let name = manifest.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
        let name = name.ok_or(format!("{} has no name", folder.display()))?;
        let mut json = cargo(&["rustdoc", "--locked", "--lib", "--all-features", "-p", name]);
        json.args(["--", "-Z", "unstable-options", "--output-format", "json"]).env("RUSTDOC", &rustdoc);
        log.run(&mut json)?;
        let json = target().join("doc").join(name.replace('-', "_")).with_extension("json");
        let api = public_api::Builder::from_rustdoc_json(json)
            .omit_blanket_impls(true)
            .omit_auto_trait_impls(true)
            .omit_auto_derived_impls(true)
            .build()
            .map_err(|why| format!("{name}: {why}"))?;
        apis.push((folder.join("public-api.txt"), api.to_string()));
    }
    Ok(apis)
}

/// The folders of all published libraries.
fn libraries() -> Result<Vec<PathBuf>, String> {
    let mut folders = vec![root().join("session-core")];
    for place in ["stores", "adapters"] {
        let place = root().join(place);
        let entries = fs::read_dir(&place).map_err(|why| format!("{}: {why}", place.display()))?;
        folders.extend(entries.flatten().map(|entry| entry.path()).filter(|path| has_library(path)));
    }
    folders.sort();
    Ok(folders)
}

fn has_library(folder: &Path) -> bool {
    folder.join("src/lib.rs").is_file()
}
