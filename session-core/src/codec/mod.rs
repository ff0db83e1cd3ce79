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
use serde::{Deserialize, Serialize};

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
