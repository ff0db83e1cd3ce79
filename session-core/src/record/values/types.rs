//! Host only. Every type read as every other one, and what cannot be written.

use super::properties::table;
use super::*;
use crate::codec::Cbor;
use serde::Serializer;
use serde::de::DeserializeOwned;
use serde::ser::Error as _;
use std::boxed::Box;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Debug;
use std::format;
use std::net::Ipv4Addr;
use std::string::{String, ToString};
use std::vec::Vec;

/// A type: the types that read alike, its samples in a table each, and how to read it.
struct Type {
    name: &'static str,
    samples: Vec<(String, Vec<u8>)>,
    read: fn(&[u8]) -> Option<Result<String, Error>>,
    decodes: fn(&[u8]) -> bool,
}

fn of<T: Serialize + DeserializeOwned + Debug>(name: &'static str, samples: impl IntoIterator<Item = T>) -> Type {
    let sample = |value: T| (format!("{value:?}"), table(|table| assert!(table.set_postcard("k", &value).unwrap())));
    Type {
        name,
        samples: samples.into_iter().map(sample).collect(),
        read: |data| Some(find(data, "k")?.read_postcard::<T>().map(|value| format!("{value:?}"))),
        decodes: |data| {
            find(data, "k")
                .is_some_and(|entry| matches!(postcard::take_from_bytes::<T>(&entry.bytes[4..]), Ok((_, []))))
        },
    }
}

/// serde's bytes, which `Vec<u8>` is not.
#[derive(Debug)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Bytes;
            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }
        deserializer.deserialize_byte_buf(Visitor)
    }
}

#[derive(Serialize, Deserialize, Debug)]
struct Point {
    x: u8,
    y: u8,
}

/// As `Point`, except for its name.
#[derive(Serialize, Deserialize, Debug)]
struct Size {
    x: u8,
    y: u8,
}

/// Other types with the name `Point`.
mod other {
    use serde::{Deserialize, Serialize};

    pub(super) mod fields {
        #[derive(super::Serialize, super::Deserialize, Debug)]
        pub(in super::super) struct Point {
            pub(in super::super) y: u8,
            pub(in super::super) x: u8,
        }
    }
    pub(super) mod types {
        #[derive(super::Serialize, super::Deserialize, Debug)]
        pub(in super::super) struct Point {
            pub(in super::super) x: i8,
            pub(in super::super) y: u8,
        }
    }
    pub(super) mod tuple {
        #[derive(super::Serialize, super::Deserialize, Debug)]
        pub(in super::super) struct Point(pub(in super::super) u8, pub(in super::super) u8);
    }
    pub(super) mod step {
        #[derive(super::Serialize, super::Deserialize, Debug)]
        pub(in super::super) enum Step {
            Stop,
            Start,
            Paid(u16),
            Sent { by: u8 },
        }
    }
}

#[derive(Serialize, Deserialize, Debug)]
enum Step {
    Start,
    Stop,
    Paid(u8),
    Sent { to: u8 },
}

#[derive(Serialize, Deserialize, Debug)]
struct User(u8);

#[derive(Serialize, Deserialize, Debug)]
struct Group(u8);

#[derive(Serialize, Deserialize, Debug)]
struct Marker;

