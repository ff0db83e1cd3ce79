//! Events as counters of the `metrics` facade.

use session_core::events::{Event, Observer};

/// Counts each event in the program's recorder: `session_events_total`, with its name as the label `event`. No counter has
/// an id, so there are as many series as names. Without a recorder nothing is counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Metrics;

impl Observer for Metrics {
    fn observe(&self, event: &Event<'_>) {
        metrics::counter!("session_events_total", "event" => event.name()).increment(1);
    }
}
