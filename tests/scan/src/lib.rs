//! Everything that a program with sessions tells and keeps, and whether any of it opens a session (ID6, LC13).
//! `bin/loud.rs` holds all conversations with every observer on; `tests/scan.rs` searches what it left.

pub mod kept;
pub mod needles;
pub mod notes;
