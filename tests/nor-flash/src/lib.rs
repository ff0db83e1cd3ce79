#![doc = include_str!("../README.md")]

mod file;
pub mod power_cuts;
mod strict;

pub use file::FileFlash;
pub use strict::{Counts, Strict};

use core::fmt;
use embedded_storage_async::nor_flash::{NorFlashError, NorFlashErrorKind};

/// Why an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Power is off.
    PowerCut,
    /// The medium failed, on demand or because the file did.
    Medium,
    /// The range is not aligned, or not all of it exists.
    OutOfBounds,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PowerCut => "no power",
            Self::Medium => "the medium failed",
            Self::OutOfBounds => "no such range",
        })
    }
}

impl core::error::Error for Failure {}

impl NorFlashError for Failure {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::PowerCut | Self::Medium => NorFlashErrorKind::Other,
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
        }
    }
}
