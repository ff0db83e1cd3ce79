//! Values that are read as the type that they were written as.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, LinkedList, VecDeque};
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::{NonZeroU16, Wrapping};
use std::ops::Bound;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use session_core::codec::Codec;
use values_tests::Matrix;

pub(crate) fn plain<C: Codec>(m: &mut Matrix<C>) {
    m.group("plain");
    m.same("false", false);
    m.same("true", true);
    m.same("u8", [0_u8, 23, 24, u8::MAX]);
    m.same("u16", [0, 256, u16::MAX]);
    m.same("u32", [0, 65_536, u32::MAX]);
    m.same("u64", [0, 1 << 53, (1 << 53) + 1, u64::MAX]);
    m.same("u128", [0, 1 << 64, u128::MAX]);
    m.same("usize", usize::MAX);
    m.same("i8", [i8::MIN, -25, -24, -1, i8::MAX]);
    m.same("i16", [i16::MIN, i16::MAX]);
    m.same("i32", [i32::MIN, i32::MAX]);
    m.same("i64", [i64::MIN, -1, i64::MAX]);
    m.same("i128", [i128::MIN, -(1 << 64) - 1, -(1 << 64), -1, i128::MAX]);
    m.same("f32", [0.1, f32::MIN_POSITIVE, f32::MAX, f32::INFINITY]);
    m.same("f64", [0.1, 1.0, -1.5e300, 5e-324, f64::NEG_INFINITY]);
    m.same_by("-0.0", -0.0_f64, |read, _| read.to_bits() == (-0.0_f64).to_bits());
    m.same_by("NaN f64", f64::NAN, |read, value| read.to_bits() == value.to_bits());
    m.same_by("NaN f32", f32::from_bits(0x7fa0_0001), |read, value| read.to_bits() == value.to_bits());
    m.same("char", ['a', '\0', 'ß', '🦀', '\u{10ffff}']);
    m.same("no text", String::new());
    m.same("text", "Grüße, \0 \u{1f980}".to_owned());
    m.same("long text", "0123456789".repeat(700));
    m.same("boxed text", Box::<str>::from("x"));
    m.same("unit", ());
    m.same("a list of numbers", (0..300).collect::<Vec<u32>>());
    m.same("a list of bytes", (0..=255).collect::<Vec<u8>>());
    m.same("bytes", serde_bytes::ByteBuf::from((0..=255).collect::<Vec<u8>>()));
    m.same("no list", Vec::<String>::new());
    m.same("lists in lists", vec![vec![vec![1_i8], vec![]], vec![]]);
    m.same("array", [[1_u16, 2], [3, 4]]);
    m.same("no array", [0_u8; 0]);
    m.same("tuples", ((1_u8, "a".to_owned()), (true, ((),), 'x')));
    m.same("a list of units in tuples", vec![((), 1_u8), ((), 2)]);
}

