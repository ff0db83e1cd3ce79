//! Extractors.

use std::ops::{Deref, DerefMut};

use salvo_core::extract::Metadata;
use salvo_core::{Depot, Extractible, Request};
use session_std::{FromSession, Typed, mount};

use crate::response::{AuthenticatedRejection, SessionRejection};

/// The request's session. It is empty for a visitor without one: see [`exists`](session_std::Session::exists).
pub type Session = Extracted<session_std::Session>;

/// A read-only view of the request's session that does not count as activity.
pub type Peek = Extracted<session_std::Peek>;

/// The session's data as one struct, stored field by field. See [`Typed`]. `docs/values.md` in the repository says
/// which changes of the struct existing sessions survive.
pub type SessionData<T> = Extracted<Typed<T>>;

/// What Salvo extracts from a request's session.
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

/// The extractors have no fields for Salvo to fill.
static METADATA: Metadata = Metadata::new("session");

#[allow(refining_impl_trait_reachable)] // hoops that call it directly see the session's error
impl<'ex, T: FromSession + Send> Extractible<'ex> for Extracted<T> {
    fn metadata() -> &'static Metadata {
        &METADATA
    }

    async fn extract(request: &'ex mut Request, _: &'ex mut Depot) -> Result<Self, SessionRejection> {
        extract(request).await
    }
}

async fn extract<T: FromSession>(request: &Request) -> Result<Extracted<T>, SessionRejection> {
    Ok(Extracted(mount::extract(request.headers(), request.extensions()).await?))
}

/// The signed-in user of a request. Without a user, the handler is not called.
///
/// A handler that is for other visitors as well takes a [`Session`] and asks for its
/// [`subject`](session_std::Session::subject), because Salvo extracts an `Option<T>` only if the `T` is deserialized.
#[derive(Clone, Debug)]
pub struct Authenticated {
    /// The subject of the session, as [`begin_login`](session_std::Session::begin_login) named it.
    pub subject: String,
    /// The session.
    pub session: Session,
}

#[allow(refining_impl_trait_reachable)]
impl<'ex> Extractible<'ex> for Authenticated {
    fn metadata() -> &'static Metadata {
        &METADATA
    }

    async fn extract(request: &'ex mut Request, _: &'ex mut Depot) -> Result<Self, AuthenticatedRejection> {
        let request = &*request;
        let session: Session = extract(request).await.map_err(AuthenticatedRejection::SessionRejection)?;
        let subject = session.subject().map_err(|error| AuthenticatedRejection::SessionRejection(error.into()))?;
        let page = || mount::sign_in_page(request.method(), request.uri(), request.headers(), request.extensions());
        subject.map(|subject| Self { subject, session }).ok_or_else(|| AuthenticatedRejection::SignInAt(page()))
    }
}
