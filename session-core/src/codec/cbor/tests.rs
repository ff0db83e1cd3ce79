//! Host only: it needs std's types.

use super::*;
use crate::base::bytes::hash;
use crate::base::codec::DEPTH;
use crate::codec::NotReadBack;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::ser::{SerializeSeq, Serializer};
use serde::{Deserialize, Serialize};
use std::boxed::Box;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;
use std::format;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

fn write<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, WriteError> {
    let mut bytes = vec![0xee; Cbor::write(value, &mut [])?];
    let len = Cbor::write(value, &mut bytes)?;
    assert_eq!(len, bytes.len());
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// The value is written as these bytes and read back.
#[track_caller]
fn assert_bytes<T: Serialize + for<'v> Deserialize<'v> + PartialEq + Debug>(value: T, bytes: &str) {
    assert_eq!(hex(&write(&value).unwrap()), bytes, "{value:?}");
    assert_eq!(Cbor::read::<T>(&unhex(bytes)).unwrap(), value);
}

/// The error's text.
#[track_caller]
fn said<T: Serialize + for<'v> Deserialize<'v> + Debug>(bytes: &[u8]) -> String {
    Cbor::read::<T>(bytes).unwrap_err().to_string()
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
enum Step {
    Start,
    Paid(u32),
    Moved(i8, i8),
    Sent { parcel: Option<u64> },
    Wrapped(()),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Point {
    x: i16,
    y: i16,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Marker;

#[test]
fn the_bytes() {
    // RFC 8949, appendix A
    for (number, bytes) in [
        (0_u64, "00"),
        (23, "17"),
        (24, "1818"),
        (255, "18ff"),
        (256, "190100"),
        (65_535, "19ffff"),
        (65_536, "1a00010000"),
        (0xffff_ffff, "1affffffff"),
        (0x1_0000_0000, "1b0000000100000000"),
        (u64::MAX, "1bffffffffffffffff"),
    ] {
        assert_bytes(number, bytes);
        assert_bytes(u128::from(number), bytes);
    }
    for (number, bytes) in
        [(-1_i64, "20"), (-24, "37"), (-25, "3818"), (-1000, "3903e7"), (i64::MIN, "3b7fffffffffffffff")]
    {
        assert_bytes(number, bytes);
        assert_bytes(i128::from(number), bytes);
    }
    assert_bytes(u128::from(u64::MAX) + 1, "c249010000000000000000");
    assert_bytes(u128::MAX, "c250ffffffffffffffffffffffffffffffff");
    assert_bytes(-i128::from(u64::MAX) - 1, "3bffffffffffffffff");
    assert_bytes(-i128::from(u64::MAX) - 2, "c349010000000000000000");
    assert_bytes(i128::MIN, "c3507fffffffffffffffffffffffffffffff");
    assert_bytes((100_000_f32, 1.1_f64), "82fa47c35000fb3ff199999999999a");
    assert_bytes((true, false, ()), "83f5f4f6");
    assert_bytes(("ü".to_string(), '水', String::new()), "8362c3bc63e6b0b460");
    assert_bytes(vec![1_u16, 1000], "82011903e8");
    assert_bytes(BTreeMap::from([("a".to_string(), 1_u8), ("b".to_string(), 2)]), "a2616101616202");
    assert_bytes(BTreeMap::from([(-1_i8, true)]), "a120f5");
    assert_bytes(Point { x: 1, y: -2 }, "a261780161 7921".replace(' ', "").as_str());
    assert_bytes(Marker, "f6");
    assert_bytes(
        vec![Step::Start, Step::Paid(1), Step::Moved(1, 2), Step::Sent { parcel: None }, Step::Wrapped(())],
        "85655374617274a1645061696401a1654d6f766564820102a16453656e74a166706172 63656cf6a16757726170706564f6"
            .replace(' ', "")
            .as_str(),
    );
    assert_bytes([Some(1_u8), None], "8201f6");
    assert_bytes([None, Some(None), Some(Some(None)), Some(Some(Some(7_u8)))], "84f6c6f6c6c6f607");
    assert_bytes([None, Some(())], "82f6c6f6");
    assert_bytes([None, Some(Marker)], "82f6c6f6");
}

/// VA2: what is read as another type is the same value or an error.
#[test]
fn read_as_another_type_va2() {
    fn as_type<T: Serialize + for<'v> Deserialize<'v> + Debug + PartialEq>(
        written: &(impl Serialize + ?Sized),
    ) -> Option<T> {
        Cbor::read(&write(written).unwrap()).ok()
    }
    assert_eq!(as_type::<u8>(&200_u64), Some(200));
    assert_eq!(as_type::<u8>(&300_u64), None);
    assert_eq!(as_type::<i8>(&200_u64), None);
    assert_eq!(as_type::<u64>(&-1_i8), None);
    assert_eq!(as_type::<i64>(&u64::MAX), None);
    assert_eq!(as_type::<i64>(&(-i128::from(u64::MAX))), None);
    assert_eq!(as_type::<u64>(&(u128::from(u64::MAX) + 1)), None);
    assert_eq!(as_type::<i128>(&u64::MAX), Some(u64::MAX.into()));
    assert_eq!(as_type::<u128>(&-1_i8), None);

    assert_eq!(as_type::<f64>(&(1_u64 << 53)), Some(9_007_199_254_740_992.0));
    assert_eq!(as_type::<f64>(&((1_u64 << 53) + 1)), None);
    assert_eq!(as_type::<f64>(&-(1_i64 << 53)), Some(-9_007_199_254_740_992.0));
    assert_eq!(as_type::<f64>(&(-(1_i64 << 53) - 1)), None);
    assert_eq!(as_type::<f64>(&u128::MAX), None);
    assert_eq!(as_type::<f32>(&(1_u64 << 24)), Some(16_777_216.0));
    assert_eq!(as_type::<f32>(&((1_u64 << 24) + 1)), None);
    assert_eq!(as_type::<f32>(&0.5_f64), Some(0.5));
    assert_eq!(as_type::<f32>(&0.1_f64), None);
    assert_eq!(as_type::<f64>(&0.1_f32), Some(f64::from(0.1_f32)));
    assert_eq!(as_type::<f32>(&f64::INFINITY), Some(f32::INFINITY));
    assert!(as_type::<f32>(&f64::NAN).is_some_and(f32::is_nan));
    assert_eq!((as_type::<u32>(&1.0_f64), as_type::<i32>(&-0.0_f32)), (None, None));

    assert_eq!((as_type::<u32>(&'a'), as_type::<char>(&97_u32)), (None, None));
    assert_eq!((as_type::<String>(&'a'), as_type::<char>("ab")), (Some("a".into()), None));
    assert_eq!((as_type::<u8>(&true), as_type::<bool>(&1_u8)), (None, None));
    assert_eq!(
        (as_type::<Vec<u8>>(&()), as_type::<Vec<u8>>(&None::<u8>), as_type::<()>(&[0_u8; 0])),
        (None, None, None)
    );
    assert_eq!((as_type::<String>(&()), as_type::<f64>(&())), (None, None));
    assert_eq!(as_type::<Point>(&(1_u8, 2_u8)), None);
    assert_eq!(as_type::<(u8, u8)>(&Point { x: 1, y: 2 }), None);
    assert_eq!(as_type::<Point>(&BTreeMap::from([(0_u8, 1_u8), (1, 2)])), None);
    assert_eq!(as_type::<BTreeMap<String, i64>>(&Point { x: 1, y: 2 }).map(|map| map["y"]), Some(2));
    assert_eq!(as_type::<(u8, u8)>(&[1_u8, 2, 3]), None);
    assert_eq!(as_type::<(u8, u8, u8)>(&[1_u8, 2]), None);
    assert_eq!(as_type::<Step>("Start"), Some(Step::Start));
    assert_eq!(as_type::<Step>("Paid"), None);
    assert_eq!(as_type::<Step>(&BTreeMap::from([("Start", ())])), None);
    assert_eq!(as_type::<Step>(&BTreeMap::from([("Paid", 1), ("Start", 1)])), None);
    assert_eq!(as_type::<Step>(&0_u8), None);
    assert_eq!(as_type::<Option<Option<u8>>>(&None::<u8>), Some(None));
    assert_eq!(as_type::<Option<u8>>(&Some(None::<u8>)), None);
    assert_eq!(as_type::<Option<u8>>(&7_u8), Some(Some(7)));
}

/// serde's bytes, which `Vec<u8>` is not.
#[derive(Debug, PartialEq)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Bytes;
            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Bytes, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = elements.next_element()? {
                    bytes.push(byte);
                }
                Ok(Bytes(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Either)
    }
}

#[test]
fn bytes_and_lists_of_numbers_read_as_each_other() {
    assert_bytes(Bytes(vec![1, 255]), "4201ff");
    assert_eq!(Cbor::read::<Vec<u8>>(&unhex("4201ff")), Ok(vec![1, 255]));
    assert_eq!(Cbor::read::<Vec<u16>>(&unhex("4201ff")), Ok(vec![1, 255]));
    assert_eq!(Cbor::read::<[u8; 2]>(&unhex("4201ff")), Ok([1, 255]));
    assert_eq!(Cbor::read::<Bytes>(&unhex("820118ff")), Ok(Bytes(vec![1, 255])));
    assert!(Cbor::read::<[u8; 1]>(&unhex("4201ff")).is_err());
    assert!(Cbor::read::<[u8; 3]>(&unhex("4201ff")).is_err());
    assert!(Cbor::read::<Vec<i8>>(&unhex("4201ff")).is_err());
    assert!(Cbor::read::<Bytes>(&unhex("81190100")).is_err());
    assert!(Cbor::read::<String>(&unhex("426161")).is_err());
    assert!(Cbor::read::<Bytes>(&unhex("626161")).is_err());
}

/// Bytes that no writer of this format writes.
#[test]
fn foreign_bytes_are_refused() {
    for bytes in [
        "",
        "18",
        "1800",
        "1817",
        "1900ff",
        "1a0000ffff",
        "1b00000000ffffffff",
        "1c",
        "1f",
        "5801",
        "780161",
        "61",
        "61ff",
        "62c328",
        "9f00ff",
        "5f4101ff",
        "7f6161ff",
        "bf616100ff",
        "980100",
        "b801616100",
        "81",
        "a1",
        "a100",
        "a0 00",
        "0000",
        "c0",
        "c600",
        "c6c6",
        "c6",
        "c1 1a514b67b0",
        "c24101",
        "c2480101010101010101",
        "c2490001010101010101 01",
        "c25101010101010101010101010101010101 01",
        "c250",
        "c20a",
        "c350ffffffffffffffffffffffffffffffff",
        "d9d9f700",
        "f7",
        "f8ff",
        "f93c00",
        "fa000000",
        "fb",
        "e0",
        "ff",
        "fc",
        "fe",
    ] {
        let bytes = unhex(&bytes.replace(' ', ""));
        assert!(Cbor::read::<Tree>(&bytes).is_err(), "{}", hex(&bytes));
        assert!(Cbor::read::<Option<Option<u128>>>(&bytes).is_err(), "{}", hex(&bytes));
        let skipped = [&[0xa1, 0x61, b'z'], &bytes[..]].concat();
        assert!(Cbor::read::<Nothing>(&skipped).is_err(), "{}", hex(&skipped));
    }
}

#[derive(Serialize, Deserialize, Debug)]
struct Nothing {}

/// Anything, as serde's data model has it.
#[derive(Debug, PartialEq, Clone)]
enum Tree {
    Leaf(String),
    List(Vec<Tree>),
    Map(Vec<(Tree, Tree)>),
    Some(Box<Tree>),
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Leaf(text) => serializer.serialize_str(text),
            Self::List(list) => serializer.collect_seq(list),
            Self::Map(map) => serializer.collect_map(map.iter().map(|(key, value)| (key, value))),
            Self::Some(some) => serializer.serialize_some(some),
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        macro_rules! leaf {
            ($($method:ident($type:ty))*) => { $(
                fn $method<E>(self, value: $type) -> Result<Tree, E> {
                    Ok(Tree::Leaf(format!("{value:?}")))
                }
            )* };
        }
        impl<'de> Visitor<'de> for Any {
            type Value = Tree;
            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("anything")
            }
            leaf! { visit_bool(bool) visit_i64(i64) visit_i128(i128) visit_u64(u64) visit_u128(u128) visit_f32(f32)
            visit_f64(f64) visit_str(&str) visit_bytes(&[u8]) }
            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree::Leaf("null".into()))
            }
            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
                Ok(Tree::Some(Box::new(Tree::deserialize(deserializer)?)))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Tree, A::Error> {
                let mut list = Vec::with_capacity(elements.size_hint().unwrap());
                while let Some(element) = elements.next_element()? {
                    list.push(element);
                }
                Ok(Tree::List(list))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut entries: A) -> Result<Tree, A::Error> {
                let mut map = Vec::with_capacity(entries.size_hint().unwrap());
                while let Some(entry) = entries.next_entry()? {
                    map.push(entry);
                }
                Ok(Tree::Map(map))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

#[test]
fn anything_reads_without_being_asked_for() {
    let bytes = unhex("8a0120c249010000000000000000fa3f800000fb3ff0000000000000f56161c6f64101a1f680");
    let leaf = |text: &str| Tree::Leaf(text.into());
    let expected = Tree::List(vec![
        leaf("1"),
        leaf("-1"),
        leaf("18446744073709551616"),
        leaf("1.0"),
        leaf("1.0"),
        leaf("true"),
        leaf("\"a\""),
        Tree::Some(leaf("null").into()),
        // a type that does not ask for bytes reads a list, as in JSON
        Tree::List(vec![leaf("1")]),
        Tree::Map(vec![(leaf("null"), Tree::List(vec![]))]),
    ]);
    assert_eq!(Cbor::read::<Tree>(&bytes), Ok(expected));
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Boxed(Option<Box<Boxed>>);

#[derive(Serialize, Deserialize, Debug, PartialEq)]
enum Chain {
    End,
    Next(Box<Chain>),
}

/// Nesting ends at the same level for writer and reader, for all kinds of levels.
#[test]
fn nesting_ends_at_the_same_level_va1() {
    fn levels<T: Serialize + for<'v> Deserialize<'v> + PartialEq + Debug>(end: T, around: impl Fn(T) -> T) {
        let mut value = end;
        for level in 0..DEPTH {
            let bytes = write(&value).unwrap_or_else(|why| panic!("level {level}: {why}"));
            assert_eq!(Cbor::read::<T>(&bytes).as_ref(), Ok(&value), "level {level}");
            value = around(value);
        }
        let bytes = write(&value).unwrap();
        assert_eq!(Cbor::read::<T>(&bytes).as_ref(), Ok(&value), "the last level");
        value = around(value);
        assert_eq!(write(&value), Err(WriteError::Deep));
    }
    levels(Chain::End, |chain| Chain::Next(chain.into()));
    levels(Boxed(None), |boxed| Boxed(Some(boxed.into())));
    let leaf = |text: &str| Tree::Leaf(text.into());
    let list = (0..DEPTH).fold(leaf("x"), |tree, _| Tree::List(vec![tree]));
    let map = (0..DEPTH).fold(leaf("x"), |tree, _| Tree::Map(vec![(tree, leaf("x"))]));
    let some = (0..DEPTH).fold(leaf("x"), |tree, _| Tree::Some(tree.into()));
    for tree in [list, map, some] {
        let bytes = write(&tree).unwrap();
        assert!(Cbor::read::<Tree>(&bytes).is_ok());
        assert_eq!(write(&Tree::List(vec![tree.clone()])), Err(WriteError::Deep));
        let deeper = [&[0x81], &bytes[..]].concat();
        assert_eq!(Cbor::read::<Tree>(&deeper).is_err(), !matches!(tree, Tree::Some(_)));
    }
}

/// A hundred thousand crafted levels, within a thread's usual stack.
#[test]
fn nesting_without_an_end_is_refused() {
    for open in ["81", "a1f6", "a16161", "c6", "8181", "a1644e657874"] {
        let cut = unhex(open).repeat(100_000);
        let whole = [&cut[..], &[0xf6]].concat();
        for bytes in [&cut, &whole] {
            assert!(Cbor::read::<Tree>(bytes).is_err());
            assert!(Cbor::read::<Chain>(bytes).is_err());
            assert!(Cbor::read::<Boxed>(bytes).is_err());
        }
        let skips = |bytes| Cbor::read_seed(bytes, core::marker::PhantomData::<de::IgnoredAny>).is_ok();
        assert!(!skips(&cut) && skips(&whole));
    }
    // one byte that an endless type could read forever
    assert_eq!(said::<Boxed>(&[5]), "nested too deeply");
    assert_eq!(said::<Boxed>(&[0x80]), "nested too deeply");
}

/// The declared lengths of all open lists add up to no more than the remaining bytes.
#[test]
fn declared_lengths_are_no_more_than_the_bytes() {
    struct Hints(Vec<usize>);
    impl<'de> Visitor<'de> for &mut Hints {
        type Value = ();
        fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            f.write_str("a list")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
            self.0.push(elements.size_hint().unwrap());
            while elements.next_element_seed(&mut *self)?.is_some() {}
            Ok(())
        }
    }
    impl<'de> DeserializeSeed<'de> for &mut Hints {
        type Value = ();
        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
            deserializer.deserialize_seq(self)
        }
    }
    let mut hints = Hints(Vec::new());
    let bytes = [&unhex("9818").repeat(100), &[0x80; 80][..]].concat();
    let _ = Cbor::read_seed(&bytes, &mut hints);
    assert!(hints.0.len() > 5 && hints.0.iter().sum::<usize>() <= bytes.len(), "{:?}", hints.0);
    for head in
        ["9b0000010000000000", "bb0000010000000000", "9bffffffffffffffff", "5bffffffffffffffff", "7b0000010000000000"]
    {
        let bytes = [&unhex(head), &[1, 2, 3][..]].concat();
        let foreign = said::<Tree>(&bytes);
        assert_eq!(foreign, "the bytes are truncated");
        assert!(Cbor::read::<Vec<u64>>(&bytes).is_err() && Cbor::read::<HashMap<u64, u64>>(&bytes).is_err());
    }
}

/// The error names the field, the expected type and the kind found, never the stored value.
#[test]
fn errors_say_where_and_what_but_no_value_va5() {
    #[derive(Serialize, Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Line {
        name: String,
        count: u8,
    }
    #[derive(Serialize, Deserialize, Debug)]
    struct Cart {
        lines: Vec<Line>,
        by_mail: HashMap<String, Step>,
        total: Option<u32>,
        step: Step,
    }
    #[derive(Serialize, Deserialize, Debug)]
    struct User {
        cart: Cart,
    }
    let line = "a2646e616d6566534543524554 65636f756e7401";
    let error = |lines: &str, by_mail: &str, total: &str, step: &str| {
        let text =
            format!("a16463617274a4656c696e6573{lines}6762795f6d61696c{by_mail}65746f74616c{total}6473746570{step}");
        said::<User>(&unhex(&text.replace(' ', "")))
    };
    let (two, paid) = (format!("82{line}{line}"), "a1645061696407");
    assert!(Cbor::read::<User>(&unhex("a0")).is_err());
    let mail = "a16673406d2e6465";
    let ok = |lines: &str| error(lines, "a0", "f6", "f5");
    assert_eq!(ok(&two), "field `cart.step`: expected enum Step, found true or false");
    assert_eq!(ok("00"), "field `cart.lines`: expected a sequence, found an integer");
    assert_eq!(ok("81646e616d65"), "field `cart.lines[0]`: expected struct Line, found text");
    assert_eq!(
        ok(&format!("82{line}a2646e616d6505 65636f756e7401")),
        "field `cart.lines[1].name`: expected a string, found an integer"
    );
    assert_eq!(
        ok(&format!("82{line}a2646e616d656065636f756e74190100")),
        "field `cart.lines[1].count`: expected u8, found an integer that does not fit"
    );
    assert_eq!(ok("81a1646e616d6560"), "field `cart.lines[0].count` is missing");
    assert_eq!(ok("81a2646e616d6560646e616d6560"), "field `cart.lines[0].name` occurs twice");
    assert_eq!(ok("81a166534543524554f5"), "field `cart.lines[0][…]`: found a field that the type does not have");
    assert_eq!(
        error("80", &format!("{mail}66534543524554"), "01", paid),
        "field `cart.by_mail[…]`: found a variant other than `Start` `Paid` `Moved` `Sent` `Wrapped`"
    );
    assert_eq!(
        error("80", &format!("{mail}a164506169646453454352"), "01", paid),
        "field `cart.by_mail[…].Paid`: expected u32, found text"
    );
    assert_eq!(
        error("80", &format!("{mail}a16453656e74a166706172 63656c6453454352"), "01", paid),
        "field `cart.by_mail[…].Sent.parcel`: expected u64, found text"
    );
    assert_eq!(
        error("80", "a0", "fb3ff199999999999a", paid),
        "field `cart.total`: expected u32, found a floating point number"
    );
    assert_eq!(
        error("80", "a0", "f6", "645061 6964"),
        "field `cart.step`: expected newtype variant, found another kind of variant"
    );
    assert_eq!(
        error("80", "a0", "f6", "a1655374617274f6"),
        "field `cart.step`: expected a variant without content, found another kind of variant"
    );
    assert_eq!(error("80", "a0", "f6", "9b00"), "field `cart.step`: the bytes are truncated");
    assert_eq!(error("80", "a0", "f6", &format!("{paid}00")), "found more data than the type reads");
    assert_eq!(said::<(u8, u8)>(&unhex("83010203")), "found more data than the type reads");
    assert_eq!(said::<(u8, u8)>(&unhex("8101")), "expected a tuple of size 2, found a different number of elements");
    assert_eq!(
        said::<core::net::IpAddr>(&unhex("66534543524554")),
        "the type's Deserialize implementation returned an error"
    );
    assert_eq!(said::<char>(&unhex("66534543524554")), "expected a character, found text that does not fit");
    assert_eq!(said::<u64>(&unhex("c249010000000000000000")), "expected u64, found an integer");

    let deep = unhex(&format!("{}f5", "81".repeat(9)));
    type Deep = Vec<Vec<Vec<Vec<Vec<Vec<Vec<Vec<Vec<u8>>>>>>>>>;
    assert_eq!(said::<Deep>(&deep), "field `[0]…[0][0][0][0][0]`: expected u8, found true or false");
    let error = Cbor::read::<User>(&unhex(&format!("a16463617274a1{mail}00"))).unwrap_err();
    assert!(!format!("{error:?}").contains("m.de"), "{error:?}");
}

/// VA1: the field is named where a type writes what it cannot read.
#[test]
fn what_can_be_set_and_never_read_is_named_va1() {
    #[derive(Serialize, Deserialize)]
    #[allow(dead_code)]
    struct User {
        name: &'static str,
        #[serde(skip_serializing)]
        password: u32,
    }
    let bytes = write(&[User { name: "SECRET", password: 7 }]).unwrap().leak();
    let why = NotReadBack::Never(Cbor::read::<[User; 1]>(bytes).err().unwrap());
    assert_eq!(why.to_string(), "can be set but not read back: field `[0].password` is missing");
}

/// VA1: in any order of a hash map's entries.
#[test]
fn content_does_not_depend_on_order_va1() {
    let content = |hex: &str| Cbor::content(&unhex(hex));
    // {"a": 1, "b": [2, 3]}
    assert_eq!(content("a2616101616282 0203".replace(' ', "").as_str()), content("a26162820302616101"));
    let all = [
        "a2616101616202",
        "a2616102616201",
        "8261610182616202",
        "8101",
        "820101",
        "820102",
        "01",
        "f6",
        "c6f6",
        "c6c6f6",
    ];
    for (at, one) in all.iter().enumerate() {
        assert!(all[..at].iter().all(|other| content(other) != content(one)), "{one}");
    }
}

#[test]
fn long_expectations_are_cut_at_a_character() {
    struct Long;
    impl Visitor<'_> for Long {
        type Value = ();
        fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            f.write_str(&"ü".repeat(40))
        }
    }
    impl<'de> DeserializeSeed<'de> for Long {
        type Value = ();
        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
            deserializer.deserialize_any(self)
        }
    }
    let error = Cbor::read_seed(&[1], Long).unwrap_err();
    assert_eq!(error.to_string(), format!("expected {}, found an integer", "ü".repeat(23)));
}

