//! Slows guessing down: after five wrong passwords for a name each further one has to wait longer, up to a minute.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::{Duration, Instant};

/// Wrong passwords that cost nothing.
const FREE: u32 = 5;
/// The longest wait, in seconds.
const LONGEST: u64 = 60;
/// Names are told apart by a secret hash of so many values: the table is of fixed size whatever names are tried, and
/// two names rarely share a wait.
const SLOTS: u64 = 4_096;

pub(crate) struct Throttle {
    secret: RandomState,
    slots: Vec<Slot>,
}

#[derive(Clone, Default)]
struct Slot {
    wrong: u32,
    until: Option<Instant>,
}

impl Throttle {
    pub(crate) fn new() -> Self {
        Self { secret: RandomState::new(), slots: vec![Slot::default(); SLOTS as usize] }
    }

    fn slot(&mut self, name: &str) -> &mut Slot {
        let at = self.secret.hash_one(name) % SLOTS;
        &mut self.slots[at as usize]
    }

    /// How long this name has to wait, also with the right password.
    pub(crate) fn left(&mut self, name: &str, now: Instant) -> Option<Duration> {
        let until = self.slot(name).until?;
        until.checked_duration_since(now).filter(|left| !left.is_zero())
    }

    pub(crate) fn wrong(&mut self, name: &str, now: Instant) {
        let slot = self.slot(name);
        slot.wrong = slot.wrong.saturating_add(1);
        if slot.wrong >= FREE {
            let seconds = 1_u64.checked_shl(slot.wrong - FREE).unwrap_or(LONGEST).min(LONGEST);
            slot.until = Some(now + Duration::from_secs(seconds));
        }
    }

    pub(crate) fn right(&mut self, name: &str) {
        *self.slot(name) = Slot::default();
    }
}
