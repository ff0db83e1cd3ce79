//! Tells the linker where the board has its memory.

use std::env;
use std::fs;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let board = if env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("arm") { "lm3s6965evb" } else { "riscv-virt" };
    let map = format!("src/{board}/memory.x");
    println!("cargo::rerun-if-changed={map}");
    let out = env::var("OUT_DIR").expect("cargo sets it");
    fs::copy(&map, Path::new(&out).join("memory.x")).expect("the board has a map of its memory");
    println!("cargo::rustc-link-search={out}");
    if board == "riscv-virt" {
        println!("cargo::rustc-link-arg=-Tmemory.x"); // cortex-m-rt's script takes it in by itself
    }
    println!("cargo::rustc-link-arg=-Tlink.x");
    println!("cargo::rustc-link-arg=--nmagic");
    println!("cargo::rustc-link-arg=--icf=all"); // functions of the same code are there once
}
