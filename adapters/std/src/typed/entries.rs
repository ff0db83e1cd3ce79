//! A value made of its entries in a session.

use std::any::type_name;
use std::fmt;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, Expected, MapAccess, Unexpected, Visitor};
use serde::{Serialize, de::DeserializeOwned, forward_to_deserialize_any};
use session_core::codec::cbor::{Error, Unreadable};
use session_core::codec::{Cbor, Codec};

use super::fields::Fields;
use super::names::WHOLE;

/// Names, with the dot before them, and bytes.
type Stored<'a> = Vec<(&'a str, &'a [u8])>;

/// Why the entries cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Why {
    /// The name of the field, with the dot before it; empty if it is the value as a whole, or not known.
    pub(super) name: String,
    /// The requested type.
    wanted: &'static str,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    /// An error of the fields together.
    Fields(Error),
    /// An error within one of them, or within the whole.
    Value(Box<Unreadable>),
}

impl Why {
    fn value<T: ?Sized>(name: &str, why: Unreadable) -> Self {
        Self { name: name.into(), wanted: type_name::<T>(), what: What::Value(Box::new(why)) }
    }

    fn fields(error: Error) -> Self {
        Self { name: String::new(), wanted: "", what: What::Fields(error) }
    }

    /// The missing field.
    fn missing(&self) -> Option<&'static str> {
        if let What::Fields(error) = &self.what { error.missing() } else { None }
    }

    /// The field that exists under two names.
    fn twice(&self) -> Option<&'static str> {
        if let What::Fields(error) = &self.what { error.twice() } else { None }
    }

    /// Names the type of the whole where no other one is known.
    fn of<T: ?Sized>(self) -> Self {
        if self.wanted.is_empty() { Self { wanted: type_name::<T>(), ..self } } else { self }
    }
}