pub(crate) fn std_types<C: Codec>(m: &mut Matrix<C>) {
    m.group("std");
    m.same("Option None", None::<u32>);
    m.same("Option Some", Some(300));
    m.same("Option in Option", vec![None, Some(None), Some(Some(7_u8))]);
    m.same("three Options", vec![None, Some(None), Some(Some(None)), Some(Some(Some('x')))]);
    m.same("Option of unit", vec![None, Some(())]);
    m.same("Option of a list", vec![None, Some(vec![]), Some(vec![1_u8])]);
    m.same("Option of Value", vec![None, Some(Value::Null), Some(json!(1))]);
    m.same("Result", vec![Ok(1_u8), Err("no".to_owned())]);
    m.same("Duration", Duration::new(1 << 40, 999_999_999));
    m.same("SystemTime", SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 5));
    m.same("IpAddr", [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
    m.same("SocketAddr", SocketAddr::from(([192, 168, 0, 1], 8080)));
    m.same("PathBuf", PathBuf::from("/tmp/ä"));
    m.same("ranges", (1_u8..5, 'a'..='z', Bound::Included(3_u16)));
    m.same("wrappers", (Wrapping(7_u8), NonZeroU16::MAX, Reverse(1_i8), PhantomData::<u8>));
    m.same("cells", (Cell::new(1_u8), RefCell::new("x".to_owned())));
    m.same("VecDeque", VecDeque::from([1_u8, 2]));
    m.same("LinkedList", LinkedList::from(["a".to_owned()]));
    m.same("HashSet", (0..50).map(|n| n.to_string()).collect::<HashSet<_>>());
    m.same("BTreeSet", BTreeSet::from([(1_u8, 'a'), (2, 'b')]));
    m.same("HashMap by text", (0..50).map(|n| (n.to_string(), n)).collect::<HashMap<_, i32>>());
    m.same("HashMap of HashSets", (0..9).map(|n| (n, (0..n).collect())).collect::<HashMap<u8, HashSet<u8>>>());
    m.same("map by u64", BTreeMap::from([(0, 'a'), (u64::MAX, 'b')]));
    m.same("map by i32", BTreeMap::from([(-1_i32, ()), (1, ())]));
    m.same("map by i128", BTreeMap::from([(i128::MIN, 1_u8)]));
    m.same("map by bool", BTreeMap::from([(false, 0_u8), (true, 1)]));
    m.same("map by char", BTreeMap::from([('ä', 1.5_f64)]));
    m.same("map by tuple", BTreeMap::from([((1_u8, "a".to_owned()), 1_u8)]));
    m.same("map by list", BTreeMap::from([(vec![1_u8], 1_u8), (vec![], 2)]));
    m.same("map by Option", BTreeMap::from([(None, 1_u8), (Some("a".to_owned()), 2)]));
    m.same("map by variant", BTreeMap::from([(Colour::Red, 1_u8), (Colour::Mixed(1, 2), 2)]));
    m.same("map by IpAddr", BTreeMap::from([(IpAddr::V4(Ipv4Addr::LOCALHOST), 1_u8)]));
    m.same("map by unit", BTreeMap::from([((), 1_u8)]));
    m.same("no map", HashMap::<String, u8>::new());
    m.same("IndexMap keeps its order", indexmap::IndexMap::from([("z".to_owned(), 1_u8), ("a".to_owned(), 2)]));
    m.same("IndexSet", indexmap::IndexSet::from([3_u8, 1, 2]));
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Clone)]
enum Colour {
    Red,
    Named(String),
    Mixed(u8, u8),
    Rgb { r: u8, g: u8, b: Option<u8> },
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Nothing;

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Empty {}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Metres(f64);

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Position(i32, i32);

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
struct Cart {
    line_items: Vec<Line>,
    coupon_code: Option<String>,
    #[serde(rename = "Total$")]
    total: u64,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Line {
    sku: String,
    count: u16,
}

fn cart() -> Cart {
    let line = |sku: &str, count| Line { sku: sku.to_owned(), count };
    Cart { line_items: vec![line("a-1", 2), line("b-2", 300)], coupon_code: Some("SPRING".into()), total: 12_345 }
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(transparent)]
struct Transparent {
    only: Vec<u16>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Tree {
    name: String,
    children: Vec<Tree>,
    parent: Option<Box<Tree>>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(tag = "kind")]
enum Tagged {
    Nothing,
    Line(Line),
    Found { at: (u8, u8), note: Option<String> },
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    Nothing,
    One(Line),
    Two(u8, Vec<u8>),
    Named { id: u64 },
    Maybe(Option<u8>),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(untagged)]
enum Untagged {
    Flag(bool),
    Number(i64),
    Fraction(f64),
    Text(String),
    Pair(u8, String),
    Colour(Colour),
    Line(Line),
    Ip { from: IpAddr },
    Nothing,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Flat {
    id: u32,
    #[serde(flatten)]
    line: Line,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct FlatTagged {
    id: u32,
    #[serde(flatten)]
    what: Tagged,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct FlatOption {
    id: u32,
    #[serde(flatten)]
    line: Option<Line>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct FlatNumbers {
    id: u32,
    #[serde(flatten)]
    counts: BTreeMap<u32, u8>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Default)]
struct Skips {
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    list: Vec<u8>,
    #[serde(skip)]
    cache: u8,
    last: bool,
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
#[serde(try_from = "u8", into = "u8")]
struct Percent(u8);

impl TryFrom<u8> for Percent {
    type Error = String;

    fn try_from(percent: u8) -> Result<Self, String> {
        if percent <= 100 { Ok(Self(percent)) } else { Err(format!("{percent} is too much")) }
    }
}

impl From<Percent> for u8 {
    fn from(percent: Percent) -> Self {
        percent.0
    }
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Page<T> {
    items: Vec<T>,
    next: Option<T>,
}

pub(crate) fn derived<C: Codec>(m: &mut Matrix<C>) {
    m.group("derived");
    m.same("unit struct", Nothing);
    m.same("Option of a unit struct", vec![None, Some(Nothing)]);
    m.same("struct without fields", vec![Some(Empty {}), None]);
    m.same("newtype struct", Metres(0.1));
    m.same("Option of a newtype of an Option", vec![None, Some(Some(Metres(1.0))), Some(None)]);
    m.same("tuple struct", Position(-1, 1));
    m.same("struct", cart());
    m.same("transparent struct", Transparent { only: vec![1, 300] });
    m.same("generic struct", Page { items: vec![Some(1_u8), None], next: Some(None) });
    let leaf = |name: &str| Tree { name: name.to_owned(), children: vec![], parent: None };
    m.same(
        "recursive struct",
        Tree { children: vec![leaf("b"), leaf("c")], parent: Some(leaf("p").into()), ..leaf("a") },
    );
    let colours = [Colour::Red, Colour::Named("sea".into()), Colour::Mixed(1, 2), Colour::Rgb { r: 1, g: 2, b: None }];
    for (name, colour) in ["unit", "newtype", "tuple", "struct"].into_iter().zip(colours.clone()) {
        m.same(format!("{name} variant"), colour.clone());
        m.same(format!("Option of a {name} variant"), Some(colour));
    }
    m.same("a list of variants", colours.to_vec());

    m.same("internal tag, unit", Tagged::Nothing);
    m.same("internal tag, newtype", Tagged::Line(Line { sku: "a".into(), count: 1 }));
    m.same("internal tag, struct", Tagged::Found { at: (1, 2), note: None });
    m.same("internal tags in a list", vec![Tagged::Nothing, Tagged::Found { at: (1, 2), note: Some("x".into()) }]);
    m.same("adjacent tag, unit", Adjacent::Nothing);
    m.same("adjacent tag, newtype", Adjacent::One(Line { sku: "a".into(), count: 1 }));
    m.same("adjacent tag, tuple", Adjacent::Two(1, vec![2]));
    m.same("adjacent tag, struct", Adjacent::Named { id: u64::MAX });
    m.same("adjacent tag, None", Adjacent::Maybe(None));
    m.same("untagged, bool", Untagged::Flag(true));
    m.same("untagged, integer", Untagged::Number(i64::MIN));
    m.same("untagged, float", Untagged::Fraction(0.1));
    m.same("untagged, text", Untagged::Text("x".into()));
    m.same("untagged, tuple", Untagged::Pair(1, "x".into()));
    m.same("untagged, variant", Untagged::Colour(Colour::Mixed(1, 2)));
    m.same("untagged, struct", Untagged::Line(Line { sku: "a".into(), count: 1 }));
    m.same("untagged, address", Untagged::Ip { from: IpAddr::V4(Ipv4Addr::LOCALHOST) });
    m.same("untagged, unit", Untagged::Nothing);
    m.same(
        "untagged in maps",
        BTreeMap::from([("a".to_owned(), Untagged::Nothing), ("b".into(), Untagged::Flag(true))]),
    );

    let line = || Line { sku: "a".into(), count: 1 };
    let rest = || BTreeMap::from([("more".to_owned(), json!({"deep": [1, null, "x"]}))]);
    m.same("flatten", Flat { id: 1, line: line(), rest: BTreeMap::new() });
    m.same("flatten with a rest", Flat { id: 1, line: line(), rest: rest() });
    m.same("flatten a tagged enum", FlatTagged { id: 1, what: Tagged::Found { at: (1, 2), note: None } });
    m.same("flatten None", FlatOption { id: 1, line: None });
    m.same("flatten Some", FlatOption { id: 1, line: Some(line()) });
    m.same("flatten a map by numbers", FlatNumbers { id: 1, counts: BTreeMap::from([(7, 1)]) });
    m.same("skipped fields, none there", Skips::default());
    m.same("skipped fields, all there", Skips { note: Some("x".into()), list: vec![1], cache: 0, last: true });
    m.same("skipped fields in a list", vec![Skips::default(), Skips { list: vec![1], ..Skips::default() }]);
    m.same("try_from and into", Percent(100));
    m.same("i128 in an untagged enum", Wide::Number(i128::MIN));
    m.same("u128 in an internal tag", TaggedWide::Number { n: u128::MAX });
    m.same(
        "60 levels of structs and lists",
        (0..60).fold(leaf("x"), |tree, _| Tree { children: vec![tree], ..leaf("x") }),
    );
    m.same("1,000 levels", (0..1_000).fold(leaf("x"), |tree, _| Tree { children: vec![tree], ..leaf("x") }));
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(untagged)]
enum Wide {
    Text(String),
    Number(i128),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(tag = "kind")]
enum TaggedWide {
    Number { n: u128 },
}

pub(crate) fn crates<C: Codec>(m: &mut Matrix<C>) {
    m.group("crates");
    let text = r#"{"a": null, "b": [true, -1, 18446744073709551615, 0.1, "x", {}], "c": {"d": []}, "": 1}"#;
    m.same("serde_json::Value", serde_json::from_str::<Value>(text).expect("JSON"));
    m.same("serde_json null", Value::Null);
    m.same("serde_json null in a list", vec![Value::Null, json!([]), json!({}), json!("")]);
    m.same("serde_json::Map", serde_json::from_str::<serde_json::Map<String, Value>>(text).expect("JSON"));
    m.same("serde_json::Number", [serde_json::Number::from(u64::MAX), serde_json::Number::from(i64::MIN)]);

    let utc = chrono::DateTime::from_timestamp(1_700_000_000, 123_456_789).expect("a time");
    m.same("chrono::DateTime<Utc>", utc);
    m.same("chrono::DateTime<FixedOffset>", utc.with_timezone(&chrono::FixedOffset::east_opt(3600).expect("an hour")));
    m.same("chrono::NaiveDateTime", utc.naive_utc());
    m.same("chrono::NaiveDate", utc.date_naive());
    m.same("chrono::NaiveTime", utc.time());
    m.same("chrono::Weekday", chrono::Weekday::Sun);
    m.same("Option of chrono::DateTime", vec![Some(utc), None]);
    m.same("chrono in a tag", ChronoTagged::At { at: utc });
    m.same("chrono untagged", ChronoUntagged::At(utc));
    m.same("chrono with seconds", Seconds { at: chrono::DateTime::from_timestamp(1_700_000_000, 0).expect("a time") });

    let odt = time::OffsetDateTime::from_unix_timestamp_nanos(1_700_000_000_123_456_789).expect("a time");
    m.same("time::OffsetDateTime", odt);
    m.same("time::PrimitiveDateTime", time::PrimitiveDateTime::new(odt.date(), odt.time()));
    m.same("time::Date", odt.date());
    m.same("time::Time", odt.time());
    m.same("time::UtcOffset", time::macros::offset!(+1:30));
    m.same("time::Duration", time::Duration::new(-5, -7));
    m.same("time untagged", TimeUntagged::At(odt));

    let timestamp = jiff::Timestamp::new(1_700_000_000, 123_456_789).expect("a time");
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(2));
    m.same("jiff::Timestamp", timestamp);
    m.same("jiff::ZonedDateTime", timestamp.to_zoned_datetime(zone.clone()));
    m.same("jiff::civil::DateTime", timestamp.to_zoned_datetime(zone.clone()).datetime());
    m.same("jiff::civil::Date", timestamp.to_zoned_datetime(zone).date());
    m.same("jiff::SignedDuration", jiff::SignedDuration::new(-3, -1));
    let same_span = |read: &jiff::Span, span: &jiff::Span| read.fieldwise() == span.fieldwise();
    m.same_by("jiff::Span", jiff::Span::new().days(3).hours(2), same_span);

    let id = uuid::Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
    m.same("uuid::Uuid", id);
    m.same("map by uuid::Uuid", BTreeMap::from([(id, 1_u8)]));
    m.same("uuid compact", CompactId { id });
    m.same("uuid untagged", UuidUntagged::Id { id });
    m.same("url::Url", url::Url::parse("https://ä.example/p?q=1#f").expect("a URL"));
    m.same("Decimal", rust_decimal::Decimal::new(-1_234_567_890_123, 5));
    m.same("Decimals", [rust_decimal::Decimal::MAX, rust_decimal::Decimal::ZERO]);
    m.same(
        "Decimal in a flattened struct",
        Priced { id: 1, price: Price { price: rust_decimal::Decimal::new(999, 2) } },
    );
    let object = bson::oid::ObjectId::from_bytes([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255]);
    m.same("bson::ObjectId", object);
    m.same("Option of bson::ObjectId", vec![Some(object), None]);
    m.same("bson::DateTime", bson::DateTime::from_millis(1_700_000_000_123));
    m.same("bson::Document", bson::doc! { "_id": object, "n": 1_i32, "list": ["a", true, null], "sub": { "x": 0.5 } });
    m.same("serde_bytes in a struct", Blob { bytes: vec![0, 255], list: vec![0, 255] });
    m.same("serde_bytes untagged", BlobUntagged::Blob { bytes: serde_bytes::ByteBuf::from(vec![0, 255]) });

    m.same("an OAuth login under way", oauth());
    m.same("OAuth logins by state", HashMap::from([(Secret("s1".into()), oauth()), (Secret("s2".into()), oauth())]));
    m.same("a WebAuthn registration", webauthn());
    m.same("a WebAuthn credential", credential());
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(tag = "kind")]
enum ChronoTagged {
    At { at: chrono::DateTime<chrono::Utc> },
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(untagged)]
enum ChronoUntagged {
    Never(bool),
    At(chrono::DateTime<chrono::Utc>),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Seconds {
    #[serde(with = "chrono::serde::ts_seconds")]
    at: chrono::DateTime<chrono::Utc>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(untagged)]
enum TimeUntagged {
    Never(bool),
    At(time::OffsetDateTime),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct CompactId {
    #[serde(with = "uuid::serde::compact")]
    id: uuid::Uuid,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(untagged)]
enum UuidUntagged {
    Name { name: String },
    Id { id: uuid::Uuid },
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Priced {
    id: u32,
    #[serde(flatten)]
    price: Price,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Price {
    price: rust_decimal::Decimal,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Blob {
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    list: Vec<u8>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(untagged)]
enum BlobUntagged {
    Text(String),
    Blob { bytes: serde_bytes::ByteBuf },
}

/// As the types of the oauth2 crate.
#[derive(Serialize, Deserialize, Debug, PartialEq, Eq, Hash, Clone)]
struct Secret(String);

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Login {
    verifier: Secret,
    nonce: Option<Secret>,
    redirect: url::Url,
    scopes: Vec<Secret>,
    #[serde(with = "seconds")]
    expires_in: Option<Duration>,
    began: SystemTime,
    #[serde(flatten)]
    extra: HashMap<String, Value>,
    kind: TokenKind,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(rename_all = "lowercase", untagged)]
enum TokenKind {
    Known(KnownKind),
    Other(String),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(rename_all = "lowercase")]
enum KnownKind {
    Bearer,
    Mac,
}

mod seconds {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::time::Duration;

    pub(super) fn serialize<S: Serializer>(value: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map(|duration| duration.as_secs()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Option::<u64>::deserialize(deserializer).map(|seconds| seconds.map(Duration::from_secs))
    }
}

fn oauth() -> Login {
    let secret = |text: &str| Secret(text.to_owned());
    Login {
        verifier: secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        nonce: Some(secret("n-0S6_WzA2Mj")),
        redirect: url::Url::parse("https://app.example/callback").expect("a URL"),
        scopes: vec![secret("openid"), secret("email")],
        expires_in: Some(Duration::from_secs(600)),
        began: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        extra: HashMap::from([("prompt".to_owned(), json!("consent")), ("max_age".to_owned(), json!(null))]),
        kind: TokenKind::Known(KnownKind::Bearer),
    }
}

/// As the states of webauthn-rs: bytes in base64 as text, policies, optional extensions.
#[derive(Serialize, Deserialize, Debug, PartialEq, Eq, Hash, Clone)]
struct HexBytes(#[serde(with = "hex")] Vec<u8>);

mod hex {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            serializer.serialize_str(&text)
        } else {
            serializer.serialize_bytes(bytes)
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        if !deserializer.is_human_readable() {
            return serde_bytes::ByteBuf::deserialize(deserializer).map(serde_bytes::ByteBuf::into_vec);
        }
        let text = String::deserialize(deserializer)?;
        let byte = |at| u8::from_str_radix(text.get(at..at + 2).unwrap_or_default(), 16).map_err(D::Error::custom);
        (0..text.len()).step_by(2).map(byte).collect()
    }
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Registration {
    rs: RegistrationState,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct RegistrationState {
    policy: Verification,
    exclude_credentials: Vec<HexBytes>,
    challenge: HexBytes,
    credential_algorithms: Vec<Algorithm>,
    authenticator_attachment: Option<Attachment>,
    extensions: Extensions,
    allow_synchronised: bool,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Verification {
    Required,
    Preferred,
    DiscouragedDoNotUse,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Attachment {
    CrossPlatform,
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
#[serde(into = "i64", try_from = "i64")]
enum Algorithm {
    Es256,
    Rs256,
}

impl From<Algorithm> for i64 {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Es256 => -7,
            Algorithm::Rs256 => -257,
        }
    }
}

impl TryFrom<i64> for Algorithm {
    type Error = &'static str;

    fn try_from(number: i64) -> Result<Self, &'static str> {
        match number {
            -7 => Ok(Self::Es256),
            -257 => Ok(Self::Rs256),
            _ => Err("no algorithm"),
        }
    }
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
struct Extensions {
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    cred_protect: Option<CredProtect>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uvm: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cred_props: Option<bool>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
struct CredProtect {
    credential_protection_policy: u8,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Credential {
    id: HexBytes,
    key: Key,
    counter: u32,
    transports: Option<Vec<Attachment>>,
    attestation: Attestation,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Key {
    type_: Algorithm,
    key: KeyType,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[expect(non_camel_case_types)]
enum KeyType {
    EC_EC2 { curve: u8, x: HexBytes, y: HexBytes },
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
enum Attestation {
    #[serde(rename = "Self_")]
    Own,
    Basic(Vec<HexBytes>),
}

fn webauthn() -> Registration {
    let bytes = |byte: u8, len| HexBytes(vec![byte; len]);
    let rs = RegistrationState {
        policy: Verification::DiscouragedDoNotUse,
        exclude_credentials: vec![bytes(1, 16)],
        challenge: bytes(2, 32),
        credential_algorithms: vec![Algorithm::Es256, Algorithm::Rs256],
        authenticator_attachment: Some(Attachment::CrossPlatform),
        extensions: Extensions {
            cred_protect: Some(CredProtect { credential_protection_policy: 3 }),
            uvm: Some(true),
            cred_props: None,
        },
        allow_synchronised: true,
    };
    Registration { rs }
}

fn credential() -> Credential {
    let bytes = |byte: u8, len| HexBytes(vec![byte; len]);
    Credential {
        id: bytes(9, 20),
        key: Key { type_: Algorithm::Es256, key: KeyType::EC_EC2 { curve: 1, x: bytes(3, 32), y: bytes(4, 32) } },
        counter: 7,
        transports: None,
        attestation: Attestation::Basic(vec![bytes(5, 40)]),
    }
}
