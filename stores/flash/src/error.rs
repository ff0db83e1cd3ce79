//! The error of the flash store.

use core::fmt;
use embedded_storage_async::nor_flash::{NorFlashError, NorFlashErrorKind};

/// Why an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FlashError {
    /// The flash driver failed. The write was completed or not, and the store finds out before the next operation.
    Flash(NorFlashErrorKind),
    /// The flash is too small for the sessions and items at their full size.
    TooSmall {
        /// Bytes of flash that are needed.
        need: u32,
        /// Bytes of flash that are available.
        have: u32,
    },
    /// An item is larger than its slot or than the caller's buffer.
    TooLarge {
        /// The item's size in bytes.
        need: usize,
        /// The size of the slot or buffer in bytes.
        have: usize,
    },
    /// The item's number is not 0 to 3.
    NoSuchItem,
    /// Another task holds the flash, and nothing was changed. The store itself waits for its turn. A flash wrapper with
    /// a timeout reports this.
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
            Self::Flash(NorFlashErrorKind::NotAligned) => f.write_str("the flash driver rejects the alignment"),
            Self::Flash(NorFlashErrorKind::OutOfBounds) => f.write_str("the flash is smaller than its driver says"),
            Self::Flash(_) => f.write_str("the flash driver failed"),
            Self::TooSmall { need, have } => write!(f, "the store needs {need} bytes of flash, not {have}"),
            Self::TooLarge { need, have } => write!(f, "the item needs {need} bytes, at most {have} fit"),
            Self::NoSuchItem => f.write_str("item numbers are 0 to 3"),
            Self::Held => f.write_str("another task holds the flash"),
        }
    }
}

impl core::error::Error for FlashError {}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::string::ToString;

    /// A variant that is missing in the match does not compile.
    #[test]
    fn every_error_has_a_text() {
        for error in [
            FlashError::Flash(NorFlashErrorKind::NotAligned),
            FlashError::Flash(NorFlashErrorKind::OutOfBounds),
            FlashError::Flash(NorFlashErrorKind::Other),
            FlashError::TooSmall { need: 8_192, have: 4_096 },
            FlashError::TooLarge { need: 97, have: 96 },
            FlashError::NoSuchItem,
            FlashError::Held,
        ] {
            let name = match error {
                FlashError::Flash(_) => "Flash",
                FlashError::TooSmall { .. } => "TooSmall",
                FlashError::TooLarge { .. } => "TooLarge",
                FlashError::NoSuchItem => "NoSuchItem",
                FlashError::Held => "Held",
            };
            store_support::check_text(name, &error.to_string());
        }
    }
}
