//! What happens to sessions, for logs and counters: the core's [events], and observers that need a heap.
//!
//! `sessions.observed(events::Tracing)`, or two at once: `sessions.observed((events::Tracing, events::Metrics))`. Each is a
//! feature by its name: `log`, `tracing`, `metrics`.
//!
//! [events]: session_core::events

#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "tracing")]
mod tracing;

#[cfg(feature = "metrics")]
pub use self::metrics::Metrics;
#[cfg(feature = "tracing")]
pub use self::tracing::Tracing;
#[cfg(feature = "log")]
pub use session_core::events::Log;
pub use session_core::events::{Event, Level, LogId, Observer};
