//! Events as those of `tracing`.

use session_core::events::{Event, Level, Observer};

/// Tells the program's subscriber, within the span of the request: target `session`, the fields `event` (its name),
/// `session` (eight hex digits, as [`LogId`](session_core::events::LogId) prints) and `error` (what a store said), and a message
/// for people. What the subscriber does not want is not formatted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tracing;

impl Observer for Tracing {
    fn observe(&self, event: &Event<'_>) {
        // a level belongs to a place in the code
        macro_rules! tell {
            ($level:ident) => {
                tracing::$level!(
                    target: "session",
                    event = event.name(),
                    session = event.log_id().map(tracing::field::display),
                    error = event.reason().map(tracing::field::display),
                    "{event}"
                )
            };
        }
        match event.level() {
            Level::Debug => tell!(debug),
            Level::Info => tell!(info),
            Level::Warn => tell!(warn),
        }
    }
}
