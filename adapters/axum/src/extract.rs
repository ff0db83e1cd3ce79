//! Extractors.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::LOCATION;
use http::request::Parts;
use session_std::{Error, FromSession, Typed, mount};

use crate::response::SessionRejection;

/// The request's session. It is empty for a visitor without one: see [`exists`](session_std::Session::exists).
pub type Session = Extracted<session_std::Session>;

/// A read-only view of the request's session that does not count as activity.
pub type Peek = Extracted<session_std::Peek>;

/// The session's data as one struct, stored field by field. See [`Typed`]. `docs/values.md` in the repository says
/// which changes of the struct existing sessions survive.
pub type SessionData<T> = Extracted<Typed<T>>;

/// What axum extracts from a request's session.
#[derive(Clone, Debug)]
pub struct Extracted<T>(T);

impl<T> Deref for Extracted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Extracted<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<S: Sync, T: FromSession> FromRequestParts<S> for Extracted<T> {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, SessionRejection> {
        Ok(Self(mount::extract(&parts.headers, &parts.extensions).await?))
    }
}

/// The signed-in user of a request. Without a user, the handler is not called. `Option<Authenticated>` is `None` then.
#[derive(Clone, Debug)]
pub struct Authenticated {
    /// The subject of the session, as [`begin_login`](session_std::Session::begin_login) named it.
    pub subject: String,
    /// The session.
    pub session: Session,
}

/// Why [`Authenticated`] rejected a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AuthenticatedRejection {
    /// No user is signed in. The response is a 401, or a 303 to this page.
    SignInAt(Option<Arc<str>>),
    /// The session could not be loaded.
    SessionRejection(SessionRejection),
}

impl IntoResponse for AuthenticatedRejection {
    fn into_response(self) -> Response {
        match self {
            Self::SignInAt(Some(page)) => (StatusCode::SEE_OTHER, [(LOCATION, page.as_ref())]).into_response(),
            Self::SignInAt(None) => SessionRejection(Error::NotSignedIn).into_response(),
            Self::SessionRejection(failed) => failed.into_response(),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Authenticated {
    type Rejection = AuthenticatedRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, AuthenticatedRejection> {
        let found = <Self as OptionalFromRequestParts<S>>::from_request_parts(parts, state).await;
        let page = || mount::sign_in_page(&parts.method, &parts.uri, &parts.headers, &parts.extensions);
        found.map_err(AuthenticatedRejection::SessionRejection)?.ok_or_else(|| AuthenticatedRejection::SignInAt(page()))
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Authenticated {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, SessionRejection> {
        let session = <Session as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        Ok(session.subject()?.map(|subject| Self { subject, session }))
    }
}
