//! Makes the core's sources fit for `include!` in a program for the board. Four changes to their text, all else is
//! as it is shipped: inner attributes of `lib.rs` go, `std` in tests means `alloc`, modules are visible, and tests are
//! plain functions. The sources are formatted by rustfmt, which makes lines and indentation reliable.

use std::env;
use std::fs;
use std::path::Path;

/// Files that begin so are left out. They are declared under `cfg(not(target_os = "none"))`.
const HOST_ONLY: &str = "//! Host only";

fn main() {
    println!("cargo::rustc-check-cfg=cfg(test)");
    println!("cargo::rustc-cfg=test");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=memory.x");
    println!("cargo::rerun-if-changed=../../session-core/src");
    if env::var("CARGO_CFG_TARGET_OS").unwrap() != "none" {
        return;
    }
    let out = env::var("OUT_DIR").unwrap();
    let out = Path::new(&out);
    fs::copy("memory.x", out.join("memory.x")).unwrap();
    // what frames.rs looks at; unset, errors alone are compiled in
    println!("cargo::rustc-env=DEFMT_LOG=trace");
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rustc-link-arg=-Tlink.x");
    println!("cargo::rustc-link-arg-bin=on-target=-Tdefmt.x");
    println!("cargo::rustc-link-arg=--nmagic");

    let core = out.join("core");
    if core.exists() {
        fs::remove_dir_all(&core).unwrap();
    }
    let mut tests = Vec::new();
    directory(Path::new("../../session-core/src"), &core, "", &mut tests);
    let list: String = tests.iter().map(|name| format!("    (\"{name}\", {name}),\n")).collect();
    fs::write(out.join("tests.rs"), format!("const TESTS: &[(&str, fn())] = &[\n{list}];\n")).unwrap();
}

/// Converts the files of one directory, whose modules lie under `path` ("a::b::").
fn directory(from: &Path, to: &Path, path: &str, tests: &mut Vec<String>) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap().path();
        let name = entry.file_stem().unwrap().to_str().unwrap();
        let module = if ["lib", "mod"].contains(&name) { path.into() } else { format!("{path}{name}::") };
        if entry.is_dir() {
            directory(&entry, &to.join(name), &module, tests);
            continue;
        }
        let text = fs::read_to_string(&entry).unwrap();
        if !text.starts_with(HOST_ONLY) {
            let inside = if module == path { from.into() } else { from.join(name) };
            let converted = file(&text, name == "lib", &module, &inside, tests).unwrap_or_else(|why| {
                println!("cargo::error=tests/on-target/build.rs cannot convert {}{why}", entry.display());
                std::process::exit(1)
            });
            fs::write(to.join(entry.file_name().unwrap()), converted).unwrap();
        }
    }
}

/// Converts one file, whose modules' files are `inside`, and adds its tests' paths to `tests`. An error begins with the line.
fn file(text: &str, root: bool, path: &str, inside: &Path, tests: &mut Vec<String>) -> Result<String, String> {
    let mut out = String::new();
    // the inline modules that we are in, with their indentation
    let mut modules: Vec<(usize, &str)> = Vec::new();
    let mut of_test = false;
    let mut inner_attribute = false;
    let mut host_only = false;
    for (number, line) in (1..).zip(text.lines()) {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        if root && (inner_attribute || code.starts_with("#![")) {
            inner_attribute = !code.ends_with(']');
            continue;
        }
        if root && code.starts_with("//!") {
            continue;
        }
        if code == "extern crate std;" {
            out += "extern crate alloc as std;\n";
            continue;
        }
        if code == "#[test]" {
            of_test = true;
            continue;
        }
        if of_test && code.starts_with("fn ") {
            let Some((name, ") {")) = code["fn ".len()..].split_once('(') else {
                return Err(format!(":{number}: a test takes and returns nothing, not: {code}"));
            };
            let inline: String = modules.iter().map(|(_, name)| format!("{name}::")).collect();
            tests.push(format!("{path}{inline}{name}"));
            out += &format!("pub {code}\n");
            of_test = false;
            continue;
        }
        if of_test && !code.starts_with("#[") || code.contains("#[test]") {
            return Err(format!(":{number}: a test is `#[test]` and `fn name() {{`, each on its line, not: {code}"));
        }
        if modules.last().is_some_and(|(depth, _)| *depth == indent) && code == "}" {
            modules.pop();
        }
        let item =
            ["pub(crate) ", "pub(super) ", "pub "].iter().find_map(|word| code.strip_prefix(word)).unwrap_or(code);
        if let Some(module) = item.strip_prefix("mod ") {
            let marked = |name: &str| {
                let text = fs::read_to_string(inside.join(format!("{name}.rs")));
                text.is_ok_and(|text| text.starts_with(HOST_ONLY))
            };
            if host_only && !module.strip_suffix(';').is_some_and(marked) {
                let needs = format!("a module for hosts is a file that begins with `{HOST_ONLY}`");
                return Err(format!(":{number}: {needs}, not: {code}"));
            }
            modules.extend(module.strip_suffix(" {").map(|name| (indent, name)));
            out += &format!("pub {item}\n");
            continue;
        }
        host_only = code.starts_with("#[cfg(") && code.contains("not(target_os = \"none\")");
        out += line;
        out += "\n";
    }
    Ok(out)
}
