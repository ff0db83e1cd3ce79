//! What holds for the adapters as a whole, and cannot be tested inside one of them.
//!
//! Everything that a program with sessions tells and keeps, and whether any of it opens a session (ID6, LC13).
//! `bin/loud.rs` holds all conversations with every observer on; `tests/scan.rs` searches what it left. `tests/no_heap` serves
//! requests while the allocator refuses.

pub mod kept;
pub mod needles;
pub mod notes;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/testing.md")]
struct Testing;
