//! The contract of a store with quotas, over a map.

use std::collections::BTreeMap;

use session_core::environment::Time;
use session_core::record::Stamp;
use session_core::store::{DeleteCondition, Found, Handle, Outcome, Version};

/// What a store should hold that has room for so many sessions, a quarter of it for those that are signed in.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Oracle {
    /// Sessions at most.
    pub sessions: usize,
    /// Their records.
    pub records: BTreeMap<Handle, Vec<u8>>,
}

/// Returns what a store reads of a record.
///
/// # Panics
/// If it is no record.
#[must_use]
pub fn stamp(record: &[u8]) -> Stamp {
    Stamp::of(record).unwrap()
}

impl Oracle {
    /// Drops the records that are over.
    pub fn end(&mut self, now: Time) {
        self.records.retain(|_, record| stamp(record).live(now));
    }

    /// Returns the outcome of [`Store::create`](session_core::store::Store::create).
    pub fn create(&mut self, key: Handle, record: &[u8]) -> Outcome {
        if self.records.contains_key(&key) {
            return Outcome::Conflict(None);
        }
        let new = stamp(record);
        let visitors = self.records.iter().filter(|(_, record)| Stamp::is_anonymous(record));
        let least = visitors.clone().min_by_key(|(_, record)| stamp(record).last_seen).map(|(key, _)| *key);
        if Stamp::is_anonymous(record) {
            if self.records.len() == self.sessions || visitors.count() >= self.sessions - self.sessions / 4 {
                return Outcome::Full;
            }
        } else if self.records.len() == self.sessions {
            match least {
                Some(least) => self.records.remove(&least),
                None => return Outcome::Full,
            };
        }
        self.records.insert(key, record.to_vec());
        Outcome::Applied(new.version)
    }

    /// Returns the outcome of [`Store::update`](session_core::store::Store::update).
    pub fn update(&mut self, key: &Handle, seen: Version, record: &[u8]) -> Outcome {
        let Some(there) = self.records.get_mut(key) else { return Outcome::Missing };
        let before = stamp(there);
        if before.version != seen {
            return Outcome::Conflict(Some(Found { len: there.len(), version: before.version }));
        }
        *there = record.to_vec();
        Stamp::touch(there, before.last_seen);
        Outcome::Applied(stamp(record).version)
    }

    /// Returns the outcome of [`Store::touch`](session_core::store::Store::touch).
    pub fn touch(&mut self, key: &Handle, now: Time) -> Outcome {
        let Some(there) = self.records.get_mut(key) else { return Outcome::Missing };
        Stamp::touch(there, now);
        Outcome::Applied(stamp(there).version)
    }

    /// Returns the outcome of [`Store::delete`](session_core::store::Store::delete).
    pub fn delete(&mut self, key: &Handle, condition: DeleteCondition) -> Outcome {
        let Some(there) = self.records.get(key).map(|record| stamp(record)) else { return Outcome::Missing };
        if !condition.matches(&there) {
            return Outcome::Conflict(None);
        }
        self.records.remove(key);
        Outcome::Applied(there.version)
    }
}
