#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod extract;
mod layer;
mod response;

pub use extract::{Authenticated, AuthenticatedRejection, Extracted, Peek, Session, SessionData};
pub use layer::{SessionFuture, SessionLayer, SessionService};
pub use response::SessionRejection;
#[cfg(feature = "config")]
pub use session_std::config;
pub use session_std::{
    Clock, Error, Keys, LoginAttempt, MemoryStore, Policy, SessionInfo, Sessions, SharedStore, SystemClock, Time,
    TokenHeaderError, UnreadableField, cross_site, csrf, device, events, headers, keys, policy, shared, sign_in,
    testing,
};

#[cfg(doctest)]
#[doc = include_str!("../../../docs/migrate-tower-sessions.md")]
struct FromTowerSessions;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/values.md")]
struct Values;

#[cfg(all(doctest, feature = "config"))]
#[doc = include_str!("../../../docs/policies.md")]
struct Policies;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/several-nodes.md")]
struct SeveralNodes;
