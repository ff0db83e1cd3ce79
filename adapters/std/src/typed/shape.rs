//! Recognizes from the calls that a type makes to a format whether it has its own fields.

use std::fmt;

use serde::de::{self, DeserializeOwned, Deserializer, Expected, Visitor};

/// Returns whether a type is an enum whose variant depends on its fields: internally tagged and untagged enums ask the
/// format for the type of the value, and adjacently tagged ones name themselves. Their fields belong to one variant.
pub(super) fn is_tagged<T: DeserializeOwned>() -> bool {
    matches!(T::deserialize(Probe), Err(Asked::Tagged))
}

/// The type's request.
#[derive(Debug)]
enum Asked {
    Tagged,
    Other,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("only a question")
    }
}

impl std::error::Error for Asked {}

impl de::Error for Asked {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Other
    }
}

struct Probe;

/// Types that request these have no variants, or are recognized as enums when they are written.
macro_rules! other {
    ($($name:ident($($type:ty),*))*) => { $(
        fn $name<V: Visitor<'de>>(self $(, _: $type)*, _: V) -> Result<V::Value, Asked> {
            Err(Asked::Other)
        }
    )* };
}

impl<'de> Deserializer<'de> for Probe {
    type Error = Asked;

    fn is_human_readable(&self) -> bool {
        true
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Asked> {
        Err(Asked::Tagged)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Asked> {
        let expected = (&visitor as &dyn Expected).to_string();
        Err(if expected.starts_with("adjacently tagged enum") { Asked::Tagged } else { Asked::Other })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Asked> {
        visitor.visit_newtype_struct(self)
    }

    other! {
        deserialize_bool() deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128()
        deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128() deserialize_f32()
        deserialize_f64() deserialize_char() deserialize_str() deserialize_string() deserialize_bytes()
        deserialize_byte_buf() deserialize_option() deserialize_unit() deserialize_unit_struct(&'static str)
        deserialize_seq() deserialize_tuple(usize) deserialize_tuple_struct(&'static str, usize) deserialize_map()
        deserialize_enum(&'static str, &'static [&'static str]) deserialize_identifier() deserialize_ignored_any()
    }
}
