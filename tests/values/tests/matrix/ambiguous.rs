//! What serde itself takes for another value, with JSON as well: `untagged` and `flatten` try one type after the other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use session_core::codec::Codec;
use values_tests::Matrix;

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(untagged)]
enum PointOrCounts {
    Point { x: u8, y: u8 },
    Counts(BTreeMap<u64, u8>),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
enum Step {
    Begun(String),
    Done(String),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(untagged)]
enum StepOrNotes {
    Step(Step),
    Notes(BTreeMap<u64, String>),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(tag = "kind")]
enum Payment {
    Card { amount: u8 },
    Cash { amount: u8 },
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(untagged)]
enum PaymentOrCode {
    Payment(Payment),
    Code { kind: u64, amount: u8 },
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(untagged)]
enum TextOrBytes {
    Text(String),
    Bytes(ByteBuf),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(untagged)]
enum BytesOrText {
    Bytes(ByteBuf),
    Text(String),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct FlatBytes {
    id: u8,
    #[serde(flatten)]
    more: Option<Bytes>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Bytes {
    bytes: ByteBuf,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(untagged)]
enum ShortFirst {
    Short { x: u8 },
    Long { x: u8, y: u8 },
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(untagged)]
enum LongFirst {
    Long { x: u8, y: u8 },
    Short { x: u8 },
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(untagged)]
enum PairOrList {
    Pair { x: u8, y: u8 },
    List(Vec<u8>),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(untagged)]
enum FloatFirst {
    Float(f64),
    Integer(i64),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(untagged)]
enum SingleFirst {
    Single(f32),
    Double(f64),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(untagged)]
enum Alike {
    Two([u8; 2]),
    Any(Vec<u8>),
    Letter(char),
    Text(String),
    Nothing,
    NothingElse,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(untagged)]
enum Optional {
    Some(Option<u8>),
    Nothing,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Billing {
    street: Option<String>,
    vat: Option<String>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Customer {
    id: u8,
    #[serde(flatten)]
    billing: Option<Billing>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct WithMore {
    id: u8,
    #[serde(flatten)]
    more: Option<BTreeMap<String, u8>>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct TwoMaps {
    #[serde(flatten)]
    one: BTreeMap<String, u8>,
    #[serde(flatten)]
    other: BTreeMap<String, u8>,
}

mod before {
    use super::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    pub(super) struct Line {
        pub(super) sku: String,
        pub(super) count: u32,
    }

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    pub(super) struct Order {
        pub(super) id: u8,
        #[serde(flatten)]
        pub(super) line: Option<Line>,
    }
}

mod narrowed {
    use super::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    pub(super) struct Line {
        pub(super) sku: String,
        pub(super) count: u16,
    }

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    pub(super) struct Order {
        pub(super) id: u8,
        #[serde(flatten)]
        pub(super) line: Option<Line>,
    }
}

mod with_a_field {
    use super::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    pub(super) struct Line {
        pub(super) sku: String,
        pub(super) count: u32,
        pub(super) unit: String,
    }

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    pub(super) struct Order {
        pub(super) id: u8,
        #[serde(flatten)]
        pub(super) line: Option<Line>,
    }
}

pub(crate) fn taken_for_another<C: Codec>(m: &mut Matrix<C>) {
    m.group("ambiguous");
    m.same("numbers are no names", PointOrCounts::Counts(BTreeMap::from([(0, 1), (1, 2)])));
    m.same("numbers are no variants", StepOrNotes::Notes(BTreeMap::from([(0, "x".to_owned())])));
    m.same("numbers are no tags", PaymentOrCode::Code { kind: 0, amount: 1 });
    m.same("bytes are no text", TextOrBytes::Bytes(ByteBuf::from("text")));
    m.same("text, or else bytes", TextOrBytes::Text("text".into()));
    m.same("text after bytes", BytesOrText::Text("text".into()));
    m.same("bytes in a flattened struct", FlatBytes { id: 1, more: Some(Bytes { bytes: ByteBuf::from([1, 255]) }) });
    m.same("a struct after one with fewer fields", ShortFirst::Long { x: 1, y: 2 });
    m.same("a struct before one with fewer fields", LongFirst::Long { x: 1, y: 2 });
    m.same("a struct after one with more fields", LongFirst::Short { x: 1 });
    m.same("a list after a struct", PairOrList::List(vec![1, 2]));
    m.same("an integer after a float", FloatFirst::Integer(5));
    m.same("a double after a float", SingleFirst::Double(0.1));
    m.same("a list after an array", Alike::Any(vec![1, 2]));
    m.same("a list of another length after an array", Alike::Any(vec![1]));
    m.same("a text after a letter", Alike::Text("x".into()));
    m.same("a text of another length after a letter", Alike::Text("xy".into()));
    m.same("a unit after a unit", Alike::NothingElse);
    m.same("a unit after an Option", Optional::Nothing);
    m.same("flatten None of a struct with options only", Customer { id: 1, billing: None });
    let billing = Billing { street: None, vat: None };
    m.same("flatten Some of a struct with options only", Customer { id: 1, billing: Some(billing) });
    m.same("flatten None of a map", WithMore { id: 1, more: None });
    m.same("flatten Some of a map", WithMore { id: 1, more: Some(BTreeMap::from([("a".to_owned(), 1)])) });
    let map = |key: &str| BTreeMap::from([(key.to_owned(), 1)]);
    m.same("flatten two maps", TwoMaps { one: map("a"), other: map("b") });
    m.same("flatten two empty maps", TwoMaps { one: BTreeMap::new(), other: BTreeMap::new() });
    let order = |count| before::Order { id: 1, line: Some(before::Line { sku: "a".into(), count }) };
    m.never::<narrowed::Order>("flatten Option, a number is narrowed", order(70_000));
    m.never::<with_a_field::Order>("flatten Option, a field is added", order(7));
}
