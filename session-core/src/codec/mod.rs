//! The codecs: how session values become bytes, and bytes become values again.
//!
//! A program contains one codec, which the buffer for its records selects (`Buffer::Codec`):
//!
//! - [`Cbor`], where there is a heap. It stores the names of fields and variants, so that values survive changes of the
//!   program as they would in JSON.
//! - [`Postcard`], on devices. It stores neither names nor types, and protects each value with a digest of both.
//!
//! Both make the same promise: a value is read as it was written, or reading it is an error.
//!
//! The trait cannot be implemented outside this crate. It is public only for the adapters and tests of this repository.

pub mod cbor;
pub mod postcard;

pub use cbor::Cbor;
pub use postcard::Postcard;

pub use crate::base::codec::{Codec, DEPTH, WriteError};

use crate::base::environment::{Buffer, FollowedKey};
use core::convert::Infallible;
use core::fmt;

/// A fixed buffer, for devices.
impl<const N: usize> Buffer for [u8; N] {
    type Codec = Postcard;
    type Keys = [FollowedKey<Infallible>; FOLLOWED];
}

impl Buffer for &mut [u8] {
    type Codec = Postcard;
    type Keys = [FollowedKey<Infallible>; FOLLOWED];
}

/// Keys that a request on a device tracks. With more, any concurrent change is a conflict.
const FOLLOWED: usize = 8;

/// A value that is not read back as it was written. Debug builds of programs check this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotReadBack<W> {
    /// The value can be set but never read, for this reason. An example is a field with `skip_serializing` and without
    /// a default.
    Never(W),
    /// The value differs when it is written again. An example is an untagged enum of which an earlier variant matches.
    AsAnother,
}

impl<W: fmt::Display> fmt::Display for NotReadBack<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("can be set but not read back: ")?;
        match self {
            Self::Never(why) => why.fmt(f),
            Self::AsAnother => f.write_str("the value that is read differs"),
        }
    }
}

impl<W: fmt::Debug + fmt::Display> core::error::Error for NotReadBack<W> {}
