//! Reading, from any bytes.

use super::unreadable::{DIGEST, Unreadable};
use super::write::Writer;
use crate::base::codec::DEPTH;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

pub(super) struct Reader<'de> {
    /// Of the value that was written.
    digest: &'de [u8; DIGEST],
    /// The number of all bytes.
    len: usize,
    rest: &'de [u8],
    /// Levels that may still be opened.
    depth: u8,
}

/// Integers, seven bits a byte; a method per size, because the larger ones cost small processors much code.
macro_rules! varints {
    ($($method:ident -> $type:ty)*) => { impl Reader<'_> { $(
        #[cfg_attr(target_pointer_width = "32", inline(never))]
        fn $method(&mut self) -> Result<$type, Unreadable> {
            let mut number = 0;
            let mut shift = 0;
            while shift < <$type>::BITS {
                let byte = self.byte()?;
                number |= <$type>::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    return Ok(number);
                }
            }
            Err(Unreadable)
        }
    )* } };
}

varints! { varint -> u32 long_varint -> u64 wide_varint -> u128 }

impl<'de> Reader<'de> {
    #[inline]
    pub(super) fn new(bytes: &'de [u8]) -> Option<Self> {
        let (digest, rest) = bytes.split_first_chunk()?;
        Some(Self { digest, len: bytes.len(), rest, depth: DEPTH })
    }

    /// Whether the value was read as it was written.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(super) fn has_read(&self, written: &Writer<'_>) -> bool {
        self.rest.is_empty() && written.len() == self.len && written.digest() == *self.digest
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Unreadable)?;
        self.rest = rest;
        Ok(*bytes)
    }

    #[inline]
    fn byte(&mut self) -> Result<u8, Unreadable> {
        self.array().map(|[byte]| byte)
    }

    #[inline]
    fn zigzag(&mut self) -> Result<i32, Unreadable> {
        let number = self.varint()?;
        Ok((number >> 1) as i32 ^ -((number & 1) as i32))
    }

    #[inline]
    fn long_zigzag(&mut self) -> Result<i64, Unreadable> {
        let number = self.long_varint()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    #[inline]
    fn wide_zigzag(&mut self) -> Result<i128, Unreadable> {
        let number = self.wide_varint()?;
        Ok((number >> 1) as i128 ^ -((number & 1) as i128))
    }

    /// A length, of bytes or of elements that take a byte each at least.
    #[inline]
    fn len(&mut self) -> Result<usize, Unreadable> {
        let len = if size_of::<usize>() > 4 { self.long_varint()? as usize } else { self.varint()? as usize };
        if len <= self.rest.len() { Ok(len) } else { Err(Unreadable) }
    }

    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn bytes(&mut self) -> Result<&'de [u8], Unreadable> {
        let len = self.len()?;
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(Unreadable)?;
        self.rest = rest;
        Ok(bytes)
    }

    #[inline]
    fn text(&mut self) -> Result<&'de str, Unreadable> {
        core::str::from_utf8(self.bytes()?).map_err(|_| Unreadable)
    }

    #[inline]
    fn enter(&mut self) -> Result<(), Unreadable> {
        self.depth = self.depth.checked_sub(1).ok_or(Unreadable)?;
        Ok(())
    }

    /// A value of `len` elements or fields.
    #[inline]
    fn elements<V: Visitor<'de>>(&mut self, left: usize, visitor: V) -> Result<V::Value, Unreadable> {
        self.enter()?;
        let value = visitor.visit_seq(Elements { reader: self, left })?;
        self.depth += 1;
        Ok(value)
    }

    #[inline]
    fn inside<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Unreadable> {
        self.enter()?;
        let value = seed.deserialize(&mut *self)?;
        self.depth += 1;
        Ok(value)
    }
}

/// A method per integer type, with a check of the range.
macro_rules! integers {
    ($($method:ident $visit:ident = $with:ident)*) => { $(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
            visitor.$visit(self.$with()?.try_into().map_err(|_| Unreadable)?)
        }
    )* };
}

/// Methods of self-describing formats only.
macro_rules! absent {
    ($($method:ident)*) => { $(
        #[inline]
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Unreadable> {
            Err(Unreadable)
        }
    )* };
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Unreadable;

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }

    absent! { deserialize_any deserialize_identifier deserialize_ignored_any }

    integers! {
        deserialize_i16 visit_i16 = zigzag
        deserialize_i32 visit_i32 = zigzag
        deserialize_i64 visit_i64 = long_zigzag
        deserialize_i128 visit_i128 = wide_zigzag
        deserialize_u16 visit_u16 = varint
        deserialize_u32 visit_u32 = varint
        deserialize_u64 visit_u64 = long_varint
        deserialize_u128 visit_u128 = wide_varint
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.byte()? {
            bit @ 0..2 => visitor.visit_bool(bit == 1),
            _ => Err(Unreadable),
        }
    }

    #[inline]
    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_i8(i8::from_le_bytes(self.array()?))
    }

    #[inline]
    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_u8(self.byte()?)
    }

    #[inline]
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_f32(f32::from_le_bytes(self.array()?))
    }

    #[inline]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_f64(f64::from_le_bytes(self.array()?))
    }

    #[inline]
    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let mut chars = self.text()?.chars();
        match (chars.next(), chars.next()) {
            (Some(char), None) => visitor.visit_char(char),
            _ => Err(Unreadable),
        }
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_borrowed_str(self.text()?)
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_str(visitor)
    }

    #[inline]
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_borrowed_bytes(self.bytes()?)
    }

    #[inline]
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_bytes(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.byte()? {
            0 => visitor.visit_none(),
            1 => {
                self.enter()?;
                let value = visitor.visit_some(&mut *self)?;
                self.depth += 1;
                Ok(value)
            }
            _ => Err(Unreadable),
        }
    }

    #[inline]
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_newtype_struct(self)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let len = self.len()?;
        self.elements(len, visitor)
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Unreadable> {
        self.elements(len, visitor)
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        self.elements(len, visitor)
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let left = self.len()?;
        self.enter()?;
        let value = visitor.visit_map(Elements { reader: self, left })?;
        self.depth += 1;
        Ok(value)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        self.elements(fields.len(), visitor)
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        visitor.visit_enum(self)
    }
}

/// The elements of a list, tuple or struct, or the entries of a map.
struct Elements<'r, 'de> {
    reader: &'r mut Reader<'de>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Unreadable;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Unreadable> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.reader).map(Some)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> MapAccess<'de> for Elements<'_, 'de> {
    type Error = Unreadable;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Unreadable> {
        self.next_element_seed(seed)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Unreadable> {
        seed.deserialize(&mut *self.reader)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> EnumAccess<'de> for &mut Reader<'de> {
    type Error = Unreadable;
    type Variant = Self;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Unreadable> {
        let index = self.varint()?;
        Ok((seed.deserialize(IntoDeserializer::<Unreadable>::into_deserializer(index))?, self))
    }
}

impl<'de> VariantAccess<'de> for &mut Reader<'de> {
    type Error = Unreadable;

    #[inline]
    fn unit_variant(self) -> Result<(), Unreadable> {
        Ok(())
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Unreadable> {
        self.inside(seed)
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Unreadable> {
        self.elements(len, visitor)
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        self.elements(fields.len(), visitor)
    }
}
