//! Errors as answers.

use std::fmt;

use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use session_std::Error;

/// An error of the session as an answer: its status and one line of text. `?` makes it of an [`Error`].
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
        fmt::Display::fmt(&self.0, f)?;
        match self.0 {
            Error::NotMounted => f.write_str(": add `.layer(SessionLayer::new(sessions))` after its route"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for SessionRejection {}

impl IntoResponse for SessionRejection {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, format!("{self}\n")).into_response()
    }
}