/// A type that uses a default for anything that it cannot read.
#[derive(Debug, PartialEq, Default, Serialize)]
struct Lenient<T>(T);

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(T::deserialize(deserializer).map(Self).unwrap_or_default())
    }
}

/// VA2: if a type ignores an error, the rest is read from its own beginning.
#[test]
fn after_an_ignored_error_the_next_value_is_its_own_va2() {
    type Five<T> = (Lenient<T>, Option<Lenient<T>>, [Lenient<T>; 1], BTreeMap<u8, Lenient<T>>, u8);
    for bytes in [
        "01",
        "20",
        "1903e8",
        "c249010000000000000000",
        "6161",
        "420102",
        "fb3ff199999999999a",
        "f5",
        "c6f6",
        "c6c6f6",
        "83010203",
        "8101",
        "82016161",
        "83810181026161",
        "a0",
        "a10102",
        "a161610f",
        "a1655374617274f6",
        "a16450616964 6161",
        "655374617274",
    ] {
        let bytes = bytes.replace(' ', "");
        let five = unhex(&format!("85{bytes}{bytes}81{bytes}a101{bytes}1863"));
        macro_rules! last_is_99 {
            ($($type:ty),*) => { $( {
                let read = Cbor::read_seed(&five, core::marker::PhantomData::<Five<$type>>).map(|read| read.4);
                assert_eq!(read, Ok(99), "{bytes} as {}", stringify!($type));
                let alone = Cbor::read_seed(&unhex(&bytes), core::marker::PhantomData::<Lenient<$type>>);
                assert!(alone.is_ok(), "{bytes} as {}", stringify!($type));
            } )* };
        }
        last_is_99! { u8, i128, bool, String, (u8, u8), Vec<u8>, Vec<Vec<u8>>, [Option<Option<u8>>; 2], BTreeMap<u8, String>, PointOrNone, f32, Option<()> }
    }
}

