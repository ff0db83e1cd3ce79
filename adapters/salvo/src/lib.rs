#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod extract;
mod layer;
mod response;

pub use extract::{Authenticated, Extracted, Peek, Session, SessionData};
pub use layer::SessionLayer;
pub use response::{AuthenticatedRejection, SessionRejection};
#[cfg(feature = "config")]
pub use session_std::config;
pub use session_std::{
    Clock, Error, Keys, LoginAttempt, MemoryStore, Policy, SessionInfo, Sessions, SharedStore, SystemClock, Time,
    TokenHeaderError, UnreadableField, Watch, cross_site, csrf, device, events, headers, keys, policy, shared, sign_in,
    testing,
};
