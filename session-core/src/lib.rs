//! HTTP sessions without a heap: id generation, expiry, cookies and the whole life of a session, over abstract clock,
//! random numbers and store. No allocation, no unsafe code, no panic; an adapter crate plugs it into a framework, a store
//! crate into a medium.
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

/// Sessions bound to a key in the browser's device (TR3). For adapters; an application turns it on in its
/// [`Policy`](policy::Policy::device_bound).
pub mod device {
    pub use crate::driver::device::{DeviceReply, Unproven};
    pub use crate::session::device::DeviceProof;
    pub use crate::wire::device::{DeviceKeys, EndpointPath, Header, Instructions};
    pub use crate::wire::proof::{Es256, Proof};
}

/// Where sessions are kept. [`Sessions::new`] and [`Sessions::sealed`] choose a mode, and nobody else has to name one.
pub mod mode {
    pub use crate::driver::dynamic::DynamicMode;
    pub use crate::driver::mode::Mode;
    pub use crate::driver::sealed::Sealed;
    pub use crate::driver::stored::Stored;
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
