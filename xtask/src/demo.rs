//! `demo`: the device UI on this machine, or on an emulated board; device-bound sessions.

use std::os::unix::process::CommandExt;
use std::path::Path;

use firmware_tests::{Board, Device};

use crate::run::{cargo, root};
use crate::setup;
use crate::steps::firmware::needs;

/// Runs the demo. cargo replaces itself with the program, so that Ctrl-C reaches it directly.
pub(crate) fn demo(options: &[(&str, &str)]) -> Result<(), String> {
    let option = |name| options.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| *value);
    let data = match option("--data") {
        Some(data) => std::path::absolute(data).map_err(|why| format!("{data}: {why}"))?,
        None => root().join("target/demo-data"),
    };
    std::fs::create_dir_all(&data).map_err(|why| format!("cannot make {}: {why}", data.display()))?;
    let listen = option("--listen").unwrap_or("127.0.0.1:8080");
    if let Some(name) = option("--board") {
        return on_board(name, listen, &data);
    }
    println!("building the device UI; its data is in {}", data.display());
    let mut demo = cargo(&["run", "--locked", "--release", "--package", "device-ui", "--"]);
    demo.args(["--listen", listen, "--data"]).arg(data);
    Err(format!("cannot start cargo: {}", demo.exec()))
}

/// Runs the notes application with device-bound sessions.
pub(crate) fn device_bound() -> Result<(), String> {
    Err(format!("cannot start cargo: {}", cargo(&["run", "--locked", "--quiet", "--package", "https-demo"]).exec()))
}

/// The same on a board. QEMU ends with this process.
fn on_board(name: &str, listen: &str, data: &Path) -> Result<(), String> {
    let known = || Board::EMULATED.map(Board::name).join(" or ");
    let board = Board::named(name)
        .filter(|board| Board::EMULATED.contains(board))
        .ok_or_else(|| format!("--board {name}: there is {}", known()))?;
    let listen = listen.parse().map_err(|_| format!("--listen {listen}: an IPv4 address and a port"))?;
    setup::install(needs(board))?;
    println!("building the firmware; the board's flash is in {}", data.display());
    let mut device = Device::boot(board, &board.build()?, data, listen, &[])?;
    // such as its setup code: this is the board's serial line
    device.said().iter().for_each(|line| println!("{line}"));
    println!("listening on http://{}", device.address());
    device.wait()
}
