//! What the store should hold, as plainly as it can be said.

use session_core::environment::Time;
use session_core::record::{LAST_SEEN_AT, Stamp};
use session_core::store::{DeleteCondition, Handle, Outcome, Version};
use session_store_flash::PersistedTime;
use store_support::stamp;

/// A session may be set back by less than this when the power is cut.
pub(crate) const TOUCH_EVERY: u64 = 1_000;

/// Everything that survives.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Oracle {
    pub(crate) store: store_support::Oracle,
    /// The listed ones, in their order.
    pub(crate) logins: Vec<Handle>,
    pub(crate) items: [Option<Vec<u8>>; 4],
    pub(crate) time: Option<PersistedTime>,
    pub(crate) epoch: u64,
}

impl Oracle {
    pub(crate) fn new(sessions: usize) -> Self {
        Self { store: store_support::Oracle { sessions, ..Default::default() }, ..Self::default() }
    }

    pub(crate) fn end(&mut self, now: Time) {
        self.store.end(now);
        self.logins.retain(|key| self.store.records.contains_key(key));
    }

    /// A session that makes room is anonymous, and in no list.
    pub(crate) fn create(&mut self, key: Handle, record: &[u8]) -> Outcome {
        self.store.create(key, record)
    }

    pub(crate) fn update(&mut self, key: Handle, seen: Version, record: &[u8]) -> Outcome {
        let login = self.login(&key);
        let outcome = self.store.update(&key, seen, record);
        if login != self.login(&key) {
            self.logins.retain(|there| *there != key);
        }
        outcome
    }

    fn login(&self, key: &Handle) -> Option<u32> {
        self.store.records.get(key).map(|record| stamp(record).login)
    }

    /// Lists a session that is signed in.
    pub(crate) fn list(&mut self, key: Handle) {
        let signed_in = self.store.records.get(&key).is_some_and(|record| stamp(record).login > 0);
        if signed_in && !self.logins.contains(&key) {
            self.logins.push(key);
        }
    }

    pub(crate) fn touch(&mut self, key: &Handle, now: Time) -> Outcome {
        self.store.touch(key, now)
    }

    pub(crate) fn delete(&mut self, key: &Handle, condition: DeleteCondition) -> Outcome {
        let outcome = self.store.delete(key, condition);
        self.logins.retain(|key| self.store.records.contains_key(key));
        outcome
    }

    pub(crate) fn end_all(&mut self) {
        self.store.records.clear();
        self.logins.clear();
    }

    /// Whether a device that holds `seen` may be one that held this when its power was cut: the same, but each session's last
    /// activity may be a little earlier, and a session may be over for that reason.
    pub(crate) fn may_have_become(&self, seen: &Self, now: Time) -> bool {
        let set_back = |key: &Handle, record: &Vec<u8>| {
            let before = stamp(record);
            let earliest = before.last_seen.millis().saturating_sub(TOUCH_EVERY - 1);
            match seen.store.records.get(key) {
                Some(found) => {
                    let after = stamp(found).last_seen;
                    let mut same = found.clone();
                    Stamp::touch(&mut same, before.last_seen);
                    same == *record && (earliest..=before.last_seen.millis()).contains(&after.millis())
                }
                None => !Stamp { last_seen: Time::from_millis(earliest), ..before }.live(now),
            }
        };
        let logins: Vec<Handle> =
            self.logins.iter().filter(|key| seen.store.records.contains_key(key)).copied().collect();
        self.store.records.iter().all(|(key, record)| set_back(key, record))
            && seen.store.records.keys().all(|key| self.store.records.contains_key(key))
            && logins == seen.logins
            && (&self.items, self.time, self.epoch) == (&seen.items, seen.time, seen.epoch)
    }
}

/// The record with this last activity, whatever it had.
pub(crate) fn with_last_seen(mut record: Vec<u8>, seen: u64) -> Vec<u8> {
    record[LAST_SEEN_AT..][..6].copy_from_slice(&seen.to_le_bytes()[..6]);
    record
}
