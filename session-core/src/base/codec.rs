//! What a codec is: the way in which a kind of program writes the values of a session.

use core::fmt;
use serde::{Deserialize, Serialize};

/// Levels of nesting that a value may have: lists, maps, `Some`, and variants with content.
pub const DEPTH: u8 = 128;

/// The way of writing values that a kind of program has.
pub trait Codec: Closed {
    /// Names the codec in records: 0 or 1.
    const ID: u8;

    /// Whether an event says what is unreadable and where: type names take room that a device does not have.
    const TELLS: bool;

    /// What [`said`](Self::said) returns.
    type Said: Copy + PartialEq;

    /// Why a value cannot be read. Contains no part of it.
    type Unreadable: Copy + fmt::Debug + fmt::Display;

    /// Writes `value` at the beginning of `into`, as far as there is room, and returns the number of bytes that it takes.
    /// If that is more than there is room for, or after an error, what is in `into` is unspecified.
    fn write<T: Serialize + ?Sized>(value: &T, into: &mut [u8]) -> Result<usize, WriteError>;

    /// Reads a value that takes up all of `bytes`. Whatever the bytes are, this allocates no more elements than there
    /// are bytes, and recurses at most [`DEPTH`] levels deep.
    fn read<'v, T: Serialize + Deserialize<'v>>(bytes: &'v [u8]) -> Result<T, Self::Unreadable>;

    /// Returns a hash of what `value` says of itself. If a hash map says the same as when it was read, it was not changed,
    /// although its bytes may be in another order than those it was read from.
    ///
    /// `None` if the codec does not support this, or if the value cannot be written.
    fn said<T: Serialize + ?Sized>(value: &T) -> Option<Self::Said>;

    /// Whether `value`, which was read from `bytes`, is known to be written as the same bytes again. Then nothing has to
    /// be remembered of it. May be `false` also where it would be.
    fn same<T: Serialize + ?Sized>(value: &T, bytes: &[u8]) -> bool;

    /// Returns a hash of what a value says that was written as these bytes, whatever the order of the elements of its lists
    /// and maps: a hash map that was read has another one. For the debug builds of programs.
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
    /// More than [`DEPTH`] levels of nesting, which could not be read.
    Deep,
    /// A list or map has another number of elements than it announced, or announced none.
    Length,
    /// A field is left out, and the next one would be read in its place.
    LeftOut,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "the type's Serialize implementation returned an error",
            Self::Deep => "the value is nested too deeply",
            Self::Length => "a list or map does not have the number of elements that it announced",
            Self::LeftOut => "a field is skipped, and the codec stores no names of fields",
        })
    }
}

impl core::error::Error for WriteError {}

impl serde::ser::Error for WriteError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Refused
    }
}
