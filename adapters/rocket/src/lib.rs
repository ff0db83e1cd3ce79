#![doc = include_str!("../README.md")]

pub mod config;
mod extract;
mod layer;
mod response;

pub use extract::{Authenticated, Peek, Session, SessionData};
pub use layer::SessionLayer;
pub use response::SessionRejection;
pub use session_std::{
    Device, Error, Keys, LoginAttempt, MemoryStore, Policy, Sessions, SharedStore, events, keys, policy, shared,
};

/// The code of the pages that lead here.
#[cfg(doctest)]
mod migrate {
    #[doc = include_str!("../../../docs/migrate-rocket-session.md")]
    struct RocketSession;
    #[doc = include_str!("../../../docs/migrate-rocket-private-cookies.md")]
    struct PrivateCookies;
}
