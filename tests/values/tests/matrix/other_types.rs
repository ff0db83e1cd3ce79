//! One type read as another: the same value, or an error.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use session_core::codec::Codec;
use values_tests::Matrix;

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Point {
    x: u8,
    y: u8,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Size {
    w: u8,
    h: u8,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Pair(u8, u8);

#[derive(Serialize, Deserialize, Debug, PartialEq)]
enum Step {
    Start,
    Paid(u8),
    Sent { to: u8 },
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Marker;

pub(crate) fn misread<C: Codec>(m: &mut Matrix<C>) {
    m.group("other types");
    m.never::<bool>("u8 as bool", 1_u8);
    m.never::<u8>("bool as u8", true);
    m.never::<(u8, u8)>("u16 as two u8", 300_u16);
    m.never::<u16>("two u8 as u16", (0xac_u8, 0x02_u8));
    m.never::<char>("u32 as char", 97_u32);
    m.never::<u32>("char as u32", 'a');
    m.never::<u32>("text as u32", "7");
    m.never::<String>("u32 as text", 7_u32);
    m.never::<char>("two chars as one", "ab");
    m.never::<char>("no char as one", "");
    m.never::<bool>("text as bool", "true");
    m.never::<f64>("text as f64", "1.5");
    m.never::<i64>("f64 as i64", 1.0_f64);
    m.never::<u8>("-0.0 as u8", -0.0_f64);
    m.never::<String>("f64 as text", 1.5_f64);
    m.never::<f64>("bool as f64", true);
    m.never::<f64>("unit as f64", ());
    m.never::<f32>("None as f32", None::<f32>);
    m.never::<u8>("unit as u8", ());
    m.never::<String>("unit as text", ());
    m.never::<bool>("unit as bool", ());
    m.never::<Vec<u8>>("unit as a list", ());
    m.never::<Vec<u8>>("None as a list", None::<Vec<u8>>);
    m.never::<BTreeMap<String, u8>>("None as a map", None::<u8>);
    m.never::<()>("no list as unit", Vec::<u8>::new());
    m.never::<()>("no text as unit", "");
    m.never::<()>("0 as unit", 0_u8);
    m.never::<()>("false as unit", false);
    m.never::<Vec<Value>>("null as a list of values", Value::Null);
    m.never::<Marker>("a list as a unit struct", [0_u8; 0]);
    m.never::<Option<u8>>("Some(None) as Option", Some(None::<u8>));
    m.never::<u8>("None as u8", None::<u8>);
    m.never::<Option<u8>>("text in an Option", Some("7"));
    m.never::<Option<Vec<u8>>>("Some(unit) as an Option of a list", Some(()));
    m.never::<Option<u8>>("Some(unit) as an Option of a number", Some(()));
    m.never::<Vec<u8>>("text as a list", "ab");
    m.never::<String>("a list as text", b"ab".to_vec());
    m.never::<String>("bytes as text", serde_bytes::ByteBuf::from(b"ab".to_vec()));
    m.never::<serde_bytes::ByteBuf>("text as bytes", "ab");
    m.never::<Vec<i8>>("bytes as i8", serde_bytes::ByteBuf::from(vec![200]));
    m.never::<[u8; 2]>("three elements as two", [1_u8, 2, 3]);
    m.never::<[u8; 3]>("two elements as three", [1_u8, 2]);
    m.never::<(u8, u8, u8)>("a pair as three", (1_u8, 2_u8));
    m.never::<(u8, (u8, u8))>("pairs nested otherwise", ((1_u8, 2_u8), 3_u8));
    m.never::<u8>("a list of one as its element", [7_u8]);
    m.never::<[u8; 1]>("an element as a list of one", 7_u8);
    m.never::<Vec<u8>>("a map as a list", BTreeMap::from([(1_u8, 2_u8)]));
    m.never::<BTreeMap<u8, u8>>("a list of pairs as a map", vec![(1_u8, 2_u8)]);
    m.never::<Vec<(u8, u8)>>("a map as a list of pairs", BTreeMap::from([(1_u8, 2_u8)]));
    m.never::<BTreeMap<u8, u8>>("keys as numbers", BTreeMap::from([("1", 2_u8)]));
    m.never::<BTreeMap<String, u8>>("keys as text", BTreeMap::from([(1_u8, 2_u8)]));
    m.never::<BTreeMap<bool, u8>>("keys as bool", BTreeMap::from([(1_u8, 2_u8)]));
    m.never::<Point>("a tuple as a struct", (1_u8, 2_u8));
    m.never::<(u8, u8)>("a struct as a tuple", Point { x: 1, y: 2 });
    m.never::<Point>("a tuple struct as a struct", Pair(1, 2));
    m.never::<Pair>("a struct as a tuple struct", Point { x: 1, y: 2 });
    m.never::<Point>("a map by position as a struct", BTreeMap::from([(0_u8, 1_u8), (1, 2)]));
    m.never::<Point>("another struct", Size { w: 1, h: 2 });
    m.never::<Point>("a list as a struct", vec![1_u8, 2]);
    m.never::<Point>("two unit variants as a struct", [Step::Start, Step::Start]);
    m.never::<Step>("the position of a variant", 0_u8);
    m.never::<Step>("a newtype variant by position", (1_u8, 7_u8));
    m.never::<Step>("a newtype variant without content", "Paid");
    m.never::<Step>("a unit variant with content", BTreeMap::from([("Start", ())]));
    m.never::<Step>("two variants", BTreeMap::from([("Paid", 1_u8), ("Sent", 2)]));
    m.never::<Step>("no variant", BTreeMap::<String, u8>::new());
    m.never::<Step>("a struct variant as a newtype variant", BTreeMap::from([("Paid", Point { x: 1, y: 2 })]));
    m.never::<Step>("a newtype variant as a struct variant", BTreeMap::from([("Sent", 1_u8)]));
    m.never::<u8>("a variant as a number", Step::Start);
    m.never::<Marker>("a variant as a unit struct", Step::Start);
    m.never::<u8>("a newtype variant as its content", Step::Paid(7));
    m.never::<Option<u8>>("a variant as an Option", Step::Paid(7));
    m.never::<Step>("an Option as a variant", Some(7_u8));
    m.never::<Step>("None as a variant", None::<u8>);
    m.never::<Result<u8, u8>>("an Option as a Result", Some(7_u8));
    m.never::<IpAddr>("text as an address", "localhost");
    m.never::<IpAddr>("bytes as an address", [127_u8, 0, 0, 1]);
    m.never::<uuid::Uuid>("text as a Uuid", "x");
    m.never::<u64>("u128 as u64", u128::MAX);
    m.never::<i128>("u128 as i128", u128::MAX);
    m.never::<u128>("i128 as u128", -1_i128);
    m.never::<f64>("u128 as f64", 1_u128 << 100);
    m.never::<Vec<u8>>("an Option in a list", vec![Some(1_u8), None]);
    m.never::<HashSet<u8>>("too large in a set", vec![1_u16, 300]);
    m.never::<std::time::Duration>("a number as a Duration", 7_u64);
    m.never::<std::time::SystemTime>("text as a SystemTime", "2024-01-01T00:00:00Z");
    m.never::<chrono::DateTime<chrono::Utc>>("a number as chrono::DateTime", 1_700_000_000_u64);
    m.never::<rust_decimal::Decimal>("text as Decimal", "much");
    m.never::<url::Url>("text as Url", "no url");
    m.never::<Point>("a Value that is no struct", json!({"x": 1, "y": "2"}));
    m.never::<Point>("a Value with a large number", json!({"x": 1, "y": 256}));
    m.never::<Vec<Point>>("a Value that is no list", json!({"x": 1, "y": 2}));
    m.never::<(u8, String)>("elements in another order", ("a", 1_u8));
}
