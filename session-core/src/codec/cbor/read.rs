//! Reading, from any bytes: without recursion of its own, and never deeper than values are written.

use super::unreadable::{Error, Found, Path, Step, Unreadable, What};
use super::{BIG, BIG_NEGATIVE, BYTES, DOUBLE, FALSE, LIST, MAP, NEGATIVE, NULL, SINGLE, SOME, TEXT, TRUE, UNSIGNED};
use crate::codec::DEPTH;
use serde::de::value::{BorrowedStrDeserializer, SeqDeserializer};
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Expected, MapAccess, SeqAccess, VariantAccess, Visitor};

/// What comes next in the bytes: a whole value, or the beginning of one that contains others.
#[derive(Clone, Copy)]
enum Item<'de> {
    Unsigned(u64),
    /// -1 minus this.
    Negative(u64),
    /// The same, beyond 64 bits.
    Big(u128),
    BigNegative(u128),
    Bytes(&'de [u8]),
    Text(&'de str),
    /// So many elements follow.
    List(usize),
    /// So many entries follow.
    Map(usize),
    /// A null follows, or another one of these.
    Some,
    Bool(bool),
    Null,
    Single(f32),
    Double(f64),
}

impl<'de> Item<'de> {
    /// The next item and what follows it.
    #[inline]
    fn next(bytes: &'de [u8]) -> Result<(Self, &'de [u8]), Error> {
        let (first, number, rest) = head(bytes)?;
        let item = match first >> 5 {
            UNSIGNED => Self::Unsigned(number),
            NEGATIVE => Self::Negative(number),
            BYTES => {
                let (part, rest) = split(rest, number)?;
                return Ok((Self::Bytes(part), rest));
            }
            TEXT => {
                let (part, rest) = split(rest, number)?;
                let text = core::str::from_utf8(part).map_err(|_| Error::new(What::Foreign))?;
                return Ok((Self::Text(text), rest));
            }
            LIST => Self::List(within(rest, number)?),
            MAP => Self::Map(within(rest, number)?),
            _ => match first {
                SOME if matches!(rest, [SOME | NULL, ..]) => Self::Some,
                BIG | BIG_NEGATIVE => return big(first, rest),
                FALSE | TRUE => Self::Bool(first == TRUE),
                NULL => Self::Null,
                SINGLE => Self::Single(f32::from_bits(number as u32)),
                DOUBLE => Self::Double(f64::from_bits(number)),
                _ => return Err(Error::new(What::Foreign)),
            },
        };
        Ok((item, rest))
    }

    const fn found(self) -> Found {
        match self {
            Self::Unsigned(_) | Self::Negative(_) | Self::Big(_) | Self::BigNegative(_) => Found::Integer,
            Self::Bytes(_) => Found::Bytes,
            Self::Text(_) => Found::Text,
            Self::List(_) => Found::List,
            Self::Map(_) => Found::Map,
            Self::Some => Found::Some,
            Self::Bool(_) => Found::Bool,
            Self::Null => Found::Null,
            Self::Single(_) | Self::Double(_) => Found::Float,
        }
    }

    #[cold]
    fn instead_of(self, expected: &dyn Expected) -> Error {
        Error::expected(What::Type(self.found()), expected)
    }

    #[cold]
    fn no_value_of(self, expected: &dyn Expected) -> Error {
        Error::expected(What::Value(self.found()), expected)
    }
}

/// The first byte, the number that it has or that follows it, and the rest.
#[inline]
fn head(bytes: &[u8]) -> Result<(u8, u64, &[u8]), Error> {
    let cut = Error::new(What::Cut);
    let (first, rest) = bytes.split_first().ok_or(cut)?;
    let (number, rest, fewest) = match first & 0x1f {
        info @ 0..24 => return Ok((*first, info.into(), rest)),
        24 => rest.split_first().map(|(byte, rest)| (u64::from(*byte), rest, 24)).ok_or(cut)?,
        25 => part(rest).map(|(part, rest)| (u16::from_be_bytes(part).into(), rest, 0x100)).ok_or(cut)?,
        26 => part(rest).map(|(part, rest)| (u32::from_be_bytes(part).into(), rest, 0x1_0000)).ok_or(cut)?,
        27 => part(rest).map(|(part, rest)| (u64::from_be_bytes(part), rest, 0x1_0000_0000)).ok_or(cut)?,
        _ => return Err(Error::new(What::Foreign)),
    };
    // the bits of a float may be any
    if number >= fewest || matches!(*first, SINGLE | DOUBLE) {
        Ok((*first, number, rest))
    } else {
        Err(Error::new(What::Foreign))
    }
}

#[inline]
fn part<const N: usize>(bytes: &[u8]) -> Option<([u8; N], &[u8])> {
    bytes.split_first_chunk().map(|(part, rest)| (*part, rest))
}

fn split(bytes: &[u8], len: u64) -> Result<(&[u8], &[u8]), Error> {
    usize::try_from(len).ok().and_then(|len| bytes.split_at_checked(len)).ok_or(Error::new(What::Cut))
}

/// A number of elements, each of which takes a byte at least.
fn within(rest: &[u8], len: u64) -> Result<usize, Error> {
    usize::try_from(len).ok().filter(|len| *len <= rest.len()).ok_or(Error::new(What::Cut))
}

/// An integer beyond 64 bits, after its tag.
fn big(tag: u8, rest: &[u8]) -> Result<(Item<'_>, &[u8]), Error> {
    let foreign = Error::new(What::Foreign);
    let (first, len, rest) = head(rest)?;
    let (bytes, rest) = split(rest, len)?;
    if first >> 5 != BYTES || !(9..=16).contains(&bytes.len()) || bytes.first() == Some(&0) {
        return Err(foreign);
    }
    let number = bytes.iter().fold(0, |number: u128, byte| number << 8 | u128::from(*byte));
    match tag {
        BIG => Ok((Item::Big(number), rest)),
        _ if number >> 127 == 0 => Ok((Item::BigNegative(number), rest)),
        _ => Err(foreign),
    }
}

/// Reads values. Whatever a type does with it, it stays within the bytes and its depth.
pub(super) struct Reader<'de> {
    rest: &'de [u8],
    /// Levels that may still be opened.
    depth: u8,
    /// Items that the open lists and maps have still to begin. Each takes a byte at least, so that all the lengths that
    /// are believed at a time add up to no more than the bytes that are left.
    owed: usize,
    /// Where the last error happened.
    path: Option<Path>,
}

