//! Fields that cannot be read.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use session_core::testing::run;
use session_std::{Error, Typed};

use super::Site;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Old {
    name: String,
    count: String,
    items: Vec<OldItem>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct OldItem {
    price: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct New {
    name: String,
    count: u32,
    items: Vec<Item>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Item {
    price: u32,
}

fn old() -> Old {
    Old { name: "ann".into(), count: "hush-1".into(), items: vec![OldItem { price: "hush-2".into() }] }
}

#[test]
fn a_field_that_cannot_be_read_is_an_error_that_says_which_va5() {
    let site = Site::new();
    site.change(|data: &mut Old| *data = Old { items: Vec::new(), ..old() });
    assert_eq!(site.read::<New>(), Err(Error::Unreadable));
    assert_eq!(*site.told.0.lock().unwrap(), ["`data.count` as u32: expected u32, found text"]);
    site.told.0.lock().unwrap().clear();
    site.change(|data: &mut Old| *data = Old { items: old().items, ..Old::default() });
    site.visit(|session| session.set("data.count", &1_u32).unwrap());
    assert_eq!(site.read::<New>(), Err(Error::Unreadable));
    let told = site.told.0.lock().unwrap().join("\n");
    assert!(
        told.contains("`data.items` as ") && told.contains("field `[0].price`: expected u32, found text"),
        "{told}"
    );
    assert!(!told.contains("hush"), "{told}");
}

/// What the answer says to a visitor is one line, always the same.
#[test]
fn visitors_are_told_no_more_than_the_status_va5() {
    assert_eq!(Error::Unreadable.status(), 500);
    let line = Error::Unreadable.to_string();
    assert!(!line.contains(['\n', '`']), "{line}");
}

#[test]
fn a_field_that_cannot_be_read_is_reset_where_that_was_chosen_va5() {
    let site = Site::new().resetting();
    site.change(|data: &mut Old| *data = old());
    assert_eq!(site.read(), Ok(New { name: "ann".into(), count: 0, items: Vec::new() }));
    let told = std::mem::take(&mut *site.told.0.lock().unwrap());
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0], "`data.count` as u32: expected u32, found text; reset to its default");
    assert!(told[1].starts_with("`data.items` as ") && told[1].ends_with("; reset to its default"), "{told:?}");
    assert!(!told.join("").contains("hush"));
    // the others go on, and what was stored stays until it is changed: an older node still reads it
    site.change(|data: &mut New| data.name = "eve".into());
    assert_eq!(site.read(), Ok(Old { name: "eve".into(), ..old() }));
    site.change(|data: &mut New| data.count = 5);
    assert_eq!(site.read(), Ok(New { name: "eve".into(), count: 5, items: Vec::new() }));
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Flat {
    name: String,
    #[serde(flatten)]
    rest: Rest,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Rest {
    count: u32,
    size: u32,
}

/// serde reads flattened fields after all others and does not say which one is wrong.
#[test]
fn a_flattened_field_is_reset_alone_va5() {
    let site = Site::new().resetting();
    site.change(|data: &mut Flat| *data = Flat { name: "ann".into(), rest: Rest { count: 3, size: 4 } });
    site.visit(|session| session.set("data.count", "three").unwrap());
    assert_eq!(site.read(), Ok(Flat { name: "ann".into(), rest: Rest { count: 0, size: 4 } }));
    assert!(site.told.0.lock().unwrap()[0].starts_with("`data.count` as "), "{:?}", site.told.0);
}

/// A value that has no fields is one.
#[test]
fn another_type_is_reset_as_a_whole_va5() {
    let site = Site::new().resetting();
    site.change(|data: &mut Vec<u32>| *data = vec![1, 2]);
    assert_eq!(site.read(), Ok(New::default()));
    site.change(|data: &mut New| data.count = 5);
    assert_eq!(site.read(), Ok(New { count: 5, ..New::default() }));
    assert_eq!(site.read(), Ok(Vec::<u32>::new()));
    assert_eq!(site.keys(), ["data.count", "data.items", "data.name"]);
}

/// Its idle time goes on, as if nobody had come; signing out and in again work.
#[test]
fn an_unreadable_session_is_not_kept_alive_va5() {
    let site = Site::new();
    site.visit(|session| run(async { session.login(session.begin_login("ann").await?).await }).unwrap());
    site.change(|data: &mut Old| *data = old());
    site.wait(Duration::from_secs(60));
    assert_eq!(site.read::<New>(), Err(Error::Unreadable));
    site.visit(|session| assert_eq!(session.subject(), Ok(Some("ann".into()))));
    let idle = session_std::policy::Lifetimes::DEFAULT.idle.unwrap();
    let step = idle / 3;
    for _ in 0..4 {
        site.wait(step);
        let (request, session) = site.begin();
        _ = Typed::<New>::of(session.clone());
        site.end(&request).unwrap();
    }
    site.visit(|session| assert_eq!(session.exists(), Ok(false), "its idle time is over"));
}

#[test]
fn signing_out_and_in_works_with_unreadable_data_va5() {
    let site = Site::new();
    let sign_in = || site.visit(|session| run(async { session.login(session.begin_login("ann").await?).await }));
    sign_in().unwrap();
    site.change(|data: &mut Old| *data = old());
    assert_eq!(site.read::<New>(), Err(Error::Unreadable));
    sign_in().unwrap();
    assert_eq!(site.read::<New>(), Err(Error::Unreadable), "a login keeps the data");
    site.visit(|session| run(session.logout())).unwrap();
    sign_in().unwrap();
    assert_eq!(site.read(), Ok(New::default()));
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct OneSided {
    fine: u32,
    #[serde(serialize_with = "as_text")]
    number: u32,
}

fn as_text<S: Serializer>(number: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Outer {
    inner: Inner,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Inner {
    #[serde(skip_serializing)]
    #[allow(dead_code)]
    lost: u32,
}

/// In debug builds; a release build finds it when it reads.
#[test]
#[cfg(debug_assertions)]
fn what_can_be_set_and_never_read_is_said_at_once_va1() {
    let site = Site::new();
    site.visit(|session| {
        let mut data = Typed::<OneSided>::of(session.clone()).unwrap();
        data.number = 7;
        assert_eq!(data.save(), Err(Error::Unreadable));
        let data = Typed::<Outer>::of(session.clone()).unwrap();
        assert_eq!(data.save(), Err(Error::Unreadable));
        let changed = run(session.update_with("key", |_: Option<OneSided>| OneSided::default()));
        assert_eq!(changed.map(drop), Err(Error::Unreadable));
    });
    let told = site.told.0.lock().unwrap();
    assert_eq!(told[0], "`data.number` as u32: expected u32, found text: can be set but not read back");
    assert!(told[1].starts_with("`data.inner` as ") && told[1].contains("field `lost` is missing"), "{told:?}");
    assert!(told[2].contains("can be set but not read back: field `number`: expected u32, found text"), "{told:?}");
    assert_eq!(site.keys(), [""; 0], "nothing is stored");
}

/// A `Serialize` that fails.
#[derive(Clone, Debug, Default, Deserialize)]
struct Fails;

impl Serialize for Fails {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("no"))
    }
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct WithFailing {
    field: u32,
    fails: Option<Fails>,
}

#[test]
fn what_cannot_be_written_changes_nothing_va1() {
    let site = Site::new();
    site.visit(|session| {
        let mut data = Typed::<WithFailing>::of(session.clone()).unwrap();
        data.field = 1;
        data.fails = Some(Fails);
        assert_eq!(data.save(), Err(Error::NotSerializable));
    });
    assert_eq!(site.keys(), [""; 0]);
}

/// Two flattened maps are each given all that is there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct TwoMaps {
    #[serde(flatten)]
    one: BTreeMap<String, u8>,
    #[serde(flatten)]
    other: BTreeMap<String, u8>,
}

/// What can be read, and then not be written again, is unreadable as well.
#[test]
fn what_is_read_and_cannot_be_written_is_unreadable_va5() {
    let site = Site::new();
    site.visit(|session| run(async { session.login(session.begin_login("ann").await?).await }).unwrap());
    site.visit(|session| session.set("data.x", &1_u8).unwrap());
    let idle = session_std::policy::Lifetimes::DEFAULT.idle.unwrap();
    for _ in 0..2 {
        site.wait(idle / 3);
        assert_eq!(site.read::<TwoMaps>(), Err(Error::Unreadable));
        let told = std::mem::take(&mut *site.told.0.lock().unwrap()).join("\n");
        assert!(told.starts_with("`data` as ") && told.contains("TwoMaps: cannot be written again: "), "{told}");
    }
    site.wait(idle / 2);
    site.visit(|session| assert_eq!(session.exists(), Ok(false), "its idle time is over"));
}

/// In debug builds.
#[test]
#[cfg(debug_assertions)]
fn what_reads_back_as_something_else_is_said_at_once_va1_va2() {
    let site = Site::new();
    site.visit(|session| {
        let mut data = Typed::<TwoMaps>::of(session.clone()).unwrap();
        data.one.insert("x".into(), 1);
        assert_eq!(data.save(), Err(Error::Unreadable));
    });
    let told = std::mem::take(&mut *site.told.0.lock().unwrap()).join("\n");
    assert!(told.contains("TwoMaps: cannot be written again: "), "{told}");

    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Customer {
        name: String,
        contact: Contact,
        #[serde(flatten)]
        billing: Option<Billing>,
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Billing {
        street: Option<String>,
        vat: Option<String>,
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Contact {
        Mail { to: String },
        Letter { to: String, street: String },
    }
    impl Default for Contact {
        fn default() -> Self {
            Self::Mail { to: String::new() }
        }
    }
    let said = |change: fn(&mut Customer)| {
        let site = Site::new();
        site.visit(|session| {
            let mut data = Typed::<Customer>::of(session.clone()).unwrap();
            data.billing = Some(Billing { street: None, vat: None });
            change(&mut data);
            let saved = data.save();
            let told = std::mem::take(&mut *site.told.0.lock().unwrap()).join("\n");
            (saved, told.replace(std::any::type_name::<Customer>(), "Customer"))
        })
    };
    assert_eq!(said(|_| ()), (Ok(()), String::new()));
    let no_billing = said(|data| data.billing = None);
    assert_eq!(
        no_billing,
        (
            Err(Error::Unreadable),
            "`data.street` as Customer: can be set but not read back: the value that is read differs".into()
        )
    );
    let letter = said(|data| data.contact = Contact::Letter { to: "ann".into(), street: "hush".into() });
    assert_eq!(
        letter,
        (
            Err(Error::Unreadable),
            "`data.contact` as Customer: can be set but not read back: the value that is read differs".into()
        )
    );

    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Counter {
        #[serde(skip_deserializing)]
        count: u32,
    }
    let site = Site::new();
    site.visit(|session| {
        let mut data = Typed::<Counter>::of(session.clone()).unwrap();
        data.count = 7;
        assert_eq!(data.save(), Err(Error::Unreadable), "it would be 0");
    });

    // one value, by update_with
    let site = Site::new();
    site.visit(|session| {
        let letter = || Contact::Letter { to: "ann".into(), street: "hush".into() };
        let changed = run(session.update_with("to", |_: Option<Contact>| letter()));
        assert_eq!(changed, Err(Error::Unreadable));
        let mail = Contact::Mail { to: "ann".into() };
        assert_eq!(run(session.update_with("to", |_: Option<Contact>| mail.clone())), Ok(mail.clone()));
    });
    let told = site.told.0.lock().unwrap().join("\n");
    assert!(
        told.starts_with("`to` as ")
            && told.ends_with("Contact: can be set but not read back: the value that is read differs"),
        "{told}"
    );
}

/// Hash maps and sets are read back in another order.
#[test]
fn the_order_of_a_hash_map_is_no_other_value_va4() {
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Maps {
        map: HashMap<u32, HashMap<String, HashSet<u32>>>,
        set: HashSet<Vec<u8>>,
    }
    let map = (0..20).map(|n| (n, (0..n).map(|m| (m.to_string(), (0..m).collect())).collect())).collect();
    let maps = Maps { map, set: (0..50).map(|n| vec![n]).collect() };
    let site = Site::new();
    site.change(|data: &mut Maps| *data = maps.clone());
    assert_eq!(site.read(), Ok(maps.clone()));
    site.visit(|session| assert_eq!(run(session.update_with("k", |_: Option<Maps>| maps.clone())), Ok(maps.clone())));
}

/// A change that fails leaves the value that is there, also if the request stores something else.
#[test]
fn an_update_that_fails_changes_nothing_va1() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Odd {
        #[serde(skip_serializing_if = "is_even")]
        number: u32,
    }
    fn is_even(number: &u32) -> bool {
        number.is_multiple_of(2)
    }
    let site = Site::new();
    site.visit(|session| {
        session.set("odd", &Odd { number: 1 }).unwrap();
        session.set("fails", &WithFailing::default()).unwrap();
    });
    site.visit(|session| {
        #[cfg(debug_assertions)]
        {
            let changed = run(session.update_with("odd", |odd: Option<Odd>| Odd { number: odd.unwrap().number + 1 }));
            assert_eq!(changed, Err(Error::Unreadable));
        }
        let fails = |old: Option<WithFailing>| WithFailing { fails: Some(Fails), ..old.unwrap() };
        assert_eq!(run(session.update_with("fails", fails)).map(drop), Err(Error::NotSerializable));
        assert_eq!(session.keys().unwrap(), ["fails", "odd"]);
        session.set("other", &1_u32).unwrap();
    });
    assert_eq!(site.keys(), ["fails", "odd", "other"]);
    assert_eq!(site.visit(|session| session.get("odd")), Ok(Some(Odd { number: 1 })));
}

/// As what a field is read is the type's matter; it is given no more than the bytes that are there.
#[test]
fn a_field_may_read_what_it_was_before_va3() {
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Lenient {
        name: String,
        #[serde(deserialize_with = "text_or_number")]
        count: u32,
    }
    fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(u32),
            Text(String),
        }
        Ok(match Either::deserialize(deserializer)? {
            Either::Number(number) => number,
            Either::Text(text) => text.len() as u32,
        })
    }
    let site = Site::new();
    site.change(|data: &mut Old| *data = old());
    assert_eq!(site.read(), Ok(Lenient { name: "ann".into(), count: 6 }));
    site.change(|data: &mut Lenient| data.count += 1);
    assert_eq!(site.read(), Ok(Lenient { name: "ann".into(), count: 7 }));
}
