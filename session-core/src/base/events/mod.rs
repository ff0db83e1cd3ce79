//! What an operator may want to know: one observer, called where it happens, without a heap and without a secret (LC13).
//!
//! [`Event`] has the table of all.
//!
//! Ready observers, each a feature: [`Log`] (`log`) and [`Defmt`] (`defmt`) here, `Tracing` and `Metrics` in the adapters for
//! servers. They say the event's name, its level and the session's [`LogId`], never a cookie. [`Log`] and
//! `Tracing` also say the subject of the events that audits need, in the clear. A pair of observers is one:
//! `observed((Log, Counter))`.

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
