//! Host only. The table against a map as oracle, and any bytes as a table.

use super::*;
use crate::codec::{Codec, Postcard};
use std::collections::BTreeMap;
use std::string::{String, ToString};
use std::vec::Vec;

/// A table filled by `change`.
pub(super) fn table(change: impl FnOnce(&mut Table<'_>)) -> Vec<u8> {
    let (mut bytes, mut len) = ([0; 4096], 0);
    change(&mut Table::new(&mut bytes, 0, &mut len));
    assert!(check(&bytes[..len]));
    bytes[..len].to_vec()
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }
}

type Oracle = BTreeMap<String, Vec<u8>>;

fn encoded(oracle: &Oracle) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in oracle {
        bytes.push(key.len() as u8);
        bytes.extend(key.as_bytes());
        let mut len = [0; 10];
        bytes.extend(&*postcard::to_slice(&value.len(), &mut len).unwrap());
        bytes.extend(value);
    }
    bytes
}

/// Random bytes, usually few, sometimes many.
fn value(random: &mut Random, longest: usize) -> Vec<u8> {
    let longest = if random.below(8) == 0 { longest } else { 12 };
    let len = random.below(longest);
    (0..len).map(|_| random.below(256) as u8).collect()
}

#[test]
fn a_table_is_a_sorted_map() {
    const START: usize = 7;
    let keys = ["\0flash", "a", "aa", "ab", "b", "ä", "user", "\u{10ffff}", &"k".repeat(255)];
    let mut random = Random(1);
    let (mut full, mut replaced) = (0, 0);
    for round in 0..60 {
        let size = [60, 200, 700, 40_000][round % 4];
        let mut bytes = (0..size).map(|at| at as u8).collect::<Vec<u8>>();
        let mut len = START;
        let mut oracle = Oracle::new();
        for _ in 0..200 {
            let key = keys[random.below(keys.len())].to_string();
            let before = (bytes.clone(), len);
            let mut place = bytes.as_mut_slice();
            let mut table = Table::new(&mut place, START, &mut len);
            let mut wanted = oracle.clone();
            let done = match random.below(16) {
                0 if random.below(8) == 0 => {
                    table.clear();
                    wanted.clear();
                    Ok(())
                }
                0..4 => {
                    assert_eq!(table.remove(&key), wanted.remove(&key).is_some());
                    Ok(())
                }
                4..8 => {
                    let bytes = value(&mut random, size);
                    replaced += usize::from(wanted.insert(key.clone(), bytes.clone()).is_some());
                    table.put(Entry { key: &key, bytes: &bytes })
                }
                _ => {
                    let value = value(&mut random, size);
                    replaced += usize::from(wanted.insert(key.clone(), encode(&value)).is_some());
                    let done = table.set_postcard(&key, &value);
                    done.map(|changed| assert_eq!(changed, wanted.get(&key) != oracle.get(&key)))
                }
            };
            let need = START + encoded(&wanted).len();
            if need > size {
                assert_eq!(done, Err(Error::TooLarge { need, have: size }));
                assert!((&bytes, len) == (&before.0, before.1), "too large, and changed");
                full += 1;
            } else {
                assert_eq!(done, Ok(()));
                oracle = wanted;
            }
            assert_eq!(bytes[START..len], encoded(&oracle));
            assert_eq!(bytes[..START], before.0[..START]);
            let data = &bytes[START..len];
            assert!(check(data));
            assert!(entries(data).map(|e| (e.key, e.bytes)).eq(oracle.iter().map(|(k, v)| (&**k, &**v))));
            for key in keys {
                let found = find(data, key).map(|entry| entry.bytes.to_vec());
                assert_eq!(found.as_ref(), oracle.get(key));
            }
        }
    }
    assert!(full > 500 && replaced > 1_000, "full {full} times, {replaced} replaced");
}

fn encode(value: &[u8]) -> Vec<u8> {
    let mut bytes = [0; 50_000];
    let len = Postcard::write(value, &mut bytes).unwrap();
    bytes[..len].to_vec()
}

/// Any bytes are either no table or the only way to write its content.
#[test]
fn any_bytes_are_refused_or_read_whole() {
    let mut random = Random(2);
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let mut bytes = if random.below(4) == 0 {
            value(&mut random, 300)
        } else {
            table(|table| {
                for _ in 0..random.below(4) {
                    let key = ["a", "b", "ä", "\0x"][random.below(4)];
                    table.set_postcard(key, &value(&mut random, 200)).unwrap();
                }
            })
        };
        for _ in 0..random.below(4) {
            let at = random.below(bytes.len() + 1);
            match random.below(4) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, random.below(256) as u8),
                _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << random.below(8)),
            }
        }
        // none of these may panic, whatever `check` returns
        let count = entries(&bytes).count();
        for key in ["a", "b", "zz"] {
            let entry = find(&bytes, key);
            let _ = (fingerprint(entry), entry.map(|entry| entry.read_postcard::<Vec<String>>().is_ok()));
        }
        let (mut edited, mut len) = ([0; 4096], bytes.len());
        edited[..len].copy_from_slice(&bytes);
        let _ = Table::new(&mut edited, 0, &mut len).set_postcard("b", &7_u64);
        let _ = Table::new(&mut edited, 0, &mut len).remove("a");
        if check(&bytes) {
            let again = table(|table| entries(&bytes).for_each(|entry| table.put(entry).unwrap()));
            assert_eq!(again, bytes);
            accepted += usize::from(count > 0);
        } else {
            refused += 1;
        }
    }
    assert!(accepted > 3_000 && refused > 3_000, "{accepted} accepted, {refused} refused");
}

#[test]
fn keys_have_no_control_character() {
    for char in '\0'..=char::MAX {
        let key = std::format!("k{char}");
        assert_eq!(check_key(&key).is_ok(), !char.is_control(), "{char:?}");
    }
}
