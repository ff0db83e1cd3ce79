//! Errors of the session as answers, in the words that all frameworks share.

use std::fmt;

use http::StatusCode;
use session_core::Error;

/// Returns the status of the answer.
#[must_use]
pub fn status(error: Error) -> StatusCode {
    StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Writes what went wrong. `layer` is what a program adds that has no layer: the framework's words, and where they go.
pub fn describe(error: Error, layer: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    fmt::Display::fmt(&error, f)?;
    match error {
        Error::NotMounted => write!(f, ": add {layer}"),
        _ => Ok(()),
    }
}
