//! `firmware`: the device UI on its boards: what it weighs, and how it behaves in emulators.

use std::fs;
use std::path::Path;

use firmware_tests::Board;
use object::{Object, ObjectSection, SectionKind};

use crate::files::read;
use crate::run::{Log, cargo, passed, root};
use crate::setup::{NODE, NPM, Need, QEMU_ARM, QEMU_RISCV, RP2040JS, SETPRIV};

/// Bytes at most, for each board.
const SIZES: &str = "examples/firmware/sizes.txt";
/// What we want of the first board: flash and static RAM.
const GOAL: (u64, u64) = (96 * 1024, 40 * 1024);

/// What it takes to build for a board and to run it.
pub(crate) const fn needs(board: Board) -> &'static [Need] {
    match board {
        Board::Lm3s6965evb => &[Need::Target("thumbv7m-none-eabi"), QEMU_ARM, SETPRIV],
        Board::RiscvVirt => &[Need::Target("riscv32imac-unknown-none-elf"), QEMU_RISCV, SETPRIV],
        Board::Pico | Board::PicoUsb => &[Need::Target("thumbv6m-none-eabi"), NODE, NPM, RP2040JS, SETPRIV],
        Board::Pico2 => &[Need::Target("thumbv8m.main-none-eabihf")],
        Board::Esp32c3 => &[Need::Target("riscv32imc-unknown-none-elf")],
        Board::Esp32c6 => &[Need::Target("riscv32imac-unknown-none-elf")],
    }
}

pub(super) fn firmware(log: &mut Log) -> Result<String, String> {
    let sizes = read(&root().join(SIZES))?;
    let mut weights = Vec::new();
    let mut missed = Vec::new();
    println!("\n{:<12} {:>8} {:>8} {:>8} {:>8}", "board", "flash", "at most", "RAM", "at most");
    for board in Board::ALL {
        log.run(&mut board.compile())?;
        log.run(board.cargo("clippy").args(["--", "-D", "warnings"]))?;
        let (flash, ram) = weigh(&board.elf())?;
        let most = sizes.lines().find_map(|line| line.strip_prefix(board.name())).unwrap_or_default();
        let [flash_most, ram_most] = most
            .split_whitespace()
            .map(|bytes| bytes.parse::<u64>().unwrap_or(0))
            .collect::<Vec<_>>()
            .try_into()
            .map_err(|_| format!("{SIZES}: a line with flash and RAM of {} is missing", board.name()))?;
        println!("{:<12} {flash:>8} {flash_most:>8} {ram:>8} {ram_most:>8}", board.name());
        weights.push(format!("{} {flash} + {ram} bytes", board.name()));
        if flash > flash_most || ram > ram_most {
            missed.push(format!("{}: {flash} bytes of flash and {ram} of RAM, {SIZES} has less", board.name()));
        }
        if board == Board::ALL[0] {
            let reached = |is: u64, goal: u64| if is > goal { "missed" } else { "reached" };
            println!(
                "{:<12} {:>8} {:>8} {:>8} {:>8}",
                "goal",
                GOAL.0,
                reached(flash, GOAL.0),
                GOAL.1,
                reached(ram, GOAL.1)
            );
        }
    }
    println!();
    if !missed.is_empty() {
        return Err(missed.join("; "));
    }
    let tests = ["test", "--locked", "-p", "firmware-tests", "--no-fail-fast", "--", "--show-output"];
    let output = log.run(&mut cargo(&tests))?;
    let cuts: Vec<&str> = output.lines().filter(|line| line.contains(" power cuts, ")).collect();
    Ok(format!("{}; {}; flash + static RAM: {}", passed(&output)?, cuts.join("; "), weights.join(", ")))
}

/// Bytes in flash, and of static RAM without the stack.
fn weigh(program: &Path) -> Result<(u64, u64), String> {
    let read = || {
        let bytes = fs::read(program).map_err(|why| why.to_string())?;
        let file = object::File::parse(&bytes[..]).map_err(|why| why.to_string())?;
        let (mut flash, mut ram) = (0, 0);
        for section in file.sections() {
            let name = section.name().unwrap_or_default();
            let (in_flash, in_ram) = match section.kind() {
                // the linker of ESP32s keeps room in one bus for what is on the other
                _ if name == ".stack" || name.ends_with("_dummy") => (0, 0),
                // code that runs in their RAM
                SectionKind::Text if name == ".trap" || name.starts_with(".rwtext") => (1, 1),
                SectionKind::Text | SectionKind::ReadOnlyData | SectionKind::ReadOnlyString => (1, 0),
                SectionKind::Data => (1, 1),
                SectionKind::UninitializedData => (0, 1),
                _ => (0, 0),
            };
            (flash, ram) = (flash + in_flash * section.size(), ram + in_ram * section.size());
        }
        Ok((flash, ram))
    };
    read().map_err(|why: String| format!("{}: {why}", program.display()))
}
