//! Names the linker script that esp-hal brings.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg=-Tlinkall.x");
}
