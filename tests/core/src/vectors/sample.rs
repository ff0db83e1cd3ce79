//! The values of vectors.txt as Rust has them.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use session_core::Error;

use super::View;

/// A value that can be put into a session and compared with what is there.
pub trait Sample {
    /// Puts it under `key`.
    fn set(&self, view: &mut View<'_>, key: &str) -> Result<(), Error>;

    /// Whether it is what is under `key`, read as its type.
    fn is_at(&self, view: &mut View<'_>, key: &str) -> Result<bool, Error>;
}

impl<T: Serialize + DeserializeOwned + PartialEq> Sample for T {
    fn set(&self, view: &mut View<'_>, key: &str) -> Result<(), Error> {
        view.set(key, self)
    }

    fn is_at(&self, view: &mut View<'_>, key: &str) -> Result<bool, Error> {
        Ok(view.get::<T>(key)?.as_ref() == Some(self))
    }
}

#[derive(Serialize, Deserialize, PartialEq)]
struct Marker;

#[derive(Serialize, Deserialize, PartialEq)]
struct Metres(u32);

#[derive(Serialize, Deserialize, PartialEq)]
struct Point(i16, i16);

#[derive(Serialize, Deserialize, PartialEq)]
struct Cart {
    items: Vec<u32>,
    note: Option<String>,
}

#[derive(Serialize, Deserialize, PartialEq)]
struct Chart {
    items: Vec<u32>,
    note: Option<String>,
}

#[derive(Serialize, Deserialize, PartialEq)]
#[serde(rename = "Cart")]
struct OtherField {
    items: Vec<u32>,
    text: Option<String>,
}

#[derive(Serialize, Deserialize, PartialEq)]
enum Step {
    Start,
    Paid(u32),
    Moved(u8, u8),
    Sent { parcel: u64 },
}

/// serde's bytes, which `Vec<u8>` is not.
#[derive(PartialEq)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // postcard lends the bytes of a value that is read in place
        <&[u8]>::deserialize(deserializer).map(|bytes| Self(bytes.to_vec()))
    }
}

/// The value that vectors.txt calls `name`.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn sample(name: &str) -> Box<dyn Sample> {
    let (items, x) = (|| vec![7, 300], || Some("x".to_owned()));
    match name {
        "true" => Box::new(true),
        "i8" => Box::new(i8::MIN),
        "i16" => Box::new(-300_i16),
        "i32" => Box::new(i32::MIN),
        "i64" => Box::new(i64::MAX),
        "i128" => Box::new(i128::MIN),
        "u8" => Box::new(200_u8),
        "u16" => Box::new(300_u16),
        "u32" => Box::new(300_u32),
        "u64" => Box::new(u64::MAX),
        "u128" => Box::new(u128::MAX),
        "f32" => Box::new(1.5_f32),
        "f64" => Box::new(-0.1_f64),
        "char" => Box::new('ß'),
        "text" => Box::new("Grüße".to_owned()),
        "empty text" => Box::new(String::new()),
        "long text" => Box::new("0123456789".repeat(20)),
        "bytes" => Box::new(Bytes(vec![0, 255])),
        "none" => Box::new(None::<u32>),
        "some" => Box::new(Some(300_u32)),
        "unit" => Box::new(()),
        "unit struct" => Box::new(Marker),
        "newtype" => Box::new(Metres(300)),
        "tuple" => Box::new((172_u8, 2_u8)),
        "triple" => Box::new((1_u8, 2_u16, 'c')),
        "array" => Box::new([1_u8, 2, 3]),
        "tuple struct" => Box::new(Point(-1, 1)),
        "struct" => Box::new(Cart { items: items(), note: x() }),
        "other name" => Box::new(Chart { items: items(), note: x() }),
        "other field" => Box::new(OtherField { items: items(), text: x() }),
        "unit variant" => Box::new(Step::Start),
        "newtype variant" => Box::new(Step::Paid(300)),
        "tuple variant" => Box::new(Step::Moved(1, 2)),
        "struct variant" => Box::new(Step::Sent { parcel: 300 }),
        "sequence" => Box::new(vec![1_u16, 300, 65535]),
        "empty sequence" => Box::new(Vec::<u8>::new()),
        "mixed sequence" => Box::new(vec![Step::Start, Step::Paid(1)]),
        "map" => Box::new(BTreeMap::from([("a".to_owned(), 1_u8), ("b".to_owned(), 2)])),
        "empty map" => Box::new(BTreeMap::<u8, u8>::new()),
        _ => panic!("no value {name}"),
    }
}
