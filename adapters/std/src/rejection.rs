//! Errors of the session as responses, in the words that all adapters share.

use std::fmt;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use session_core::Error;

/// Returns the status of the response.
#[must_use]
pub fn status(error: Error) -> StatusCode {
    StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Writes the error's text. `layer` is what a program without a layer has to add, in the framework's words.
pub fn describe(error: Error, layer: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match error {
        Error::NotMounted => write!(f, "this handler has no session layer: add {layer}"),
        _ => fmt::Display::fmt(&error, f),
    }
}

/// Copies headers from a response to the one that replaces it, because inner middleware may have set them. Headers that
/// the new response has, and those about the old body, are not copied.
pub fn keep_headers(before: &HeaderMap, answer: &mut HeaderMap) {
    let said: Vec<_> = answer.keys().cloned().collect();
    for (name, value) in before {
        if *name != CONTENT_TYPE && *name != CONTENT_LENGTH && !said.contains(name) {
            answer.append(name, value.clone());
        }
    }
}
