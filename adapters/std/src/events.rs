//! Observers that write events to logs and counters. The core defines the [events](session_core::events).
//!
//! Pass an observer with `sessions.observed(events::Tracing)`, or two with
//! `sessions.observed((events::Tracing, events::Metrics))`. Each observer has a feature of its name: `log`, `tracing`,
//! `metrics`. The crate `session-opentelemetry` reports to OpenTelemetry and measures store calls as well. For all of
//! them see `docs/observability.md` in the repository.
//!
//! An audit needs the subject, the action, the reason and the origin: [`Event::subject`], [`Event::name`],
//! [`Event::cause`] or [`Event::reason`], and [`Origin::of_request`]. `Log` and `Tracing` write the subject in clear
//! text.
//!
//! A client can provoke some events as often as it likes. Such an event is reported at most ten times a minute for each
//! session it names, or for its kind if it names none. Further ones are passed to [`Observer::observe_excess`] instead
//! of [`Observer::observe`]. `Log` and `Tracing` skip those and report their number later. `Metrics` counts all of
//! them.

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
