//! What a handler asks for.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::header::{COOKIE, LOCATION};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use serde::{Serialize, de::DeserializeOwned};
use session_std::{Error, Request, Typed};

use crate::response::SessionRejection;

/// What the layer leaves in a request's extensions.
#[derive(Clone)]
pub(crate) struct Mounted {
    pub(crate) request: Request,
    pub(crate) sign_in_at: Option<Arc<str>>,
}

async fn load(parts: &Parts, activity: bool) -> Result<session_std::Session, SessionRejection> {
    let mounted = parts.extensions.get::<Mounted>().ok_or(Error::NotMounted)?;
    // all Cookie lines are one (CP1)
    let lines = parts.headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    Ok(mounted.request.session(lines, activity).await?)
}

/// The request's session. `Option<Session>` is `None` for a visitor without one.
#[derive(Clone, Debug)]
pub struct Session(session_std::Session);

impl Deref for Session {
    type Target = session_std::Session;

    fn deref(&self) -> &session_std::Session {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, SessionRejection> {
        load(parts, true).await.map(Self)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Session {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, SessionRejection> {
        let session = load(parts, true).await?;
        Ok(session.exists()?.then_some(Self(session)))
    }
}

/// A look at the request's session, which does not keep it alive.
#[derive(Clone, Debug)]
pub struct Peek(session_std::Peek);

impl Deref for Peek {
    type Target = session_std::Peek;

    fn deref(&self) -> &session_std::Peek {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Peek {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, SessionRejection> {
        load(parts, false).await.map(session_std::Peek::of).map(Self)
    }
}

/// The session's data as one struct; see [`Typed`].
#[derive(Debug)]
pub struct SessionData<T>(Typed<T>);

impl<T> Deref for SessionData<T> {
    type Target = Typed<T>;

    fn deref(&self) -> &Typed<T> {
        &self.0
    }
}

impl<T> DerefMut for SessionData<T> {
    fn deref_mut(&mut self) -> &mut Typed<T> {
        &mut self.0
    }
}

impl<S: Sync, T: Serialize + DeserializeOwned + Default> FromRequestParts<S> for SessionData<T> {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, SessionRejection> {
        Ok(Self(Typed::of(load(parts, true).await?)?))
    }
}

/// Somebody who is signed in; nobody else comes to the handler. `Option<Authenticated>` is `None` for anybody else.
#[derive(Clone, Debug)]
pub struct Authenticated {
    /// Who.
    pub subject: String,
    /// The session.
    pub session: Session,
}

/// Why a handler that wants [`Authenticated`] was not called.
#[derive(Clone, Debug)]
pub enum NotSignedIn {
    /// Nobody is signed in: 401, or 303 to this page.
    SignInAt(Option<Arc<str>>),
    /// The session could not be looked at.
    SessionRejection(SessionRejection),
}

impl IntoResponse for NotSignedIn {
    fn into_response(self) -> Response {
        match self {
            Self::SignInAt(Some(page)) => (StatusCode::SEE_OTHER, [(LOCATION, page.as_ref())]).into_response(),
            Self::SignInAt(None) => (StatusCode::UNAUTHORIZED, "sign in first\n").into_response(),
            Self::SessionRejection(failed) => failed.into_response(),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Authenticated {
    type Rejection = NotSignedIn;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, NotSignedIn> {
        let found = <Self as OptionalFromRequestParts<S>>::from_request_parts(parts, state).await;
        let page = || parts.extensions.get::<Mounted>().and_then(|mounted| mounted.sign_in_at.clone());
        found.map_err(NotSignedIn::SessionRejection)?.ok_or_else(|| NotSignedIn::SignInAt(page()))
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Authenticated {
    type Rejection = SessionRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, SessionRejection> {
        let session = load(parts, true).await?;
        Ok(session.subject()?.map(|subject| Self { subject, session: Session(session) }))
    }
}
