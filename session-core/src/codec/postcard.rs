//! Values in [postcard](https://postcard.jamesmunns.com/wire-format), preceded by a digest of type and content.
//!
//! ```text
//! digest u32 LE | value, postcard
//! ```
//! postcard writes neither types nor names, so bytes of one type often read as another. A `u16` of 300 is the two bytes
//! of a `(u8, u8)`, a variant is its position, and a field that only one side skips shifts the ones after it. The
//! digest covers the serde calls that write the value and the bytes that they write. A value counts as read only if
//! writing it again would produce the same number of bytes and the same digest.
//!
//! The order of the elements of lists and maps does not matter, because a hash map that was read yields another order.
//!
//! A digest covers what the value shows. `None` and an empty list show no element type, and an enum shows only its
//! current variant, so `None::<u8>` reads as `None::<u16>`. That is harmless, because the value contains nothing of the
//! hidden type. Types of the same shape are one type here: `&str` and `String`, `usize` and `u64`, a `Box<T>` and its
//! `T`. `Vec<u8>` and serde's bytes are two.

mod read;
mod unreadable;
mod write;

use crate::base::codec::{Closed, Codec, WriteError};
use read::Reader;
use serde::{Deserialize, Serialize};
use unreadable::Unreadable;
use write::Writer;

/// The codec of devices.
#[derive(Clone, Copy, Debug)]
pub struct Postcard;

impl Closed for Postcard {}

impl Codec for Postcard {
    const ID: u8 = 0;
    const TELLS: bool = false;

    type Said = core::convert::Infallible;
    type Unreadable = Unreadable;

    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn write<T: Serialize + ?Sized>(value: &T, into: &mut [u8]) -> Result<usize, WriteError> {
        let mut writer = Writer::new(into);
        value.serialize(&mut writer)?;
        Ok(writer.finish())
    }

    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn read<'v, T: Serialize + Deserialize<'v>>(bytes: &'v [u8]) -> Result<T, Unreadable> {
        let mut reader = Reader::new(bytes).ok_or(Unreadable)?;
        let value = T::deserialize(&mut reader)?;
        let mut writer = Writer::new(&mut []);
        match value.serialize(&mut writer) {
            Ok(()) if reader.has_read(&writer) => Ok(value),
            _ => Err(Unreadable),
        }
    }

    /// Maps without a heap keep the order of their entries.
    #[inline]
    fn said<T: Serialize + ?Sized>(_: &T) -> Option<Self::Said> {
        None
    }

    #[inline]
    fn same<T: Serialize + ?Sized>(_: &T, _: &[u8]) -> bool {
        true
    }

    /// The digest.
    fn content(bytes: &[u8]) -> u64 {
        bytes.first_chunk().map_or(0, |digest| u32::from_le_bytes(*digest).into())
    }
}

#[cfg(test)]
mod tests;
// host only: they need std's types
#[cfg(all(test, not(target_os = "none")))]
mod types;
