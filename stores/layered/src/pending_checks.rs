//! Records whose next load has to ask the durable store, because it said something that the cache may contradict.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use session_core::environment::Time;
use session_core::store::Handle;

/// The request that needs a check loads again at once. A check that is older was abandoned.
const ABANDONED: Duration = Duration::from_secs(60);
/// From this number on, abandoned checks are removed.
const MANY: usize = 1024;

/// Why the next load asks the durable store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PendingCheck {
    /// The durable store found another version than the one that was loaded: the entry in the cache is old.
    Conflict,
    /// The durable store gave no answer. The operation may have happened, and the cache does not know of it.
    Indeterminate,
}

#[derive(Default)]
pub(crate) struct PendingChecks(Mutex<HashMap<Handle, (PendingCheck, Time)>>);

impl PendingChecks {
    pub(crate) fn add(&self, key: &Handle, check: PendingCheck, now: Time) {
        let mut checks = self.checks();
        if checks.len() >= MANY {
            checks.retain(|_, (_, since)| now.since(*since) < ABANDONED);
        }
        let (known, since) = checks.entry(*key).or_insert((check, now));
        // the graver one stays
        if check == PendingCheck::Indeterminate {
            *known = check;
        }
        *since = now;
    }

    pub(crate) fn get(&self, key: &Handle) -> Option<PendingCheck> {
        self.checks().get(key).map(|(check, _)| *check)
    }

    pub(crate) fn remove(&self, key: &Handle) {
        self.checks().remove(key);
    }

    fn checks(&self) -> MutexGuard<'_, HashMap<Handle, (PendingCheck, Time)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for PendingChecks {
    /// Prints no key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.checks().values().map(|(check, _)| check)).finish()
    }
}