impl<'de> Reader<'de> {
    pub(super) const fn new(bytes: &'de [u8]) -> Self {
        Self { rest: bytes, depth: DEPTH, owed: 0, path: None }
    }

    pub(super) fn whole<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let value = self.item(seed)?;
        if self.rest.is_empty() { Ok(value) } else { Err(Error::new(What::Left)) }
    }

    /// The error and where it happened.
    #[cold]
    pub(super) fn unreadable(&self, error: Error) -> Unreadable {
        Unreadable { path: self.path.filter(|_| error.located).unwrap_or(Path::EMPTY), error }
    }

    /// Notes a step to where the error happened.
    #[cold]
    fn locate(&mut self, mut error: Error, step: Step) -> Error {
        if !core::mem::replace(&mut error.located, true) {
            self.path = None;
        }
        self.path.get_or_insert(Path::EMPTY).push(step);
        error
    }

    /// Reads exactly one item, whatever the type does. A type may also ignore an error and go on with a default, or not
    /// look at the item at all; the next one is read from its own beginning nevertheless.
    fn item<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let Self { rest, depth, owed, .. } = *self;
        let read = seed.deserialize(&mut *self);
        if read.is_err() || self.depth != depth || self.rest.len() == rest.len() {
            (self.rest, self.depth, self.owed) = (rest, depth, owed);
            let skipped = self.skip();
            // if the bytes themselves are wrong, nothing after them is read
            if read.is_ok() {
                skipped?;
            }
        }
        read
    }

    /// Moves past one item.
    fn skip(&mut self) -> Result<(), Error> {
        let (mut rest, mut items) = (core::mem::take(&mut self.rest), 1_usize);
        while let Some(others) = items.checked_sub(1) {
            let (item, after) = Item::next(rest)?;
            let more = match item {
                Item::List(len) => len,
                Item::Map(len) => len.saturating_mul(2),
                Item::Some => 1,
                _ => 0,
            };
            rest = after;
            items = others.saturating_add(more);
        }
        self.rest = rest;
        Ok(())
    }

    /// Reads what a list, map or variant of `len` items contains, all of it.
    #[inline]
    fn open<T>(
        &mut self,
        rest: &'de [u8],
        len: usize,
        read: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (depth, owed) = (self.depth, self.owed);
        self.depth = depth.checked_sub(1).ok_or(Error::new(What::Deep))?;
        self.owed = owed.saturating_add(len);
        self.rest = rest;
        if self.owed > rest.len() {
            return Err(Error::new(What::Cut));
        }
        let value = read(self)?;
        if self.owed != owed {
            return Err(Error::new(What::Left));
        }
        self.depth = depth;
        Ok(value)
    }

    fn list<V: Visitor<'de>>(&mut self, rest: &'de [u8], len: usize, visitor: V) -> Result<V::Value, Error> {
        self.open(rest, len, |reader| visitor.visit_seq(Elements { reader, left: len, index: 0 }))
    }

    fn map<V: Visitor<'de>>(
        &mut self,
        rest: &'de [u8],
        len: usize,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let len = len.saturating_mul(2);
        self.open(rest, len, |reader| visitor.visit_map(Entries { reader, left: len, fields, key: &[] }))
    }

    fn some<V: Visitor<'de>>(&mut self, rest: &'de [u8], visitor: V) -> Result<V::Value, Error> {
        let outer = self.depth;
        // also where no byte says so: a type that contains itself as an option only would never come to an end
        let inner = outer.checked_sub(1).ok_or(Error::new(What::Deep))?;
        (self.rest, self.depth) = (rest, inner);
        let value = visitor.visit_some(&mut *self)?;
        // if not, the type ignored an error on the way
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

    /// An integer of 64 bits. The wider ones are apart, because serde formats them where a type has no use for them.
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
            Item::Big(number) => {
                self.rest = rest;
                visitor.visit_u128(number)
            }
            Item::BigNegative(number) => {
                self.rest = rest;
                visitor.visit_i128(!(number as i128))
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

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let (item, rest) = Item::next(self.rest)?;
        match item {
            Item::Unsigned(_) => self.int(visitor),
            Item::Negative(_) | Item::Big(_) | Item::BigNegative(_) => self.wide(visitor),
            Item::List(len) => self.list(rest, len, visitor),
            Item::Map(len) => self.map(rest, len, &[], visitor),
            Item::Some => self.some(rest, visitor),
            Item::Bytes(bytes) => {
                self.rest = rest;
                visitor.visit_borrowed_bytes(bytes)
            }
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
            (Item::Map(1), rest) => {
                self.open(rest, 2, |reader| visitor.visit_enum(Variant { reader, variants, key: &[] }))
            }
            (item, _) => Err(item.instead_of(&visitor)),
        }
    }

    /// Never a number: derived types would take it for the position of a field.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.skip()?;
        visitor.visit_unit()
    }
}

