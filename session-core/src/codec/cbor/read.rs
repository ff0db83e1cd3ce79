//! Reads values from any bytes, without its own recursion, and never deeper than values are written.

use super::inside::{Elements, Entries, Variant};
use super::item::{Item, wide};
use super::reader::Reader;
use super::unreadable::{Error, What};
use serde::de::value::{BorrowedStrDeserializer, SeqDeserializer};
use serde::de::{Deserializer, Expected, Visitor};
impl<'de> Reader<'de> {
    /// Reads what a list, map or variant of `len` items contains, all of it.
    #[inline]
    fn open<T>(
        &mut self,
        rest: &'de [u8],
        len: usize,
        read: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (depth, owed) = (self.depth, self.owed);
        let inner = depth.checked_sub(1).ok_or(Error::new(What::Deep))?;
        (self.rest, self.depth, self.owed) = (rest, inner, owed.saturating_add(len));
        if self.owed > rest.len() {
            return Err(Error::new(What::Cut));
        }
        let value = read(self)?;
        self.settle()?;
        if self.owed != owed {
            return Err(Error::new(What::Left));
        }
        self.depth = depth;
        Ok(value)
    }

    fn list<V: Visitor<'de>>(&mut self, rest: &'de [u8], len: usize, visitor: V) -> Result<V::Value, Error> {
        self.open(rest, len, |reader| visitor.visit_seq(Elements::new(reader, len)))
    }

    fn map<V: Visitor<'de>>(
        &mut self,
        rest: &'de [u8],
        len: usize,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let items = len.saturating_mul(2);
        self.open(rest, items, |reader| visitor.visit_map(Entries::new(reader, items, fields)))
    }

    fn some<V: Visitor<'de>>(&mut self, rest: &'de [u8], visitor: V) -> Result<V::Value, Error> {
        let outer = self.depth;
        // also where no byte requires it, because a type that contains only itself as an option would recurse forever
        let inner = outer.checked_sub(1).ok_or(Error::new(What::Deep))?;
        (self.rest, self.depth) = (rest, inner);
        let value = visitor.visit_some(&mut *self)?;
        // if not, the type ignored an earlier error
        if self.depth == inner && self.rest.len() != rest.len() {
            self.depth = outer;
        }
        Ok(value)
    }

    /// Bytes as a list of numbers.
    fn numbers<V: Visitor<'de>>(&mut self, rest: &'de [u8], bytes: &[u8], visitor: V) -> Result<V::Value, Error> {
        self.rest = rest;
        let mut numbers = SeqDeserializer::<_, Error>::new(bytes.iter().copied());
        let value = visitor.visit_seq(&mut numbers)?;
        numbers.end()?;
        Ok(value)
    }

    /// An integer of 64 bits. The wider ones are separate, because serde formats them even for types that do not use
    /// them.
    #[inline]
    fn int<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        let (item, rest) = Item::next(self.rest)?;
        match item {
            Item::Unsigned(number) => {
                self.rest = rest;
                visitor.visit_u64(number)
            }
            Item::Negative(number) => {
                let number = i64::try_from(number).map_err(|_| item.no_value_of(&visitor))?;
                self.rest = rest;
                visitor.visit_i64(!number)
            }
            _ => Err(item.instead_of(&visitor)),
        }
    }

    fn wide<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        let (item, rest) = Item::next(self.rest)?;
        match item {
            Item::Negative(number) if i64::try_from(number).is_err() => {
                self.rest = rest;
                visitor.visit_i128(!i128::from(number))
            }
            Item::Big(bytes) => {
                self.rest = rest;
                visitor.visit_u128(wide(bytes))
            }
            Item::BigNegative(bytes) => {
                self.rest = rest;
                visitor.visit_i128(!(wide(bytes) as i128))
            }
            _ => self.int(visitor),
        }
    }

    /// A number as a double, if that is exactly the same number.
    fn double(&mut self, expected: &dyn Expected) -> Result<f64, Error> {
        const EXACT: u64 = 1 << f64::MANTISSA_DIGITS;
        let (item, rest) = Item::next(self.rest)?;
        let number = match item {
            Item::Single(number) => number.into(),
            Item::Double(number) => number,
            Item::Unsigned(number @ 0..=EXACT) => number as f64,
            Item::Negative(number @ 0..EXACT) => -((number + 1) as f64),
            Item::Unsigned(_) | Item::Negative(_) => return Err(item.no_value_of(expected)),
            _ => return Err(item.instead_of(expected)),
        };
        self.rest = rest;
        Ok(number)
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Error;

    fn is_human_readable(&self) -> bool {
        true
    }

    /// Before serde knows the type, it buffers the value and may later mistake it for another one: a number of 64 bits
    /// for the position of a field or variant, and bytes for a text. So numbers have 32 bits where that is enough, and
    /// bytes are a list of numbers, as in JSON.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let (item, rest) = Item::next(self.rest)?;
        match item {
            Item::Unsigned(number) => match u32::try_from(number) {
                Ok(number) => {
                    self.rest = rest;
                    visitor.visit_u32(number)
                }
                Err(_) => self.int(visitor),
            },
            Item::Negative(_) | Item::Big(_) | Item::BigNegative(_) => self.wide(visitor),
            Item::List(len) => self.list(rest, len, visitor),
            Item::Map(len) => self.map(rest, len, &[], visitor),
            Item::Some => self.some(rest, visitor),
            Item::Bytes(bytes) => self.numbers(rest, bytes, visitor),
            Item::Text(text) => {
                self.rest = rest;
                visitor.visit_borrowed_str(text)
            }
            Item::Bool(value) => {
                self.rest = rest;
                visitor.visit_bool(value)
            }
            Item::Null => {
                self.rest = rest;
                visitor.visit_unit()
            }
            Item::Single(number) => {
                self.rest = rest;
                visitor.visit_f32(number)
            }
            Item::Double(number) => {
                self.rest = rest;
                visitor.visit_f64(number)
            }
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match Item::next(self.rest)? {
            (Item::Bool(value), rest) => {
                self.rest = rest;
                visitor.visit_bool(value)
            }
            (item, _) => Err(item.instead_of(&visitor)),
        }
    }

    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.int(visitor)
    }

    fn deserialize_i16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.int(visitor)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.int(visitor)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.int(visitor)
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.wide(visitor)
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.int(visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.int(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.int(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.int(visitor)
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.wide(visitor)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let (item, rest) = Item::next(self.rest)?;
        if let Item::Single(number) = item {
            self.rest = rest;
            return visitor.visit_f32(number);
        }
        let number = self.double(&visitor)?;
        let nearest = number as f32;
        if f64::from(nearest) == number || number.is_nan() {
            visitor.visit_f32(nearest)
        } else {
            Err(item.no_value_of(&visitor))
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let number = self.double(&visitor)?;
        visitor.visit_f64(number)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match Item::next(self.rest)? {
            (Item::Text(text), rest) => {
                self.rest = rest;
                visitor.visit_borrowed_str(text)
            }
            (item, _) => Err(item.instead_of(&visitor)),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match Item::next(self.rest)? {
            (Item::Bytes(bytes), rest) => {
                self.rest = rest;
                visitor.visit_borrowed_bytes(bytes)
            }
            (Item::List(len), rest) => self.list(rest, len, visitor),
            (item, _) => Err(item.instead_of(&visitor)),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match Item::next(self.rest)? {
            (Item::Null, rest) => {
                self.rest = rest;
                visitor.visit_none()
            }
            (Item::Some, rest) => self.some(rest, visitor),
            _ => self.some(self.rest, visitor),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match Item::next(self.rest)? {
            (Item::Null, rest) => {
                self.rest = rest;
                visitor.visit_unit()
            }
            (item, _) => Err(item.instead_of(&visitor)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match Item::next(self.rest)? {
            (Item::List(len), rest) => self.list(rest, len, visitor),
            (Item::Bytes(bytes), rest) => self.numbers(rest, bytes, visitor),
            (item, _) => Err(item.instead_of(&visitor)),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_struct("", &[], visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match Item::next(self.rest)? {
            (Item::Map(len), rest) => self.map(rest, len, fields, visitor),
            (item, _) => Err(item.instead_of(&visitor)),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match Item::next(self.rest)? {
            (Item::Text(name), rest) => {
                self.rest = rest;
                visitor.visit_enum(BorrowedStrDeserializer::new(name))
            }
            (Item::Map(1), rest) => self.open(rest, 2, |reader| visitor.visit_enum(Variant::new(reader, variants))),
            (item, _) => Err(item.instead_of(&visitor)),
        }
    }

    /// Never a number, because derived types would mistake it for the position of a field.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.skip()?;
        visitor.visit_unit()
    }
}
