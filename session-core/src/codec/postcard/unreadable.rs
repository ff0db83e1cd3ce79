//! Why a value cannot be read, and how long a digest is.

use core::fmt;

/// Bytes of a digest.
pub(super) const DIGEST: usize = 4;

/// The value was written as another type, or its bytes are corrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value was written as another type or is corrupt")
    }
}

impl core::error::Error for Unreadable {}

impl serde::de::Error for Unreadable {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}
