#![doc = include_str!("../README.md")]

pub mod config;
mod extract;
mod layer;
mod response;

pub use extract::{Authenticated, Peek, Session, SessionData};
pub use layer::SessionLayer;
pub use response::Failed;
pub use session_std::{
    Device, Error, Keys, MemoryStore, Policy, Sessions, SharedStore, Ticket, events, keys, policy, shared,
};

/// The code of the pages that lead here.
#[cfg(doctest)]
mod migrate {
    #[doc = include_str!("../../../docs/migrate-rocket-session.md")]
    struct RocketSession;
    #[doc = include_str!("../../../docs/migrate-rocket-private-cookies.md")]
    struct PrivateCookies;
}
