//! Errors as responses.

use std::fmt;
use std::sync::Arc;

use http::header::{HeaderValue, LOCATION};
use http::{HeaderMap, StatusCode};
use salvo_core::http::StatusError;
use salvo_core::{Response, Scribe};
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
        rejection::describe(self.0, "`.hoop(SessionLayer::new(sessions))` to its `Service` or a router above it", f)
    }
}

impl std::error::Error for SessionRejection {}

impl Scribe for SessionRejection {
    /// Puts the [`Error`] into the extensions of the response, for outer hoops.
    fn render(self, response: &mut Response) {
        clear(response, rejection::status(self.0));
        response.extensions.insert(self.0);
        response.render(format!("{self}\n"));
    }
}

/// Removes the body and the headers that describe it, as Salvo does for an error of its own.
pub(crate) fn clear(response: &mut Response, status: StatusCode) {
    response.render(StatusError::internal_server_error());
    response.take_body();
    response.status_code(status);
}

/// Why [`Authenticated`](crate::Authenticated) rejected a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthenticatedRejection {
    /// No user is signed in. The response is a 401, or a 303 to this page.
    SignInAt(Option<Arc<str>>),
    /// The session could not be loaded.
    SessionRejection(SessionRejection),
}

impl fmt::Display for AuthenticatedRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignInAt(_) => f.write_str("sign in first"),
            Self::SessionRejection(failed) => failed.fmt(f),
        }
    }
}

impl std::error::Error for AuthenticatedRejection {}

impl Scribe for AuthenticatedRejection {
    fn render(self, response: &mut Response) {
        match self {
            Self::SignInAt(Some(page)) => {
                clear(response, StatusCode::SEE_OTHER);
                response.extensions.insert(Redirected);
                if let Ok(page) = HeaderValue::from_str(&page) {
                    response.headers_mut().insert(LOCATION, page);
                }
            }
            Self::SignInAt(None) => SessionRejection(Error::NotSignedIn).render(response),
            Self::SessionRejection(failed) => failed.render(response),
        }
    }
}

/// The answer sends the visitor to the sign-in page.
#[derive(Clone)]
struct Redirected;

/// Gives a redirect of [`AuthenticatedRejection`] its status: in a handler's arguments, Salvo makes a 400 of every answer
/// that is not an error.
pub(crate) fn redirect(response: &mut Response) {
    if response.extensions.remove::<Redirected>().is_some() {
        response.status_code(StatusCode::SEE_OTHER);
    }
}

/// Replaces the handler's answer with an error. Headers of hoops outside stay.
pub(crate) fn replace(response: &mut Response, outside: HeaderMap, error: Error) {
    response.set_headers(outside);
    SessionRejection(error).render(response);
}
