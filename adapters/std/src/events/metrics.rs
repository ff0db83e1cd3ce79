//! Events as counters of the `metrics` facade.

use session_core::events::{Event, Observer};

/// Counts events in the program's recorder, as `session_events_total` with the event's name in the label `event`. No
/// label contains an id, so the number of series is the number of names. Without a recorder nothing is counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Metrics;

impl Observer for Metrics {
    fn observe(&self, event: &Event<'_>) {
        metrics::counter!("session_events_total", "event" => event.name()).increment(1);
    }
}
