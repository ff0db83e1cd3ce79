//! Writing, and the digest of what is written. Digests are stored: the numbers here are part of the format.

use super::unreadable::DIGEST;
use crate::base::codec::{DEPTH, WriteError};
use core::fmt::{self, Write as _};
use serde::ser::{self, Serialize};

const BOOL: u32 = 1;
const I8: u32 = 2;
const I16: u32 = 3;
const I32: u32 = 4;
const I64: u32 = 5;
const I128: u32 = 6;
const U8: u32 = 7;
const U16: u32 = 8;
const U32: u32 = 9;
const U64: u32 = 10;
const U128: u32 = 11;
const F32: u32 = 12;
const F64: u32 = 13;
const CHAR: u32 = 14;
const STR: u32 = 15;
const BYTES: u32 = 16;
const NONE: u32 = 17;
const SOME: u32 = 18;
const UNIT: u32 = 19;
const UNIT_STRUCT: u32 = 20;
const UNIT_VARIANT: u32 = 21;
const NEWTYPE_STRUCT: u32 = 22;
const NEWTYPE_VARIANT: u32 = 23;
const SEQ: u32 = 24;
const TUPLE: u32 = 25;
const TUPLE_STRUCT: u32 = 26;
const TUPLE_VARIANT: u32 = 27;
const MAP: u32 = 28;
const STRUCT: u32 = 29;
const STRUCT_VARIANT: u32 = 30;

/// Adds a word to a digest. This is FNV-1a by words instead of bytes, so the high bits have to be mixed down as well.
#[inline]
const fn folded(digest: u32, word: u32) -> u32 {
    let hash = (digest ^ word).wrapping_mul(0x9e37_79b1);
    hash ^ (hash >> 15)
}

/// Takes bytes, and continues to count when the place is full.
pub(super) struct Writer<'p> {
    place: &'p mut [u8],
    len: usize,
    digest: u32,
    /// Levels that may still be opened.
    depth: u8,
}

/// Integers are written seven bits a byte; a method per size, because the larger ones cost small processors much code.
macro_rules! varints {
    ($($method:ident($type:ty))*) => { impl Writer<'_> { $(
        #[cfg_attr(target_pointer_width = "32", inline(never))]
        fn $method(&mut self, kind: u32, mut number: $type) {
            self.fold(kind);
            while number > 0x7f {
                self.put_byte(number as u8 | 0x80);
                number >>= 7;
            }
            self.put_byte(number as u8);
        }
    )* } };
}

varints! { varint(u32) long_varint(u64) wide_varint(u128) }

impl<'p> Writer<'p> {
    /// Writes one value after its digest.
    #[inline]
    pub(super) const fn new(place: &'p mut [u8]) -> Self {
        Self { place, len: DIGEST, digest: 0x811c_9dc5, depth: DEPTH }
    }

    #[inline]
    pub(super) const fn digest(&self) -> [u8; DIGEST] {
        self.digest.to_le_bytes()
    }

    /// The number of bytes including the digest, whether or not they fit.
    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Writes the digest, and returns the number of bytes.
    #[inline]
    pub(super) fn finish(self) -> usize {
        let digest = self.digest();
        if let Some(place) = self.place.first_chunk_mut() {
            *place = digest;
        }
        self.len
    }

    #[inline]
    fn fold(&mut self, word: u32) {
        self.digest = folded(self.digest, word);
    }

