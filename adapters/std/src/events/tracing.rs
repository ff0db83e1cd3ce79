//! Events as those of `tracing`.

use session_core::events::{Event, Level, Observer};

use crate::origin::Origin;

/// Tells the program's subscriber, within the span of the request: target `session`, the fields `event` (its name),
/// `session` (eight hex digits, as [`LogId`](session_core::events::LogId) prints) and `error` (what a store said), and a message
/// for people. Where an audit needs it, also `subject`, `cause` of a revocation and `client`, the address of who sent the
/// request, if the layer knows it. The subject is not hashed, because an audit has to say who it was: if your subjects are
/// names or addresses, this log is personal data. What the subscriber does not want is not formatted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tracing;

impl Observer for Tracing {
    fn observe(&self, event: &Event<'_>) {
        let audit = event.subject().is_some() || matches!(event, Event::LoginFailed(..) | Event::CrossSite);
        let client = if audit { Origin::of_request().and_then(|origin| origin.address) } else { None };
        // a level belongs to a place in the code
        macro_rules! tell {
            ($level:ident) => {
                tracing::$level!(
                    target: "session",
                    event = event.name(),
                    session = event.log_id().map(tracing::field::display),
                    subject = event.subject(),
                    cause = event.cause().map(|cause| cause.name()),
                    client = client.map(tracing::field::display),
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

    fn observe_excess(&self, _: &Event<'_>) {}
}