impl fmt::Display for Why {
    /// "as u32: expected u32, found text". Contains no part of a value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "as {}: ", self.wanted)?;
        match &self.what {
            What::Fields(error) => error.fmt(f),
            What::Value(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for Why {}

impl de::Error for Why {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::fields(de::Error::custom(text))
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::fields(de::Error::invalid_type(unexpected, expected))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::fields(de::Error::invalid_value(unexpected, expected))
    }

    fn invalid_length(len: usize, expected: &dyn Expected) -> Self {
        Self::fields(de::Error::invalid_length(len, expected))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::fields(de::Error::unknown_variant(variant, expected))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::fields(de::Error::unknown_field(field, expected))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::fields(de::Error::missing_field(field))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::fields(de::Error::duplicate_field(field))
    }
}

/// A value of its entries.
pub(super) struct Read<T> {
    pub(super) value: T,
    /// The unreadable fields, which have their default.
    pub(super) resets: Vec<Why>,
    /// Entries of fields that exist under another name as well: an alias that an older version of the program wrote.
    pub(super) shadowed: Vec<String>,
}

/// Reads a value of its entries: `T::default()` if there are none. A missing field has its value in the default, and
/// with `resets` an unreadable one as well.
pub(super) fn read<T>(stored: Stored<'_>, resetting: bool) -> Result<Read<T>, Why>
where
    T: Serialize + DeserializeOwned + Default,
{
    let mut read = Read { value: T::default(), resets: Vec::new(), shadowed: Vec::new() };
    if let Some((_, bytes)) = stored.iter().find(|(name, _)| *name == WHOLE) {
        match Cbor::read::<T>(bytes).map_err(|why| Why::value::<T>(WHOLE, why)) {
            Ok(value) => read.value = value,
            Err(why) if resetting => read.resets.push(why),
            Err(why) => return Err(why),
        }
        return Ok(read);
    }
    if stored.is_empty() {
        return Ok(read);
    }
    let defaults = Fields::of(&read.value).unwrap_or_default();
    let mut stored: Stored<'_> = stored;
    loop {
        let why = match T::deserialize(Entries(&stored)) {
            Ok(value) => return Ok(Read { value, ..read }),
            Err(why) => why.of::<T>(),
        };
        if let Some(missing) = why.missing().map(|name| format!(".{name}"))
            && !stored.iter().any(|(name, _)| *name == missing)
            && let Some(default) = defaults.iter().find(|(name, _)| *name == missing)
        {
            stored.push(default);
            continue;
        }
        if let Some(alias) = why.twice().and_then(|name| alias::<T>(&stored, name)) {
            stored.retain(|(name, _)| *name != alias);
            read.shadowed.push(alias);
            continue;
        }
        if !resetting {
            return Err(why);
        }
        // serde evaluates some fields only after all were read, and does not name the wrong one
        let name = if why.name.is_empty() { culprit::<T>(&stored, &defaults) } else { Some(why.name.clone()) };
        let Some(name) = name.filter(|name| read.resets.iter().all(|reset| reset.name != *name)) else {
            read.resets.push(why);
            return Ok(read);
        };
        stored = without(&stored, &name, &defaults);
        read.resets.push(Why { name, ..why });
    }
}

/// Another entry of the field `name`, whose own entry takes precedence.
fn alias<T: DeserializeOwned>(stored: &Stored<'_>, name: &'static str) -> Option<String> {
    let twice = |entries: &Stored<'_>| T::deserialize(Entries(entries)).is_err_and(|why| why.twice() == Some(name));
    let own = stored.iter().find(|(own, _)| own.strip_prefix('.') == Some(name));
    let others = || stored.iter().filter(|entry| own.is_none_or(|own| own.0 != entry.0));
    let beside = |entry: &&_| own.is_some_and(|own| twice(&vec![*own, **entry]));
    let only = |entry: &&(&str, _)| !twice(&stored.iter().filter(|other| other.0 != entry.0).copied().collect());
    let found = others().find(beside).or_else(|| others().find(only));
    found.map(|(name, _)| (*name).to_owned())
}

/// The entries with this field replaced by the default's, or removed if the default has none.
fn without<'a>(stored: &Stored<'a>, name: &str, defaults: &'a Fields) -> Stored<'a> {
    let others = stored.iter().filter(|(other, _)| *other != name).copied();
    others.chain(defaults.iter().find(|(other, _)| *other == name)).collect()
}

/// The field without which the others can be read.
fn culprit<T: DeserializeOwned>(stored: &Stored<'_>, defaults: &Fields) -> Option<String> {
    let reads = |name: &&str| T::deserialize(Entries(&without(stored, name, defaults))).is_ok();
    stored.iter().map(|(name, _)| *name).find(reads).map(str::to_owned)
}

/// The entries as a map from the fields' names.
struct Entries<'s, 'de>(&'s [(&'de str, &'de [u8])]);

impl<'de> Deserializer<'de> for Entries<'_, 'de> {
    type Error = Why;

    fn is_human_readable(&self) -> bool {
        true
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Why> {
        visitor.visit_map(Next { left: self.0.iter(), entry: None })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Why> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Why> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

struct Next<'s, 'de> {
    left: std::slice::Iter<'s, (&'de str, &'de [u8])>,
    entry: Option<(&'de str, &'de [u8])>,
}

impl<'de> MapAccess<'de> for Next<'_, 'de> {
    type Error = Why;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Why> {
        self.entry = self.left.next().copied();
        let name = self.entry.map(|(name, _)| name.strip_prefix('.').unwrap_or(name));
        name.map(|name| seed.deserialize(Name(name))).transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Why> {
        let (name, bytes) = self.entry.take().ok_or_else(|| <Why as de::Error>::custom("no value"))?;
        Cbor::read_seed(bytes, seed).map_err(|why| Why::value::<S::Value>(name, why))
    }
}

/// A name, read as the codec reads a text.
struct Name<'de>(&'de str);

impl<'de> Deserializer<'de> for Name<'de> {
    type Error = Why;

    fn is_human_readable(&self) -> bool {
        true
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Why> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Why> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Why> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Why> {
        visitor.visit_enum(BorrowedStrDeserializer::new(self.0))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}
