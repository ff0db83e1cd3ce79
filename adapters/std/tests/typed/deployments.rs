//! Programs whose structs differ, and requests at the same time.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use session_std::{Error, Typed};

use super::Site;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Old {
    name: String,
    count: u32,
}

fn ten() -> u32 {
    10
}

/// The next version: one field more, with a default of its own, and one whose default is the struct's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct New {
    name: String,
    count: u64,
    #[serde(default = "ten")]
    limit: u32,
    theme: String,
}

impl Default for New {
    fn default() -> Self {
        Self { name: String::new(), count: 0, limit: 1, theme: "light".into() }
    }
}

#[test]
fn a_new_field_has_its_default_in_old_sessions_va3() {
    let site = Site::new();
    site.change(|old: &mut Old| *old = Old { name: "ann".into(), count: 3 });
    let read: New = site.read().unwrap();
    assert_eq!(read, New { name: "ann".into(), count: 3, limit: 10, theme: "light".into() });
    assert_eq!(site.keys(), ["data.count", "data.name"], "a default is stored when it is changed");
}

#[test]
fn an_old_node_keeps_what_it_does_not_know_va3() {
    let site = Site::new();
    site.change(|new: &mut New| *new = New { name: "ann".into(), count: 3, limit: 5, theme: "dark".into() });
    site.change(|old: &mut Old| old.count += 1);
    site.change(|old: &mut Old| old.name = "eve".into());
    assert_eq!(site.read(), Ok(New { name: "eve".into(), count: 4, limit: 5, theme: "dark".into() }));
    // both write in turn
    for round in 0..5_u64 {
        site.change(|new: &mut New| new.limit += 1);
        site.change(|old: &mut Old| old.count += 1);
        let read: New = site.read().unwrap();
        assert_eq!((read.count, u64::from(read.limit), read.theme.as_str()), (5 + round, 6 + round, "dark"));
    }
}

/// A node of each version, at the same moment.
#[test]
fn nodes_of_two_versions_merge_va3() {
    let site = Site::new();
    site.change(|new: &mut New| new.name = "ann".into());
    let ((first, one), (second, other)) = (site.begin(), site.begin());
    let (mut old, mut new) = (Typed::<Old>::of(one).unwrap(), Typed::<New>::of(other).unwrap());
    old.count = 7;
    new.theme = "dark".into();
    old.save().unwrap();
    new.save().unwrap();
    assert_eq!((site.end(&first), site.end(&second)), (Ok(()), Ok(())));
    assert_eq!(site.read(), Ok(New { name: "ann".into(), count: 7, limit: 1, theme: "dark".into() }));
}

#[test]
fn changes_of_different_fields_merge_and_of_the_same_one_conflict_st3() {
    let site = Site::new();
    site.change(|_: &mut Old| ());
    assert_eq!(site.both(|one: &mut Old| one.name = "ann".into(), |other| other.count = 2), Ok(()));
    assert_eq!(site.read(), Ok(Old { name: "ann".into(), count: 2 }));
    assert_eq!(site.both(|one: &mut Old| one.count = 3, |other| other.count = 4), Err(Error::Conflict));
    assert_eq!(site.both(|one: &mut Old| one.count += 1, |other| other.count += 1), Err(Error::Conflict));
    assert_eq!(site.read(), Ok(Old { name: "ann".into(), count: 4 }));
    // nothing of the data is stored yet: what only has its default is no conflict
    let site = Site::new();
    site.visit(|session| session.set("other", &1_u32).unwrap());
    assert_eq!(site.both(|one: &mut Old| one.name = "ann".into(), |other| other.count = 2), Ok(()));
    assert_eq!(site.read(), Ok(Old { name: "ann".into(), count: 2 }));
}

