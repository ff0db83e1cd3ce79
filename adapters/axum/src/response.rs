//! Errors as responses.

use std::fmt;

use axum_core::response::{IntoResponse, Response};
use session_std::{Error, rejection};

/// An error of the session as a response: its status and one line of text. `?` converts an [`Error`] to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRejection(
    /// What went wrong.
    pub Error,
);

impl From<Error> for SessionRejection {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl fmt::Display for SessionRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        rejection::describe(self.0, "`.layer(SessionLayer::new(sessions))` after its route", f)
    }
}

impl std::error::Error for SessionRejection {}

impl IntoResponse for SessionRejection {
    /// Puts the [`Error`] into the extensions of the response, for an outer layer.
    fn into_response(self) -> Response {
        let mut response = (rejection::status(self.0), format!("{self}\n")).into_response();
        response.extensions_mut().insert(self.0);
        response
    }
}
