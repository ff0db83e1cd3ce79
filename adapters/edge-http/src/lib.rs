#![doc = include_str!("../README.md")]
#![no_std]

mod guard;
mod head;
mod layer;
mod request;
mod response;

pub use edge_http;
pub use guard::{Guarded, GuardedSocket};
pub use layer::{Handler, SessionLayer};
pub use request::{Request, Socket};
pub use response::SessionRejection;
pub use session_core::pool::{Handle as Session, Peek, Pool, Requests};
pub use session_core::{Error, Keys, LoginAttempt, SessionInfo, Sessions, events, mode, policy};
