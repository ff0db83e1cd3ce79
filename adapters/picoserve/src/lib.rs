#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod extract;
mod guard;
mod layer;
mod response;

pub use extract::{App, WithSession};
pub use guard::{Guard, Guarded, GuardedRead, GuardedWrite};
pub use layer::SessionLayer;
pub use response::SessionRejection;
pub use session_core::{Error, Keys, LoginAttempt, SessionInfo, Sessions, events, policy};
pub use session_embedded::{Peek, Pool, RequestSession as Session, Requests, SealedPool, is_named};
