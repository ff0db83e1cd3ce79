//! Tells the linker where the board has its memory.

use std::env;
use std::fs;
use std::path::Path;

/// Each is a feature, and has a map of its memory.
const BOARDS: [(&str, &str); 5] = [
    ("lm3s6965evb", "lm3s6965evb/memory.x"),
    ("riscv-virt", "riscv-virt/memory.x"),
    ("pico", "rp/rp2040.x"),
    ("pico-usb", "rp/rp2040.x"),
    ("pico2", "rp/rp2350.x"),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let named = |(board, _): &(&str, &str)| {
        env::var_os(format!("CARGO_FEATURE_{}", board.to_uppercase().replace('-', "_"))).is_some()
    };
    let [(board, map)] = BOARDS.into_iter().filter(named).collect::<Vec<_>>()[..] else {
        panic!("choose one board: --features {}", BOARDS.map(|(board, _)| board).join(" or "))
    };
    let map = format!("src/{map}");
    println!("cargo::rerun-if-changed={map}");
    // a directory of its own: the linker takes whatever it finds there
    let out = Path::new(&env::var_os("OUT_DIR").expect("cargo sets it")).join(board);
    fs::create_dir_all(&out).expect("a place for the linker's scripts");
    fs::copy(&map, out.join("memory.x")).expect("the board has a map of its memory");
    println!("cargo::rustc-link-search={}", out.display());
    if board == "lm3s6965evb" {
        // its interrupts have no other handlers than those in its own table; embassy-rp brings names of the others'
        fs::write(out.join("device.x"), "").expect("the directory is there");
    }
    if board == "riscv-virt" {
        println!("cargo::rustc-link-arg=-Tmemory.x"); // cortex-m-rt's script takes it in by itself
    }
    println!("cargo::rustc-link-arg=-Tlink.x");
    if map.ends_with("rp2040.x") {
        println!("cargo::rustc-link-arg=-Tlink-rp.x"); // embassy-rp's: where the second boot stage is
    }
    println!("cargo::rustc-link-arg=--nmagic");
    println!("cargo::rustc-link-arg=--icf=all"); // functions of the same code are there once
}
