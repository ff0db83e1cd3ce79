//! What a handler sees of its session.

mod binding;
mod fields;
pub(crate) mod view;
