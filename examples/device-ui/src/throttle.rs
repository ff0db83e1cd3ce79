//! Slows guessing down, for the whole device: after five wrong passwords each further one has to wait longer, up to a minute.
//! It counts in memory: whoever can cut the power can do worse.

use core::cell::Cell;
use core::time::Duration;

use session_core::environment::Time;

use crate::device::seconds;

/// Wrong passwords that cost nothing.
const FREE: u32 = 5;
/// The longest wait.
const LONGEST: u32 = 60;

#[derive(Default)]
pub(crate) struct Throttle {
    wrong: Cell<u32>,
    until: Cell<Time>,
}

impl Throttle {
    /// Whole seconds to wait, also with the right password; 0 = try.
    pub(crate) fn seconds_left(&self, now: Time) -> u32 {
        // a clock that was set back would otherwise lock the owner out
        self.until.set(self.until.get().min(now.after(Duration::from_secs(LONGEST.into()))));
        let left = self.until.get().since(now);
        seconds(left) + u32::from(left.subsec_nanos() > 0)
    }

    pub(crate) fn wrong(&self, now: Time) {
        let wrong = self.wrong.get().saturating_add(1);
        self.wrong.set(wrong);
        if wrong >= FREE {
            let seconds = 1_u32.checked_shl(wrong - FREE).unwrap_or(LONGEST).min(LONGEST);
            self.until.set(now.after(Duration::from_secs(seconds.into())));
        }
    }

    pub(crate) fn right(&self) {
        self.wrong.set(0);
        self.until.set(Time::ZERO);
    }
}
