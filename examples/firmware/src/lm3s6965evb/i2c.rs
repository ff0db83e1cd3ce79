//! The I2C controller as master.

use embedded_hal::i2c::{Error, ErrorKind, ErrorType, I2c, NoAcknowledgeSource, Operation};

use super::I2C;

// offsets of registers
const ADDRESS: usize = 0x00;
const CONTROL: usize = 0x04; // and status
const DATA: usize = 0x08;
const PERIOD: usize = 0x0c;
const CONFIGURATION: usize = 0x20;

// control
const RUN: u32 = 1;
const START: u32 = 2;
const STOP: u32 = 4;
const ACKNOWLEDGE: u32 = 8;

// status
const BUSY: u32 = 1;
const ERROR: u32 = 2;
const NO_ADDRESS: u32 = 4;
const LOST: u32 = 0x10;
const BUS_BUSY: u32 = 0x40;

/// Looks at the status until a byte is on its way that nothing takes any more; a byte takes 90 µs.
const PATIENCE: u32 = 10_000;

/// The controller.
pub(crate) struct Master(());

/// Nothing answers, or a byte is refused, or the bus hangs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failed(ErrorKind);

impl Error for Failed {
    fn kind(&self) -> ErrorKind {
        self.0
    }
}

impl ErrorType for Master {
    type Error = Failed;
}

impl Master {
    /// The controller, switched on; 100,000 bits a second.
    pub(crate) fn new() -> Self {
        I2C.write(CONFIGURATION, 0x10);
        I2C.write(PERIOD, 6);
        Self(())
    }

    /// One step on the bus.
    fn step(&self, control: u32) -> Result<(), Failed> {
        I2C.write(CONTROL, control);
        for _ in 0..PATIENCE {
            let status = I2C.read(CONTROL);
            if status & BUSY != 0 {
                continue;
            }
            // a controller that was switched off reports no error, but has not taken the bus either
            if status & (ERROR | LOST) == 0 && (control & STOP != 0 || status & BUS_BUSY != 0) {
                return Ok(());
            }
            let source =
                if status & NO_ADDRESS != 0 { NoAcknowledgeSource::Address } else { NoAcknowledgeSource::Unknown };
            return Err(Failed(ErrorKind::NoAcknowledge(source)));
        }
        Err(Failed(ErrorKind::Bus))
    }

    /// Bytes one way, from START to STOP.
    fn transfer(&self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), Failed> {
        let bytes: usize = operations.iter().map(|operation| length(operation)).sum();
        let mut done = 0;
        for operation in operations {
            for at in 0..length(operation) {
                let start = if done == 0 { START } else { 0 };
                done += 1;
                let end = if done == bytes { STOP } else { ACKNOWLEDGE };
                match operation {
                    Operation::Write(from) => {
                        I2C.write(ADDRESS, u32::from(address) << 1);
                        I2C.write(DATA, u32::from(from[at]));
                        self.step(RUN | start | (end & STOP))?;
                    }
                    Operation::Read(into) => {
                        I2C.write(ADDRESS, u32::from(address) << 1 | 1);
                        self.step(RUN | start | end)?;
                        into[at] = I2C.read(DATA) as u8;
                    }
                }
            }
        }
        Ok(())
    }
}

fn length(operation: &Operation<'_>) -> usize {
    match operation {
        Operation::Write(bytes) => bytes.len(),
        Operation::Read(bytes) => bytes.len(),
    }
}

impl I2c for Master {
    /// Between the directions there is a STOP: the emulated controller knows no repeated START.
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), Failed> {
        let same =
            |one: &Operation<'_>, other: &Operation<'_>| core::mem::discriminant(one) == core::mem::discriminant(other);
        for part in operations.chunk_by_mut(same) {
            if let Err(why) = self.transfer(address, part) {
                I2C.write(CONTROL, STOP); // gives the bus back
                return Err(why);
            }
        }
        Ok(())
    }
}
