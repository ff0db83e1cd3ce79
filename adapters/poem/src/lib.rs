#![doc = include_str!("../README.md")]

mod extract;
mod layer;
mod response;

pub use extract::{Authenticated, Peek, Session, SessionData};
pub use layer::{SessionEndpoint, SessionLayer};
pub use response::{NotSignedIn, SessionRejection};
pub use session_std::{
    Device, Error, Keys, LoginAttempt, MemoryStore, Policy, Sessions, SharedStore, events, keys, policy, shared,
};

#[cfg(doctest)]
#[doc = include_str!("../../../docs/migrate-poem-session.md")]
struct FromPoemSession;
