#![doc = include_str!("../README.md")]
#![warn(clippy::print_stderr, clippy::print_stdout)] // `to_stderr` does not panic
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod config;
mod extract;
mod layer;
mod look;
mod request;
mod response;

pub use extract::{Authenticated, Extracted, Peek, Session, SessionData};
pub use layer::SessionLayer;
pub use response::SessionRejection;
pub use session_std::{
    Clock, Error, Keys, LoginAttempt, MemoryStore, Policy, SessionInfo, Sessions, SharedStore, SystemClock, Time,
    TokenHeaderError, UnreadableField, Watch, cross_site, csrf, device, events, headers, keys, policy, shared, sign_in,
    testing,
};
