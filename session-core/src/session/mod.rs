//! The session as a handler sees it.

mod binding;
pub(crate) mod device;
mod fields;
pub(crate) mod view;
