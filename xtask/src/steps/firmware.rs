//! `firmware`: the device UI on its boards: its size, and its behavior in emulators.

use std::fs;
use std::path::Path;

use firmware_tests::Board;
use object::{Object, ObjectSection, SectionKind};

use crate::files::read;
use crate::run::{Log, cargo, passed, root};
use crate::setup::{self, NODE, NPM, Need, QEMU_ARM, QEMU_RISCV, RP2040JS, SETPRIV};

/// The limit in bytes for each board.
const SIZES: &str = "examples/firmware/sizes.txt";
/// The goal for the first board: flash and static RAM.
const GOAL: (u64, u64) = (96 * 1024, 40 * 1024);

/// The settings to build for a board and to run it.
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
    let weights = weigh_all(log, &Board::ALL)?;
    let tests = ["test", "--locked", "-p", "firmware-tests", "--no-fail-fast", "--", "--show-output"];
    let output = log.run(&mut cargo(&tests))?;
    let cuts: Vec<&str> = output.lines().filter(|line| line.contains(" power cuts, ")).collect();
    Ok(format!("{}; {}; flash + static RAM: {weights}", passed(&output)?, cuts.join("; ")))
}

/// The command `boards`: the first part of the step, for all boards or some.
pub(crate) fn boards(options: &[(&str, &str)]) -> Result<(), String> {
    let named = |(_, name): &(&str, &str)| Board::named(name).ok_or_else(|| format!("there is no board {name}"));
    let mut boards = options.iter().map(named).collect::<Result<Vec<_>, _>>()?;
    if boards.is_empty() {
        boards = Board::ALL.to_vec();
    }
    setup::install(&boards.iter().map(|board| needs(*board)[0]).collect::<Vec<_>>())?;
    let mut log = Log::new("boards")?;
    weigh_all(&mut log, &boards).map(drop).inspect_err(|_| eprintln!("{}", log.tail(80)))
}

/// Builds and lints the firmware for these boards, and prints what it weighs beside its budget.
fn weigh_all(log: &mut Log, boards: &[Board]) -> Result<String, String> {
    let sizes = read(&root().join(SIZES))?;
    let mut weights = Vec::new();
    let mut missed = Vec::new();
    println!("\n{:<12} {:>8} {:>8} {:>8} {:>8}", "board", "flash", "at most", "RAM", "at most");
    for board in boards.iter().copied() {
        log.run(&mut board.compile())?;
        // the source is the same as the other ESP32's
        if board != Board::Esp32c6 {
            log.run(&mut board.clippy())?;
        }
        let (flash, ram) = weigh(&board.elf())?;
        let named = |line: &str| line.split_whitespace().next() == Some(board.name());
        let most = sizes.lines().find(|line| named(line)).unwrap_or_default();
        let [flash_most, ram_most] = most
            .split_whitespace()
            .skip(1)
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
    if missed.is_empty() { Ok(weights.join(", ")) } else { Err(missed.join("; ")) }
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
                // addresses that the linker of ESP32s leaves free for the content of another bus or page
                _ if name == ".stack" || name.ends_with("_dummy") || name.ends_with("_gap") => (0, 0),
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
