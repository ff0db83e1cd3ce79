//! How the values of a session become bytes, and bytes become values again.
//!
//! A program contains one codec, which the place for its records chooses (`Buffer::Codec`):
//!
//! - [`Cbor`], where there is a heap. It stores the names of fields and variants, so that values outlive the program that
//!   wrote them, as they would with JSON.
//! - [`Postcard`], on devices. It stores neither names nor types, and protects each value with a digest of both.
//!
//! Both keep one promise: a value is read as it was written, or there is an error.
//!
//! The trait is closed, and public only for the adapters and tests of this repository.

pub mod cbor;
pub mod postcard;

pub use cbor::Cbor;
pub use postcard::Postcard;

use core::fmt;
use serde::{Deserialize, Serialize};

/// Levels of nesting that a value may have: lists, maps, `Some`, and variants with content.
pub const DEPTH: u8 = 128;

/// The way of writing values that a kind of program has.
pub trait Codec: closed::Codec {
    /// Names the codec in records.
    const ID: u8;

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
    fn said<T: Serialize + ?Sized>(value: &T) -> Option<u64>;
}

/// Reads a value back that was written as a `T` just now, for the debug builds of programs: a type may be able to write
/// what it cannot read, for instance with `skip_serializing` and no default.
pub fn read_back<'v, C: Codec, T: Serialize + Deserialize<'v>>(
    bytes: &'v [u8],
) -> Result<(), NeverRead<C::Unreadable>> {
    C::read::<T>(bytes).map(drop).map_err(NeverRead)
}

/// A value can be set, but never read, for this reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeverRead<W>(pub W);

impl<W: fmt::Display> fmt::Display for NeverRead<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "can be set and never read: {}", self.0)
    }
}

impl<W: fmt::Debug + fmt::Display> core::error::Error for NeverRead<W> {}

mod closed {
    pub trait Codec {}
    impl Codec for super::Cbor {}
    impl Codec for super::Postcard {}
}

/// Why a value cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
