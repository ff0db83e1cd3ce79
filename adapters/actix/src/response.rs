//! Errors as responses, and the headers that a response needs for its session.

use std::borrow::Cow;
use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentType, HeaderMap, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use session_std::headers::{self, Answer, HeaderName};
use session_std::{Error, rejection};

/// An error of the session as a response: its status and one line of text. `?` converts an [`Error`] to it, and it to
/// an `actix_web::Error`.
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
        rejection::describe(self.0, "`.wrap(SessionLayer::new(sessions))` to its `App` or scope", f)
    }
}

impl std::error::Error for SessionRejection {}

impl ResponseError for SessionRejection {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        HttpResponse::build(self.status_code()).content_type(ContentType::plaintext()).body(format!("{self}\n"))
    }
}

/// The headers of an answer, for its session's part.
pub(crate) struct Headers<'a>(pub(crate) &'a mut HeaderMap);

/// actix-web's type for the name of a header. It accepts every valid name.
fn name_of(name: &HeaderName) -> Option<header::HeaderName> {
    header::HeaderName::from_bytes(name.as_str().as_bytes()).ok()
}

impl Answer for Headers<'_> {
    fn append_secret(&mut self, name: &HeaderName, value: String) {
        if let (Some(name), Ok(mut value)) = (name_of(name), HeaderValue::try_from(value)) {
            value.set_sensitive(true);
            self.0.append(name, value);
        }
    }

    fn set(&mut self, name: &HeaderName, value: Cow<'static, str>) {
        let value = match value {
            Cow::Borrowed(value) => Ok(HeaderValue::from_static(value)),
            Cow::Owned(value) => HeaderValue::try_from(value),
        };
        if let (Some(name), Ok(value)) = (name_of(name), value) {
            self.0.insert(name, value);
        }
    }

    fn list(&self, name: &HeaderName) -> Option<String> {
        headers::list(self.0.get_all(name.as_str()).filter_map(|line| line.to_str().ok()))
    }

    fn names(&self, is: impl Fn(&str) -> bool) -> Vec<String> {
        self.0.keys().map(header::HeaderName::as_str).filter(|name| is(name)).map(str::to_owned).collect()
    }
}
