#![doc = include_str!("../README.md")]
//!
//! # Where to begin
//!
//! - An application's handlers use [`Session`], through an adapter. [`Sessions`] lists and ends sessions for an
//!   administrator.
//! - [`policy::Policy`] sets the cookie and the lifetimes, [`Keys`] the signing keys.
//! - [`Error`] says what failed, with its HTTP status and whose fault it is. [`events`] reports to operators.
//! - [`store::Store`] is the trait for a new medium. The `conformance` functions test an implementation:
//!
//! ```
//! # #[cfg(feature = "conformance")]
//! # {
//! use session_core::{conformance, environment::Time, store::Store, testing::run};
//!
//! fn check(store: &impl Store) {
//!     assert_eq!(run(conformance::suite(store, Time::from_millis(1_000_000), 1)), Ok(()));
//! }
//! # }
//! ```
//!
//! # How a request passes through the crate
//!
//! ```text
//!  Cookie: ──▶ cookie_header ──▶ token ──▶ store.load ──▶ record ──▶ values ──▶ session (the handler)
//!                                                                                   │
//!  Set-Cookie: ◀── set_cookie ◀── store.create/update/touch/delete ◀── protocol ◀── changes
//!                                          (driver)
//! ```
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(test)]
extern crate std;

// the rooms, from the lowest to the highest: each knows only those before it

mod base;

mod wire;

#[doc(hidden)]
pub mod codec;

pub mod record;

pub mod store;

mod protocol;

mod driver;

mod session;

pub mod testing;

// host only: what the texts of errors and events have in common
#[cfg(all(test, not(target_os = "none")))]
mod clause;
#[cfg(all(test, not(target_os = "none")))]
mod texts;

// what a user sees

pub use base::error::{Error, Fault};
pub use base::keys::{KeyError, Keys};
pub use base::{environment, events, policy};
pub use driver::look::Watched;
pub use driver::sessions::Sessions;
pub use driver::subjects::SessionInfo;
pub use protocol::state::RequestState;
pub use session::view::{LoginAttempt, Session};
pub use store::at_rest::AtRest;
#[cfg(feature = "conformance")]
pub use store::conformance;
pub use store::index as subject;
pub use wire::{answer, cookie_header, cross_site, csrf};

/// The core's SHA-256 and HMAC, for the crates of this project on boards: the sha2 and hmac crates' own take 2 KB more.
#[doc(hidden)]
pub mod hash {
    pub use crate::base::hmac::{Hmac, sha256};
}

/// Sessions that are bound to a key in the browser's device. This module is for adapters; an application turns binding
/// on with [`Policy::device_bound`](policy::Policy::device_bound).
pub mod device {
    pub use crate::driver::device::{DeviceReply, Unproven};
    pub use crate::session::device::DeviceProof;
    pub use crate::wire::device::{DeviceKeys, EndpointPath, Header, Instructions};
    pub use crate::wire::proof::{Es256, Proof};
}

/// Where sessions are kept. [`Sessions::new`] and [`Sessions::sealed`] select a mode, so only code that is generic over
/// the mode names one.
pub mod mode {
    pub use crate::driver::dynamic::DynamicMode;
    pub use crate::driver::mode::Mode;
    pub use crate::driver::sealed::Sealed;
    pub use crate::driver::stored::Stored;
}
