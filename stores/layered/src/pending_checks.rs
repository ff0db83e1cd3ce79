//! Records whose next load must ask the durable store, because the cache may contradict its last answer.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use session_core::environment::Time;
use session_core::store::Handle;

/// The request that needs a check loads again at once. A check that is older was abandoned.
const ABANDONED: Duration = Duration::from_secs(60);
/// At this number, abandoned checks are removed.
const MANY: usize = 1024;

#[derive(Default)]
pub(crate) struct PendingChecks(Mutex<HashMap<Handle, Time>>);

impl PendingChecks {
    pub(crate) fn add(&self, key: &Handle, now: Time) {
        let mut checks = self.checks();
        if checks.len() >= MANY {
            checks.retain(|_, since| now.since(*since) < ABANDONED);
        }
        checks.insert(*key, now);
    }

    pub(crate) fn contains(&self, key: &Handle) -> bool {
        self.checks().contains_key(key)
    }

    pub(crate) fn remove(&self, key: &Handle) {
        self.checks().remove(key);
    }

    fn checks(&self) -> MutexGuard<'_, HashMap<Handle, Time>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for PendingChecks {
    /// Prints no key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PendingChecks({})", self.checks().len())
    }
}
