//! What a store promises.
//!
//! A store keeps one record under one key and offers five operations, **each atomic on that key**. It has no put: a
//! record comes into being by [`create`](Store::create) only, and whatever else finds none says so, so that nothing
//! brings a session back that has ended (LC3, ST1). Outcomes are values; an error is the medium's failure, after which
//! the operation may have happened, or not, or may happen once at any later time (protocol rules 11, 13 and 14). So a
//! store never sends a create again by itself whose answer it has not got: that one could happen after a logout.
//!
//! - Every operation but `delete` treats a record that is over at the caller's `now` as missing, inside the same atomic step
//!   ([`Stamp::live`](crate::record::Stamp::live)). A time-to-live of the medium's own is housekeeping. A `delete` asks no
//!   clock: what one node has ended must not be alive by the clock of another.
//! - `now` may be [`Time::ZERO`](crate::environment::Time::ZERO), at which no record is over: so a caller asks for a record
//!   whatever its limits are.
//! - `touch` and `update` keep the later of the two `last_seen`. A touch does not change the version.
//! - A store trusts its caller with the key and with `now`; it need not trust what it finds in the medium: bytes that
//!   are no record ([`Stamp::of`](crate::record::Stamp::of) refuses) are handed out by `load` as they are and the core refuses them.
//! - If a future is dropped, its operation may have happened or not, nothing in between.
//!
//! Futures carry no `Send` bound: a store behind a `RefCell` cannot give one. Where a framework needs `Send`, it is
//! proven for the concrete store. The rules are checked by `conformance` (feature of that name).

pub(crate) mod at_rest;
#[cfg(feature = "conformance")]
#[doc(hidden)]
pub mod conformance;
pub(crate) mod contract;
#[doc(hidden)]
pub mod index;

pub use crate::base::names::{Handle, Version};
pub use contract::{DeleteCondition, Found, Load, NullStore, Outcome, Store};
