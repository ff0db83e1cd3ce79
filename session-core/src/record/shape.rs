//! A digest of the serde shape of a value: which calls its `Serialize` makes, not what it writes.
//!
//! postcard writes neither types nor names, so bytes written as one type often read as another: a `u16` 300 is the two
//! bytes of a `(u8, u8)`, a struct is any other one with fields of the same widths. Each stored value therefore carries
//! this digest, and a value that was read counts only if its own digest is the same.
//!
//! A digest sees what the value shows. `None` and an empty sequence show no element type and an enum only the variant
//! that is there, so `None::<u8>` reads as `None::<u16>` too: nothing of the type not shown is in the value, which is
//! why it cannot be a wrong one. Where types share a shape they are one type here: `&str` and `String`, `usize` and
//! `u64`, a `Box<T>` and its `T`. `Vec<u8>` and serde's bytes are two.
//!
//! Digests are stored: the numbers here are part of the record's format.

use core::fmt;
use serde::ser::{self, Serialize, Serializer};

/// The digest of a value; `None` if its `Serialize` refuses, or leaves out a field that reading would expect.
#[inline]
pub(crate) fn digest<T: Serialize + ?Sized>(value: &T) -> Option<u32> {
    value.serialize(Digest(0x811c_9dc5)).ok()
}

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

/// The digest of the calls so far; each call passes it on.
#[derive(Clone, Copy)]
struct Digest(u32);

impl Digest {
    /// One word more. As FNV-1a, but a word and not a byte at a time, so the high bits have to come down too.
    #[inline]
    const fn fold(self, word: u32) -> Self {
        let hash = (self.0 ^ word).wrapping_mul(0x9e37_79b1);
        Self(hash ^ (hash >> 15))
    }

    /// Length first, so that no two lists of names fold the same words.
    fn name(self, name: &str) -> Self {
        let (words, tail) = name.as_bytes().as_chunks();
        let hash = words.iter().fold(self.len(name.len()), |hash, word| hash.fold(u32::from_le_bytes(*word)));
        tail.iter().fold(hash, |hash, byte| hash.fold((*byte).into()))
    }

    /// No type has 2³² fields.
    #[inline]
    const fn len(self, len: usize) -> Self {
        self.fold(len as u32)
    }

    fn variant(self, kind: u32, name: &str, variant: &str) -> Self {
        self.fold(kind).name(name).name(variant)
    }

    #[inline]
    fn then<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), fmt::Error> {
        self.0 = value.serialize(*self)?;
        Ok(())
    }
}

/// A method per plain type: its number is folded, the value is not looked at.
macro_rules! plain {
    ($($method:ident($type:ty) = $kind:ident)*) => { $(
        #[inline]
        fn $method(self, _: $type) -> Result<u32, fmt::Error> {
            Ok(self.fold($kind).0)
        }
    )* };
}

