//! The codec interface: how a kind of program writes session values.

use core::fmt;
use serde::{Deserialize, Serialize};

/// The maximum nesting depth of a value. Lists, maps, `Some`, and variants with content each count as one level.
pub const DEPTH: u8 = 128;

/// Writes and reads session values. [`Buffer::Codec`](crate::environment::Buffer::Codec) selects the implementation.
pub trait Codec: Closed {
    /// The codec's id in records: 0 or 1.
    const ID: u8;

    /// Whether events describe what is unreadable and where. Type names take space that a device does not have.
    const TELLS: bool;

    /// The type that [`said`](Self::said) returns.
    type Said: Copy + PartialEq;

    /// Why a value cannot be read. Contains no part of the value.
    type Unreadable: Copy + fmt::Debug + fmt::Display;

    /// Writes `value` at the beginning of `into` and returns the number of bytes that the whole value takes.
    ///
    /// If that number exceeds the length of `into`, or on an error, the contents of `into` are unspecified.
    fn write<T: Serialize + ?Sized>(value: &T, into: &mut [u8]) -> Result<usize, WriteError>;

    /// Reads a value that occupies all of `bytes`.
    ///
    /// For any input, this allocates at most as many elements as there are bytes, and recurses at most [`DEPTH`] levels
    /// deep.
    fn read<'v, T: Serialize + Deserialize<'v>>(bytes: &'v [u8]) -> Result<T, Self::Unreadable>;

    /// Returns a hash of the content of `value`, independent of the order in which a hash map yields its entries.
    ///
    /// If the hash is the same as when the value was read, the value is unchanged, even if its bytes are in another
    /// order. Returns `None` if the codec does not support this or if the value cannot be written.
    fn said<T: Serialize + ?Sized>(value: &T) -> Option<Self::Said>;

    /// Returns whether `value`, which was read from `bytes`, is known to be written as the same bytes again. In that
    /// case nothing about it has to be remembered. `false` means that the codec does not know.
    fn same<T: Serialize + ?Sized>(value: &T, bytes: &[u8]) -> bool;

    /// Returns a hash of a written value, independent of the order of the elements of its lists and maps. Debug builds
    /// of programs use it to find values that are not read back as they were written.
    fn content(bytes: &[u8]) -> u64;
}

/// Implemented by the codecs of this crate.
pub trait Closed {}

/// Why a value cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum WriteError {
    /// The type's own `Serialize` returned an error.
    Refused,
    /// The value has more than [`DEPTH`] levels of nesting and could not be read back.
    Deep,
    /// A list or map has a different number of elements than it announced, or it announced none.
    Length,
    /// A field is skipped, so that the next field would be read in its place.
    LeftOut,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "the type's Serialize implementation returned an error",
            Self::Deep => "the value is nested too deeply",
            Self::Length => "a list or map has a different number of elements than it announced",
            Self::LeftOut => "a field is skipped, but the codec stores no field names",
        })
    }
}

impl core::error::Error for WriteError {}

impl serde::ser::Error for WriteError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Refused
    }
}
