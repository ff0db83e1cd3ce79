//! Events for operators: an observer is called where something happens, without a heap and without a secret.
//!
//! [`Event`] lists all events in a table.
//!
//! Each ready observer is a feature: `Log` (`log`) and `Defmt` (`defmt`) here, `Tracing` and `Metrics` in the
//! adapters for servers. They report the event's name, its level and the session's [`LogId`], never a cookie. `Log`
//! and `Tracing` also report the subject, in the clear, for the events that an audit needs. A pair of observers is an
//! observer: `observed((Log, Counter))`.

#[cfg(feature = "defmt")]
mod defmt;
mod event;
#[cfg(feature = "log")]
mod log;

#[cfg(feature = "defmt")]
pub use self::defmt::Defmt;
pub use self::event::{Cause, Event, Level, LogId, Observer};
#[cfg(feature = "log")]
pub use self::log::Log;