impl Serializer for Digest {
    type Ok = u32;
    type Error = fmt::Error;
    type SerializeSeq = Elements;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Elements;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    /// As postcard: a type may have two shapes, and this must be the one that is written.
    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }

    plain! {
        serialize_bool(bool) = BOOL
        serialize_i8(i8) = I8
        serialize_i16(i16) = I16
        serialize_i32(i32) = I32
        serialize_i64(i64) = I64
        serialize_i128(i128) = I128
        serialize_u8(u8) = U8
        serialize_u16(u16) = U16
        serialize_u32(u32) = U32
        serialize_u64(u64) = U64
        serialize_u128(u128) = U128
        serialize_f32(f32) = F32
        serialize_f64(f64) = F64
        serialize_char(char) = CHAR
        serialize_str(&str) = STR
        serialize_bytes(&[u8]) = BYTES
    }

    #[inline]
    fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Result<u32, fmt::Error> {
        Ok(self.fold(STR).0)
    }

    #[inline]
    fn serialize_none(self) -> Result<u32, fmt::Error> {
        Ok(self.fold(NONE).0)
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<u32, fmt::Error> {
        value.serialize(self.fold(SOME))
    }

    #[inline]
    fn serialize_unit(self) -> Result<u32, fmt::Error> {
        Ok(self.fold(UNIT).0)
    }

    #[inline]
    fn serialize_unit_struct(self, name: &'static str) -> Result<u32, fmt::Error> {
        Ok(self.fold(UNIT_STRUCT).name(name).0)
    }

    #[inline]
    fn serialize_unit_variant(self, name: &'static str, _: u32, variant: &'static str) -> Result<u32, fmt::Error> {
        Ok(self.variant(UNIT_VARIANT, name, variant).0)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<u32, fmt::Error> {
        value.serialize(self.fold(NEWTYPE_STRUCT).name(name))
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<u32, fmt::Error> {
        value.serialize(self.variant(NEWTYPE_VARIANT, name, variant))
    }

    #[inline]
    fn serialize_seq(self, _: Option<usize>) -> Result<Elements, fmt::Error> {
        Ok(Elements::after(self.fold(SEQ)))
    }

    #[inline]
    fn serialize_tuple(self, len: usize) -> Result<Self, fmt::Error> {
        Ok(self.fold(TUPLE).len(len))
    }

    #[inline]
    fn serialize_tuple_struct(self, name: &'static str, len: usize) -> Result<Self, fmt::Error> {
        Ok(self.fold(TUPLE_STRUCT).name(name).len(len))
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self, fmt::Error> {
        Ok(self.variant(TUPLE_VARIANT, name, variant).len(len))
    }

    #[inline]
    fn serialize_map(self, _: Option<usize>) -> Result<Elements, fmt::Error> {
        Ok(Elements::after(self.fold(MAP)))
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self, fmt::Error> {
        Ok(self.fold(STRUCT).name(name).len(len))
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self, fmt::Error> {
        Ok(self.variant(STRUCT_VARIANT, name, variant).len(len))
    }
}

/// The elements of a sequence or map: if all have one shape, that one, however many they are. If not, their sum, which
/// is the same in any order: a hash map that was read again lists its elements in another one.
struct Elements {
    before: Digest,
    first: Option<u32>,
    mixed: bool,
    sum: u32,
    key: Digest,
}

impl Elements {
    #[inline]
    const fn after(before: Digest) -> Self {
        Self { before, first: None, mixed: false, sum: 0, key: Digest(0) }
    }

    #[inline]
    fn add(&mut self, shape: u32) {
        self.mixed |= *self.first.get_or_insert(shape) != shape;
        // folded once more: the last steps of two elements must not cancel out in the sum
        self.sum = self.sum.wrapping_add(Digest(shape).fold(SEQ).0);
    }

    #[inline]
    fn digest(&self) -> u32 {
        self.before.fold(if self.mixed { self.sum } else { self.first.unwrap_or_default() }).0
    }
}

impl ser::SerializeSeq for Elements {
    type Ok = u32;
    type Error = fmt::Error;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), fmt::Error> {
        self.add(value.serialize(Digest(SEQ))?);
        Ok(())
    }

    #[inline]
    fn end(self) -> Result<u32, fmt::Error> {
        Ok(self.digest())
    }
}

impl ser::SerializeMap for Elements {
    type Ok = u32;
    type Error = fmt::Error;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), fmt::Error> {
        self.key = Digest(key.serialize(Digest(MAP))?);
        Ok(())
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), fmt::Error> {
        self.add(value.serialize(self.key)?);
        Ok(())
    }

    #[inline]
    fn end(self) -> Result<u32, fmt::Error> {
        Ok(self.digest())
    }
}

/// The elements of a fixed-length value follow one another.
macro_rules! fixed {
    ($($trait:ident::$method:ident)*) => { $(
        impl ser::$trait for Digest {
            type Ok = u32;
            type Error = fmt::Error;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), fmt::Error> {
                self.then(value)
            }

            #[inline]
            fn end(self) -> Result<u32, fmt::Error> {
                Ok(self.0)
            }
        }
    )* };
}

fixed! { SerializeTuple::serialize_element SerializeTupleStruct::serialize_field SerializeTupleVariant::serialize_field }

/// As [`fixed`], with a name before each.
macro_rules! named {
    ($($trait:ident)*) => { $(
        impl ser::$trait for Digest {
            type Ok = u32;
            type Error = fmt::Error;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), fmt::Error> {
                *self = self.name(name);
                self.then(value)
            }

            /// postcard would read the bytes of the next field as this one's.
            #[inline]
            fn skip_field(&mut self, _: &'static str) -> Result<(), fmt::Error> {
                Err(fmt::Error)
            }

            #[inline]
            fn end(self) -> Result<u32, fmt::Error> {
                Ok(self.0)
            }
        }
    )* };
}

named! { SerializeStruct SerializeStructVariant }

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;

    #[derive(Serialize)]
    struct Cart<'a> {
        items: &'a [u32],
        note: Option<&'a str>,
    }

    #[derive(Serialize)]
    enum Step {
        Start,
        Paid(u32),
        Sent { parcel: u64 },
    }

    #[test]
    fn the_shape_counts_and_not_the_value() {
        assert_eq!(digest("a"), digest("something else"));
        assert_eq!(digest(&1_u64), digest(&usize::MAX));
        assert_eq!(digest(&[1_u16, 2, 3][..]), digest(&[9_u16][..]));
        assert_eq!(digest(&Some(1_u8)), digest(&Some(2_u8)));
        assert_ne!(digest(&[1_u16, 2][..]), digest(&[1_u32, 2][..]));
        assert_ne!(digest(&[1_u16, 2]), digest(&[1_u16, 2, 3]));
        assert_ne!(digest(&(1_u8, 2_u16)), digest(&(1_u16, 2_u8)));
        assert_ne!(digest(&((1_u8, 2_u8), 3_u8)), digest(&(1_u8, (2_u8, 3_u8))));
    }

    #[test]
    fn mixed_elements_count_in_any_order() {
        let mixed = [Step::Start, Step::Paid(1), Step::Sent { parcel: 2 }, Step::Start];
        let turned = [Step::Sent { parcel: 3 }, Step::Start, Step::Start, Step::Paid(4)];
        assert_eq!(digest(&mixed[..]), digest(&turned[..]));
        assert_ne!(digest(&mixed[..]), digest(&mixed[..2]));
    }

    #[test]
    fn digests_are_part_of_the_format() {
        let cart = Cart { items: &[1], note: Some("x") };
        let digests = [
            digest(&()),
            digest(&true),
            digest(&7_u64),
            digest("text"),
            digest(&(1_u8, 'c')),
            digest(&cart),
            digest(&Step::Start),
            digest(&Step::Paid(1)),
            digest(&Step::Sent { parcel: 1 }),
            digest(&[Step::Start, Step::Paid(1)][..]),
            Digest(0x811c_9dc5).collect_map([(1_u8, true), (2, false)]).ok(),
        ];
        // from a second implementation of the same rules
        let expected = [
            0xc85c_d64c,
            0xa877_e869,
            0x74d8_1aae,
            0x5dc3_292d,
            0x965a_c6cd,
            0x6a14_2c69,
            0xc7ca_dd12,
            0x0022_661f,
            0x1ccf_d5a9,
            0xd95b_179b,
            0xcfe8_789c,
        ];
        assert_eq!(digests.map(Option::unwrap), expected);
    }
}
