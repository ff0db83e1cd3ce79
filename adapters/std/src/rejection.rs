//! Errors of the session as responses, in the words that all adapters share.

use std::fmt;

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

/// Returns whether a header describes the body of its response, in any case, and goes with it.
#[must_use]
pub fn is_about_body(name: &str) -> bool {
    const NAMES: [&str; 15] = [
        "accept-ranges",
        "content-digest",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-location",
        "content-md5",
        "content-range",
        "content-type",
        "digest",
        "etag",
        "last-modified",
        "repr-digest",
        "transfer-encoding",
    ];
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Copies headers from a response to the one that replaces it, because inner middleware may have set them. Headers that
/// the new response has, and those about the old body, are not copied.
pub fn keep_headers(before: &HeaderMap, answer: &mut HeaderMap) {
    let said: Vec<_> = answer.keys().cloned().collect();
    for (name, value) in before {
        if !is_about_body(name.as_str()) && !said.contains(name) {
            answer.append(name, value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_describes_a_body_goes_with_it() {
        let headers = |lines: &[(&'static str, &'static str)]| {
            let line = |(name, value): &(&'static str, &'static str)| {
                (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
            };
            lines.iter().map(line).collect::<HeaderMap>()
        };
        let before = headers(&[
            ("content-encoding", "br"),
            ("content-type", "text/plain"),
            ("etag", "\"a\""),
            ("content-security-policy", "default-src 'none'"),
            ("x-inner", "1"),
            ("vary", "accept-encoding"),
        ]);
        let mut answer = headers(&[("content-type", "text/html"), ("x-inner", "2")]);
        keep_headers(&before, &mut answer);
        let kept = [("content-security-policy", "default-src 'none'"), ("vary", "accept-encoding")];
        assert_eq!(answer, headers(&[&kept[..], &[("content-type", "text/html"), ("x-inner", "2")]].concat()));
    }
}
