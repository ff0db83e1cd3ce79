//! What a program that observes nothing hears of its store.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use session_core::events::{Event, Observer};

const PAUSE: Duration = Duration::from_secs(60);

/// Writes to stderr that the store failed, what it warns of, and that browsers ignore the cookie, at most once a minute. Ignores everything else.
#[derive(Debug, Default)]
pub(crate) struct Stderr(Mutex<Option<Instant>>);

impl Observer for Stderr {
    fn observe(&self, event: &Event<'_>) {
        if !matches!(event, Event::StoreFailed(_) | Event::StoreWarned(_) | Event::PlainHttp) {
            return;
        }
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| last.elapsed() >= PAUSE) {
            *last = Some(Instant::now());
            eprintln!("session: {event}");
        }
    }

    /// What is not written need not be put together.
    fn ignores(&self) -> bool {
        true
    }
}
