//! Host only.

use super::*;
use crate::base::codec::DEPTH;
use serde::de::{DeserializeOwned, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serializer};
use std::boxed::Box;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;
use std::format;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

fn write<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, WriteError> {
    let mut bytes = vec![0xee; Postcard::write(value, &mut [])?];
    assert_eq!(Postcard::write(value, &mut bytes), Ok(bytes.len()));
    Ok(bytes)
}

#[track_caller]
fn assert_reads<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
    assert_eq!(Postcard::read::<T>(&write(&value).unwrap()).as_ref(), Ok(&value));
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone, Eq, Hash, PartialOrd, Ord)]
enum Kind {
    Unit,
    New(u8),
    Tuple(u8, Vec<Option<bool>>),
    Struct { id: u128, name: String },
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Unit;
#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Wrapped(i64);
#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Pair(f32, f64);

#[test]
fn values_read_as_they_were_written_va1() {
    let kinds = [
        Kind::Unit,
        Kind::New(1),
        Kind::Tuple(2, vec![None, Some(true)]),
        Kind::Struct { id: u128::MAX, name: "ü".into() },
    ];
    assert_reads(kinds.iter().map(|kind| (kind.clone(), vec![kind.clone()])).collect::<HashMap<_, _>>());
    assert_reads(kinds.iter().cloned().collect::<HashSet<_>>());
    assert_reads((
        Unit,
        Wrapped(i64::MIN),
        Pair(1.5, -0.0),
        ((), 'x'),
        [1_i8, -1],
        BTreeMap::from([(-1_i16, "a".to_string())]),
    ));
    for number in [0, 1, -1, 63, -64, 64, i128::from(i64::MAX), i128::MIN, i128::MAX] {
        assert_reads((number, number as i64, number as i32, number as i16, number as i8));
        assert_reads((number as u128, number as u64, number as u32, number as u16, number as u8));
    }
    assert_reads((core::net::Ipv4Addr::LOCALHOST, core::time::Duration::from_millis(1)));
    assert_eq!(Postcard::read(&write("text").unwrap()), Ok("text"));
}

/// VA2: in a list or map, variants in another order were once read as each other.
#[test]
fn variants_that_moved_are_an_error_va2() {
    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    enum Role {
        Guest,
        Admin,
    }
    mod moved {
        #[derive(serde::Serialize, serde::Deserialize, Debug, PartialEq)]
        pub(super) enum Role {
            Admin,
            Guest,
        }
    }
    let roles = [Role::Guest, Role::Admin];
    assert!(Postcard::read::<moved::Role>(&write(&roles[0]).unwrap()).is_err());
    assert!(Postcard::read::<[moved::Role; 2]>(&write(&roles).unwrap()).is_err());
    assert!(Postcard::read::<Vec<moved::Role>>(&write(&roles[..]).unwrap()).is_err());
    let map = BTreeMap::from([(1, Role::Guest), (2, Role::Admin)]);
    assert!(Postcard::read::<BTreeMap<i32, moved::Role>>(&write(&map).unwrap()).is_err());
    assert_reads(map);
    let _ = [moved::Role::Admin, moved::Role::Guest];
}

/// VA2: a field that only one side knows shifts those after it.
#[test]
fn fields_that_one_side_skips_are_an_error_va2() {
    #[derive(Serialize, Deserialize, Debug)]
    #[allow(dead_code)]
    struct Written {
        #[serde(skip_serializing)]
        first: u8,
        second: u8,
    }
    #[derive(Serialize, Deserialize, Debug)]
    struct Read {
        #[serde(skip_deserializing)]
        first: u8,
        second: u8,
    }
    #[derive(Serialize, Deserialize, Debug)]
    struct Left {
        #[serde(skip_serializing_if = "Option::is_none")]
        first: Option<u8>,
        second: u8,
    }
    let written = |second| Written { first: 9, second };
    assert!(Postcard::read::<Written>(&write(&written(1)).unwrap()).is_err());
    for bytes in [[1, 1, 1, 1], [7, 7, 7, 7], [0, 0, 0, 0]] {
        let bytes = write(&(bytes.map(written), bytes)).unwrap();
        assert!(Postcard::read::<([Written; 4], [u8; 0])>(&bytes).is_err());
        assert!(Postcard::read::<([Written; 2], [u8; 4])>(&bytes).is_err());
    }
    let bytes = write(&Read { first: 1, second: 1 }).unwrap();
    assert!(Postcard::read::<Read>(&bytes).is_err());
    assert_eq!(write(&Left { first: None, second: 1 }), Err(WriteError::LeftOut));
    assert!(Postcard::read::<Left>(&write(&Left { first: Some(1), second: 1 }).unwrap()).is_ok());
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Boxed(Option<Box<Boxed>>);
#[derive(Serialize, Deserialize, Debug, PartialEq)]
enum Chain {
    End,
    Next(Box<Chain>),
}
#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Tree(Vec<Tree>);
#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Table(BTreeMap<u8, Table>);

#[test]
fn nesting_ends_at_the_same_level_va1() {
    fn levels<T: Serialize + DeserializeOwned + PartialEq + Debug>(end: T, levels: u8, around: impl Fn(T) -> T) {
        let mut value = end;
        for level in 0..levels {
            let bytes = write(&value).unwrap_or_else(|why| panic!("level {level}: {why}"));
            assert_eq!(Postcard::read::<T>(&bytes).as_ref(), Ok(&value), "level {level}");
            value = around(value);
        }
        assert_eq!(write(&value).map(|bytes| Postcard::read::<T>(&bytes).is_ok()), Ok(true));
        value = around(value);
        assert_eq!(write(&value), Err(WriteError::Deep));
    }
    levels(Chain::End, DEPTH, |chain| Chain::Next(chain.into()));
    levels(Boxed(None), DEPTH, |boxed| Boxed(Some(boxed.into())));
    levels(Tree(vec![]), DEPTH - 1, |tree| Tree(vec![tree]));
    levels(Table(BTreeMap::new()), DEPTH - 1, |table| Table(BTreeMap::from([(1, table)])));
    levels((Chain::End, Boxed(None)), DEPTH - 1, |(_, boxed)| (Chain::End, Boxed(Some(boxed.into()))));
}

/// Crafted bytes, within a thread's usual stack.
#[test]
fn nesting_without_an_end_is_refused() {
    let bytes = [0, 0, 0, 0].into_iter().chain([1; 100_000]).collect::<Vec<u8>>();
    assert!(Postcard::read::<Chain>(&bytes).is_err());
    assert!(Postcard::read::<Boxed>(&bytes).is_err());
    assert!(Postcard::read::<Tree>(&bytes).is_err());
    assert!(Postcard::read::<Table>(&bytes).is_err());
}

/// A list of more elements than bytes is neither read nor written.
#[test]
fn declared_lengths_are_no_more_than_the_bytes() {
    #[derive(Debug)]
    struct Hint;
    impl<'de> Deserialize<'de> for Hint {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Asks;
            impl<'de> Visitor<'de> for Asks {
                type Value = Hint;
                fn expecting(&self, _: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                    Ok(())
                }
                fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<Hint, A::Error> {
                    assert!(elements.size_hint().is_none_or(|hint| hint < 10), "{:?}", elements.size_hint());
                    Err(serde::de::Error::custom(""))
                }
            }
            deserializer.deserialize_seq(Asks)
        }
    }
    impl Serialize for Hint {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_unit()
        }
    }
    for declared in [&[0x80, 0x80, 0x80, 0x80, 0x80, 0x40][..], &[0xff; 9], &[9], &[2, 1, 1, 1]] {
        let bytes = [&[0; 4], declared].concat();
        assert!(Postcard::read::<Hint>(&bytes).is_err());
        assert!(Postcard::read::<Vec<u64>>(&bytes).is_err());
        assert!(Postcard::read::<Vec<()>>(&bytes).is_err());
        assert!(Postcard::read::<HashMap<u64, u64>>(&bytes).is_err());
        assert!(Postcard::read::<String>(&bytes).is_err());
    }
    assert_eq!(write(&[(), ()][..]), Err(WriteError::Length));
    assert_reads([(), ()]);
    assert_reads(vec![((), 1_u8)]);
}

