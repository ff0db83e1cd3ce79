//! No code: see `tests/wire.rs`.
