//! What every other room builds on: time and buffers, errors, events, keys, the policy, and the names of a session.
//! Nothing here depends on cookies, records or stores.

pub(crate) mod bytes;
pub(crate) mod codec;
pub mod environment;
pub(crate) mod error;
pub mod events;
pub(crate) mod followed;
pub(crate) mod hmac;
pub(crate) mod keys;
pub(crate) mod names;
pub mod policy;
