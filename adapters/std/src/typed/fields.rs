//! A value as its fields: the name and the bytes of each.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::ser::{self, Impossible, Serialize, Serializer};
use session_core::codec::{Cbor, Codec, WriteError};

use super::names::{LONGEST_NAME, WHOLE};
use super::shape;

/// The fields of a value, in the order of their names. A value that has none, or whose names cannot be keys, is one field
/// whose name is [`WHOLE`].
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// Name and bytes of each, one after the other.
    bytes: Vec<u8>,
    /// Where a name begins, where it ends, and where its bytes end.
    places: Vec<(usize, usize, usize)>,
}

impl Fields {
    /// The fields of a value.
    pub(super) fn of<T: Serialize + DeserializeOwned>(value: &T) -> Result<Self, WriteError> {
        let split =
            if shape::is_tagged::<T>() { Err(NotSplit::Whole) } else { value.serialize(Split(Self::default())) };
        match split {
            Ok(mut fields) => {
                fields.sort();
                // a flattened map may have a key that is a field of the struct
                if fields.places.windows(2).any(|two| fields.at(&two[0]).0 == fields.at(&two[1]).0) {
                    return Err(WriteError::Length);
                }
                Ok(fields)
            }
            Err(NotSplit::Whole) => {
                let mut whole = Self::default();
                whole.add(WHOLE, value)?;
                Ok(whole)
            }
            Err(NotSplit::Error(why)) => Err(why),
        }
    }

    /// All of them: names with the dot before them, and bytes.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.places.iter().map(|place| self.at(place))
    }

    /// The bytes of a field.
    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        let found = self.places.binary_search_by(|place| self.at(place).0.cmp(name)).ok()?;
        Some(self.at(&self.places[found]).1)
    }

    /// Returns the name of a field that only one of the two has, or that differs. The order of a hash map does not
    /// matter.
    pub(super) fn differs_from<'a>(&'a self, other: &'a Self) -> Option<&'a str> {
        let differs =
            |one: Option<&[u8]>, two: Option<&[u8]>| one != two && one.map(Cbor::content) != two.map(Cbor::content);
        let names = self.iter().chain(other.iter()).map(|(name, _)| name);
        names.into_iter().find(|name| differs(self.get(name), other.get(name)))
    }

    fn at(&self, &(begin, name, end): &(usize, usize, usize)) -> (&str, &[u8]) {
        (str::from_utf8(&self.bytes[begin..name]).unwrap_or_default(), &self.bytes[name..end])
    }

    fn add<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), WriteError> {
        /// Most values take less and are written once.
        const GUESS: usize = 64;
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(name.as_bytes());
        let from = self.bytes.len();
        self.bytes.resize(from + GUESS, 0);
        let len = Cbor::write(value, &mut self.bytes[from..])?;
        if len > GUESS {
            self.bytes.resize(from + len, 0);
            if Cbor::write(value, &mut self.bytes[from..])? != len {
                return Err(WriteError::Length);
            }
        }
        self.bytes.truncate(from + len);
        self.places.push((begin, from, from + len));
        Ok(())
    }

    fn sort(&mut self) {
        let mut places = std::mem::take(&mut self.places);
        places.sort_by(|one, other| self.at(one).0.cmp(self.at(other).0));
        self.places = places;
    }
}

/// Why there are no fields.
#[derive(Debug)]
pub(super) enum NotSplit {
    /// The value has none, or their names cannot be keys.
    Whole,
    Error(WriteError),
}

impl fmt::Display for NotSplit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("the value has no fields"),
            Self::Error(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for NotSplit {}

impl ser::Error for NotSplit {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::Error(ser::Error::custom(text))
    }
}

/// Writes each field of a struct, or each entry of a map with names, separately.
struct Split(Fields);

impl Split {
    fn add<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), NotSplit> {
        if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(NotSplit::Whole);
        }
        self.0.add(&format!(".{name}"), value).map_err(NotSplit::Error)
    }
}

/// These values have no fields.
macro_rules! whole {
    ($($name:ident($($type:ty),*) -> $some:ty)*) => { $(
        fn $name(self $(, _: $type)*) -> Result<$some, NotSplit> {
            Err(NotSplit::Whole)
        }
    )* };
}

type Never = Impossible<Fields, NotSplit>;

impl Serializer for Split {
    type Ok = Fields;
    type Error = NotSplit;
    type SerializeSeq = Never;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Entries;
    type SerializeStruct = Self;
    type SerializeStructVariant = Never;

    whole! {
        serialize_bool(bool) -> Fields
        serialize_i8(i8) -> Fields
        serialize_i16(i16) -> Fields
        serialize_i32(i32) -> Fields
        serialize_i64(i64) -> Fields
        serialize_i128(i128) -> Fields
        serialize_u8(u8) -> Fields
        serialize_u16(u16) -> Fields
        serialize_u32(u32) -> Fields
        serialize_u64(u64) -> Fields
        serialize_u128(u128) -> Fields
        serialize_f32(f32) -> Fields
        serialize_f64(f64) -> Fields
        serialize_char(char) -> Fields
        serialize_str(&str) -> Fields
        serialize_bytes(&[u8]) -> Fields
        serialize_none() -> Fields
        serialize_unit() -> Fields
        serialize_unit_struct(&'static str) -> Fields
        serialize_unit_variant(&'static str, u32, &'static str) -> Fields
        serialize_seq(Option<usize>) -> Never
        serialize_tuple(usize) -> Never
        serialize_tuple_struct(&'static str, usize) -> Never
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Never
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Never
    }

    fn is_human_readable(&self) -> bool {
        true
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Result<Fields, NotSplit> {
        Err(NotSplit::Whole)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<Fields, NotSplit> {
        Err(NotSplit::Whole)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Fields, NotSplit> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Fields, NotSplit> {
        Err(NotSplit::Whole)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries, NotSplit> {
        Ok(Entries { split: self, name: None })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, NotSplit> {
        Ok(self)
    }
}

impl ser::SerializeStruct for Split {
    type Ok = Fields;
    type Error = NotSplit;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), NotSplit> {
        self.add(name, value)
    }

    fn end(self) -> Result<Fields, NotSplit> {
        Ok(self.0)
    }
}

/// A map with names for keys, or a struct with `#[serde(flatten)]`.
struct Entries {
    split: Split,
    name: Option<String>,
}

impl ser::SerializeMap for Entries {
    type Ok = Fields;
    type Error = NotSplit;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NotSplit> {
        // the longest name and its head; a longer text is not a name
        let mut place = [0; LONGEST_NAME + 2];
        let len = Cbor::write(key, &mut place).map_err(NotSplit::Error)?;
        let name = place.get(..len).and_then(|bytes| Cbor::read::<&str>(bytes).ok()).ok_or(NotSplit::Whole)?;
        self.name = Some(name.to_owned());
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotSplit> {
        let name = self.name.take().ok_or(NotSplit::Error(WriteError::Length))?;
        self.split.add(&name, value)
    }

    fn end(self) -> Result<Fields, NotSplit> {
        if self.name.is_some() { Err(NotSplit::Error(WriteError::Length)) } else { Ok(self.split.0) }
    }
}
