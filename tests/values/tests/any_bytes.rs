//! Bytes that nobody wrote: no panic, no stack overflow, no allocation for what is not there, no value that changes.

use std::alloc::System;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, LinkedList, VecDeque};
use std::sync::Mutex;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use session_core::codec::{Cbor, Codec, DEPTH, Postcard};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use values_tests::any_bytes::{as_all_types, as_one_type, seeds, unwatched};
use values_tests::{read, write};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The allocator counts for the whole program, so that one test runs at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// Bytes that a run allocates. What another thread allocates meanwhile is in one count, but not in each.
fn allocated(limit: usize, run: &mut dyn FnMut()) -> usize {
    let mut once = || {
        let region = Region::new(ALLOCATOR);
        run();
        region.change().bytes_allocated
    };
    let first = once();
    if first <= limit { first } else { (0..4).map(|_| once()).min().unwrap_or(first) }
}

/// Reading may allocate so much. The most that a byte becomes is a node of a map, which has room for eleven entries.
fn assert_bounded(bytes: &[u8], run: &mut dyn FnMut()) {
    let bound = 4096 + 1024 * bytes.len();
    let allocated = allocated(bound, run);
    assert!(allocated <= bound, "{allocated} bytes for {} of {bytes:02x?}", bytes.len());
}

/// A list or map that declares 2^40 elements, and has none.
#[test]
fn twelve_bytes_that_declare_much_allocate_little() {
    let _alone = ALONE.lock();
    fn little<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
        fn little_by<C: Codec, T: Serialize + DeserializeOwned>(bytes: &[u8]) {
            let mut read_at_all = true;
            let allocated = allocated(1024, &mut || read_at_all = C::read::<T>(bytes).is_ok());
            assert!(!read_at_all, "{bytes:02x?} as {}", std::any::type_name::<T>());
            assert!(allocated <= 1024, "{allocated} bytes for {bytes:02x?} as {}", std::any::type_name::<T>());
        }
        little_by::<Cbor, T>(bytes);
        little_by::<Postcard, T>(bytes);
    }
    let declares = |major: u8, len: u64| [&[major << 5 | 27], &len.to_be_bytes()[..], &[1, 2, 3]].concat();
    let mut attacks = Vec::new();
    for len in [1 << 32, 1 << 40, 1 << 63, u64::MAX] {
        attacks.extend((2..6).map(|major| declares(major, len)));
        // within another list, and for postcard behind a digest
        attacks.extend((2..6).map(|major| [&[0x82, 0x01], &declares(major, len)[..]].concat()));
        let mut varint = vec![0, 0, 0, 0];
        let mut rest = len;
        while rest > 0x7f {
            varint.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        varint.extend([rest as u8, 1, 2]);
        attacks.push(varint);
    }
    for bytes in &attacks {
        little::<Vec<u64>>(bytes);
        little::<Vec<Vec<[u64; 16]>>>(bytes);
        little::<VecDeque<String>>(bytes);
        little::<LinkedList<u64>>(bytes);
        little::<HashSet<u64>>(bytes);
        little::<BTreeSet<u64>>(bytes);
        little::<HashMap<u64, u64>>(bytes);
        little::<BTreeMap<String, u64>>(bytes);
        little::<indexmap::IndexMap<u64, [u64; 8]>>(bytes);
        little::<String>(bytes);
        little::<serde_bytes::ByteBuf>(bytes);
        little::<Value>(bytes);
        little::<Box<[u64]>>(bytes);
        little::<(u8, Vec<u64>)>(bytes);
        little::<(u8, HashMap<String, String>)>(bytes);
        little::<Option<Vec<Unknown>>>(bytes);
    }
}

#[derive(Serialize, Deserialize, Debug)]
struct Unknown {
    #[serde(default)]
    known: Vec<u8>,
}

