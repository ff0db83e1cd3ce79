//! One program writes, the next one reads, and the other way round.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use session_core::codec::Codec;
use values_tests::Matrix;

mod old {
    use super::{BTreeMap, Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
    pub(super) struct User {
        pub(super) name: String,
        pub(super) visits: u8,
    }

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
    pub(super) enum Role {
        Guest,
        Admin,
        Member(u8),
        Owner { of: String },
    }

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
    #[serde(tag = "kind")]
    pub(super) enum Tagged {
        A { n: u8 },
        B { n: u8 },
    }

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    pub(super) struct Team {
        pub(super) users: Vec<User>,
        pub(super) roles: BTreeMap<String, Role>,
    }
}

/// Each module has one change. `User` is how the new program calls it.
mod added {
    use super::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
    pub(super) struct User {
        pub(super) name: String,
        pub(super) visits: u8,
        #[serde(default)]
        pub(super) admin: bool,
    }
}

mod added_option {
    use super::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
    pub(super) struct User {
        pub(super) note: Option<String>,
        pub(super) name: String,
        pub(super) visits: u8,
    }
}

mod added_required {
    use super::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
    pub(super) struct User {
        pub(super) name: String,
        pub(super) visits: u8,
        pub(super) admin: bool,
    }
}

mod removed {
    use super::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
    pub(super) struct User {
        pub(super) name: String,
    }
}

mod reordered {
    use super::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
    pub(super) struct User {
        pub(super) visits: u8,
        pub(super) name: String,
    }
}

mod widened {
    use super::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
    pub(super) struct User {
        pub(super) name: String,
        pub(super) visits: u64,
    }
}

mod renamed_field {
    use super::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
    pub(super) struct User {
        #[serde(alias = "name")]
        pub(super) full_name: String,
        pub(super) visits: u8,
    }
}

mod renamed_without_alias {
    use super::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
    pub(super) struct User {
        pub(super) full_name: String,
        pub(super) visits: u8,
    }
}

mod optional {
    use super::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
    pub(super) struct User {
        pub(super) name: Option<String>,
        pub(super) visits: Option<u8>,
    }
}

mod wrapped {
    use super::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
    pub(super) struct Name(pub(super) String);

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
    pub(super) struct User {
        pub(super) name: Name,
        pub(super) visits: u8,
    }
}

mod other_name {
    use super::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
    pub(super) struct Person {
        pub(super) name: String,
        pub(super) visits: u8,
    }
}

mod split {
    use super::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
    pub(super) struct User {
        #[serde(flatten)]
        pub(super) who: Who,
        pub(super) visits: u8,
    }

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
    pub(super) struct Who {
        pub(super) name: String,
    }
}

mod versioned {
    use super::{Deserialize, Serialize, added_required, old};

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
    #[serde(untagged)]
    pub(super) enum User {
        New(added_required::User),
        Old(old::User),
    }
}

mod moved {
    use super::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
    pub(super) enum Role {
        Owner { of: String },
        Admin,
        Guest,
        Member(u8),
    }
}

/// Two variants that look alike, and then change places.
mod alike {
    use super::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone, Copy, Eq, Hash, PartialOrd, Ord)]
    pub(super) enum Side {
        Left,
        Right,
        Near(u8),
        Far(u8),
    }
}

mod alike_swapped {
    use super::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone, Copy, Eq, Hash, PartialOrd, Ord)]
    pub(super) enum Side {
        Right,
        Left,
        Far(u8),
        Near(u8),
    }
}

mod more_variants {
    use super::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
    pub(super) enum Role {
        Blocked,
        Guest,
        Admin,
        Member(u8),
        Owner { of: String },
    }
}

mod variants_changed {
    use super::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
    pub(super) enum Role {
        #[serde(alias = "Guest")]
        Visitor,
        Admin,
        Member(u64),
        Owner {
            of: String,
            #[serde(default)]
            since: Option<u32>,
        },
    }
}

mod content_changed {
    use super::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
    pub(super) enum Role {
        Guest(Option<u8>),
        Admin(),
        Member,
        Owner(String),
    }
}

mod tagged_moved {
    use super::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
    #[serde(tag = "kind")]
    pub(super) enum Tagged {
        B { n: u8 },
        A { n: u8 },
    }
}

mod new {
    use super::{BTreeMap, Deserialize, Serialize, added, moved};

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    pub(super) struct Team {
        pub(super) users: Vec<added::User>,
        pub(super) roles: BTreeMap<String, moved::Role>,
    }
}

pub(crate) fn both_directions<C: Codec>(m: &mut Matrix<C>) {
    fields(m);
    variants(m);
    types(m);
}

