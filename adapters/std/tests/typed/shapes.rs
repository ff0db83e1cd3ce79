//! Which types have fields, and what serde's attributes do.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::Site;
use session_std::{Error, Typed};

/// One value after the other is saved and read; `keys` of each.
fn saved<T: Serialize + DeserializeOwned + Default + Clone + PartialEq + Debug>(values: &[(T, &[&str])]) {
    let site = Site::new();
    for (value, keys) in values {
        site.change(|data: &mut T| *data = value.clone());
        assert_eq!(site.read::<T>().as_ref(), Ok(value));
        assert_eq!(site.keys(), *keys, "{value:?}");
    }
    assert_eq!(*site.told.0.lock().unwrap(), [""; 0]);
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Address {
    street: String,
    town: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Person {
    #[serde(rename = "full-name", alias = "name")]
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(skip)]
    secret: u32,
    address: Address,
    #[serde(flatten)]
    settings: Settings,
    #[serde(flatten)]
    more: BTreeMap<String, u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Settings {
    theme: String,
    size: Option<u8>,
}

#[test]
fn a_struct_has_a_key_for_each_field_va1() {
    let person = Person {
        name: "ann".into(),
        note: Some("n".into()),
        settings: Settings { theme: "dark".into(), size: None },
        more: [("a".into(), 1), ("b".into(), 2)].into(),
        ..Person::default()
    };
    let less = Person { note: None, more: [("b".into(), 3)].into(), ..person.clone() };
    saved(&[
        (person, &["data.a", "data.address", "data.b", "data.full-name", "data.note", "data.size", "data.theme"]),
        (less, &["data.address", "data.b", "data.full-name", "data.size", "data.theme"]),
    ]);
}

/// A flattened map takes every field that no other one takes; the application's other keys are none.
#[test]
fn other_keys_are_no_fields_va2() {
    let site = Site::new();
    site.visit(|session| {
        session.set("other", &7_u32).unwrap();
        session.set("database", "x").unwrap();
        session.set("data-x", "x").unwrap();
    });
    site.change(|map: &mut HashMap<String, u32>| _ = map.insert("a".into(), 1));
    assert_eq!(site.read(), Ok(HashMap::from([("a".to_owned(), 1_u32)])));
    site.change(|map: &mut HashMap<String, u32>| map.clear());
    assert_eq!(site.keys(), ["data-x", "database", "other"]);
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Card {
        number: String,
    },
    Cash {
        note: u32,
    },
    #[default]
    Nothing,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "of")]
enum Adjacent {
    #[default]
    Nothing,
    Card(String),
    Cash {
        note: u32,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Named { name: String },
    Numbered { number: u32 },
    Bare(u32),
}

impl Default for Untagged {
    fn default() -> Self {
        Self::Bare(0)
    }
}

#[test]
fn tagged_enums_are_kept_whole_va1_va2() {
    saved(&[
        (Tagged::Card { number: "4".into() }, &["data"]),
        (Tagged::Cash { note: 4 }, &["data"]),
        (Tagged::Nothing, &["data"]),
    ]);
    saved(&[
        (Adjacent::Card("4".into()), &["data"]),
        (Adjacent::Cash { note: 4 }, &["data"]),
        (Adjacent::Nothing, &["data"]),
    ]);
    saved(&[
        (Untagged::Named { name: "4".into() }, &["data"]),
        (Untagged::Numbered { number: 4 }, &["data"]),
        (Untagged::Bare(4), &["data"]),
        (Untagged::Named { name: "4".into() }, &["data"]),
    ]);
}

/// One request changes the variant and another one what it contains: no mixture of both is stored.
#[test]
fn two_variants_are_not_mixed_va2() {
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Payment {
        #[default]
        Nothing,
        Card {
            amount: u32,
        },
        Cash {
            amount: u32,
        },
    }
    let site = Site::new();
    site.change(|payment: &mut Payment| *payment = Payment::Card { amount: 1 });
    let ((one, left), (two, right)) = (site.begin(), site.begin());
    let (mut left, mut right) = (Typed::<Payment>::of(left).unwrap(), Typed::<Payment>::of(right).unwrap());
    *left = Payment::Cash { amount: 1 };
    *right = Payment::Card { amount: 2 };
    left.save().unwrap();
    right.save().unwrap();
    assert_eq!((site.end(&one), site.end(&two)), (Ok(()), Err(Error::Conflict)));
    assert_eq!(format!("{left:?}"), format!("Typed<{}>(..)", std::any::type_name::<Payment>()), "no data is printed");
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Newtype(Address);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Transparent {
    address: Address,
}

#[test]
fn a_struct_in_a_newtype_is_that_struct_va1() {
    let address = Address { street: "a".into(), town: "b".into() };
    saved(&[(Newtype(address.clone()), &["data.street", "data.town"])]);
    saved(&[(Transparent { address: address.clone() }, &["data.street", "data.town"])]);
    saved(&[(Box::new(address), &["data.street", "data.town"])]);
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
enum Plain {
    #[default]
    Nothing,
    Card(String),
    Cash {
        note: u32,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Unit;

#[test]
fn what_has_no_fields_is_kept_whole_va1() {
    saved(&[(Plain::Cash { note: 1 }, &["data"]), (Plain::Card("x".into()), &["data"]), (Plain::Nothing, &["data"])]);
    saved(&[((1_u8, "x".to_owned()), &["data"])]);
    saved(&[(vec![1_u8, 2], &["data"]), (Vec::new(), &["data"])]);
    saved(&[(Some(Address::default()), &["data"]), (None, &["data"])]);
    saved(&[(7_u32, &["data"])]);
    saved(&[("text".to_owned(), &["data"])]);
    saved(&[(Unit, &["data"])]);
    saved(&[(HashMap::from([(1_u32, 2_u32)]), &["data"])]);
    // names that cannot be keys
    for name in [String::new(), "a\n".into(), "x".repeat(60)] {
        saved(&[(HashMap::from([(name, 2_u32)]), &["data"])]);
    }
    saved(&[(HashMap::from([("x".repeat(59), 2_u32)]), &[format!("data.{}", "x".repeat(59)).as_str()])]);
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
struct UserId(String);

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
enum Size {
    Small,
    Large,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct ByUser {
    count: u32,
    #[serde(flatten)]
    users: BTreeMap<UserId, u32>,
}

/// Whatever the type of the keys, if they are written as text.
#[test]
fn maps_whose_keys_are_names_have_fields_va1() {
    let ann = || UserId("ann".into());
    saved(&[(HashMap::from([(ann(), 1_u32)]), &["data.ann"])]);
    saved(&[(BTreeMap::from([(ann(), 1_u32), (UserId("eve".into()), 2)]), &["data.ann", "data.eve"])]);
    saved(&[(HashMap::from([(Some("ann".to_owned()), 1_u32)]), &["data.ann"])]);
    saved(&[(HashMap::from([(Some(Some(ann())), 1_u32)]), &["data.ann"])]);
    saved(&[(HashMap::from([(Box::new(ann()), 1_u32)]), &["data.ann"])]);
    saved(&[(HashMap::from([('a', 1_u32)]), &["data.a"])]);
    saved(&[(HashMap::from([(Size::Small, 1_u32), (Size::Large, 2)]), &["data.Large", "data.Small"])]);
    saved(&[(HashMap::from([(std::net::Ipv4Addr::LOCALHOST, 1_u32)]), &["data.127.0.0.1"])]);
    saved(&[(ByUser { count: 1, users: [(ann(), 1)].into() }, &["data.ann", "data.count"])]);
    // one of the keys is no name
    saved(&[(HashMap::from([(Some(ann()), 1_u32), (None, 2)]), &["data"])]);
}

#[test]
fn a_single_field_is_read_and_set_by_its_key_va1() {
    let site = Site::new();
    site.change(|address: &mut Address| address.town = "Bern".into());
    site.visit(|session| {
        assert_eq!(session.get("data.town"), Ok(Some("Bern".to_owned())));
        session.set("data.town", "Basel").unwrap();
    });
    assert_eq!(site.read(), Ok(Address { street: String::new(), town: "Basel".into() }));
}

/// A struct that became an enum, or the other way round, is another type: see `unreadable`. One that became optional, or a
/// map, is not.
#[test]
fn the_same_fields_read_as_other_shapes_va3() {
    let site = Site::new();
    let address = Address { street: "a".into(), town: "b".into() };
    site.change(|data: &mut Address| *data = address.clone());
    assert_eq!(site.read(), Ok(Some(address.clone())));
    assert_eq!(site.read(), Ok(BTreeMap::from([("street".to_owned(), "a".to_owned()), ("town".into(), "b".into())])));
    site.change(|data: &mut Option<Address>| data.as_mut().unwrap().town = "c".into());
    assert_eq!(site.read(), Ok(Some(Address { town: "c".into(), ..address.clone() })));
    // whole, as a map: from then on by field
    site.change(|data: &mut Address| data.street = "d".into());
    assert_eq!(site.keys(), ["data.street", "data.town"]);
    assert_eq!(site.read(), Ok(Address { street: "d".into(), town: "c".into() }));
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Odd {
    #[serde(rename = "a.b")]
    dotted: u32,
    #[serde(rename = "ü 水/\"'")]
    marks: Option<Option<u32>>,
    #[serde(rename = "data")]
    data: u32,
    #[serde(rename = ".")]
    dot: u32,
    #[serde(rename = " ")]
    space: u32,
}

#[test]
fn odd_names_are_names_va1() {
    let odd = Odd { dotted: 1, marks: Some(None), data: 3, dot: 4, space: 5 };
    saved(&[(odd, &["data. ", "data..", "data.a.b", "data.data", "data.ü 水/\"'"])]);
}