/// VA2: so are the other elements of a list that omits unreadable ones.
#[test]
fn after_an_element_that_is_left_out_va2() {
    struct Readable(Vec<Vec<u8>>);
    impl<'de> Visitor<'de> for Readable {
        type Value = Vec<Vec<u8>>;
        fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            f.write_str("a list")
        }
        fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<Vec<Vec<u8>>, A::Error> {
            loop {
                match elements.next_element() {
                    Ok(Some(element)) => self.0.push(element),
                    Ok(None) => return Ok(self.0),
                    Err(_) => {}
                }
            }
        }
    }
    impl<'de> DeserializeSeed<'de> for Readable {
        type Value = Vec<Vec<u8>>;
        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Vec<u8>>, D::Error> {
            deserializer.deserialize_seq(self)
        }
    }
    let read = |bytes| Cbor::read_seed(&unhex(bytes), Readable(Vec::new())).ok();
    assert_eq!(read("8781018302f50405810681f681f5f6"), Some(vec![vec![1], vec![6]]));
    // invalid bytes are not an element that could be omitted
    assert_eq!((read("838101f78102"), read("838101810f")), (None, None));
    let lenient =
        |bytes| Cbor::read_seed(&unhex(bytes), core::marker::PhantomData::<Lenient<Lenient<Vec<u8>>>>).is_ok();
    assert!(lenient("826161f5") && !lenient("8201f7") && !lenient("8201"));
}

