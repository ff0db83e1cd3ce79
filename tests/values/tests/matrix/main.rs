//! VA1, VA2, VA3: what programs store, and what becomes of it.

mod ambiguous;
mod attributes;
mod deployments;
mod other_types;
mod round_trips;

use session_core::codec::{Cbor, Codec, Postcard};
use values_tests::{Matrix, Outcome};

fn matrix<C: Codec>() -> Matrix<C> {
    let mut m = Matrix::default();
    round_trips::plain(&mut m);
    round_trips::std_types(&mut m);
    round_trips::derived(&mut m);
    round_trips::crates(&mut m);
    attributes::one_sided(&mut m);
    deployments::both_directions(&mut m);
    other_types::misread(&mut m);
    ambiguous::taken_for_another(&mut m);
    m
}

const OUTCOMES: [Outcome; 4] = [Outcome::Right, Outcome::Refused, Outcome::Unreadable, Outcome::Wrong];

#[test]
fn cbor_is_right_or_says_so_va1_va2_va3() {
    let m = matrix::<Cbor>();
    println!("{}", m.table("CBOR"));
    assert_eq!(m.names(Outcome::Wrong), [""; 0]);
    // nested beyond the limit; a variant that its own attribute excludes
    assert_eq!(m.names(Outcome::Refused), ["derived: 1,000 levels", "attributes: skipped variant, itself"]);
    assert_eq!(
        m.names(Outcome::Unreadable),
        [
            // serde keeps what it reads before it knows the type, but neither numbers as names nor 128 bits
            "derived: flatten a map by numbers",
            "derived: i128 in an untagged enum",
            "derived: u128 in an internal tag",
            // what only one side has, and no default for it
            "attributes: skip_serializing",
            "attributes: skip_serializing, in a list",
            "attributes: skip_serializing, in a map",
            "attributes: skip_serializing, before another",
            "attributes: skip_serializing, before a list",
            "attributes: skip_serializing_if, not there",
            "attributes: skip_serializing_if, in a list",
            "attributes: serialize_with",
            "attributes: deserialize_with",
            "attributes: rename(serialize)",
            "attributes: deny_unknown_fields",
        ]
    );
    // serde itself takes these for others, also as JSON: in debug builds `SessionData::save` and `update_with` say so
    assert_eq!(
        m.names(Outcome::RefusedInDebug),
        [
            "ambiguous: text after bytes",
            "ambiguous: a struct after one with fewer fields",
            "ambiguous: an integer after a float",
            "ambiguous: a double after a float",
            "ambiguous: flatten None of a struct with options only",
            "ambiguous: flatten two maps",
        ]
    );
    // nothing tells, also as JSON: docs/values.md says what to write instead
    assert_eq!(
        m.names(Outcome::AsJson),
        [
            // both are written alike
            "ambiguous: a list after an array",
            "ambiguous: a text after a letter",
            "ambiguous: a unit after a unit",
            "ambiguous: a unit after an Option",
            "ambiguous: flatten None of a map",
            // serde reads a flattened Option as None after any error
            "ambiguous: flatten Option, a number is narrowed",
            "ambiguous: flatten Option, a field is added",
        ]
    );
    assert_eq!(m.count(None, Outcome::Right), 390);
}

/// A device's programs change their values and their types together; what this codec promises is an error.
#[test]
fn postcard_is_right_or_says_so_va1_va2() {
    let m = matrix::<Postcard>();
    println!("{}", m.table("postcard"));
    for wrong in [Outcome::RefusedInDebug, Outcome::AsJson, Outcome::Wrong] {
        assert_eq!(m.names(wrong), [""; 0]);
    }
    let counts = |group| OUTCOMES.map(|outcome| m.count(Some(group), outcome));
    let right_refused_unreadable_wrong = [
        ("plain", [33, 0, 0, 0]),
        ("std", [35, 0, 1, 0]),
        ("derived", [22, 9, 21, 0]),
        ("crates", [26, 5, 15, 0]),
        ("attributes", [8, 5, 18, 0]),
        ("deployments", [24, 1, 76, 0]),
        ("other types", [93, 0, 0, 0]),
        ("ambiguous", [2, 7, 18, 0]),
    ];
    for (group, expected) in right_refused_unreadable_wrong {
        assert_eq!(counts(group), expected, "{group}");
    }
}

/// Names take room, but there is no digest.
#[test]
fn values_are_not_larger_with_their_names() {
    let (cbor, postcard) = (matrix::<Cbor>(), matrix::<Postcard>());
    let of_both = postcard.sizes().iter().filter_map(|(name, size)| Some((*cbor.sizes().get(name)?, *size)));
    let mut ratios: Vec<f64> = of_both.map(|(cbor, postcard)| cbor as f64 / postcard as f64).collect();
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ratios.len() / 2];
    println!("{} values that both codecs read, the median of CBOR's size by postcard's is {median:.2}", ratios.len());
    assert!(median <= 1.0, "{median}");
}
