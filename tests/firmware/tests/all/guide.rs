//! docs/board.md, followed by the letter: its files in an empty folder, built, and booted in the emulator.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use firmware_tests::{ANY, Board, Device};

use crate::table::Browser;

/// The guide's crates that are ours, and those that they bring: a reader gets them from crates.io.
const OURS: [(&str, &str); 5] = [
    ("session-core", "session-core"),
    ("session-device", "adapters/device"),
    ("session-embedded", "adapters/embedded"),
    ("session-picoserve", "adapters/picoserve"),
    ("session-store-flash", "stores/flash"),
];

/// The files of the guide: each is named in a line of its own, before its block.
fn files(guide: &str) -> BTreeMap<&str, String> {
    let mut files = BTreeMap::new();
    let mut lines = guide.lines();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix('`').and_then(|line| line.strip_suffix("`:")) else { continue };
        let mut block = lines.by_ref().skip_while(|line| !line.starts_with("```")).skip(1);
        let text = block.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
        assert!(files.insert(name, text).is_none(), "{name} stands there twice");
    }
    files
}

fn follow(root: &Path, folder: &Path) -> PathBuf {
    let guide = fs::read_to_string(root.join("docs/board.md")).unwrap();
    let files = files(&guide);
    let names: Vec<&str> = files.keys().copied().collect();
    assert_eq!(names, [".cargo/config.toml", "Cargo.toml", "build.rs", "memory.x", "src/main.rs", "src/usb.rs"]);
    for (name, text) in &files {
        let file = folder.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let patches = OURS.map(|(name, path)| format!("{name} = {{ path = {:?} }}\n", root.join(path))).concat();
    let manifest = format!("{}\n[patch.crates-io]\n{patches}", files["Cargo.toml"]);
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    // with the versions that all else was tested with
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let target = root.join("target/guide");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(["build", "--release"]).current_dir(folder).env("CARGO_TARGET_DIR", &target).env_remove("RUSTFLAGS");
    assert!(cargo.status().unwrap().success(), "the guide's program does not build");
    target.join("thumbv6m-none-eabi/release/first-device")
}

fn boot(program: &Path, folder: &Path) -> (Device, String) {
    let mut device = Device::power_on(Board::PicoUsb, program, folder, ANY, &[]).unwrap();
    device.hears("usb: up: http://192.168.7.1/").unwrap();
    let code = device.said().iter().find_map(|line| line.strip_prefix("usb: code: ")).expect("a code").to_owned();
    (device, code)
}

/// EM9: from an empty folder to a browser that is signed in, and still is after the plug was pulled.
#[test]
fn the_guide_leads_from_an_empty_folder_to_a_signed_in_browser_em9() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let program = follow(&root, folder.path());

    let (mut device, code) = boot(&program, folder.path());
    let mut browser = Browser::default();
    assert!(browser.get(device.address(), "/").unwrap().body.contains("Sign in"));
    let wrong = format!("code={}", (code.parse::<u32>().unwrap() + 1) % 100_000_000);
    assert_eq!(browser.post(device.address(), "/sign-in", &wrong).unwrap().status, 303);
    assert!(browser.get(device.address(), "/").unwrap().body.contains("Sign in"));
    assert_eq!(browser.post(device.address(), "/sign-in", &format!("code={code}")).unwrap().status, 303);
    assert!(browser.get(device.address(), "/").unwrap().body.contains("You are signed in."));

    // of 64 KB, which leaves the reader's handlers as much again
    let used = device.stack().unwrap();
    println!("the guide: {used} bytes of stack");
    assert!(used < 40 * 1024, "{used} bytes of stack");

    // the plug is pulled
    drop(device);
    let (device, another) = boot(&program, folder.path());
    assert_ne!(code, another);
    assert!(browser.get(device.address(), "/").unwrap().body.contains("You are signed in."));
    assert!(Browser::default().get(device.address(), "/").unwrap().body.contains("Sign in"));
    assert_eq!(browser.post(device.address(), "/sign-out", "").unwrap().status, 303);
    assert!(browser.get(device.address(), "/").unwrap().body.contains("Sign in"));
}
