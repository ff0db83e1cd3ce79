//! vectors.txt, made without our code, against the CBOR codec: what is written is these bytes, and they are what is read.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use session_core::codec::Cbor;
use values_tests::{read, write};

fn vectors() -> BTreeMap<&'static str, Vec<u8>> {
    let lines = include_str!("../vectors.txt").lines().filter(|line| !line.starts_with('#'));
    let vector = |line: &'static str| {
        let (name, hex) = line.split_once(": ").or_else(|| Some((line.strip_suffix(":")?, ""))).expect("name: bytes");
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
        (name, (0..hex.len()).step_by(2).map(byte).collect())
    };
    lines.map(vector).collect()
}

/// The vectors, each of which is to be looked at once.
struct Left(BTreeMap<&'static str, Vec<u8>>);

impl Left {
    fn assert<T: Serialize + DeserializeOwned + PartialEq + Debug>(&mut self, name: &str, value: T) {
        let Some(bytes) = self.0.remove(name) else { panic!("no vector {name}, or twice") };
        assert_eq!(write::<Cbor, T>(&value).as_ref(), Ok(&bytes), "{name}");
        assert_eq!(read::<Cbor, T>(&bytes), Ok(value), "{name}");
    }
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Marker;

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Metres(u32);

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Point(i16, i16);

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Cart {
    items: Vec<u32>,
    note: Option<String>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
enum Step {
    Start,
    Paid(u32),
    Moved(u8, u8),
    Sent { parcel: u64 },
    Wrapped(()),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(tag = "kind")]
enum Internal {
    Sent { parcel: u64 },
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    Paid(u32),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Flat {
    id: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[test]
fn the_vectors() {
    let mut all = Left(vectors());
    all.0.retain(|name, _| !name.starts_with("refused "));
    let unsigned = [0, 23, 24, 255, 256, 65_535, 65_536].map(|number: u64| (number.to_string(), number));
    for (name, number) in unsigned {
        all.assert(&name, number);
    }
    all.assert("u32 max", u32::MAX);
    all.assert("2^32", 1_u64 << 32);
    all.assert("u64 max", u64::MAX);
    all.assert("2^64", 1_u128 << 64);
    all.assert("u128 max", u128::MAX);
    for number in [-1_i16, -24, -25, -256, -257] {
        all.assert(&number.to_string(), number);
    }
    all.assert("i64 min", i64::MIN);
    all.assert("-2^64", -(1_i128 << 64));
    all.assert("-2^64 - 1", -(1_i128 << 64) - 1);
    all.assert("i128 min", i128::MIN);
    all.assert("f64", 1.1_f64);
    all.assert("f64 whole", 1.0_f64);
    all.assert("f64 -0.0", -0.0_f64);
    all.assert("f64 max", f64::MAX);
    all.assert("f32", 100_000_f32);
    all.assert("f32 max", f32::MAX);
    all.assert("true", true);
    all.assert("false", false);
    all.assert("unit", ());
    all.assert("none", None::<u32>);
    all.assert("char", 'ß');
    all.assert("text", "Grüße".to_owned());
    all.assert("no text", String::new());
    all.assert("text of 24", "x".repeat(24));
    all.assert("text of 300", "x".repeat(300));
    all.assert("bytes", serde_bytes::ByteBuf::from([0, 255]));
    all.assert("list of bytes", vec![0_u8, 255]);
    all.assert("list", vec![1_u16, 300, 65_535]);
    all.assert("no list", Vec::<u8>::new());
    all.assert("list of 24", (0..24).collect::<Vec<u8>>());
    all.assert("tuple", (1_u8, 'a', true));
    all.assert("some", Some(7_u8));
    all.assert("some none", Some(None::<u8>));
    all.assert("some some none", Some(Some(None::<u8>)));
    all.assert("some some", Some(Some(7_u8)));
    all.assert("some unit", Some(()));
    all.assert("map", BTreeMap::from([("a".to_owned(), 1_u8), ("b".to_owned(), 2)]));
    all.assert("no map", BTreeMap::<u8, u8>::new());
    all.assert("map by numbers", indexmap::IndexMap::from([(1_i8, 'a'), (-1, 'b')]));
    all.assert("unit struct", Marker);
    all.assert("newtype struct", Metres(300));
    all.assert("tuple struct", Point(-1, 1));
    all.assert("struct", Cart { items: vec![7, 300], note: Some("x".into()) });
    all.assert("struct with none", Cart { items: vec![], note: None });
    all.assert("unit variant", Step::Start);
    all.assert("newtype variant", Step::Paid(300));
    all.assert("newtype variant of unit", Step::Wrapped(()));
    all.assert("tuple variant", Step::Moved(1, 2));
    all.assert("struct variant", Step::Sent { parcel: 300 });
    all.assert("list of variants", vec![Step::Start, Step::Paid(1)]);
    all.assert("internal tag", Internal::Sent { parcel: 300 });
    all.assert("adjacent tag", Adjacent::Paid(300));
    let rest = BTreeMap::from([("items".to_owned(), json!(2)), ("more".to_owned(), json!([null, "x"]))]);
    all.assert("flatten", Flat { id: 1, rest });
    assert!(all.0.is_empty(), "nobody looked at {:?}", all.0.keys());
}

/// Takes a field that is not known, whatever it is.
#[derive(Serialize, Deserialize, Debug)]
struct Skips {}

#[test]
fn what_is_refused_is_no_type_and_is_not_skipped() {
    let refused: Vec<_> = vectors().into_iter().filter(|(name, _)| name.starts_with("refused ")).collect();
    assert!(refused.len() > 25);
    for (name, bytes) in refused {
        assert!(read::<Cbor, Value>(&bytes).is_err(), "{name}");
        assert!(read::<Cbor, Option<Option<u128>>>(&bytes).is_err(), "{name}");
        assert!(read::<Cbor, Option<i128>>(&bytes).is_err(), "{name}");
        assert!(read::<Cbor, f64>(&bytes).is_err(), "{name}");
        assert!(read::<Cbor, String>(&bytes).is_err(), "{name}");
        assert!(read::<Cbor, Vec<u8>>(&bytes).is_err(), "{name}");
        assert!(read::<Cbor, serde_bytes::ByteBuf>(&bytes).is_err(), "{name}");
        assert!(read::<Cbor, BTreeMap<String, u8>>(&bytes).is_err(), "{name}");
        assert!(Cbor::read_seed(&bytes, std::marker::PhantomData::<IgnoredAny>).is_err(), "{name}");
        let field = [&[0xa1, 0x61, b'z'], &bytes[..]].concat();
        assert!(read::<Cbor, Skips>(&field).is_err(), "{name} as a field");
    }
}
