//! What the tests share: records, loads, and numbers that only look random.
#![allow(dead_code, reason = "each test uses some of it")]

use session_core::environment::Time;
use session_core::record::{ENDS_AT, FORMAT, IDLE_AT, LAST_SEEN_AT, LOGIN_AT, MIN_LEN, VERSION_AT};
use session_core::store::{Handle, Load, Store};
pub(crate) use session_core::testing::run;

pub(crate) fn at(millis: u64) -> Time {
    Time::from_millis(millis)
}

/// A handle as the core makes them: uniform over all bits (splitmix64 is a bijection, so they differ).
pub(crate) fn key(number: u64) -> Handle {
    Handle::from_bytes(mix(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes())
}

/// A record to be.
#[derive(Clone, Copy, Default)]
pub(crate) struct Draft {
    pub(crate) version: u64,
    pub(crate) login: u32,
    pub(crate) seen: u64,
    pub(crate) idle: u64,
    pub(crate) ends: u64,
    /// Bytes of data.
    pub(crate) data: usize,
    /// The subject, if it is signed in.
    pub(crate) subject: Option<&'static str>,
}

impl Draft {
    pub(crate) fn record(self) -> Vec<u8> {
        let mut record = vec![0; MIN_LEN];
        record[0] = FORMAT;
        record[VERSION_AT..][..8].copy_from_slice(&self.version.to_le_bytes());
        record[LOGIN_AT..][..4].copy_from_slice(&self.login.to_le_bytes());
        for (place, value) in [(LAST_SEEN_AT, self.seen), (IDLE_AT, self.idle), (ENDS_AT, self.ends)] {
            record[place..][..6].copy_from_slice(&value.to_le_bytes()[..6]);
        }
        if let Some(subject) = self.subject {
            record[1] = 4;
            record.extend([0; 6]);
            record.push(subject.len() as u8);
            record.extend(subject.bytes());
        }
        record.extend((0..self.data).map(|n| n as u8 ^ self.version as u8));
        record
    }
}

/// The record under `key`, if there is a live one.
pub(crate) fn load(store: &impl Store, key: &Handle, now: u64) -> Option<Vec<u8>> {
    let mut record = vec![0; 1024];
    match run(store.load(key, at(now), &mut record)).unwrap() {
        Load::Found(found) => {
            record.truncate(found.len);
            Some(record)
        }
        Load::Missing => None,
        Load::TooLarge { size } => panic!("{size} bytes"),
    }
}

/// The same numbers at every run.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
