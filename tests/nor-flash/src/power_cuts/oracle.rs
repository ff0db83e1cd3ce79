//! What the store should hold, as plainly as it can be said.

use session_core::environment::Time;
use session_core::record::{LAST_SEEN_AT, Stamp};
use session_core::store::{DeleteCondition, Found, Handle, Outcome, Version};
use session_store_flash::PersistedTime;
use std::collections::BTreeMap;

/// A session may be set back by less than this when the power is cut.
pub(crate) const TOUCH_EVERY: u64 = 1_000;

/// Everything that survives.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Oracle {
    pub(crate) sessions: usize,
    pub(crate) records: BTreeMap<Handle, Vec<u8>>,
    /// The listed ones, in their order.
    pub(crate) logins: Vec<Handle>,
    pub(crate) items: [Option<Vec<u8>>; 4],
    pub(crate) time: Option<PersistedTime>,
    pub(crate) epoch: u64,
}

pub(crate) fn stamp(record: &[u8]) -> Stamp {
    Stamp::of(record).expect("a record")
}

impl Oracle {
    pub(crate) fn end(&mut self, now: Time) {
        self.records.retain(|_, record| stamp(record).live(now));
        self.logins.retain(|key| self.records.contains_key(key));
    }

    pub(crate) fn create(&mut self, key: Handle, record: &[u8]) -> Outcome {
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
                // an anonymous one is in no list
                Some(least) => self.records.remove(&least),
                None => return Outcome::Full,
            };
        }
        self.records.insert(key, record.to_vec());
        Outcome::Applied(new.version)
    }

    pub(crate) fn update(&mut self, key: Handle, seen: Version, record: &[u8]) -> Outcome {
        let Some(there) = self.records.get_mut(&key) else { return Outcome::Missing };
        let (before, new) = (stamp(there), stamp(record));
        if before.version != seen {
            return Outcome::Conflict(Some(Found { len: there.len(), version: before.version }));
        }
        *there = record.to_vec();
        Stamp::touch(there, before.last_seen);
        if before.login != new.login {
            self.logins.retain(|there| *there != key);
        }
        Outcome::Applied(new.version)
    }

    /// Lists a session that is signed in.
    pub(crate) fn list(&mut self, key: Handle) {
        let signed_in = self.records.get(&key).is_some_and(|record| stamp(record).login > 0);
        if signed_in && !self.logins.contains(&key) {
            self.logins.push(key);
        }
    }

    pub(crate) fn touch(&mut self, key: &Handle, now: Time) -> Outcome {
        let Some(there) = self.records.get_mut(key) else { return Outcome::Missing };
        Stamp::touch(there, now);
        Outcome::Applied(stamp(there).version)
    }

    pub(crate) fn delete(&mut self, key: &Handle, condition: DeleteCondition) -> Outcome {
        let Some(there) = self.records.get(key).map(|record| stamp(record)) else { return Outcome::Missing };
        if !condition.matches(&there) {
            return Outcome::Conflict(None);
        }
        self.records.remove(key);
        self.logins.retain(|there| there != key);
        Outcome::Applied(there.version)
    }

    pub(crate) fn end_all(&mut self) {
        self.records.clear();
        self.logins.clear();
    }

    /// Whether a device that holds `seen` may be one that held this when its power was cut: the same, but each session's last
    /// activity may be a little earlier, and a session may be over for that reason.
    pub(crate) fn may_have_become(&self, seen: &Self, now: Time) -> bool {
        let set_back = |key: &Handle, record: &Vec<u8>| {
            let before = stamp(record);
            let earliest = before.last_seen.millis().saturating_sub(TOUCH_EVERY - 1);
            match seen.records.get(key) {
                Some(found) => {
                    let after = stamp(found).last_seen;
                    let mut same = found.clone();
                    Stamp::touch(&mut same, before.last_seen);
                    same == *record && (earliest..=before.last_seen.millis()).contains(&after.millis())
                }
                None => !Stamp { last_seen: Time::from_millis(earliest), ..before }.live(now),
            }
        };
        let logins: Vec<Handle> = self.logins.iter().filter(|key| seen.records.contains_key(key)).copied().collect();
        self.records.iter().all(|(key, record)| set_back(key, record))
            && seen.records.keys().all(|key| self.records.contains_key(key))
            && logins == seen.logins
            && (&self.items, self.time, self.epoch) == (&seen.items, seen.time, seen.epoch)
    }
}

/// The record with this last activity, whatever it had.
pub(crate) fn with_last_seen(mut record: Vec<u8>, seen: u64) -> Vec<u8> {
    record[LAST_SEEN_AT..][..6].copy_from_slice(&seen.to_le_bytes()[..6]);
    record
}
