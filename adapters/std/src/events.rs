//! What happens to sessions, for logs and counters: the core's [events], and observers that need a heap.
//!
//! `sessions.observed(events::Tracing)`, or two at once: `sessions.observed((events::Tracing, events::Metrics))`. Each is a
//! feature by its name: `log`, `tracing`, `metrics`. For OpenTelemetry there is the crate `session-opentelemetry`, which
//! measures the calls of a store as well. All of them are in `docs/observability.md` in the repository.
//!
//! An audit (LC19) needs who, what, why and from where: [`Event::subject`], [`Event::name`], [`Event::cause`] or
//! [`Event::reason`], and [`Origin::of_request`]. `Log` and `Tracing` write the subject in the clear.
//!
//! A client can provoke some events at will. Of such an event, ten a minute are told, for each session that it names, or of
//! its kind if it names none; then [`Observer::observe_excess`] is called in the place of [`Observer::observe`]. `Log` and
//! `Tracing` leave those out, and say later how many they were; `Metrics` counts all.
//!
//! [events]: session_core::events

pub(crate) mod limit;
#[cfg(feature = "metrics")]
mod metrics;
pub(crate) mod stderr;
#[cfg(feature = "tracing")]
mod tracing;

#[cfg(feature = "metrics")]
pub use self::metrics::Metrics;
#[cfg(feature = "tracing")]
pub use self::tracing::Tracing;
#[cfg(feature = "log")]
pub use session_core::events::Log;
pub use session_core::events::{Cause, Event, Level, LogId, Observer};

pub use crate::origin::Origin;
