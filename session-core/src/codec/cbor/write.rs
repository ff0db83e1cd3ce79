//! Writing.

use super::bytes::{
    BIG, BIG_NEGATIVE, BYTES, DOUBLE, FALSE, LIST, MAP, NEGATIVE, NULL, SINGLE, SOME, TEXT, TRUE, UNSIGNED,
};
use crate::base::bytes::{fill, hash, shift};
use crate::base::codec::{DEPTH, WriteError};
use core::fmt::{self, Write as _};
use serde::ser::{self, Serialize};

/// Takes bytes, and continues to count when the place is full.
pub(super) struct Writer<'p> {
    place: &'p mut [u8],
    len: usize,
    said: Option<u64>,
}

impl<'p> Writer<'p> {
    /// With `said`, the written bytes are hashed.
    pub(super) const fn new(place: &'p mut [u8], said: Option<u64>) -> Self {
        Self { place, len: 0, said }
    }

    /// The number of bytes that were written, or would have been.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn said(&self) -> Option<u64> {
        self.said
    }

    pub(super) fn write<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
        value.serialize(Serializer { writer: self, depth: DEPTH }).map(|_| ())
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        if let Some(place) = self.place.get_mut(self.len..) {
            fill(place, bytes);
        }
        if let Some(said) = &mut self.said {
            *said = hash(*said, bytes);
        }
        self.len = self.len.saturating_add(bytes.len());
    }

    #[inline]
    fn put_head(&mut self, major: u8, number: u64) {
        if number < 24 {
            self.put(&[major << 5 | number as u8]);
        } else {
            self.put(Head::new(major, number).bytes());
        }
    }

    fn put_text(&mut self, text: &str) {
        self.put_head(TEXT, text.len() as u64);
        self.put(text.as_bytes());
    }

    /// Replaces the head at `at` after everything behind it was written.
    fn change_head(&mut self, major: u8, at: usize, was: usize, is: usize) -> Result<(), WriteError> {
        if was == is {
            return Ok(());
        }
        let (old, new) = (Head::new(major, was as u64), Head::new(major, is as u64));
        // in a place of the exact size, the longer head has already displaced the last bytes
        let grows = new.len.checked_sub(old.len).ok_or(WriteError::Length)?;
        let from = at.saturating_add(old.len);
        let content = self.len.saturating_sub(from);
        if grows > 0 && self.place.len() > from {
            shift(self.place, from, at.saturating_add(new.len), content);
        }
        if let Some(place) = self.place.get_mut(at..) {
            fill(place, new.bytes());
        }
        if let Some(said) = &mut self.said {
            *said = hash(*said, &content.to_le_bytes());
        }
        self.len = self.len.saturating_add(grows);
        Ok(())
    }
}

impl fmt::Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text.as_bytes());
        Ok(())
    }
}

/// A major type and a number, in the fewest bytes.
struct Head {
    bytes: [u8; 9],
    len: usize,
}

