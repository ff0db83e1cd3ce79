//! The reference app: every verb of a session behind a plain HTTP contract, which each adapter ships as an example.

pub mod reference;
