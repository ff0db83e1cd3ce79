#![doc = include_str!("../README.md")]

mod extract;
mod layer;
mod response;

pub use extract::{Authenticated, Extracted, Peek, Session, SessionData};
pub use layer::{SessionEndpoint, SessionLayer};
pub use response::{NotSignedIn, SessionRejection};
pub use session_std::{
    Error, Keys, LoginAttempt, MemoryStore, Policy, SessionInfo, Sessions, SharedStore, TokenHeaderError,
    UnreadableField, cross_site, device, events, headers, keys, policy, shared, testing,
};

#[cfg(doctest)]
#[doc = include_str!("../../../docs/migrate-poem-session.md")]
struct FromPoemSession;
