//! Errors of the session as answers, in the words that all frameworks share.

use std::fmt;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
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

/// Keeps the headers of an answer that another one replaces: middleware inside of the session layer may have set them. What the
/// other one says of itself stays.
pub fn keep_headers(before: &HeaderMap, answer: &mut HeaderMap) {
    let said: Vec<_> = answer.keys().cloned().collect();
    for (name, value) in before {
        if *name != CONTENT_TYPE && *name != CONTENT_LENGTH && !said.contains(name) {
            answer.append(name, value.clone());
        }
    }
}
