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

pub use crate::base::codec::{AsRead, Codec, DEPTH, Reads, WriteError};

use crate::base::environment::Buffer;

/// Memory that is fixed: a device's.
impl<const N: usize> Buffer for [u8; N] {
    type Codec = Postcard;
}

impl Buffer for &mut [u8] {
    type Codec = Postcard;
}
