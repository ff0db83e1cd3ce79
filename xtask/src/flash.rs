//! `flash`: the firmware for a board that is plugged in, as the file that it takes.

use std::collections::BTreeMap;
use std::fs;

use firmware_tests::Board;
use object::Endianness;
use object::read::elf::{ElfFile32, ProgramHeader};

use crate::setup;
use crate::steps::firmware::needs;

/// Bytes that a block of a UF2 file carries.
const PAGE: usize = 256;

/// What a boot ROM wants to hear: its number in the list of families, and the name of the drive that it is.
const fn rom(board: Board) -> Option<(u32, &'static str)> {
    match board {
        Board::Pico | Board::PicoUsb => Some((0xe48b_ff56, "RPI-RP2")),
        // Cortex-M33, not the RISC-V cores of the same chip
        Board::Pico2 => Some((0xe48b_ff59, "RP2350")),
        Board::Lm3s6965evb | Board::RiscvVirt => None,
    }
}

/// Makes the file, and says where it goes.
pub(crate) fn flash(options: &[(&str, &str)]) -> Result<(), String> {
    let named = if let [("--board", name)] = options { Board::named(name) } else { None };
    let Some((board, (family, drive))) = named.and_then(|board| Some((board, rom(board)?))) else {
        let known = Board::ALL.into_iter().filter(|board| rom(*board).is_some()).map(Board::name);
        return Err(format!("flash --board {}: no other can be plugged in", known.collect::<Vec<_>>().join(" or ")));
    };
    setup::install(&needs(board)[..1])?;
    let program = board.build()?;
    let file = program.with_extension("uf2");
    let pages = pages(&fs::read(&program).map_err(|why| format!("{}: {why}", program.display()))?)?;
    fs::write(&file, uf2(&pages, family)).map_err(|why| format!("{}: {why}", file.display()))?;
    let file = file.canonicalize().unwrap_or(file);
    println!("{}: {} pages of {PAGE} bytes", file.display(), pages.len());
    println!("Hold BOOTSEL while you plug the board in. It is a drive then:");
    println!("  cp {} /media/$USER/{drive}/", file.display());
    let cable = if board == Board::PicoUsb { "the USB cable, as a serial port, and on " } else { "" };
    println!("The setup code comes on {cable}UART 0, pin 1 of the board (GP0), at 115200 baud.");
    println!("What the device keeps stays as it is.");
    Ok(())
}

/// What a program has in flash, by the address of each page.
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
