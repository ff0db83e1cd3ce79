//! The brake on guessing (NIST SP 800-63B-4, 3.2.2): after five wrong passwords each further one has to wait longer, up to a
//! minute, and after fifty in a row none is looked at any more.
//!
//! There are two: strangers brake each other, and not who is signed in or was signed in from this browser before. So no
//! stranger keeps the owner out, and the account takes a hundred wrong passwords in a row at most. It counts in memory: a
//! restart begins anew, and who can cut the power can do worse.

use core::cell::Cell;
use core::time::Duration;

use session_core::environment::Time;

use crate::device::seconds;

/// Wrong passwords that cost nothing.
const FREE: u32 = 5;
/// The longest wait.
const LONGEST: u32 = 60;
/// Wrong passwords in a row, of each of the two.
const MOST: u32 = 50;

#[derive(Default)]
pub(crate) struct Throttle {
    wrong: Cell<u32>,
    until: Cell<Time>,
}

impl Throttle {
    /// Whether no password is looked at any more.
    pub(crate) fn is_locked(&self) -> bool {
        self.wrong.get() >= MOST
    }

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
