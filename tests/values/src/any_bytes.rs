//! Any bytes as a stored value: read as types of many kinds, by both codecs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use session_core::codec::{Cbor, Codec, Postcard};

use crate::{read, write};

/// Runs the reading, and may look at it from outside, for instance count allocations.
pub type Watch<'w> = &'w dyn Fn(&mut dyn FnMut());

/// Just runs it.
pub fn unwatched(run: &mut dyn FnMut()) {
    run();
}

/// A bit of everything.
#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
struct Everything {
    steps: Vec<Step>,
    prices: BTreeMap<i64, f64>,
    #[serde(default)]
    maybe: Option<()>,
    wide: i128,
    pair: (bool, char),
    #[serde(default, with = "serde_bytes")]
    bytes: Vec<u8>,
    text: Option<Option<String>>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
enum Step {
    Start,
    Paid(u32),
    Sent { parcel: Option<Option<i8>> },
    Moved(u8, String),
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
#[serde(untagged)]
enum Untagged {
    Everything(Everything),
    List(Vec<Untagged>),
    Number(i64),
    Text(String),
    Maybe(Option<bool>),
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
struct Flat {
    id: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// Types that contain themselves, through each kind of level that there is.
#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Lists(Vec<Lists>);
#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Maps(BTreeMap<u8, Maps>);
#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Options(Option<Box<Options>>);
#[derive(Serialize, Deserialize, Debug, PartialEq)]
enum Variants {
    End,
    New(Box<Variants>),
    Tuple(u8, Box<Variants>),
    Struct { next: Box<Variants> },
}
#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Structs {
    #[serde(default)]
    next: Option<Box<Structs>>,
}

/// What is read is written again, and is the same then.
fn stable<C: Codec, T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8], watch: Watch<'_>) -> bool {
    let mut value = None;
    watch(&mut || value = read::<C, T>(bytes).ok());
    let Some(value) = value else { return false };
    // an untagged enum reads options that are not levels for it, and writes them as such
    let Ok(again) = write::<C, T>(&value) else { return true };
    let back = read::<C, T>(&again);
    let same = back.as_ref().is_ok_and(|back| *back == value || format!("{back:?}") == format!("{value:?}"));
    assert!(same, "{value:?} became {back:?}");
    true
}

type Check = fn(&[u8], Watch<'_>) -> bool;

const fn checks<C: Codec>() -> [Check; 14] {
    [
        stable::<C, Everything>,
        stable::<C, Vec<Step>>,
        stable::<C, Untagged>,
        stable::<C, Flat>,
        stable::<C, Value>,
        stable::<C, HashMap<u64, HashSet<String>>>,
        stable::<C, Vec<u64>>,
        stable::<C, Option<Option<String>>>,
        stable::<C, serde_bytes::ByteBuf>,
        stable::<C, Lists>,
        stable::<C, Maps>,
        stable::<C, Options>,
        stable::<C, Variants>,
        stable::<C, Structs>,
    ]
}

const CHECKS: [[Check; 14]; 2] = [checks::<Cbor>(), checks::<Postcard>()];

/// Reads these bytes as each type, by both codecs, and returns how many could.
///
/// # Panics
/// If a value that was read is another one after it was written and read again.
pub fn as_all_types(bytes: &[u8], watch: Watch<'_>) -> usize {
    CHECKS.iter().flatten().filter(|check| check(bytes, watch)).count()
}

/// The body of the fuzz target: the first byte chooses codec and type.
pub fn as_one_type(data: &[u8], watch: Watch<'_>) {
    if let Some((choice, bytes)) = data.split_first() {
        let (codec, kind) = (usize::from(*choice) % 2, usize::from(*choice) / 2 % CHECKS[0].len());
        CHECKS[codec][kind](bytes, watch);
    }
}

fn everything() -> Everything {
    Everything {
        steps: vec![Step::Start, Step::Paid(7), Step::Sent { parcel: Some(None) }, Step::Moved(1, "text".into())],
        prices: BTreeMap::from([(-1, 0.5), (1 << 40, f64::MAX)]),
        maybe: Some(()),
        wide: i128::MIN,
        pair: (true, 'x'),
        bytes: vec![1, 255],
        text: Some(None),
    }
}

/// Values of some of the types, for [`as_one_type`], the byte before them and all.
///
/// # Panics
/// If a value cannot be written.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    fn of<C: Codec>(codec: u8) -> Vec<Vec<u8>> {
        let seed = |kind: u8, bytes: Result<Vec<u8>, String>| [&[2 * kind + codec], &*bytes.expect("a value")].concat();
        let sets = HashMap::from([(7_u64, HashSet::from(["a".to_owned()])), (1 << 40, HashSet::new())]);
        let chain = Variants::Struct { next: Variants::Tuple(1, Variants::New(Variants::End.into()).into()).into() };
        vec![
            seed(0, write::<C, _>(&everything())),
            seed(1, write::<C, _>(&everything().steps)),
            seed(2, write::<C, _>(&Untagged::List(vec![Untagged::Everything(everything()), Untagged::Maybe(None)]))),
            seed(5, write::<C, _>(&sets)),
            seed(6, write::<C, _>(&vec![1_u64, 300, u64::MAX])),
            seed(7, write::<C, _>(&Some(None::<String>))),
            seed(9, write::<C, _>(&Lists(vec![Lists(vec![]), Lists(vec![Lists(vec![])])]))),
            seed(10, write::<C, _>(&Maps(BTreeMap::from([(1, Maps(BTreeMap::new()))])))),
            seed(11, write::<C, _>(&Options(Some(Options(None).into())))),
            seed(12, write::<C, _>(&chain)),
            seed(13, write::<C, _>(&Structs { next: Some(Structs { next: None }.into()) })),
        ]
    }
    let value = serde_json::json!({"a": [1, -1, 0.1, null, true, "x"], "b": {"c": {}}});
    let json = [&[8], &*write::<Cbor, _>(&value).expect("a value")].concat();
    [of::<Cbor>(0), of::<Postcard>(1), vec![json]].concat()
}
