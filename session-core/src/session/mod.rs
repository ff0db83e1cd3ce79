//! What a handler sees of its session.

mod binding;
pub(crate) mod device;
mod fields;
pub(crate) mod view;
