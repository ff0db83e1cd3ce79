//! Errors that every store can return.

use std::fmt::{self, Display};

/// The error of any store, as text. Only the observer receives it.
#[derive(Debug)]
pub struct SharedError(String);

impl SharedError {
    /// Creates the error from the text of a store's error.
    pub fn new(why: impl Display) -> Self {
        Self(why.to_string())
    }

    /// Returns the error of a store without an index that was asked for one. The core never asks such a store.
    #[must_use]
    pub fn no_index() -> Self {
        Self("this store cannot list sessions: choose another".into())
    }
}

impl Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SharedError {}

/// Why a store URL cannot be used. It contains no password.
#[derive(Clone, PartialEq, Eq)]
pub struct UrlError(String);

impl UrlError {
    /// Creates the error from a description without the URL's password.
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A `main` that returns the error prints this.
impl fmt::Debug for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for UrlError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_keep_the_texts_that_they_were_made_of() {
        let text = "the database did not answer: check that it runs";
        assert_eq!(SharedError::new(text).to_string(), text);
        assert_eq!(UrlError::new(text).to_string(), text);
        assert_eq!(format!("{:?}", UrlError::new(text)), text, "as `main` prints it");
        let no_index = SharedError::no_index().to_string();
        store_support::check_text("no_index", &no_index);
        assert!(no_index.contains(": "), "{no_index}");
    }
}