fn types() -> Vec<Type> {
    Vec::from([
        of("bool", [false, true]),
        of("u8", [0_u8, 1, 65, 200]),
        of("u16", [0_u16, 1, 300, u16::MAX]),
        of("u32", [0_u32, 1, 300, u32::MAX]),
        of("u64", [0_u64, 1, 300, u64::MAX]),
        of("u64", [0_usize, 1, 300]),
        of("u128", [0_u128, 1, u128::MAX]),
        of("i8", [0_i8, -1]),
        of("i16", [0_i16, -1, 300]),
        of("i32", [0_i32, -1, 300]),
        of("i64", [0_i64, -1, i64::MIN]),
        of("i128", [0_i128, -1]),
        of("f32", [0_f32, 1.5]),
        of("f64", [0_f64, 1.5]),
        of("char", ['a', 'ß']),
        of("str", ["".to_string(), "a".to_string(), "text".to_string()]),
        of("str", ["".into(), "boxed".into()] as [Box<str>; 2]),
        of("bytes", [Bytes(Vec::new()), Bytes(Vec::from([1, 2]))]),
        of("Vec<u8>", [Vec::from([0_u8]), Vec::from([1, 2])]),
        of("Vec<u16>", [Vec::from([0_u16]), Vec::from([1, 2])]),
        of("Vec<u8>", [BTreeSet::from([0_u8]), BTreeSet::from([1, 2])]),
        of("Vec<Option<u8>>", [Vec::from([Some(1_u8), None])]),
        of("Vec<Option<bool>>", [Vec::from([None, Some(true)])]),
        of("()", [()]),
        of("Marker", [Marker]),
        of("Some<u8>", [Some(0_u8), Some(1)]),
        of("Some<u16>", [Some(0_u16), Some(1)]),
        of("Some<Some<u8>>", [Some(Some(1_u8))]),
        of("(u8,)", [(1_u8,)]),
        of("(u8, u8)", [(1_u8, 2_u8)]),
        of("(u8, u8)", [[1_u8, 2]]),
        of("(u8, bool)", [(1_u8, true)]),
        of("((u8, u8), u8)", [((1_u8, 2_u8), 3_u8)]),
        of("(u8, (u8, u8))", [(1_u8, (2_u8, 3_u8))]),
        of("[u8; 3]", [[1_u8, 2, 3]]),
        of("[u8; 4]", [[3_u8, 4, 5, 6]]),
        of("[u8; 4]", [Ipv4Addr::new(3, b'a', b'b', b'c')]),
        of("Point", [Point { x: 1, y: 2 }]),
        of("Size", [Size { x: 1, y: 2 }]),
        of("Point of y and x", [other::fields::Point { y: 1, x: 2 }]),
        of("Point of i8", [other::types::Point { x: 1, y: 2 }]),
        of("Point of a tuple", [other::tuple::Point(1, 2)]),
        of("User", [User(1)]),
        of("Group", [Group(1)]),
        of("Step", [Step::Start, Step::Stop, Step::Paid(1), Step::Sent { to: 2 }]),
        of("Step of others", [other::step::Step::Stop, other::step::Step::Paid(1), other::step::Step::Sent { by: 2 }]),
        of("Step of others", [other::step::Step::Start]),
        of("Vec<Step>", [Vec::from([Step::Start, Step::Paid(1)]), Vec::from([Step::Stop])]),
        of("Map<u8, u8>", [BTreeMap::from([(1_u8, 2_u8), (3, 4)])]),
        of("Map<u16, u8>", [BTreeMap::from([(1_u16, 2_u8)])]),
        of("Map<u8, bool>", [BTreeMap::from([(1_u8, true)])]),
        of("Map<u8, u8>", [HashMap::from([(1_u8, 2_u8)])]),
        of("Vec<(u8, u8)>", [Vec::from([(1_u8, 2_u8), (3, 4)])]),
    ])
}

#[test]
fn a_value_reads_as_no_other_type() {
    let types = types();
    let mut saved = 0;
    for written in &types {
        for (value, data) in &written.samples {
            for asked in &types {
                let read = (asked.read)(data).unwrap();
                if asked.name == written.name {
                    assert!(read.is_ok(), "{value} of {} as {}: {read:?}", written.name, asked.name);
                } else {
                    assert_eq!(read, Err(Error::Unreadable), "{value} of {} as {}", written.name, asked.name);
                    saved += usize::from((asked.decodes)(data));
                }
            }
            assert_eq!((written.read)(data), Some(Ok(value.clone())), "{}", written.name);
        }
    }
    assert!(types.len() > 40 && saved > 300, "postcard alone would have read {saved} of them");
}

#[test]
fn what_is_not_there_has_no_type() {
    let data = table(|table| {
        table.set_postcard("none", &None::<u8>).unwrap();
        table.set_postcard("empty", &Vec::<u8>::new()).unwrap();
    });
    let read = |key| find(&data, key).unwrap();
    assert_eq!(read("none").read_postcard(), Ok(None::<String>));
    assert_eq!(read("empty").read_postcard(), Ok(Vec::<String>::new()));
    assert_eq!(read("none").read_postcard::<Vec<u8>>(), Err(Error::Unreadable));
    assert_eq!(read("empty").read_postcard::<Option<u8>>(), Err(Error::Unreadable));
    assert_eq!(read("empty").read_postcard::<String>(), Err(Error::Unreadable));
}