#[derive(Debug, Default, Deserialize)]
#[allow(dead_code)]
struct PointOrNone {
    a: Option<Vec<u8>>,
    #[serde(rename = "Paid")]
    paid: u8,
}

/// The reader's types are not those that serde's traits request.
#[test]
fn visitors_that_break_the_rules_stay_within_the_value() {
    struct Keys;
    impl<'de> Visitor<'de> for Keys {
        type Value = Vec<u8>;
        fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            f.write_str("a map")
        }
        fn visit_map<A: de::MapAccess<'de>>(self, mut entries: A) -> Result<Vec<u8>, A::Error> {
            assert!(entries.next_value::<u8>().is_err());
            let first = entries.next_key::<u8>()?;
            assert!(entries.next_key::<u8>().is_err());
            Ok(first.into_iter().collect())
        }
    }
    impl<'de> DeserializeSeed<'de> for Keys {
        type Value = Vec<u8>;
        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<u8>, D::Error> {
            deserializer.deserialize_map(self)
        }
    }
    assert_eq!(
        Cbor::read_seed(&unhex("a2010203 04".replace(' ', "").as_str()), Keys).unwrap_err().to_string(),
        "found more data than the type reads"
    );
}

/// Announces a different number of elements than it has.
struct Announces(Option<usize>, usize);

