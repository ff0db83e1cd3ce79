//! HTTP sessions without a heap: id generation, expiry, cookies and the whole life of a session, over abstract clock,
//! random numbers and store. No allocation, no unsafe code, no panic; an adapter crate plugs it into a framework, a store
//! crate into a medium.
//!
//! ```text
//!  Cookie: ──▶ cookie_header ──▶ token ──▶ store.load ──▶ record ──▶ values ──▶ session (the handler)
//!                                                                                   │
//!  Set-Cookie: ◀── set_cookie ◀── store.create/update/touch/delete ◀── exchange ◀── changes
//!                                          (driver)
//! ```
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

#[cfg(test)]
extern crate std;

// in the order of a request

pub mod cookie_header;

mod token;

pub mod store;

pub mod record;

pub mod subject;

#[doc(hidden)]
pub mod codec;

mod values;

mod session;

pub mod csrf;

mod changes;

mod set_cookie;

mod sealed;

mod at_rest;

mod exchange;

mod driver;

pub mod mode;

pub mod pool;

// what it rests on

pub mod policy;

mod expiry;

mod keys;

mod hmac;

mod base64url;

pub mod environment;

pub mod events;

mod error;

pub mod testing;

#[cfg(feature = "conformance")]
pub mod conformance;

pub use at_rest::AtRest;
pub use driver::{Listed, Sessions};
pub use error::{Error, Fault};
pub use exchange::Exchange;
pub use keys::{KeyError, Keys};
pub use session::{Session, Ticket};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
