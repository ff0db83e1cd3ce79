//! Errors that hold for any store.

use std::fmt::{self, Display};

/// The error of any store, as text. Only the observer sees it.
#[derive(Debug)]
pub struct SharedError(String);

impl SharedError {
    /// Takes the text of a store's error.
    pub fn new(why: impl Display) -> Self {
        Self(why.to_string())
    }

    /// The error of a store without an index that was asked for one. The core never asks such a store.
    #[must_use]
    pub fn no_index() -> Self {
        Self("this store cannot list sessions".into())
    }
}

impl Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SharedError {}