impl Serialize for Announces {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(self.0)?;
        (0..self.1).try_for_each(|number| list.serialize_element(&number))?;
        list.end()
    }
}

#[test]
fn lengths_that_are_not_announced_or_wrong() {
    for announced in [None, Some(0), Some(5), Some(23), Some(24), Some(300), Some(70_000)] {
        for count in [0, 1, 23, 24, 255, 256, 300, 70_000] {
            let written = write(&(Announces(announced, count), 7_u8));
            let head = |len| [24, 0x100, 0x1_0000].iter().filter(|more| len >= **more).count();
            if announced.is_some_and(|announced| head(announced) > head(count)) {
                assert_eq!(written, Err(WriteError::Length));
            } else {
                assert_eq!(written.unwrap(), write(&((0..count).collect::<Vec<_>>(), 7_u8)).unwrap());
            }
        }
    }
    for len in [0, 1, 23, 24, 255, 256, 70_000] {
        let text = "x".repeat(len);
        struct Displayed<'a>(&'a str);
        impl Serialize for Displayed<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&format_args!("{}{}", self.0, ""))
            }
        }
        assert_eq!(write(&(Displayed(&text), 1)).unwrap(), write(&(&text, 1)).unwrap());
    }
}

#[test]
fn a_place_that_is_too_small_is_not_left() {
    let value = (Announces(None, 300), "text", 7_u8);
    let size = Cbor::write(&value, &mut []).unwrap();
    for len in 0..size + 2 {
        let mut place = vec![0xee; len + 1];
        let written = Cbor::write(&value, &mut place[..len]);
        assert_eq!(written, Ok(size));
        assert_eq!(place[len], 0xee);
    }
}