impl Head {
    #[inline]
    fn new(major: u8, number: u64) -> Self {
        let major = major << 5;
        let mut bytes = [0; 9];
        let (info, len) = match number {
            0..24 => (number as u8, 1),
            24..0x100 => (24, 2),
            0x100..0x1_0000 => (25, 3),
            0x1_0000..0x1_0000_0000 => (26, 5),
            _ => (27, 9),
        };
        // moved up until only the significant bytes are left
        let rest = if len == 1 { 0 } else { number << (72 - 8 * len) };
        let [first, tail @ ..] = &mut bytes;
        (*first, *tail) = (major | info, rest.to_be_bytes());
        Self { bytes, len }
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Writes one value. What it returns is whether the value is null, or null behind tags 6.
struct Serializer<'w, 'p> {
    writer: &'w mut Writer<'p>,
    /// Levels that the value may still open.
    depth: u8,
}

impl<'w, 'p> Serializer<'w, 'p> {
    #[inline]
    fn put(self, bytes: &[u8]) -> Result<bool, WriteError> {
        self.writer.put(bytes);
        Ok(false)
    }

    #[inline]
    fn int(self, major: u8, number: u64) -> Result<bool, WriteError> {
        self.writer.put_head(major, number);
        Ok(false)
    }

    fn big(self, major: u8, number: u128) -> Result<bool, WriteError> {
        if let Ok(number) = u64::try_from(number) {
            return self.int(major, number);
        }
        let bytes = number.to_be_bytes();
        let bytes = bytes.get(number.leading_zeros() as usize / 8..).unwrap_or_default();
        self.writer.put(&[if major == NEGATIVE { BIG_NEGATIVE } else { BIG }]);
        self.writer.put_head(BYTES, bytes.len() as u64);
        self.put(bytes)
    }

    fn deeper(self) -> Result<Self, WriteError> {
        let depth = self.depth.checked_sub(1).ok_or(WriteError::Deep)?;
        Ok(Self { writer: self.writer, depth })
    }

    fn open(self, major: u8, len: usize) -> Result<Items<'w, 'p>, WriteError> {
        let Self { writer, depth } = self.deeper()?;
        let at = writer.len;
        writer.put_head(major, len as u64);
        Ok(Items { writer, depth, major, at, announced: len, count: 0, pending: false })
    }

    /// A variant's content follows.
    fn variant(self, name: &str) -> Result<Self, WriteError> {
        let content = self.deeper()?;
        content.writer.put_head(MAP, 1);
        content.writer.put_text(name);
        Ok(content)
    }
}

impl<'w, 'p> ser::Serializer for Serializer<'w, 'p> {
    type Ok = bool;
    type Error = WriteError;
    type SerializeSeq = Items<'w, 'p>;
    type SerializeTuple = Items<'w, 'p>;
    type SerializeTupleStruct = Items<'w, 'p>;
    type SerializeTupleVariant = Items<'w, 'p>;
    type SerializeMap = Items<'w, 'p>;
    type SerializeStruct = Items<'w, 'p>;
    type SerializeStructVariant = Items<'w, 'p>;

    fn is_human_readable(&self) -> bool {
        true
    }

    fn serialize_bool(self, value: bool) -> Result<bool, WriteError> {
        self.put(&[if value { TRUE } else { FALSE }])
    }

    fn serialize_i8(self, value: i8) -> Result<bool, WriteError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<bool, WriteError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<bool, WriteError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<bool, WriteError> {
        if value < 0 { self.int(NEGATIVE, !value as u64) } else { self.int(UNSIGNED, value as u64) }
    }

    fn serialize_i128(self, value: i128) -> Result<bool, WriteError> {
        if value < 0 { self.big(NEGATIVE, !value as u128) } else { self.big(UNSIGNED, value as u128) }
    }

    fn serialize_u8(self, value: u8) -> Result<bool, WriteError> {
        self.int(UNSIGNED, value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<bool, WriteError> {
        self.int(UNSIGNED, value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<bool, WriteError> {
        self.int(UNSIGNED, value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<bool, WriteError> {
        self.int(UNSIGNED, value)
    }

    fn serialize_u128(self, value: u128) -> Result<bool, WriteError> {
        self.big(UNSIGNED, value)
    }

    fn serialize_f32(self, value: f32) -> Result<bool, WriteError> {
        self.writer.put(&[SINGLE]);
        self.put(&value.to_be_bytes())
    }

    fn serialize_f64(self, value: f64) -> Result<bool, WriteError> {
        self.writer.put(&[DOUBLE]);
        self.put(&value.to_be_bytes())
    }

    fn serialize_char(self, value: char) -> Result<bool, WriteError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<bool, WriteError> {
        self.writer.put_text(value);
        Ok(false)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<bool, WriteError> {
        let at = self.writer.len;
        self.writer.put_head(TEXT, 0);
        let from = self.writer.len;
        write!(self.writer, "{value}").map_err(|_| WriteError::Refused)?;
        self.writer.change_head(TEXT, at, 0, self.writer.len - from)?;
        Ok(false)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<bool, WriteError> {
        self.writer.put_head(BYTES, value.len() as u64);
        self.put(value)
    }

    fn serialize_none(self) -> Result<bool, WriteError> {
        self.serialize_unit()
    }

    /// Some(x) is x, but `None`, `Some(None)` and `Some(Some(None))` are three values.
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<bool, WriteError> {
        let Self { writer, depth } = self.deeper()?;
        let null = value.serialize(Serializer { writer: &mut *writer, depth })?;
        if null {
            // a tag is inserted before the null that was written last
            writer.len = writer.len.saturating_sub(1);
            writer.put(&[SOME, NULL]);
        }
        Ok(null)
    }

    fn serialize_unit(self) -> Result<bool, WriteError> {
        self.writer.put(&[NULL]);
        Ok(true)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<bool, WriteError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<bool, WriteError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<bool, WriteError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<bool, WriteError> {
        value.serialize(self.variant(variant)?)?;
        Ok(false)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Items<'w, 'p>, WriteError> {
        self.open(LIST, len.unwrap_or(0))
    }

    fn serialize_tuple(self, len: usize) -> Result<Items<'w, 'p>, WriteError> {
        self.open(LIST, len)
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Items<'w, 'p>, WriteError> {
        self.open(LIST, len)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Items<'w, 'p>, WriteError> {
        self.variant(variant)?.open(LIST, len)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Items<'w, 'p>, WriteError> {
        self.open(MAP, len.unwrap_or(0))
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Items<'w, 'p>, WriteError> {
        self.open(MAP, len)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Items<'w, 'p>, WriteError> {
        self.variant(variant)?.open(MAP, len)
    }
}

/// A list or map whose elements are being written.
struct Items<'w, 'p> {
    writer: &'w mut Writer<'p>,
    depth: u8,
    major: u8,
    /// The position of its head.
    at: usize,
    announced: usize,
    count: usize,
    /// A key was written, but not its value.
    pending: bool,
}

impl Items<'_, '_> {
    #[inline]
    fn put<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
        value.serialize(Serializer { writer: &mut *self.writer, depth: self.depth }).map(|_| ())
    }

    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
        self.count += 1;
        self.put(value)
    }

    #[inline]
    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), WriteError> {
        self.count += 1;
        self.writer.put_text(name);
        self.put(value)
    }

    #[inline]
    fn close(self) -> Result<bool, WriteError> {
        self.writer.change_head(self.major, self.at, self.announced, self.count)?;
        Ok(false)
    }
}

/// A trait per kind of list or struct, all alike.
macro_rules! items {
    ($($trait:ident::$method:ident($($name:ident)?) = $with:ident)*) => { $(
        impl ser::$trait for Items<'_, '_> {
            type Ok = bool;
            type Error = WriteError;

            fn $method<T: Serialize + ?Sized>(&mut self, $($name: &'static str,)? value: &T) -> Result<(), WriteError> {
                self.$with($($name,)? value)
            }

            fn end(self) -> Result<bool, WriteError> {
                self.close()
            }
        }
    )* };
}

items! {
    SerializeSeq::serialize_element() = element
    SerializeTuple::serialize_element() = element
    SerializeTupleStruct::serialize_field() = element
    SerializeTupleVariant::serialize_field() = element
    SerializeStruct::serialize_field(name) = field
    SerializeStructVariant::serialize_field(name) = field
}

impl ser::SerializeMap for Items<'_, '_> {
    type Ok = bool;
    type Error = WriteError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), WriteError> {
        if core::mem::replace(&mut self.pending, true) {
            return Err(WriteError::Length);
        }
        self.element(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
        if !core::mem::replace(&mut self.pending, false) {
            return Err(WriteError::Length);
        }
        self.put(value)
    }

    fn end(self) -> Result<bool, WriteError> {
        if self.pending { Err(WriteError::Length) } else { self.close() }
    }
}
