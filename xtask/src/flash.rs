//! `flash`: the firmware for a board that is plugged in, as a file for its boot ROM or the command that writes it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use firmware_tests::Board;
use object::Endianness;
use object::read::elf::{ElfFile32, ProgramHeader};

use crate::run::root;
use crate::setup;
use crate::steps::firmware::needs;

/// Payload bytes of a block of a UF2 file.
const PAGE: usize = 256;

/// The data for a boot ROM: its number in the list of families, and the name of its drive.
const fn rom(board: Board) -> Option<(u32, &'static str)> {
    match board {
        Board::Pico | Board::PicoUsb => Some((0xe48b_ff56, "RPI-RP2")),
        // Cortex-M33, not the RISC-V cores of the same chip
        Board::Pico2 => Some((0xe48b_ff59, "RP2350")),
        Board::Lm3s6965evb | Board::RiscvVirt | Board::Esp32c3 | Board::Esp32c6 => None,
    }
}

/// The partitions of an ESP32's flash.
const PARTITIONS: &str = "examples/firmware/esp32/partitions.csv";

/// Builds it, and prints how to write it to the board.
pub(crate) fn flash(options: &[(&str, &str)]) -> Result<(), String> {
    let real = |board: &Board| board.is_esp32() || rom(*board).is_some();
    let named = if let [("--board", name)] = options { Board::named(name).filter(real) } else { None };
    let Some(board) = named else {
        let known = Board::ALL.into_iter().filter(real).map(Board::name);
        return Err(format!("flash --board {}: no other can be plugged in", known.collect::<Vec<_>>().join(" or ")));
    };
    setup::install(&needs(board)[..1])?;
    let program = board.build()?;
    let program = program.canonicalize().unwrap_or(program);
    let path = match rom(board) {
        Some((family, drive)) => uf2_file(&program, family, drive)?,
        None => espflash(board, &program),
    };
    println!("{path}");
    println!("What the device keeps stays as it is.");
    Ok(())
}

/// Makes the file for a Raspberry Pi boot ROM, and prints where to copy it.
fn uf2_file(program: &Path, family: u32, drive: &str) -> Result<String, String> {
    let file = program.with_extension("uf2");
    let pages = pages(&fs::read(program).map_err(|why| format!("{}: {why}", program.display()))?)?;
    fs::write(&file, uf2(&pages, family)).map_err(|why| format!("{}: {why}", file.display()))?;
    let cable = if program.ends_with(Board::PicoUsb.name()) { "the USB cable, as a serial port, and on " } else { "" };
    Ok(format!(
        "{}: {} pages of {PAGE} bytes\n\
         Hold BOOTSEL while you plug the board in. It is a drive then:\n  \
         cp {} /media/$USER/{drive}/\n\
         The setup code comes on {cable}UART 0, pin 1 of the board (GP0), at 115200 baud.\n\
         Did the board have another program before? Run this first, for the device overwrites nothing of others:\n  \
         picotool erase -a",
        file.display(),
        pages.len(),
        file.display()
    ))
}

/// Prints how to write the program and its partition table to an ESP32.
fn espflash(board: Board, program: &Path) -> String {
    let network = if std::env::var_os("WIFI_SSID").is_some_and(|name| !name.is_empty()) {
        ""
    } else {
        "It knows no access point: set WIFI_SSID and WIFI_PASSWORD and run this again, or type `set ssid NAME` and\n\
         `set password PASSWORD` on its serial line after the first boot.\n"
    };
    format!(
        "{network}Plug the board in, and let espflash (cargo install espflash --locked) write the program:\n  \
         espflash flash --monitor --chip {} --flash-size 4mb --partition-table {} {}\n\
         The setup code comes on the same cable, where espflash shows it.\n\
         Did the board have another program before? Run this first, for the device overwrites nothing of others:\n  \
         espflash erase-flash --chip {}",
        board.name(),
        root().join(PARTITIONS).display(),
        program.display(),
        board.name()
    )
}

/// A program's bytes in flash, by the address of each page.
fn pages(elf: &[u8]) -> Result<BTreeMap<u32, [u8; PAGE]>, String> {
    let file = ElfFile32::<Endianness>::parse(elf).map_err(|why| why.to_string())?;
    let (mut pages, endian) = (BTreeMap::new(), file.endian());
    for segment in file.elf_program_headers() {
        let from = segment.p_paddr(endian);
        // the rest is RAM, and empty
        if !(0x1000_0000..0x2000_0000).contains(&from) {
            continue;
        }
        let data = segment.data(endian, elf).map_err(|()| "the program is cut off")?;
        for (at, byte) in (from..).zip(data) {
            let offset = at as usize % PAGE;
            pages.entry(at - offset as u32).or_insert([0; PAGE])[offset] = *byte;
        }
    }
    if pages.is_empty() { Err("the program has nothing in flash".into()) } else { Ok(pages) }
}

/// The pages as blocks of 512 bytes (<https://github.com/microsoft/uf2>).
fn uf2(pages: &BTreeMap<u32, [u8; PAGE]>, family: u32) -> Vec<u8> {
    let mut file = Vec::new();
    for (number, (address, page)) in (0_u32..).zip(pages) {
        let has_family = 0x2000;
        let head = [0x0a32_4655, 0x9e5d_5157, has_family, *address, PAGE as u32, number, pages.len() as u32, family];
        head.iter().for_each(|word| file.extend(word.to_le_bytes()));
        file.extend(page);
        file.resize(file.len() + 476 - PAGE, 0);
        file.extend(0x0ab1_6f30_u32.to_le_bytes());
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_for_each_page_with_its_address() {
        let pages = BTreeMap::from([(0x1000_0000, [7; PAGE]), (0x1000_0200, [9; PAGE])]);
        let (family, _) = rom(Board::Pico).unwrap();
        let file = uf2(&pages, family);
        assert_eq!(file.len(), 1024);
        let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        for (number, (address, page)) in (0_u32..).zip(&pages) {
            let block = number as usize * 512;
            assert_eq!((word(block), word(block + 4), word(block + 508)), (0x0a32_4655, 0x9e5d_5157, 0x0ab1_6f30));
            assert_eq!((word(block + 12), word(block + 16)), (*address, 256));
            assert_eq!((word(block + 20), word(block + 24), word(block + 28)), (number, 2, family));
            assert_eq!(&file[block + 32..block + 32 + PAGE], page);
        }
    }
}
