//! Errors as responses. A catcher selects them by type: `.catch_error(|why: SessionRejection| …)`.

use std::fmt;
use std::sync::Arc;

use http::StatusCode;
use http::header::LOCATION;
use poem::error::ResponseError;
use poem::{IntoResponse, Response};
use session_std::{Error, rejection};

/// An error of the session as a response: its status and one line of text. `?` converts an [`Error`] to it, and it to a
/// `poem::Error`.
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
        rejection::describe(self.0, "`.with(SessionLayer::new(sessions))` after its route", f)
    }
}

impl std::error::Error for SessionRejection {}

impl ResponseError for SessionRejection {
    fn status(&self) -> StatusCode {
        rejection::status(self.0)
    }

    /// Puts the [`Error`] into the extensions of the response, for outer middleware.
    fn as_response(&self) -> Response {
        let mut response = (self.status(), format!("{self}\n")).into_response();
        response.extensions_mut().insert(self.0);
        response
    }
}

/// No user is signed in, and the handler requires [`Authenticated`](crate::Authenticated). The response is a 401, or a
/// 303 to this page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotSignedIn {
    /// The page of [`SessionLayer::sign_in_at`](crate::SessionLayer::sign_in_at).
    pub sign_in_at: Option<Arc<str>>,
}

impl fmt::Display for NotSignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Error::NotSignedIn.fmt(f)
    }
}

impl std::error::Error for NotSignedIn {}

impl ResponseError for NotSignedIn {
    fn status(&self) -> StatusCode {
        if self.sign_in_at.is_some() { StatusCode::SEE_OTHER } else { StatusCode::UNAUTHORIZED }
    }

    fn as_response(&self) -> Response {
        match &self.sign_in_at {
            Some(page) => Response::builder().status(self.status()).header(LOCATION, page.as_ref()).finish(),
            None => SessionRejection(Error::NotSignedIn).as_response(),
        }
    }
}
