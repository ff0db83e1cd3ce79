//! Clients with cookie jars at nodes and a server that fail, and an independent checker of what they were told.
//!
//! `cargo xtask soak --seconds 60 --store redis:` runs it; docs/reliability.md says what is checked.

pub mod checker;
pub mod client;
pub mod history;
pub mod world;