    fn note(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.fold((*byte).into()));
    }

    /// Folds a name: length first, so that no two lists of names fold the same words.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn name(&mut self, name: &str) {
        // no name has 2³² bytes
        self.fold(name.len() as u32);
        self.note(name.as_bytes());
    }

    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn put_byte(&mut self, byte: u8) {
        if let Some(place) = self.place.get_mut(self.len) {
            *place = byte;
        }
        self.len += 1;
        self.fold(byte.into());
    }

    /// Writes bytes.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn put(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.put_byte(*byte));
    }

    #[inline]
    fn zigzag(&mut self, kind: u32, number: i32) {
        self.varint(kind, (number << 1 ^ number >> 31) as u32);
    }

    #[inline]
    fn long_zigzag(&mut self, kind: u32, number: i64) {
        self.long_varint(kind, (number << 1 ^ number >> 63) as u64);
    }

    #[inline]
    fn wide_zigzag(&mut self, kind: u32, number: i128) {
        self.wide_varint(kind, (number << 1 ^ number >> 127) as u128);
    }

    #[inline]
    fn length(&mut self, kind: u32, len: usize) {
        if size_of::<usize>() > 4 { self.long_varint(kind, len as u64) } else { self.varint(kind, len as u32) }
    }

    #[inline]
    fn plain(&mut self, kind: u32, bytes: &[u8]) -> Result<(), WriteError> {
        self.fold(kind);
        self.put(bytes);
        Ok(())
    }

    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn text(&mut self, kind: u32, bytes: &[u8]) {
        self.length(kind, bytes.len());
        self.put(bytes);
    }

    #[inline]
    fn enter(&mut self) -> Result<(), WriteError> {
        self.depth = self.depth.checked_sub(1).ok_or(WriteError::Deep)?;
        Ok(())
    }

    /// The writer one level deeper.
    #[inline]
    fn inside<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
        self.enter()?;
        value.serialize(&mut *self)?;
        self.depth += 1;
        Ok(())
    }

    fn named(&mut self, kind: u32, name: &str) {
        self.fold(kind);
        self.name(name);
    }

    fn variant(&mut self, kind: u32, name: &str, index: u32, variant: &str) {
        self.varint(kind, index);
        self.name(name);
        self.name(variant);
    }

    /// A fixed number of elements or fields follows.
    #[inline]
    fn fields(&mut self, len: usize) -> Result<Fields<'_, 'p>, WriteError> {
        // no type has 2³² fields
        self.fold(len as u32);
        self.enter()?;
        Ok(Fields(self))
    }

    fn elements(&mut self, kind: u32, len: Option<usize>) -> Result<Elements<'_, 'p>, WriteError> {
        let left = len.ok_or(WriteError::Length)?;
        self.length(kind, left);
        self.enter()?;
        let least = self.len.saturating_add(left);
        Ok(Elements { before: self.digest, writer: self, sum: 0, least, left })
    }
}

/// A method per plain type: its kind and its bytes.
macro_rules! plain {
    ($($method:ident($type:ty) = $kind:ident $with:ident)*) => { $(
        #[inline]
        fn $method(self, value: $type) -> Result<(), WriteError> {
            self.$with($kind, value.into());
            Ok(())
        }
    )* };
}

impl<'w, 'p> ser::Serializer for &'w mut Writer<'p> {
    type Ok = ();
    type Error = WriteError;
    type SerializeSeq = Elements<'w, 'p>;
    type SerializeTuple = Fields<'w, 'p>;
    type SerializeTupleStruct = Fields<'w, 'p>;
    type SerializeTupleVariant = Fields<'w, 'p>;
    type SerializeMap = Elements<'w, 'p>;
    type SerializeStruct = Fields<'w, 'p>;
    type SerializeStructVariant = Fields<'w, 'p>;

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }

    plain! {
        serialize_i16(i16) = I16 zigzag
        serialize_i32(i32) = I32 zigzag
        serialize_i64(i64) = I64 long_zigzag
        serialize_i128(i128) = I128 wide_zigzag
        serialize_u16(u16) = U16 varint
        serialize_u32(u32) = U32 varint
        serialize_u64(u64) = U64 long_varint
        serialize_u128(u128) = U128 wide_varint
        serialize_bytes(&[u8]) = BYTES text
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), WriteError> {
        self.plain(BOOL, &[value.into()])
    }

    #[inline]
    fn serialize_i8(self, value: i8) -> Result<(), WriteError> {
        self.plain(I8, &value.to_le_bytes())
    }

    #[inline]
    fn serialize_u8(self, value: u8) -> Result<(), WriteError> {
        self.plain(U8, &[value])
    }

    #[inline]
    fn serialize_f32(self, value: f32) -> Result<(), WriteError> {
        self.plain(F32, &value.to_le_bytes())
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Result<(), WriteError> {
        self.plain(F64, &value.to_le_bytes())
    }

    #[inline]
    fn serialize_char(self, value: char) -> Result<(), WriteError> {
        self.text(CHAR, value.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), WriteError> {
        self.text(STR, value.as_bytes());
        Ok(())
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), WriteError> {
        let mut len = Len(0);
        write!(len, "{value}").map_err(|_| WriteError::Refused)?;
        self.length(STR, len.0);
        let end = self.len.saturating_add(len.0);
        write!(self, "{value}").map_err(|_| WriteError::Refused)?;
        if self.len == end { Ok(()) } else { Err(WriteError::Length) }
    }

    #[inline]
    fn serialize_none(self) -> Result<(), WriteError> {
        self.plain(NONE, &[0])
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), WriteError> {
        self.plain(SOME, &[1])?;
        self.inside(value)
    }

    #[inline]
    fn serialize_unit(self) -> Result<(), WriteError> {
        self.fold(UNIT);
        Ok(())
    }

    #[inline]
    fn serialize_unit_struct(self, name: &'static str) -> Result<(), WriteError> {
        self.named(UNIT_STRUCT, name);
        Ok(())
    }

    #[inline]
    fn serialize_unit_variant(self, name: &'static str, index: u32, variant: &'static str) -> Result<(), WriteError> {
        self.variant(UNIT_VARIANT, name, index, variant);
        Ok(())
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<(), WriteError> {
        self.named(NEWTYPE_STRUCT, name);
        value.serialize(self)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), WriteError> {
        self.variant(NEWTYPE_VARIANT, name, index, variant);
        self.inside(value)
    }

    #[inline]
    fn serialize_seq(self, len: Option<usize>) -> Result<Elements<'w, 'p>, WriteError> {
        self.elements(SEQ, len)
    }

    #[inline]
    fn serialize_tuple(self, len: usize) -> Result<Fields<'w, 'p>, WriteError> {
        self.fold(TUPLE);
        self.fields(len)
    }

    #[inline]
    fn serialize_tuple_struct(self, name: &'static str, len: usize) -> Result<Fields<'w, 'p>, WriteError> {
        self.named(TUPLE_STRUCT, name);
        self.fields(len)
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Fields<'w, 'p>, WriteError> {
        self.variant(TUPLE_VARIANT, name, index, variant);
        self.fields(len)
    }

    #[inline]
    fn serialize_map(self, len: Option<usize>) -> Result<Elements<'w, 'p>, WriteError> {
        self.elements(MAP, len)
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Fields<'w, 'p>, WriteError> {
        self.named(STRUCT, name);
        self.fields(len)
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Fields<'w, 'p>, WriteError> {
        self.variant(STRUCT_VARIANT, name, index, variant);
        self.fields(len)
    }
}

impl fmt::Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text.as_bytes());
        Ok(())
    }
}

/// Counts the bytes of a text.
struct Len(usize);

impl fmt::Write for Len {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.saturating_add(text.len());
        Ok(())
    }
}

/// A list or map whose elements are being written. Each has its own digest, and their sum is the same in any order.
pub(super) struct Elements<'w, 'p> {
    writer: &'w mut Writer<'p>,
    before: u32,
    sum: u32,
    /// Announced elements that have not been written yet.
    left: usize,
    /// The least position at which the elements end: a reader accepts no more elements than bytes.
    least: usize,
}

impl Elements<'_, '_> {
    #[inline]
    fn begin(&mut self, kind: u32) -> Result<(), WriteError> {
        self.left = self.left.checked_sub(1).ok_or(WriteError::Length)?;
        self.writer.digest = kind;
        Ok(())
    }

    #[inline]
    fn add(&mut self) {
        // folded once more: the last steps of two elements must not cancel out in the sum
        self.sum = self.sum.wrapping_add(folded(self.writer.digest, SEQ));
    }

    fn close(self) -> Result<(), WriteError> {
        let Self { writer, before, sum, left, least } = self;
        if left > 0 || writer.len < least {
            return Err(WriteError::Length);
        }
        writer.digest = folded(before, sum);
        writer.depth += 1;
        Ok(())
    }
}

impl ser::SerializeSeq for Elements<'_, '_> {
    type Ok = ();
    type Error = WriteError;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
        self.begin(SEQ)?;
        value.serialize(&mut *self.writer)?;
        self.add();
        Ok(())
    }

    #[inline]
    fn end(self) -> Result<(), WriteError> {
        self.close()
    }
}

