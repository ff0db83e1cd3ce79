//! Extractors. As always in Poem, `Option<T>` is `None` and `Result<T>` is `Err` whenever extracting the `T` fails.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use poem::{FromRequest, Request, RequestBody, Result};
use session_std::{FromSession, Typed, mount};

use crate::response::{NotSignedIn, SessionRejection};

/// The request's session. It is empty for a visitor without one: see [`exists`](session_std::Session::exists).
pub type Session = Extracted<session_std::Session>;

/// A read-only view of the request's session that does not count as activity.
pub type Peek = Extracted<session_std::Peek>;

/// The session's data as one struct, stored field by field. See [`Typed`]. `docs/values.md` in the repository says
/// which changes of the struct existing sessions survive.
pub type SessionData<T> = Extracted<Typed<T>>;

/// What Poem extracts from a request's session.
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

impl<'a, T: FromSession + Send> FromRequest<'a> for Extracted<T> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let extracted = mount::extract(request.headers(), request.extensions()).await;
        Ok(Self(extracted.map_err(SessionRejection)?))
    }
}

/// The signed-in user of a request. Without a user, the handler is not called. `Option<Authenticated>` is `None` then,
/// and also if the store failed. `Result<Authenticated>` distinguishes the two.
#[derive(Clone, Debug)]
pub struct Authenticated {
    /// The subject of the session, as [`begin_login`](session_std::Session::begin_login) named it.
    pub subject: String,
    /// The session.
    pub session: Session,
}

impl<'a> FromRequest<'a> for Authenticated {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> Result<Self> {
        let session = Session::from_request(request, body).await?;
        match session.subject().map_err(SessionRejection)? {
            Some(subject) => Ok(Self { subject, session }),
            None => Err(NotSignedIn { sign_in_at: sign_in_page(request) }.into()),
        }
    }
}

fn sign_in_page(request: &Request) -> Option<Arc<str>> {
    mount::sign_in_page(request.method(), request.original_uri(), request.headers(), request.extensions())
}
