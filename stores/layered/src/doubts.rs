//! Records about which the durable store said something that the cache must not contradict at the next load.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use session_core::environment::Time;
use session_core::store::Handle;

/// Whoever doubts looks again at once; after this nobody will.
const FORGOTTEN: Duration = Duration::from_secs(60);
/// From so many on, those that nobody came back to are looked for.
const MANY: usize = 1024;

/// Why the next load asks the durable store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// It refused what was loaded: the entry is old.
    Conflict,
    /// It gave no answer: what was asked may have been done, and nobody has told the cache.
    Unknown,
}

#[derive(Default)]
pub(crate) struct Doubts(Mutex<HashMap<Handle, (Doubt, Time)>>);

impl Doubts {
    pub(crate) fn note(&self, key: &Handle, doubt: Doubt, now: Time) {
        let mut doubts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if doubts.len() >= MANY {
            doubts.retain(|_, (_, since)| now.since(*since) < FORGOTTEN);
        }
        let (known, since) = doubts.entry(*key).or_insert((doubt, now));
        // the worse one stays
        if doubt == Doubt::Unknown {
            *known = doubt;
        }
        *since = now;
    }

    pub(crate) fn about(&self, key: &Handle) -> Option<Doubt> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).map(|(doubt, _)| *doubt)
    }

    pub(crate) fn settled(&self, key: &Handle) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

impl fmt::Debug for Doubts {
    /// Prints no key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doubts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_list().entries(doubts.values().map(|(doubt, _)| doubt)).finish()
    }
}
