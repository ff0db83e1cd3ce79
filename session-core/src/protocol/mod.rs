//! The protocol of a session as a pure state machine: what a cookie is worth against a record, which step follows which
//! answer, and which cookie goes out. The rules are numbered as in docs/design.md.

pub(crate) mod expiry;
mod machine;
pub(crate) mod operation;
mod replies;
pub(crate) mod state;
mod steps;
