//! The second NOR bank: two chips of 16 bits side by side, Intel's commands (CFI), sectors of 256 KB.

use embedded_storage_async::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};

use super::bank;

const SECTOR: usize = 256 * 1024;
/// As many as we use of it.
const SECTORS: usize = 8;
/// Bytes of them.
pub(crate) const SIZE: usize = SECTOR * SECTORS;

// commands, to both chips at once
const READ_ARRAY: u32 = 0x00ff_00ff;
const PROGRAM: u32 = 0x0040_0040;
const ERASE: u32 = 0x0020_0020;
const CONFIRM: u32 = 0x00d0_00d0;
const CLEAR_STATUS: u32 = 0x0050_0050;

// status
const READY: u32 = 0x0080_0080;
const FAILED: u32 = 0x003a_003a;

/// The bank.
pub(crate) struct Nor(());

/// What it could not do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NorError {
    /// The chip says that it did not work.
    Chip,
    OutOfBounds,
    NotAligned,
}

impl NorFlashError for NorError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Chip => NorFlashErrorKind::Other,
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            Self::NotAligned => NorFlashErrorKind::NotAligned,
        }
    }
}

impl ErrorType for Nor {
    type Error = NorError;
}

impl Nor {
    /// The bank, of which there is one.
    pub(crate) const fn new() -> Self {
        Self(())
    }

    /// One command with its data, to its end.
    fn command(at: u32, command: u32, data: u32) -> Result<(), NorError> {
        let (page, offset) = bank(at);
        page.write(offset, command);
        page.write(offset, data);
        // a chip that never gets ready is left alone after a second or so
        let mut tries = 10_000_000;
        let status = loop {
            let status = page.read(offset);
            if status & READY == READY || tries == 0 {
                break status;
            }
            tries -= 1;
        };
        page.write(offset, CLEAR_STATUS);
        page.write(offset, READ_ARRAY);
        if status & READY == READY && status & FAILED == 0 { Ok(()) } else { Err(NorError::Chip) }
    }
}

fn inside(from: u32, len: usize, unit: usize) -> Result<(), NorError> {
    if !(from as usize).is_multiple_of(unit) || !len.is_multiple_of(unit) {
        return Err(NorError::NotAligned);
    }
    (from as usize).checked_add(len).filter(|end| *end <= SIZE).map(|_| ()).ok_or(NorError::OutOfBounds)
}

impl ReadNorFlash for Nor {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, at: u32, bytes: &mut [u8]) -> Result<(), NorError> {
        inside(at, bytes.len(), 1)?;
        // whatever mode the chip was left in; there, because the store looks there when it doubts what it has read, and
        // because at each read it would take seconds to read all
        if (at as usize).is_multiple_of(SECTOR) {
            bank(at).0.write(0, READ_ARRAY);
        }
        for (at, byte) in (at..).zip(bytes) {
            let (page, offset) = bank(at & !3);
            *byte = page.read(offset).to_le_bytes()[at as usize % 4];
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        SIZE
    }
}

impl NorFlash for Nor {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = SECTOR;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), NorError> {
        inside(from, to.checked_sub(from).ok_or(NorError::OutOfBounds)? as usize, SECTOR)?;
        (from..to).step_by(SECTOR).try_for_each(|at| Self::command(at, ERASE, CONFIRM))
    }

    /// Bits only go from one to zero, also where the emulator would let them go back.
    async fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), NorError> {
        inside(at, bytes.len(), 4)?;
        for (at, word) in (at..).step_by(4).zip(bytes.as_chunks().0) {
            let (page, offset) = bank(at);
            Self::command(at, PROGRAM, page.read(offset) & u32::from_le_bytes(*word))?;
        }
        Ok(())
    }
}