fn fields<C: Codec>(m: &mut Matrix<C>) {
    m.group("deployments");
    let (name, visits) = (|| "Ann".to_owned(), 7);
    let user = || old::User { name: name(), visits };
    m.becomes("field added", user(), added::User { name: name(), visits, admin: false });
    m.becomes("field added, back", added::User { name: name(), visits, admin: true }, user());
    m.becomes("Option added", user(), added_option::User { note: None, name: name(), visits });
    m.becomes("Option added, back", added_option::User { note: Some(name()), name: name(), visits }, user());
    m.becomes("None added, back", added_option::User { note: None, name: name(), visits }, user());
    m.never::<added_required::User>("field added without default", user());
    m.becomes("field added without default, back", added_required::User { name: name(), visits, admin: true }, user());
    m.becomes("field removed", user(), removed::User { name: name() });
    m.never::<old::User>("field removed, back", removed::User { name: name() });
    m.becomes("fields reordered", user(), reordered::User { name: name(), visits });
    m.becomes("fields reordered, back", reordered::User { name: name(), visits }, user());
    m.becomes("number widened", user(), widened::User { name: name(), visits: visits.into() });
    m.becomes("number widened, back", widened::User { name: name(), visits: visits.into() }, user());
    m.never::<old::User>("number widened, back, too large", widened::User { name: name(), visits: 300 });
    m.becomes("field renamed", user(), renamed_field::User { full_name: name(), visits });
    m.never::<old::User>("field renamed, back", renamed_field::User { full_name: name(), visits });
    m.never::<renamed_without_alias::User>("field renamed without alias", user());
    m.becomes("fields optional", user(), optional::User { name: Some(name()), visits: Some(visits) });
    m.becomes("fields optional, back", optional::User { name: Some(name()), visits: Some(visits) }, user());
    m.never::<old::User>("fields optional, back, None", optional::User { name: Some(name()), visits: None });
    m.becomes("field wrapped", user(), wrapped::User { name: wrapped::Name(name()), visits });
    m.becomes("field wrapped, back", wrapped::User { name: wrapped::Name(name()), visits }, user());
    m.becomes("struct renamed", user(), other_name::Person { name: name(), visits });
    m.becomes("struct renamed, back", other_name::Person { name: name(), visits }, user());
    m.becomes("fields flattened", user(), split::User { who: split::Who { name: name() }, visits });
    m.becomes("fields flattened, back", split::User { who: split::Who { name: name() }, visits }, user());
    m.becomes("either version, old", user(), versioned::User::Old(user()));
    let new = added_required::User { name: name(), visits, admin: true };
    m.becomes("either version, new", new.clone(), versioned::User::New(new.clone()));
    m.becomes("either version, back", versioned::User::New(new), user());
    m.becomes("struct to map", removed::User { name: name() }, HashMap::from([("name".to_owned(), name())]));
    m.becomes("map to struct", HashMap::from([("name", "Ann")]), removed::User { name: name() });
    m.becomes("struct in an Option", user(), Some(user()));
    m.becomes("struct in an Option, back", Some(user()), user());
    m.becomes("structs in a list", vec![user(); 3], vec![added::User { name: name(), visits, admin: false }; 3]);
    m.becomes("structs in a list, back", vec![added::User { name: name(), visits, admin: true }; 3], vec![user(); 3]);
    m.becomes("numbers widened in a list", vec![user(); 2], vec![widened::User { name: name(), visits: 7 }; 2]);
}

