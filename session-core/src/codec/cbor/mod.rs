//! Values as a strict subset of CBOR (RFC 8949).
//!
//! | value | bytes |
//! | --- | --- |
//! | integer | major type 0 or 1; beyond 64 bits a bignum of 9 to 16 bytes (tag 2 or 3) |
//! | `f32`, `f64` | four or eight bytes, as the type is |
//! | `char`, text | text string |
//! | bytes of serde, not `Vec<u8>` | byte string |
//! | `None`, `()`, a struct without content | null |
//! | `Some(x)` | x; if x is null, or null behind tags 6, then with one more tag 6 before it |
//! | list, set, tuple | array |
//! | map | map |
//! | struct | map with the names of its fields |
//! | variant | its name; if it has content, a map of one entry from its name to the content |
//!
//! Lengths are definite and use the fewest bytes. Everything else is rejected: other tags and simple values, half
//! floats, indefinite lengths, and invalid UTF-8. Types see a human-readable format.
//!
//! A value that is read as another type than it was written as is the same value, or an error. An integer that does not
//! fit is rejected, a number becomes a float only without rounding, a float is no integer, null is no empty list, and a
//! struct is read from names only.

mod bytes;
mod content;
mod inside;
mod item;
mod read;
mod reader;
mod unreadable;
mod write;

pub use unreadable::{Error, Unreadable};

use crate::base::codec::{Closed, Codec, WriteError};
use reader::Reader;
use serde::de::{Deserialize, DeserializeSeed};
use serde::ser::Serialize;
use write::Writer;

/// The codec of programs with a heap.
#[derive(Clone, Copy, Debug)]
pub struct Cbor;

impl Cbor {
    /// Reads all of `bytes` with `seed`.
    ///
    /// # Errors
    /// [`Unreadable`] names the place and the difference.
    #[expect(clippy::result_large_err, reason = "once a value, and it has no heap to be on")]
    pub fn read_seed<'v, S: DeserializeSeed<'v>>(bytes: &'v [u8], seed: S) -> Result<S::Value, Unreadable> {
        let mut reader = Reader::new(bytes);
        reader.whole(seed).map_err(|error| reader.unreadable(error))
    }
}

impl Closed for Cbor {}

impl Codec for Cbor {
    const ID: u8 = 1;
    const TELLS: bool = true;

    type Said = u64;
    type Unreadable = Unreadable;

    fn write<T: Serialize + ?Sized>(value: &T, into: &mut [u8]) -> Result<usize, WriteError> {
        let mut writer = Writer::new(into, None);
        writer.write(value)?;
        Ok(writer.len())
    }

    fn read<'v, T: Serialize + Deserialize<'v>>(bytes: &'v [u8]) -> Result<T, Unreadable> {
        Self::read_seed(bytes, core::marker::PhantomData)
    }

    fn said<T: Serialize + ?Sized>(value: &T) -> Option<u64> {
        let mut writer = Writer::new(&mut [], Some(0));
        writer.write(value).ok()?;
        writer.said()
    }

    /// Most values are small and contain no hash maps. Comparing their bytes costs less than hashing them, here and
    /// when they are set again.
    fn same<T: Serialize + ?Sized>(value: &T, bytes: &[u8]) -> bool {
        let mut again = [0; 64];
        let Some(again) = again.get_mut(..bytes.len()) else { return false };
        Self::write(value, again) == Ok(bytes.len()) && again == bytes
    }

    fn content(bytes: &[u8]) -> u64 {
        content::content(bytes).map_or(0, |(content, _)| content)
    }
}

// host only: they need std's types
#[cfg(all(test, not(target_os = "none")))]
mod tests;
