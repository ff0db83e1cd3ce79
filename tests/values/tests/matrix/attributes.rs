//! Attributes that only one side has: what is written is not what the same type reads.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use session_core::codec::Codec;
use values_tests::Matrix;

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone, Default)]
struct WriteSkips {
    #[serde(skip_serializing)]
    first: u8,
    second: u8,
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone, Default)]
struct WriteSkipsWithDefault {
    #[serde(skip_serializing, default)]
    first: u8,
    second: u8,
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone, Default)]
struct ReadSkips {
    #[serde(skip_deserializing)]
    first: u8,
    second: u8,
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone, Default)]
struct BothSkip {
    #[serde(skip)]
    first: u8,
    second: u8,
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone, Default)]
struct SkipsZero {
    #[serde(skip_serializing_if = "is_zero")]
    first: u8,
    second: u8,
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone, Default)]
#[serde(default)]
struct SkipsZeroWithDefault {
    #[serde(skip_serializing_if = "is_zero")]
    first: u8,
    second: u8,
}

#[expect(clippy::trivially_copy_pass_by_ref)]
const fn is_zero(number: &u8) -> bool {
    *number == 0
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone, Default)]
struct WritesText {
    #[serde(serialize_with = "as_text")]
    number: u8,
}

fn as_text<S: Serializer>(number: &u8, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone, Default)]
struct ReadsText {
    #[serde(deserialize_with = "from_text")]
    number: u8,
}

fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone, Default)]
struct BothText {
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    number: u8,
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone, Default)]
struct WritesOtherName {
    #[serde(rename(serialize = "one"))]
    first: u8,
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone, Default)]
struct WritesOtherNameWithAlias {
    #[serde(rename(serialize = "one"), alias = "one")]
    first: u8,
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone, Default)]
#[serde(deny_unknown_fields)]
struct DeniesWhatItWrites {
    #[serde(skip_deserializing)]
    first: u8,
    second: u8,
}

/// Takes a default for what it cannot read.
#[derive(Serialize, Deserialize, Debug, PartialEq, Clone, Default)]
struct Forgives {
    #[serde(deserialize_with = "or_default")]
    first: Vec<u8>,
    second: u8,
}

fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(T::deserialize(deserializer).unwrap_or_default())
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
enum SkippedVariant {
    Here(u8),
    #[serde(skip)]
    Gone(u8),
    There(u8),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
enum UntaggedVariant {
    Known,
    #[serde(untagged)]
    Number(u8),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(tag = "kind")]
enum TagWithOther {
    Known {
        n: u8,
    },
    #[serde(other)]
    Unknown,
}

pub(crate) fn one_sided<C: Codec>(m: &mut Matrix<C>) {
    m.group("attributes");
    let value = |second| WriteSkips { first: 0, second };
    m.same("skip_serializing", value(7));
    m.same("skip_serializing, in a list", vec![value(1), value(1), value(1), value(1)]);
    m.same("skip_serializing, in a map", BTreeMap::from([(1, value(1)), (2, value(2))]));
    m.same("skip_serializing, before another", (value(1), 2_u8));
    m.same("skip_serializing, before a list", (value(1), vec![1_u8, 1]));
    let value = |second| WriteSkipsWithDefault { first: 0, second };
    m.same("skip_serializing with default", value(7));
    m.same("skip_serializing with default, in a list", vec![value(1), value(1)]);
    m.becomes("skip_serializing with default, other value", WriteSkipsWithDefault { first: 9, second: 7 }, value(7));
    m.becomes("skip_deserializing", ReadSkips { first: 9, second: 7 }, ReadSkips { first: 0, second: 7 });
    m.same("skip_deserializing, default", ReadSkips { first: 0, second: 7 });
    m.same("skip_deserializing, in a list", vec![ReadSkips { first: 0, second: 0 }; 4]);
    m.same("skip_deserializing, in a map", BTreeMap::from([(1, ReadSkips::default()), (0, ReadSkips::default())]));
    m.becomes("skip", BothSkip { first: 9, second: 7 }, BothSkip { first: 0, second: 7 });
    m.same("skip, in a list", vec![BothSkip { first: 0, second: 1 }; 2]);
    m.same("skip_serializing_if, there", SkipsZero { first: 1, second: 7 });
    m.same("skip_serializing_if, not there", SkipsZero { first: 0, second: 7 });
    m.same(
        "skip_serializing_if, in a list",
        vec![SkipsZero { first: 1, second: 7 }, SkipsZero { first: 0, second: 1 }],
    );
    m.same("skip_serializing_if with default", SkipsZeroWithDefault { first: 0, second: 7 });
    m.same("skip_serializing_if with default, all", SkipsZeroWithDefault::default());
    m.same("serialize_with", WritesText { number: 7 });
    m.same("deserialize_with", ReadsText { number: 1 });
    m.same("serialize_with and deserialize_with", BothText { number: 200 });
    m.same("rename(serialize)", WritesOtherName { first: 7 });
    m.same("rename(serialize) with alias", WritesOtherNameWithAlias { first: 7 });
    m.same("deny_unknown_fields", DeniesWhatItWrites { first: 0, second: 7 });
    m.same("a lenient field", Forgives { first: vec![1], second: 7 });
    m.same("skipped variant, before", vec![SkippedVariant::Here(1)]);
    m.same("skipped variant, behind", vec![SkippedVariant::There(1)]);
    m.same("skipped variant, itself", SkippedVariant::Gone(1));
    m.same("untagged variant", vec![UntaggedVariant::Number(7), UntaggedVariant::Known]);
    m.same("other variant of a tag", vec![TagWithOther::Unknown, TagWithOther::Known { n: 1 }]);
}
