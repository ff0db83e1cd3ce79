//! Lines on stderr: of the default observer, and at the program's start.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use session_core::events::{Event, Observer};

const PAUSE: Duration = Duration::from_secs(60);

/// Writes a line to stderr. If that fails, the line is lost. `eprintln!` would panic, and a log on a full disk would
/// then leave a request without a response.
pub fn to_stderr(line: impl Display) {
    let _lost = writeln!(io::stderr(), "{line}");
}

/// Writes failures and warnings of the store to stderr, and that browsers ignore the cookie, at most once a minute.
/// Ignores everything else.
#[derive(Debug, Default)]
pub(crate) struct Stderr(Mutex<Option<Instant>>);

impl Stderr {
    /// Returns whether a minute has passed since the last line, and if so starts the next minute.
    fn is_due(&self, now: Instant) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| now.saturating_duration_since(last) >= PAUSE);
        if due {
            *last = Some(now);
        }
        due
    }
}

impl Observer for Stderr {
    fn observe(&self, event: &Event<'_>) {
        let told = matches!(event, Event::StoreFailed(_) | Event::StoreWarned(_) | Event::PlainHttp);
        if told && self.is_due(Instant::now()) {
            to_stderr(format_args!("session: {event}"));
        }
    }

    /// Text that is not written is not composed.
    fn ignores(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_a_minute_at_most_st10() {
        let (stderr, start) = (Stderr::default(), Instant::now());
        let due = |millis| stderr.is_due(start + Duration::from_millis(millis));
        assert_eq!(
            [0, 1, 59_999, 60_000, 60_001, 119_999, 120_000].map(due),
            [true, false, false, true, false, false, true]
        );
    }
}
