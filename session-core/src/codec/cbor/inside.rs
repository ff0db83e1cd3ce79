//! Reading what lists, maps and variants contain.

use super::item::Item;
use super::reader::Reader;
use super::unreadable::{Error, Found, Step, What};
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

/// The step to a name in the bytes, if it is one of the type's.
fn named(key: &[u8], names: &'static [&'static str]) -> Step {
    match Item::next(key) {
        Ok((Item::Text(key), _)) => {
            names.iter().find(|name| **name == key).map_or(Step::Entry, |name| Step::Name(name))
        }
        _ => Step::Entry,
    }
}

pub(super) struct Elements<'r, 'de> {
    reader: &'r mut Reader<'de>,
    left: usize,
    index: usize,
}

impl<'r, 'de> Elements<'r, 'de> {
    pub(super) const fn new(reader: &'r mut Reader<'de>, len: usize) -> Self {
        Self { reader, left: len, index: 0 }
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        let index = self.index;
        (self.left, self.index) = (left, index.saturating_add(1));
        self.reader.item(seed).map(Some).map_err(|error| self.reader.locate(error, Step::Index(index)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

pub(super) struct Entries<'r, 'de> {
    reader: &'r mut Reader<'de>,
    /// Keys and values. If it is odd, a value is next.
    left: usize,
    fields: &'static [&'static str],
    /// Begins at the last key.
    key: &'de [u8],
}

impl<'r, 'de> Entries<'r, 'de> {
    /// `items` counts keys and values.
    pub(super) const fn new(reader: &'r mut Reader<'de>, items: usize, fields: &'static [&'static str]) -> Self {
        Self { reader, left: items, fields, key: &[] }
    }

    fn item<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        self.left = self.left.saturating_sub(1);
        self.reader.item(seed)
    }
}

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        if !self.left.is_multiple_of(2) {
            return Err(Error::new(What::Left));
        }
        self.key = self.reader.rest();
        self.item(seed).map(Some).map_err(|error| self.reader.locate(error, Step::Entry))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        if self.left.is_multiple_of(2) {
            return Err(Error::new(What::Cut));
        }
        self.item(seed).map_err(|error| self.reader.locate(error, named(self.key, self.fields)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left / 2)
    }
}

/// A variant with content.
pub(super) struct Variant<'r, 'de> {
    reader: &'r mut Reader<'de>,
    variants: &'static [&'static str],
    /// Begins at its name.
    key: &'de [u8],
}

impl<'r, 'de> Variant<'r, 'de> {
    pub(super) const fn new(reader: &'r mut Reader<'de>, variants: &'static [&'static str]) -> Self {
        Self { reader, variants, key: &[] }
    }

    fn content<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        self.reader.item(seed).map_err(|error| self.reader.locate(error, named(self.key, self.variants)))
    }
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(mut self, seed: S) -> Result<(S::Value, Self), Error> {
        self.key = self.reader.rest();
        Ok((self.reader.item(seed)?, self))
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
