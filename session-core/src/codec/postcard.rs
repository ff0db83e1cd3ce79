//! Values in [postcard](https://postcard.jamesmunns.com/wire-format), behind a digest of type and content.
//!
//! ```text
//! digest u32 LE | value, postcard
//! ```
//! postcard writes neither types nor names, so that bytes written as one type often read as another: a `u16` 300 is the
//! two bytes of a `(u8, u8)`, a variant is its position, and a field that only one side skips moves those behind it. The
//! digest covers the serde calls that writing the value makes and the bytes that it writes. A value that was read counts
//! only if writing it would make as many bytes and the same digest.
//!
//! The elements of lists and maps count in any order: a hash map that was read has another one.
//!
//! A digest sees what the value shows. `None` and an empty list show no element type and an enum only the variant that
//! is there, so `None::<u8>` reads as `None::<u16>`: nothing of the type that is not shown is in the value, which is why
//! it cannot be a wrong one. Where types share a shape they are one type here: `&str` and `String`, `usize` and `u64`, a
//! `Box<T>` and its `T`. `Vec<u8>` and serde's bytes are two.

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