impl ser::SerializeMap for Elements<'_, '_> {
    type Ok = ();
    type Error = WriteError;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), WriteError> {
        self.begin(MAP)?;
        key.serialize(&mut *self.writer)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
        value.serialize(&mut *self.writer)?;
        self.add();
        Ok(())
    }

    #[inline]
    fn end(self) -> Result<(), WriteError> {
        self.close()
    }
}

/// A tuple or struct whose elements are being written. They follow one another.
pub(super) struct Fields<'w, 'p>(&'w mut Writer<'p>);

/// A trait per kind of tuple, all alike.
macro_rules! tuples {
    ($($trait:ident::$method:ident)*) => { $(
        impl ser::$trait for Fields<'_, '_> {
            type Ok = ();
            type Error = WriteError;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
                value.serialize(&mut *self.0)
            }

            #[inline]
            fn end(self) -> Result<(), WriteError> {
                self.0.depth += 1;
                Ok(())
            }
        }
    )* };
}

tuples! { SerializeTuple::serialize_element SerializeTupleStruct::serialize_field SerializeTupleVariant::serialize_field }

/// As [`tuples`], with a name before each element.
macro_rules! structs {
    ($($trait:ident)*) => { $(
        impl ser::$trait for Fields<'_, '_> {
            type Ok = ();
            type Error = WriteError;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), WriteError> {
                self.0.name(name);
                value.serialize(&mut *self.0)
            }

            /// The bytes of the next field would be read as this one's.
            #[inline]
            fn skip_field(&mut self, _: &'static str) -> Result<(), WriteError> {
                Err(WriteError::LeftOut)
            }

            #[inline]
            fn end(self) -> Result<(), WriteError> {
                self.0.depth += 1;
                Ok(())
            }
        }
    )* };
}

structs! { SerializeStruct SerializeStructVariant }