/// A request that only reads does not conflict with one that writes.
#[test]
fn reading_is_no_change_and_no_conflict_st3() {
    let site = Site::new();
    site.change(|old: &mut Old| old.name = "ann".into());
    let ((first, one), (second, other)) = (site.begin(), site.begin());
    let read = Typed::<Old>::of(one).unwrap();
    read.session().set("seen", &true).unwrap();
    let mut write = Typed::<Old>::of(other).unwrap();
    write.count = 9;
    write.save().unwrap();
    assert_eq!((site.end(&second), site.end(&first)), (Ok(()), Ok(())));
    assert_eq!(site.read(), Ok(Old { name: "ann".into(), count: 9 }));
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Maps {
    map: HashMap<String, u32>,
    set: HashSet<u32>,
    count: u32,
}

/// Whatever the order in which they list their entries: it differs from instance to instance.
#[test]
fn an_unchanged_hash_map_is_no_change_va4() {
    let site = Site::new();
    site.change(|maps: &mut Maps| {
        maps.map = (0..50).map(|n| (n.to_string(), n)).collect();
        maps.set = (0..50).collect();
    });
    for round in 0..20 {
        let changed = site.both(
            |one: &mut Maps| {
                one.map.insert("x".into(), round);
                one.set.insert(100 + round);
            },
            |other| {
                other.count += 1;
                other.map.insert("y".into(), 1);
                other.map.remove("y");
            },
        );
        assert_eq!(changed, Ok(()), "round {round}");
    }
    let read: Maps = site.read().unwrap();
    assert_eq!((read.map.len(), read.map["x"], read.set.len(), read.count), (51, 19, 70, 20));
}

/// What the same request set by key, or another one before `update_with` read its record, is not overwritten.
#[test]
fn a_field_that_changed_since_it_was_read_is_a_conflict_st3() {
    let site = Site::new();
    site.change(|old: &mut Old| old.count = 1);
    let (request, session) = site.begin();
    let mut data = Typed::<Old>::of(session.clone()).unwrap();
    site.change(|old: &mut Old| old.count = 5);
    session_core::testing::run(session.update_with("other", |n: Option<u32>| n.unwrap_or(0) + 1)).unwrap();
    data.count += 1;
    assert_eq!(data.save(), Err(Error::Conflict));
    data.count = 1;
    data.name = "ann".into();
    assert_eq!(data.save(), Ok(()), "another field");
    data.name = "eve".into();
    assert_eq!(data.save(), Ok(()), "saved twice");
    site.end(&request).unwrap();
    assert_eq!(site.read(), Ok(Old { name: "eve".into(), count: 5 }));
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Texts {
    a: String,
    b: String,
}

/// Half of a change is none.
#[test]
fn what_does_not_fit_changes_no_field_st7() {
    let site = Site::new();
    site.change(|texts: &mut Texts| *texts = Texts { a: "a".into(), b: "b".into() });
    site.visit(|session| {
        let mut texts = Typed::<Texts>::of(session.clone()).unwrap();
        *texts = Texts { a: "changed".into(), b: "x".repeat(1 << 20) };
        assert!(matches!(texts.save(), Err(Error::TooLarge { .. })));
    });
    assert_eq!(site.read(), Ok(Texts { a: "a".into(), b: "b".into() }));
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Colour {
    colour: String,
    size: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Color {
    #[serde(alias = "colour", alias = "farbe")]
    color: String,
    size: u32,
}

/// The old name goes when the new one is stored, or the field would be there twice.
#[test]
fn a_renamed_field_is_read_by_its_alias_va3() {
    let site = Site::new();
    site.change(|old: &mut Colour| *old = Colour { colour: "red".into(), size: 1 });
    assert_eq!(site.read(), Ok(Color { color: "red".into(), size: 1 }));
    site.change(|new: &mut Color| new.size = 2);
    assert_eq!(site.keys(), ["data.colour", "data.size"]);
    site.change(|new: &mut Color| new.color = "blue".into());
    assert_eq!(site.keys(), ["data.color", "data.size"]);
    assert_eq!(site.read(), Ok(Color { color: "blue".into(), size: 2 }));
    // a node of the version before writes its name again, and another one a third
    site.change(|old: &mut Colour| old.colour = "green".into());
    site.visit(|session| session.set("data.farbe", "rot").unwrap());
    assert_eq!(site.keys(), ["data.color", "data.colour", "data.farbe", "data.size"]);
    assert_eq!(site.read(), Ok(Color { color: "blue".into(), size: 2 }), "the own name counts");
    site.change(|new: &mut Color| new.color = "white".into());
    assert_eq!(site.read(), Ok(Color { color: "white".into(), size: 2 }));
    assert_eq!(*site.told.0.lock().unwrap(), [""; 0]);
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct FlatColor {
    name: String,
    #[serde(flatten)]
    color: Color,
}

#[test]
fn a_flattened_field_is_read_by_its_alias_va3() {
    let site = Site::new();
    site.change(|old: &mut Colour| *old = Colour { colour: "red".into(), size: 1 });
    site.change(|new: &mut FlatColor| {
        assert_eq!(new.color.color, "red");
        new.color.color = "blue".into();
        new.name = "ann".into();
    });
    assert_eq!(site.keys(), ["data.color", "data.name", "data.size"]);
    let color = Color { color: "blue".into(), size: 1 };
    assert_eq!(site.read(), Ok(FlatColor { name: "ann".into(), color }));
}

/// The recipe of `docs/values.md`, for names of one word, too.
#[test]
fn a_field_is_split_without_a_loss_va3() {
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Before {
        name: String,
    }
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    struct User {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        #[serde(default)]
        first: String,
        #[serde(default)]
        last: String,
    }
    impl User {
        fn split(&mut self) {
            if let Some(name) = self.name.take() {
                let (first, last) = name.split_once(' ').unwrap_or((&name, ""));
                (self.first, self.last) = (first.into(), last.into());
            }
        }
    }
    for (name, first, last) in [("Ann Lee", "Ann", "Lee"), ("Ann", "Ann", ""), ("Ann van Lee", "Ann", "van Lee")] {
        let site = Site::new();
        site.change(|before: &mut Before| before.name = name.into());
        site.change(User::split);
        site.change(User::split);
        assert_eq!(site.read(), Ok(User { name: None, first: first.into(), last: last.into() }));
    }
}

/// The recipes of `docs/values.md` for a type that changed, and for a value that cannot be read.
#[test]
fn a_type_changes_and_a_value_starts_again_va3_va5() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Count {
        Number(u32),
        Text(String),
    }
    let site = Site::new();
    site.visit(|session| session.set("count", "three").unwrap());
    site.visit(|session| {
        assert_eq!(session.get("count"), Ok(Some(Count::Text("three".into()))));
        assert_eq!(session.get::<u32>("count"), Err(Error::Unreadable));
        assert_eq!(session.remove("count"), Ok(()));
        assert_eq!(session.get::<u32>("count"), Ok(None));
        session.set("count", &Count::Number(3)).unwrap();
    });
    site.visit(|session| assert_eq!(session.get("count"), Ok(Some(3_u32))));
}