#[test]
fn a_hash_map_of_mixed_shapes_reads_in_any_order() {
    let map: HashMap<u32, Option<u32>> = (0..9).map(|n| (n, Some(n).filter(|n| n % 3 > 0))).collect();
    let data = table(|table| assert!(table.set_postcard("map", &map).unwrap()));
    for _ in 0..50 {
        assert_eq!(find(&data, "map").unwrap().read_postcard().as_ref(), Ok(&map));
    }
}

/// VA4: setting the value that was read is no change, in any order of its entries.
#[test]
fn an_unchanged_hash_map_put_back_is_no_change_va4() {
    let map: HashMap<u32, HashSet<String>> = (0..9).map(|n| (n, (0..n).map(|n| n.to_string()).collect())).collect();
    let data = table(|table| assert!(table.set::<Cbor, _>("map", &map, None).unwrap()));
    let mut others = 0;
    for _ in 0..20 {
        let entry = find(&data, "map").unwrap();
        let mut read: HashMap<u32, HashSet<String>> = entry.read::<Cbor, _>().unwrap();
        let said = entry.said::<Cbor, _>(&read);
        let as_read = said.map(|said| AsRead { entry: fingerprint(Some(entry)), said });
        let (mut bytes, mut len) = ([0; 4096], data.len());
        bytes[..len].copy_from_slice(&data);
        let mut table = Table::new(&mut bytes, 0, &mut len);
        assert_eq!(table.set::<Cbor, _>("map", &read.clone(), as_read), Ok(false));
        assert_eq!(table.data(), data);
        others += usize::from(table.set::<Cbor, _>("map", &read, None).unwrap());
        // over an entry that was not the one read, it is a change
        table.set::<Cbor, _>("map", &map, None).unwrap();
        read.remove(&8);
        table.set::<Cbor, _>("map", &read, None).unwrap();
        read.insert(8, map[&8].clone());
        assert_eq!(table.set::<Cbor, _>("map", &read, as_read), Ok(true));
        read.get_mut(&8).unwrap().insert("new".into());
        assert_eq!(table.set::<Cbor, _>("map", &read, as_read), Ok(true));
        table.put(find(&data, "map").unwrap()).unwrap();
        assert_eq!(table.set::<Cbor, _>("map", &read, as_read), Ok(true), "another value over what was read");
    }
    assert!(others > 10, "{others} of 20 were written in another order");
}

/// Values that cannot be written or read back are rejected and change nothing.
#[test]
fn unwritable_values() {
    #[derive(Serialize)]
    struct Skips {
        #[serde(skip_serializing_if = "Option::is_none")]
        a: Option<u8>,
        b: Vec<u8>,
    }
    struct Endless;
    impl Serialize for Endless {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq((0..3_u8).filter(|n| *n > 0))
        }
    }
    struct Refuses;
    impl Serialize for Refuses {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(S::Error::custom("no"))
        }
    }
    let (mut bytes, mut len) = ([0; 100], 0);
    Table::new(&mut bytes, 0, &mut len).set_postcard("k", &1_u8).unwrap();
    let before = (bytes, len);
    let mut table = Table::new(&mut bytes, 0, &mut len);
    assert_eq!(table.set_postcard("k", &Skips { a: None, b: Vec::new() }), Err(Error::NotSerializable));
    assert_eq!(table.set_postcard("k", &Endless), Err(Error::NotSerializable));
    assert_eq!(table.set_postcard("k", &Refuses), Err(Error::NotSerializable));
    assert_eq!((bytes, len), before);
    Table::new(&mut bytes, 0, &mut len).set_postcard("k", &Skips { a: Some(1), b: Vec::new() }).unwrap();
}

#[test]
fn a_value_that_changes_while_it_is_written_leaves_a_table() {
    struct Grows(Cell<usize>, isize);
    impl Serialize for Grows {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.0.set(self.0.get().saturating_add_signed(self.1));
            serializer.serialize_str(&"0123456789"[..self.0.get()])
        }
    }
    for step in [-1, 1] {
        let data = table(|table| {
            table.set_postcard("a", &1_u8).unwrap();
            table.set_postcard("k", &2_u8).unwrap();
            table.set_postcard("z", &3_u8).unwrap();
            assert_eq!(table.set_postcard("k", &Grows(Cell::new(5), step)), Err(Error::NotSerializable));
        });
        assert!(entries(&data).map(|entry| entry.key).eq(["a", "z"]));
    }
}
