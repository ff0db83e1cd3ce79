//! An EEPROM on an I2C bus (24C256: 32 KB in pages of 64 bytes) as NOR flash. It can be overwritten, so that erasing is
//! writing 0xff; flash pages of 1 KB are an agreement.

use embassy_time::{Duration, block_for};
use embedded_hal::i2c::{Error as _, ErrorKind, I2c, Operation};
use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};

/// Its place on the bus.
const ADDRESS: u8 = 0x50;
/// Bytes of it.
pub(crate) const SIZE: usize = 32 * 1024;
/// Bytes that are written at once, in 5 ms.
const PAGE: usize = 64;

/// The EEPROM.
pub(crate) struct Eeprom<I>(pub(crate) I);

/// What it could not do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failed {
    /// It does not answer.
    Bus,
    /// There is no such place in it.
    OutOfBounds,
}

impl NorFlashError for Failed {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Bus => NorFlashErrorKind::Other,
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
        }
    }
}

impl<I> ErrorType for Eeprom<I> {
    type Error = Failed;
}

impl<I: I2c> Eeprom<I> {
    /// While it writes it does not answer: asks again for at most 10 ms.
    fn transaction(&mut self, operations: &mut [Operation<'_>]) -> Result<(), Failed> {
        let mut tries = 10;
        loop {
            match self.0.transaction(ADDRESS, operations).map_err(|why| why.kind()) {
                Ok(()) => return Ok(()),
                Err(ErrorKind::NoAcknowledge(_)) if tries > 0 => tries -= 1,
                Err(_) => return Err(Failed::Bus),
            }
            block_for(Duration::from_millis(1));
        }
    }

    /// Writes page after page; each is old or new after a power cut, but for the one that was being written.
    fn write_pages(&mut self, mut at: u32, mut bytes: &[u8]) -> Result<(), Failed> {
        while !bytes.is_empty() {
            let (part, rest) = bytes.split_at(bytes.len().min(PAGE - at as usize % PAGE));
            self.transaction(&mut [Operation::Write(&place(at)), Operation::Write(part)])?;
            (at, bytes) = (at + part.len() as u32, rest);
        }
        Ok(())
    }
}

/// An address as the chip wants it.
fn place(at: u32) -> [u8; 2] {
    (at as u16).to_be_bytes()
}

fn inside(from: u32, len: usize) -> Result<(), Failed> {
    (from as usize).checked_add(len).filter(|end| *end <= SIZE).map(|_| ()).ok_or(Failed::OutOfBounds)
}

impl<I: I2c> ReadNorFlash for Eeprom<I> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, at: u32, bytes: &mut [u8]) -> Result<(), Failed> {
        inside(at, bytes.len())?;
        if bytes.is_empty() {
            return Ok(());
        }
        self.transaction(&mut [Operation::Write(&place(at)), Operation::Read(bytes)])
    }

    fn capacity(&self) -> usize {
        SIZE
    }
}

impl<I: I2c> NorFlash for Eeprom<I> {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = 1024;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Failed> {
        inside(from, to.checked_sub(from).ok_or(Failed::OutOfBounds)? as usize)?;
        for at in (from..to).step_by(PAGE) {
            self.write_pages(at, &[0xff; PAGE])?;
        }
        Ok(())
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), Failed> {
        inside(at, bytes.len())?;
        self.write_pages(at, bytes)
    }
}
