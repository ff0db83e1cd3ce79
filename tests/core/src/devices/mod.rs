//! Device-bound sessions (TR3) without a network: a maker of proofs, a browser that does what Chromium does, a server.
//!
//! Signatures are toys, which take no time; with the feature `p256` there are real ones too, for servers that run.

mod browser;
mod dialogue;
mod orders;
mod proof;
mod site;

pub use browser::{Browser, Fault};
pub use dialogue::{Sent, dialogue};
pub use orders::every_order;
#[cfg(feature = "p256")]
pub use proof::P256Keys;
pub use proof::{DeviceKeys, Proof, Toy};
pub use site::{Answer, Site, Visit};
