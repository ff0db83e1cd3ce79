//! What the store failed with.

use core::fmt;
use embedded_storage_async::nor_flash::{NorFlashError, NorFlashErrorKind};

/// Why an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FlashError {
    /// The flash driver failed. What was being written is there or not; the store finds out before the next operation.
    Flash(NorFlashErrorKind),
    /// The flash is smaller than the sessions and items need if each has its full size.
    TooSmall {
        /// Bytes of flash that they need.
        need: u32,
        /// Bytes of flash that there are.
        have: u32,
    },
    /// An item is larger than its place or than the caller's buffer.
    TooLarge {
        /// Its size.
        need: usize,
        /// The size of the place.
        have: usize,
    },
    /// There is no item of this number.
    NoSuchItem,
    /// Another task holds the flash. Nothing was done. This store waits for its turn; a wrapper that does not wait for
    /// ever reports this.
    Held,
}

impl FlashError {
    pub(crate) fn of(error: impl NorFlashError) -> Self {
        Self::Flash(error.kind())
    }
}

impl fmt::Display for FlashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(NorFlashErrorKind::NotAligned) => f.write_str("the flash driver wants another alignment"),
            Self::Flash(NorFlashErrorKind::OutOfBounds) => f.write_str("the flash driver has less flash than it says"),
            Self::Flash(_) => f.write_str("the flash does not answer"),
            Self::TooSmall { need, have } => write!(f, "the store needs {need} bytes of flash and has {have}"),
            Self::TooLarge { need, have } => write!(f, "it takes {need} bytes, the store has places of {have}"),
            Self::NoSuchItem => f.write_str("there is no item of this number"),
            Self::Held => f.write_str("another task holds the flash"),
        }
    }
}

impl core::error::Error for FlashError {}