/// The step to a name that stands in the bytes, if it is one of the type's.
fn named(key: &[u8], names: &'static [&'static str]) -> Step {
    match Item::next(key) {
        Ok((Item::Text(key), _)) => {
            names.iter().find(|name| **name == key).map_or(Step::Entry, |name| Step::Name(name))
        }
        _ => Step::Entry,
    }
}

struct Elements<'r, 'de> {
    reader: &'r mut Reader<'de>,
    left: usize,
    index: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        let index = self.index;
        (self.left, self.index) = (left, index.saturating_add(1));
        self.reader.owed = self.reader.owed.saturating_sub(1);
        self.reader.item(seed).map(Some).map_err(|error| self.reader.locate(error, Step::Index(index)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

struct Entries<'r, 'de> {
    reader: &'r mut Reader<'de>,
    /// Keys and values. If it is odd, a value is next.
    left: usize,
    fields: &'static [&'static str],
    /// From the last key on.
    key: &'de [u8],
}

impl<'de> Entries<'_, 'de> {
    fn item<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        self.left = self.left.saturating_sub(1);
        self.reader.owed = self.reader.owed.saturating_sub(1);
        self.reader.item(seed)
    }
}

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        if self.left % 2 == 1 {
            return Err(Error::new(What::Left));
        }
        self.key = self.reader.rest;
        self.item(seed).map(Some).map_err(|error| self.reader.locate(error, Step::Entry))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        if self.left % 2 == 0 {
            return Err(Error::new(What::Cut));
        }
        self.item(seed).map_err(|error| self.reader.locate(error, named(self.key, self.fields)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left / 2)
    }
}

/// A variant with content.
struct Variant<'r, 'de> {
    reader: &'r mut Reader<'de>,
    variants: &'static [&'static str],
    /// From its name on.
    key: &'de [u8],
}

impl<'de> Variant<'_, 'de> {
    fn item<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        self.reader.owed = self.reader.owed.saturating_sub(1);
        self.reader.item(seed)
    }

    fn content<S: DeserializeSeed<'de>>(mut self, seed: S) -> Result<S::Value, Error> {
        self.item(seed).map_err(|error| self.reader.locate(error, named(self.key, self.variants)))
    }
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(mut self, seed: S) -> Result<(S::Value, Self), Error> {
        self.key = self.reader.rest;
        Ok((self.item(seed)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Err(Error::expected(What::Type(Found::Variant), &"a variant without content"))
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        self.content(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.content(Tuple(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.content(Struct(fields, visitor))
    }
}

struct Tuple<V>(V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Tuple<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_seq(self.0)
    }
}

struct Struct<V>(&'static [&'static str], V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Struct<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_struct("", self.0, self.1)
    }
}
