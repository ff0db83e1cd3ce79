//! What the tests of all stores share: times, keys, records, loads, random numbers that are the same at every run, and
//! what a store should hold.

#[path = "../../../session-core/src/clause.rs"]
mod clause;
mod oracle;

pub use oracle::{Oracle, stamp};

use std::time::SystemTime;

use session_core::environment::Time;
use session_core::record::{ENDS_AT, FORMAT, IDLE_AT, LAST_SEEN_AT, LOGIN_AT, MIN_LEN, VERSION_AT};
use session_core::store::{Handle, Load, Store};

/// Fails unless the text of an error is a clause of one line in lower case, without a full stop or a banned word.
pub fn check_text(name: &str, text: &str) {
    clause::check(name, text);
}

/// Returns a time of a clock that the test steps.
#[must_use]
pub fn at(millis: u64) -> Time {
    Time::from_millis(millis)
}

/// Returns the time of day, for media that have a clock of their own.
#[must_use]
pub fn now() -> Time {
    Time::ZERO.after(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default())
}

/// Returns a handle as the core makes them: uniform over all bits. Different numbers give different handles, because
/// splitmix64 is a bijection.
#[must_use]
pub fn key(number: u64) -> Handle {
    Handle::from_bytes(mix(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes())
}

/// The fields of a record.
#[derive(Clone, Copy, Default)]
pub struct Draft {
    /// The version.
    pub version: u64,
    /// The login number.
    pub login: u32,
    /// The last activity, in milliseconds.
    pub seen: u64,
    /// The idle timeout, in milliseconds; 0 = none.
    pub idle: u64,
    /// The end of the absolute lifetime, in milliseconds; 0 = none.
    pub ends: u64,
    /// Bytes of data.
    pub data: usize,
    /// The subject of a session that is signed in.
    pub subject: Option<&'static str>,
}

impl Draft {
    /// Returns the record's bytes. Its data depends on the version.
    #[must_use]
    pub fn record(self) -> Vec<u8> {
        let mut record = vec![0; MIN_LEN];
        record[0] = FORMAT;
        record[VERSION_AT..][..8].copy_from_slice(&self.version.to_le_bytes());
        record[LOGIN_AT..][..4].copy_from_slice(&self.login.to_le_bytes());
        for (place, value) in [(LAST_SEEN_AT, self.seen), (IDLE_AT, self.idle), (ENDS_AT, self.ends)] {
            record[place..][..6].copy_from_slice(&value.to_le_bytes()[..6]);
        }
        if let Some(subject) = self.subject {
            record[1] = session_core::record::SUBJECT;
            record.extend([0; 6]);
            record.push(subject.len() as u8);
            record.extend(subject.bytes());
        }
        record.extend((0..self.data).map(|n| n as u8 ^ self.version as u8));
        record
    }
}

/// Returns the live record under `key`.
///
/// # Errors
/// The store fails.
///
/// # Panics
/// If the record is larger than any that a test stores.
pub async fn load<S: Store>(store: &S, key: &Handle, now: Time) -> Result<Option<Vec<u8>>, S::Error> {
    let mut record = vec![0; 4096];
    Ok(match store.load(key, now, &mut record).await? {
        Load::Found(found) => {
            record.truncate(found.len);
            Some(record)
        }
        Load::Missing => None,
        Load::TooLarge { size } => panic!("{size} bytes"),
    })
}

/// For stores whose futures never wait.
pub mod blocking {
    use std::fmt::Debug;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use session_core::store::{Handle, Store};

    /// Returns the result of a future that is ready at its first poll.
    ///
    /// # Panics
    /// If it is not, or if the result is an error.
    pub fn ready<T, E: Debug>(future: impl Future<Output = Result<T, E>>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result.unwrap(),
            Poll::Pending => panic!("the future waits"),
        }
    }

    /// Returns the live record under `key`.
    ///
    /// # Panics
    /// If the store fails.
    pub fn load(store: &impl Store, key: &Handle, now: u64) -> Option<Vec<u8>> {
        session_core::testing::run(super::load(store, key, super::at(now))).unwrap()
    }
}

/// Random numbers from a seed (splitmix64).
pub struct Numbers(pub u64);

impl Numbers {
    /// Returns the next number, of any 64 bits.
    pub fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Returns the next number, below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.any() % end
    }
}

fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