#[test]
fn lengths_that_are_not_announced_or_wrong_are_refused() {
    struct Announces(Option<usize>, usize);
    impl Serialize for Announces {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeSeq;
            let mut list = serializer.serialize_seq(self.0)?;
            (0..self.1).try_for_each(|number| list.serialize_element(&(number as u8)))?;
            list.end()
        }
    }
    for announced in 0..4 {
        assert_eq!(write(&Announces(None, announced)), Err(WriteError::Length));
        for count in 0..4 {
            assert_eq!(write(&Announces(Some(announced), count)).is_ok(), announced == count);
        }
    }
}

/// Text that is displayed in pieces is one text.
#[test]
fn a_displayed_value_is_its_text() {
    struct Displayed<'a>(&'a [&'a str]);
    impl Serialize for Displayed<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            struct Pieces<'a>(&'a [&'a str]);
            impl core::fmt::Display for Pieces<'_> {
                fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                    self.0.iter().try_for_each(|piece| f.write_str(piece))
                }
            }
            serializer.collect_str(&Pieces(self.0))
        }
    }
    let long = "x".repeat(200);
    for pieces in [&["a", "", "bcdefg"][..], &[], &["ü"], &[&long, &long]] {
        assert_eq!(write(&Displayed(pieces)), write(&pieces.concat()));
    }
}

#[test]
fn errors_name_no_value_va5() {
    let error = Postcard::read::<u32>(&write("SECRET").unwrap()).unwrap_err();
    assert_eq!(format!("{error} {error:?}"), "the value was written as another type or is corrupt Unreadable");
}