fn variants<C: Codec>(m: &mut Matrix<C>) {
    use old::Role;
    let of = || "x".to_owned();
    let roles = || [Role::Guest, Role::Admin, Role::Member(1), Role::Owner { of: of() }];
    let moved = || [moved::Role::Guest, moved::Role::Admin, moved::Role::Member(1), moved::Role::Owner { of: of() }];
    let more = [
        more_variants::Role::Guest,
        more_variants::Role::Admin,
        more_variants::Role::Member(1),
        more_variants::Role::Owner { of: of() },
    ];
    let changed = [
        variants_changed::Role::Visitor,
        variants_changed::Role::Admin,
        variants_changed::Role::Member(1),
        variants_changed::Role::Owner { of: of(), since: None },
    ];
    let names = ["unit", "other unit", "newtype", "struct"];
    for (at, name) in names.into_iter().enumerate() {
        m.becomes(format!("{name} variant moved"), roles()[at].clone(), moved()[at].clone());
        m.becomes(format!("{name} variant moved, back"), moved()[at].clone(), roles()[at].clone());
        m.becomes(format!("{name} variant behind a new one"), roles()[at].clone(), more[at].clone());
        m.becomes(format!("{name} variant changed"), roles()[at].clone(), changed[at].clone());
        m.never::<content_changed::Role>(format!("{name} variant with other content"), roles()[at].clone());
    }
    m.becomes("variants moved in a list", roles().to_vec(), moved().to_vec());
    m.becomes("unit variants swapped in a list", vec![Role::Guest, Role::Admin], moved()[..2].to_vec());
    m.becomes(
        "variants moved in a map",
        BTreeMap::from([("a", Role::Guest), ("b", Role::Admin)]),
        BTreeMap::from([("a".to_owned(), moved::Role::Guest), ("b".to_owned(), moved::Role::Admin)]),
    );
    m.becomes("variants moved as keys", BTreeMap::from([(1, Role::Guest)]), BTreeMap::from([(1, moved::Role::Guest)]));
    let sides = [alike::Side::Left, alike::Side::Right, alike::Side::Near(1), alike::Side::Far(1)];
    let swapped = [
        alike_swapped::Side::Left,
        alike_swapped::Side::Right,
        alike_swapped::Side::Near(1),
        alike_swapped::Side::Far(1),
    ];
    m.becomes("alike variants swapped", sides[0], swapped[0]);
    m.becomes("alike variants swapped in a list", sides.to_vec(), swapped.to_vec());
    m.becomes("alike variants swapped in a tuple", (sides[0], sides[1]), (swapped[0], swapped[1]));
    m.becomes("alike variants swapped in a set", sides, std::collections::BTreeSet::from(swapped));
    m.becomes(
        "alike variants swapped in a map",
        sides.into_iter().zip(1..).collect::<HashMap<_, u8>>(),
        swapped.into_iter().zip(1..).collect::<HashMap<_, u8>>(),
    );
    m.becomes(
        "alike variants swapped as values of a map",
        (1..).zip(sides).collect::<BTreeMap<u8, _>>(),
        (1..).zip(swapped).collect::<BTreeMap<u8, _>>(),
    );
    m.never::<Role>("a variant that is not known", more_variants::Role::Blocked);
    m.never::<Vec<Role>>("a variant that is not known, in a list", vec![more_variants::Role::Blocked]);
    m.becomes("unit variant to text", Role::Admin, "Admin".to_owned());
    m.becomes("text to unit variant", "Admin", Role::Admin);
    m.becomes("internal tags moved", old::Tagged::A { n: 1 }, tagged_moved::Tagged::A { n: 1 });
    m.becomes("internal tags moved, back", tagged_moved::Tagged::B { n: 1 }, old::Tagged::B { n: 1 });
    let team = old::Team {
        users: vec![old::User { name: of(), visits: 1 }],
        roles: BTreeMap::from([(of(), Role::Guest), ("y".to_owned(), Role::Admin)]),
    };
    let new = new::Team {
        users: vec![added::User { name: of(), visits: 1, admin: false }],
        roles: BTreeMap::from([(of(), moved::Role::Guest), ("y".to_owned(), moved::Role::Admin)]),
    };
    m.becomes("many changes at a time", team, new);
}

fn types<C: Codec>(m: &mut Matrix<C>) {
    m.becomes("u32 to u64", 300_u32, 300_u64);
    m.becomes("u64 to u32, fits", 300_u64, 300_u32);
    m.never::<u32>("u64 to u32, too large", 1_u64 << 32);
    m.becomes("i8 to i64", -1_i8, -1_i64);
    m.becomes("u8 to i8, fits", 127_u8, 127_i8);
    m.never::<i8>("u8 to i8, too large", 128_u8);
    m.never::<u8>("i8 to u8, negative", -1_i8);
    m.becomes("u64 to i128", u64::MAX, i128::from(u64::MAX));
    m.becomes("i128 to i64, fits", i128::from(i64::MIN), i64::MIN);
    m.never::<i64>("i128 to i64, too small", i128::from(i64::MIN) - 1);
    m.becomes("f32 to f64", 0.1_f32, f64::from(0.1_f32));
    m.becomes("f64 to f32, exact", 0.5_f64, 0.5_f32);
    m.never::<f32>("f64 to f32, not exact", 0.1_f64);
    m.becomes("integer to float", 7_u8, 7.0_f64);
    m.never::<f64>("integer to float, not exact", (1_u64 << 53) + 1);
    m.never::<f32>("integer to f32, not exact", (1_u32 << 24) + 1);
    m.becomes("list to set", vec![1_u8, 2], std::collections::BTreeSet::from([1_u8, 2]));
    m.becomes("array to list", [1_u8, 2], vec![1_u8, 2]);
    m.becomes("tuple to list", (1_u8, 2_u8), vec![1_u8, 2]);
    m.becomes("Option to list element", vec![Some(1_u8)], vec![1_u8]);
    m.becomes("bytes to list", serde_bytes::ByteBuf::from(vec![1, 255]), vec![1_u8, 255]);
    m.becomes("list to bytes", vec![1_u8, 255], serde_bytes::ByteBuf::from(vec![1, 255]));
    m.becomes("char to text", 'ß', "ß".to_owned());
    m.becomes("text to char", "ß", 'ß');
    m.becomes("text to PathBuf", "/tmp", std::path::PathBuf::from("/tmp"));
    m.becomes("newtype to its inside", wrapped::Name("x".into()), "x".to_owned());
    m.becomes("anything to Value", (1_u8, "x", None::<u8>), serde_json::json!([1, "x", null]));
    m.becomes("Value to a struct", serde_json::json!({"name": "Ann"}), removed::User { name: "Ann".into() });
}
