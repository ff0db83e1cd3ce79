//! What a handler sees of its session.

mod binding;
pub(crate) mod view;