/// A hundred thousand levels, as types that contain themselves, as a `Value`, and skipped.
#[test]
fn a_hundred_thousand_levels_are_refused() {
    let _alone = ALONE.lock();
    let opens = [
        "81",
        "9f",
        "a100",
        "a16161",
        "a1f6",
        "c6",
        "8181",
        "a16153",
        "a1634e6577",
        "a1665374727563 74a1646e657874",
        "a1655475706c658201",
        "a1646e657874",
        "820181",
        "01",
        "0101",
        "0100",
        "0301",
    ];
    for open in opens {
        let open = open.replace(' ', "");
        let level: Vec<u8> = (0..open.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&open[at..at + 2], 16).expect("hexadecimal"))
            .collect();
        for before in [&[][..], &[0; 4], &[0xa1, 0x61, b'z']] {
            for after in [&[][..], &[0xf6], &[0x80], &[0]] {
                let bytes = [before, &level.repeat(100_000), after].concat();
                assert_bounded(&bytes, &mut || {
                    as_all_types(&bytes, &unwatched);
                });
            }
        }
    }
}

/// tokio's workers have 2 MiB. What is as deep as it may be fits into half of that in a debug build.
#[test]
fn as_deep_as_it_may_be_fits_into_a_small_stack() {
    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct Node {
        name: String,
        children: Vec<Node>,
        next: Option<Box<Node>>,
    }
    fn deepest<C: Codec>() {
        let leaf = || Node { name: "x".into(), children: vec![], next: None };
        let half = usize::from(DEPTH) / 2 - 1;
        let lists = (0..half).fold(leaf(), |node, _| Node { children: vec![node], ..leaf() });
        let options = (0..half).fold(leaf(), |node, _| Node { next: Some(node.into()), ..leaf() });
        for node in [lists, options] {
            let bytes = write::<C, _>(&node).expect("within the limit");
            assert_eq!(read::<C, Node>(&bytes), Ok(node));
        }
    }
    let run = || {
        deepest::<Cbor>();
        deepest::<Postcard>();
        let value = (0..DEPTH).fold(Value::from(1), |value, _| Value::from(vec![value]));
        let bytes = write::<Cbor, _>(&value).expect("within the limit");
        assert_eq!(read::<Cbor, Value>(&bytes), Ok(value.clone()));
        assert!(write::<Cbor, _>(&[value]).is_err());
    };
    let _alone = ALONE.lock();
    let thread = std::thread::Builder::new().stack_size(1024 << 10).spawn(run).expect("a thread");
    thread.join().expect("no panic");
}

#[test]
fn all_short_inputs() {
    let _alone = ALONE.lock();
    let mut could = 0;
    let mut check = |bytes: &[u8]| could += as_all_types(bytes, &|run| assert_bounded(bytes, run));
    check(&[]);
    for first in 0..=u8::MAX {
        check(&[first]);
        for second in 0..=u8::MAX {
            check(&[first, second]);
            check(&[0x82, first, second]);
        }
    }
    assert!(could > 5_000, "{could}");
}

/// xorshift
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end.max(1)
    }
}

#[test]
fn mutated_values() {
    let _alone = ALONE.lock();
    let seeds = seeds();
    let mut random = Random(7);
    seeds.iter().for_each(|seed| as_one_type(seed, &unwatched));
    let could: usize = seeds.iter().map(|seed| as_all_types(&seed[1..], &unwatched)).sum();
    assert!(could >= seeds.len(), "{could}");
    let mut could = 0;
    for round in 0..60_000 {
        let mut bytes = seeds[round % seeds.len()].clone();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len());
            match random.below(5) {
                0 => bytes.truncate(at + 1),
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, random.below(256) as u8),
                3 => {
                    let other = &seeds[random.below(seeds.len())];
                    bytes.truncate(at);
                    bytes.extend(&other[random.below(other.len())..]);
                }
                _ => bytes[at] = random.below(256) as u8,
            }
            bytes.push(0);
        }
        bytes.pop();
        as_one_type(&bytes, &|run| assert_bounded(&bytes, run));
        could += as_all_types(bytes.get(1..).unwrap_or_default(), &unwatched);
    }
    assert!(could > 5_000, "{could} could be read");
}
