//! NOR flash on a host: [`Strict`] lies in memory, forgives nothing and loses power on demand.

mod strict;

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
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PowerCut => "no power",
            Self::Medium => "the medium failed",
        })
    }
}

impl core::error::Error for Failure {}

impl NorFlashError for Failure {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}
