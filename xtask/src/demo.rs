//! `demo`: the device UI on this machine.

use std::os::unix::process::CommandExt;

use crate::run::{cargo, root};

/// Becomes the demo: cargo replaces itself by the program, so that Ctrl-C reaches it directly.
pub(crate) fn demo(options: &[(&str, &str)]) -> Result<(), String> {
    let option = |name| options.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| *value);
    let data = match option("--data") {
        Some(data) => std::path::absolute(data).map_err(|why| format!("{data}: {why}"))?,
        None => root().join("target/demo-data"),
    };
    std::fs::create_dir_all(&data).map_err(|why| format!("cannot make {}: {why}", data.display()))?;
    println!("building the device UI; its data is in {}", data.display());
    let mut demo = cargo(&["run", "--locked", "--release", "--package", "device-ui", "--"]);
    demo.args(["--listen", option("--listen").unwrap_or("127.0.0.1:8080"), "--data"]).arg(data);
    Err(format!("cannot start cargo: {}", demo.exec()))
}
