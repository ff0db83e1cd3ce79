#![doc = include_str!("../README.md")]
#![warn(clippy::print_stderr, clippy::print_stdout)] // `to_stderr` does not panic
#![cfg_attr(docsrs, feature(doc_cfg))]

mod buffer_pool;
#[cfg(feature = "config")]
pub mod config;
pub mod cross_site;
mod device_endpoint;
mod device_keys;
mod environment;
pub mod events;
mod extract;
pub mod headers;
pub mod keys;
pub mod mount;
mod origin;
mod peek;
pub mod rejection;
mod session;
mod sessions;
pub mod sign_in;
pub mod testing;
#[cfg(all(test, feature = "config"))]
mod texts;
mod token_header;
mod typed;
mod unreadable_field;
mod watch;
mod watches;

/// Sessions bound to a key in the browser's device: `docs/device-bound-sessions.md` in the repository.
pub mod device {
    pub use crate::device_endpoint::{Answering, DeviceAnswer, DeviceRequest};
    #[cfg(feature = "p256")]
    pub use crate::device_keys::P256;
    pub use crate::device_keys::names;
    pub use session_core::device::Es256;
}

pub use environment::{SystemClock, ThreadRng};
pub use events::stderr::to_stderr;
pub use extract::FromSession;
pub use peek::Peek;
pub use session::{Finished, Request, Session};
pub use sessions::{SessionInfo, Sessions};
pub use token_header::TokenHeaderError;
pub use typed::Typed;
pub use unreadable_field::UnreadableField;
pub use watch::Watch;

pub use session_core::environment::{Clock, Time};
pub use session_core::policy::{self, Policy};
pub use session_core::{Error, Fault, Keys, LoginAttempt, csrf};
pub use session_store_memory::MemoryStore;
pub use session_store_shared::{SharedError, SharedStore, shared};

#[cfg(test)]
mod tests {
    use super::*;

    fn is_send<T: Send>(_: T) {}

    #[allow(dead_code, clippy::let_underscore_future)] // compiled, not run
    fn futures_are_send(request: Request, session: Session, sessions: Sessions, attempt: LoginAttempt<'static>) {
        is_send(request.session(std::iter::empty(), true));
        is_send(request.finish());
        is_send(session.update_with("n", |n: Option<u32>| n.unwrap_or(0)));
        is_send(session.begin_login("a"));
        is_send(session.login(attempt));
        is_send(session.rotate());
        is_send(session.logout());
        is_send(session.list());
        is_send(session.revoke(""));
        is_send(session.revoke_others());
        is_send(session.revoke_all());
        is_send(sessions.list(""));
        is_send(sessions.values("", ""));
        is_send(sessions.revoke("", ""));
        is_send(sessions.revoke_all(""));
        is_send(sessions.end_all());
        is_send(sessions.count());
        is_send(sessions.remove_expired(1));
        is_send(sessions.check());
        is_send(sessions.cookie_for("").into_future());
    }
}
