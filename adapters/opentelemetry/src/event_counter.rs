//! Events as a counter.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Meter};
use session_core::events::{Event, Observer};

/// Counts events: the metric `session_core.events`, with the event's name as `session_core.event.name`. A revocation has its
/// cause as `session_core.revocation.cause`. No attribute names a session or a subject, so there are as many series as
/// names and causes.
#[derive(Clone, Debug)]
pub struct EventCounter(Counter<u64>);

impl EventCounter {
    /// Returns an observer that counts with `meter`.
    #[must_use]
    pub fn new(meter: &Meter) -> Self {
        let counter = meter.u64_counter("session_core.events").with_unit("{event}");
        Self(counter.with_description("What happened to sessions.").build())
    }
}

impl Observer for EventCounter {
    fn observe(&self, event: &Event<'_>) {
        let name = KeyValue::new("session_core.event.name", event.name());
        match event.cause() {
            Some(cause) => self.0.add(1, &[name, KeyValue::new("session_core.revocation.cause", cause.name())]),
            None => self.0.add(1, &[name]),
        }
    }
}
