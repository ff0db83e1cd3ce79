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

pub use crate::base::codec::{Codec, DEPTH, WriteError};

use crate::base::environment::{Buffer, FollowedKey};
use core::convert::Infallible;
use core::fmt;

/// Memory that is fixed: a device's.
impl<const N: usize> Buffer for [u8; N] {
    type Codec = Postcard;
    type Keys = [FollowedKey<Infallible>; FOLLOWED];
}

impl Buffer for &mut [u8] {
    type Codec = Postcard;
    type Keys = [FollowedKey<Infallible>; FOLLOWED];
}

/// Keys that a request on a device follows one by one. The other keys of a session that touches more count as one.
const FOLLOWED: usize = 12;

/// A value is not read as it was written. Found in the debug builds of programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotReadBack<W> {
    /// It can be set and never read, for this reason: for instance a field with `skip_serializing` and no default.
    Never(W),
    /// It says something else when it is written again: for instance an untagged enum of which an earlier variant fits.
    AsAnother,
}

impl<W: fmt::Display> fmt::Display for NotReadBack<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("can be set and never read: ")?;
        match self {
            Self::Never(why) => why.fmt(f),
            Self::AsAnother => f.write_str("what is read is another value"),
        }
    }
}

impl<W: fmt::Debug + fmt::Display> core::error::Error for NotReadBack<W> {}
