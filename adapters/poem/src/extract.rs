//! What a handler asks for. Poem's own rule for `Option<T>` and `Result<T>` holds: `None` and `Err` for whatever stands
//! in the way of a `T`.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use http::HeaderValue;
use http::header::COOKIE;
use poem::{FromRequest, Request, RequestBody, Result};
use serde::{Serialize, de::DeserializeOwned};
use session_std::{Error, Typed};

use crate::response::{NotSignedIn, SessionRejection};

/// What the layer leaves in a request's extensions.
#[derive(Clone)]
pub(crate) struct Mounted {
    pub(crate) request: session_std::Request,
    pub(crate) sign_in_at: Option<Arc<str>>,
}

async fn load(request: &Request, activity: bool) -> Result<session_std::Session, SessionRejection> {
    let mounted = request.extensions().get::<Mounted>().ok_or(Error::NotMounted)?;
    // all Cookie lines are one (CP1)
    let lines = request.headers().get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    Ok(mounted.request.session(lines, activity).await?)
}

/// The request's session, also of a visitor without one: see [`exists`](session_std::Session::exists).
#[derive(Clone, Debug)]
pub struct Session(session_std::Session);

impl Deref for Session {
    type Target = session_std::Session;

    fn deref(&self) -> &session_std::Session {
        &self.0
    }
}

impl<'a> FromRequest<'a> for Session {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        Ok(Self(load(request, true).await?))
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

impl<'a> FromRequest<'a> for Peek {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        Ok(Self(session_std::Peek::of(load(request, false).await?)))
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

impl<'a, T: Serialize + DeserializeOwned + Default> FromRequest<'a> for SessionData<T> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let session = load(request, true).await?;
        Ok(Self(Typed::of(session).map_err(SessionRejection)?))
    }
}

/// Somebody who is signed in; nobody else comes to the handler. `Option<Authenticated>` is `None` for anybody else, also if
/// the store failed; `Result<Authenticated>` tells the two apart.
#[derive(Clone, Debug)]
pub struct Authenticated {
    /// Who.
    pub subject: String,
    /// The session.
    pub session: Session,
}

impl<'a> FromRequest<'a> for Authenticated {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let session = load(request, true).await?;
        let Some(subject) = session.subject().map_err(SessionRejection)? else {
            let mounted = request.extensions().get::<Mounted>();
            return Err(NotSignedIn { sign_in_at: mounted.and_then(|mounted| mounted.sign_in_at.clone()) }.into());
        };
        Ok(Self { subject, session: Session(session) })
    }
}