/// VA4: a value has the same fingerprint in any order, and another value a different one.
#[test]
fn a_map_that_was_read_says_the_same_twice_va4() {
    let map: HashMap<String, HashSet<u32>> = (0..20).map(|n| (n.to_string(), (0..n).collect())).collect();
    let bytes = write(&map).unwrap();
    for _ in 0..20 {
        let read: HashMap<String, HashSet<u32>> = Cbor::read(&bytes).unwrap();
        let said = Cbor::said(&read);
        assert!(said.is_some() && said == Cbor::said(&read.clone()));
        let mut changed = read.clone();
        changed.get_mut("7").unwrap().insert(100);
        assert_ne!(Cbor::said(&changed), said);
    }
    for (one, other) in [("", "a"), ("a", "b"), ("aa", "a")] {
        assert_ne!(Cbor::said(one), Cbor::said(other));
    }
    assert_ne!(Cbor::said(&(Some(()), 1)), Cbor::said(&(None::<()>, 1)));
    assert_ne!(Cbor::said(&Announces(None, 1)), Cbor::said(&Announces(None, 2)));
    assert_eq!(Cbor::said(&Announces(Some(9), 900)), Cbor::said(&Announces(Some(9), 900)));
    assert_ne!(hash(0, b"a"), hash(1, b"a"));
}

#[test]
fn what_refuses_to_be_written_is_an_error() {
    struct Refuses;
    impl Serialize for Refuses {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }
    assert_eq!(Cbor::write(&[Refuses], &mut []), Err(WriteError::Refused));
    assert_eq!(Cbor::said(&Refuses), None);
}

/// `set` rejects what `get` could never return: a map with a key that has no value, or a value that has no key.
#[test]
fn a_map_of_halves_is_refused_va1() {
    /// Keys (`true`) and values of a map.
    struct Halves(&'static [bool]);
    impl Serialize for Halves {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeMap;
            let mut map = serializer.serialize_map(None)?;
            for key in self.0 {
                if *key { map.serialize_key("k")? } else { map.serialize_value("v")? }
            }
            map.end()
        }
    }
    for wrong in [&[true][..], &[false], &[true, true, false], &[true, false, false], &[true, false, true]] {
        assert_eq!(Cbor::write(&Halves(wrong), &mut [0; 64]), Err(WriteError::Length), "{wrong:?}");
    }
    assert_eq!(Cbor::write(&Halves(&[true, false]), &mut [0; 64]), Ok(5));
}
