//! The reference app: every verb of a session behind a plain HTTP contract, which each adapter ships as an example. And
//! dialogues that are the same over each framework.

pub mod reference;
pub mod sockets;

use std::time::Duration;

use session_std::device::Es256;
use session_std::{MemoryStore, Policy, Sessions, keys};

/// Sessions that are bound to devices, at `/device-session`.
///
/// # Panics
/// Never: the lifetime and the path are valid.
pub fn bound_sessions(es256: impl Es256 + Send + Sync + 'static) -> Sessions {
    let policy = Policy::SECURE.device_bound(Duration::from_secs(600)).expect("a valid lifetime");
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(policy);
    sessions.device_endpoint("/device-session", es256).expect("a valid path")
}
