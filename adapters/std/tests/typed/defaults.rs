//! What is saved is what the next request reads, where `T::default()`, serde's defaults and skipped fields disagree.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use session_std::{Error, Typed};

use super::Site;

fn ten() -> u32 {
    10
}

/// The derived default has 0, serde's has 10.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Limited {
    name: String,
    #[serde(default = "ten")]
    limit: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Optional {
    name: String,
    theme: Option<String>,
}

impl Default for Optional {
    fn default() -> Self {
        Self { name: String::new(), theme: Some("light".into()) }
    }
}

/// A session that has other values only, as after a login: only fields that were changed are stored.
fn with_a_session() -> Site {
    let site = Site::new();
    site.visit(|session| session.set("other", &1_u32).unwrap());
    site
}

#[test]
fn an_unchanged_field_is_read_as_it_was_saved_va2() {
    let site = with_a_session();
    site.change(|data: &mut Limited| {
        assert_eq!(data.limit, 0);
        data.name = "ann".into();
    });
    assert_eq!(site.read(), Ok(Limited { name: "ann".into(), limit: 0 }));
    let site = with_a_session();
    site.change(|data: &mut Optional| data.name = "ann".into());
    assert_eq!(site.read(), Ok(Optional { name: "ann".into(), theme: Some("light".into()) }));
}

/// Skipped when it is empty, and the default is not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Skipped {
    name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
}

impl Default for Skipped {
    fn default() -> Self {
        Self { name: String::new(), tags: vec!["new".into()] }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flags(HashMap<String, bool>);

impl Default for Flags {
    fn default() -> Self {
        Self([("restricted".to_owned(), true)].into())
    }
}

/// What is left out would be read as something else.
#[test]
fn a_field_that_is_left_out_and_has_another_default_is_an_error_va1() {
    for site in [Site::new(), with_a_session()] {
        site.visit(|session| {
            let mut data = Typed::<Skipped>::of(session.clone()).unwrap();
            data.name = "ann".into();
            data.tags.clear();
            assert_eq!(data.save(), Err(Error::Unreadable));
            data.tags.push("old".into());
            assert_eq!(data.save(), Ok(()));
        });
        assert_eq!(site.read(), Ok(Skipped { name: "ann".into(), tags: vec!["old".into()] }));
        let told = site.told.0.lock().unwrap().join("\n");
        assert!(told.starts_with("`data.tags` as ") && told.contains("can be set but not read back"), "{told}");
    }
    for site in [Site::new(), with_a_session()] {
        site.visit(|session| {
            let mut flags = Typed::<Flags>::of(session.clone()).unwrap();
            flags.0.clear();
            assert_eq!(flags.save(), Err(Error::Unreadable));
        });
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Member {
    #[serde(alias = "rolle")]
    role: String,
    #[serde(flatten)]
    more: HashMap<String, String>,
}

/// A key of a flattened map, which may come from a visitor, is not taken for a field of the struct.
#[test]
fn a_flattened_map_does_not_set_other_fields_va2() {
    for name in ["role", "rolle"] {
        for site in [Site::new(), with_a_session()] {
            site.visit(|session| {
                let mut data = Typed::<Member>::of(session.clone()).unwrap();
                data.more.insert(name.into(), "admin".into());
                assert!(data.save().is_err(), "{name}");
            });
            assert_eq!(site.read(), Ok(Member::default()), "{name}");
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Colour {
    colour: Option<String>,
    size: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Color {
    #[serde(default, alias = "colour", skip_serializing_if = "Option::is_none")]
    color: Option<String>,
    size: u32,
}

/// The entry under the old name goes with the field, or it would be read again.
#[test]
fn a_field_that_is_left_out_does_not_come_back_by_its_alias_va3() {
    let site = Site::new();
    site.change(|old: &mut Colour| *old = Colour { colour: Some("red".into()), size: 1 });
    site.change(|new: &mut Color| assert_eq!(new.color.take().as_deref(), Some("red")));
    assert_eq!(site.read(), Ok(Color { color: None, size: 1 }));
    assert_eq!(site.keys(), ["data.size"]);
}
