//! The reference app of one adapter as a process, for tests with several of them. With `PRINT_EVENTS` in its environment it
//! prints all that observers are told. With `CLOCK` it adds the milliseconds in the file of that name to the system's clock,
//! at each look, so that a test can step it.

#[path = "../../../../adapters/axum/examples/reference.rs"]
#[allow(dead_code, unreachable_pub)] // its main is not called here
mod axum_app;

use std::path::PathBuf;

use session_axum::events::{Event, Observer};
use session_core::environment::{Clock, Time};
use support::reference::SystemClock;

struct Print;

impl Observer for Print {
    fn observe(&self, event: &Event<'_>) {
        eprintln!("{event}");
    }
}

/// The system's clock, as far ahead or behind as the file says; a file that is being written says nothing.
struct Stepped(Option<PathBuf>);

impl Clock for Stepped {
    fn now(&self) -> Time {
        let text = self.0.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
        let ahead: i64 = text.and_then(|text| text.trim().parse().ok()).unwrap_or_default();
        Time::from_millis(SystemClock.now().millis().saturating_add_signed(ahead))
    }
}

fn main() {
    support::reference::run(|listener, config, _, stop| {
        let version = config.struct_version;
        let clock = Box::leak(Box::new(Stepped(std::env::var_os("CLOCK").map(PathBuf::from))));
        let sessions = support::reference::sessions(config, clock)?;
        let sessions = if std::env::var_os("PRINT_EVENTS").is_some() { sessions.observed(Print) } else { sessions };
        axum_app::run(listener, axum_app::router(sessions, version), stop)
    });
}
