//! Events as those of `tracing`.

use session_core::events::{Event, Level, Observer};

use crate::origin::Origin;

/// Reports events to the program's subscriber, within the span of the request.
///
/// The target is `session`. The fields are `event` (its name), `session` (eight hex digits, as
/// [`LogId`](session_core::events::LogId) prints) and `error` (the store's message). The message is a sentence for
/// people. For audits there are also `subject`, `cause` of a revocation, and `client`, the client's address if the
/// layer knows it.
///
/// The subject is not hashed, because an audit must name it. If your subjects are names or addresses, this log is
/// personal data. Events that the subscriber does not want are not formatted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tracing;

impl Observer for Tracing {
    fn observe(&self, event: &Event<'_>) {
        let audit = event.subject().is_some() || matches!(event, Event::LoginFailed(..) | Event::CrossSite);
        let client = if audit { Origin::of_request().and_then(|origin| origin.address) } else { None };
        // a level is fixed at a place in the code
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
