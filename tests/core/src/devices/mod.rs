//! Device-bound sessions (TR3) without a network: a maker of proofs, a browser that does what Chromium does, a server.
//!
//! Signatures are toys, which take no time; the real ones are in the tests of `session-std`.

mod browser;
mod dialogue;
mod proof;
mod site;

pub use browser::{Browser, Fault};
pub use dialogue::{Sent, dialogue};
pub use proof::{Proof, Toy};
pub use site::{Answer, Site, Visit};
