//! What a store promises.
//!
//! A store keeps one record under one key and offers five operations, **each atomic on that key**. There is no `put`:
//! only [`create`](Store::create) creates a record, and every other operation that finds none reports it, so that no
//! operation revives an ended session. Outcomes are values. An error is a failure of the medium: the operation may have
//! been applied, or not, or may be applied once at any later time. A store therefore never retries a create whose
//! answer it lost, because the retry could take effect after a logout.
//!
//! - Every operation except `delete` treats a record that has expired at the caller's `now` as missing, in the same
//!   atomic step ([`Stamp::live`](crate::record::Stamp::live)). A time-to-live of the medium is only housekeeping.
//!   `delete` ignores the clock: a session that one node has ended must not live on by the clock of another.
//! - `now` may be [`Time::ZERO`](crate::environment::Time::ZERO), at which no record has expired. A caller uses it to
//!   get a record whatever its limits are.
//! - `touch` and `update` keep the later `last_seen`. A touch does not change the version.
//! - A store trusts its caller's key and `now`. It does not trust the medium: `load` returns bytes that are no record
//!   ([`Stamp::of`](crate::record::Stamp::of) returns `None`) as they are, and the core rejects them.
//! - If a future is dropped, its operation was applied completely or not at all.
//! - In a durable store, `Applied` means that the change survives power loss. If power fails during an operation, it
//!   was applied completely or not at all.
//!
//! Futures have no `Send` bound, because a store behind a `RefCell` could not satisfy it. Where a framework needs
//! `Send`, the compiler proves it for the concrete store. The `conformance` feature checks these rules.

pub(crate) mod at_rest;
#[cfg(feature = "conformance")]
#[doc(hidden)]
pub mod conformance;
pub(crate) mod contract;
#[doc(hidden)]
pub mod index;

pub use crate::base::names::{Handle, Version};
pub use contract::{DeleteCondition, Found, Load, NullStore, Outcome, Store};
