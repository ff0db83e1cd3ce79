//! Extractors. As always in actix-web, if extracting a `T` fails, `Option<T>` is `None`, `Result<T, E>` is `Err` and
//! `Either<L, R>` tries the right one.

use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{ContentType, HeaderValue, LOCATION};
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, ResponseError};
use session_std::mount::Mounted;
use session_std::sign_in::Visit;
use session_std::{Error, FromSession, Typed};

use crate::response::SessionRejection;

/// The request's session. It is empty for a visitor without one: see [`exists`](session_std::Session::exists).
pub type Session = Extracted<session_std::Session>;

/// A read-only view of the request's session that does not count as activity.
pub type Peek = Extracted<session_std::Peek>;

/// The session's data as one struct, stored field by field. See [`Typed`]. `docs/values.md` in the repository says
/// which changes of the struct existing sessions survive.
pub type SessionData<T> = Extracted<Typed<T>>;

/// What actix-web extracts from a request's session.
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

type Found<T, E> = Pin<Box<dyn Future<Output = Result<T, E>>>>;

impl<T: FromSession + 'static> FromRequest for Extracted<T> {
    type Error = SessionRejection;
    type Future = Found<Self, SessionRejection>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { extract(&request).await })
    }
}

async fn extract<T: FromSession>(request: &HttpRequest) -> Result<Extracted<T>, SessionRejection> {
    let mounted = mounted(request).ok_or(Error::NotMounted)?;
    let mut lines = request.headers().get_all(mounted.header().as_str()).map(HeaderValue::as_bytes);
    if let Some(extracted) = mounted.extract_at_once(&mut lines) {
        return Ok(Extracted(extracted?));
    }
    Ok(Extracted(mounted.extract(&mut lines).await?))
}

fn visit(request: &HttpRequest) -> Visit<'_> {
    let wanted = request.uri().path_and_query().map_or("/", |wanted| wanted.as_str());
    Visit::new(request.method().as_str(), wanted, |name| request.headers().get(name).map(HeaderValue::as_bytes))
}

/// Returns a clone of what the layer left, because handlers borrow a request's extensions while others wait for a
/// store.
fn mounted(request: &HttpRequest) -> Option<Mounted> {
    request.extensions().get().cloned()
}

/// The signed-in user of a request. Without a user, the handler is not called. `Option<Authenticated>` is `None` then,
/// and also if the store failed. `Result<Authenticated, AuthenticatedRejection>` distinguishes the two.
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

impl fmt::Display for AuthenticatedRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignInAt(_) => Error::NotSignedIn.fmt(f),
            Self::SessionRejection(failed) => failed.fmt(f),
        }
    }
}

impl std::error::Error for AuthenticatedRejection {}

impl ResponseError for AuthenticatedRejection {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::SignInAt(Some(_)) => StatusCode::SEE_OTHER,
            Self::SignInAt(None) => StatusCode::UNAUTHORIZED,
            Self::SessionRejection(failed) => failed.status_code(),
        }
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        match self {
            Self::SignInAt(Some(page)) => {
                HttpResponse::build(self.status_code()).insert_header((LOCATION, page.as_ref())).finish()
            }
            Self::SignInAt(None) => {
                HttpResponse::build(self.status_code()).content_type(ContentType::plaintext()).body(format!("{self}\n"))
            }
            Self::SessionRejection(failed) => failed.error_response(),
        }
    }
}

impl FromRequest for Authenticated {
    type Error = AuthenticatedRejection;
    type Future = Found<Self, AuthenticatedRejection>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let session: Session = extract(&request).await.map_err(AuthenticatedRejection::SessionRejection)?;
            let subject = session.subject().map_err(|error| AuthenticatedRejection::SessionRejection(error.into()))?;
            let page = || mounted(&request).and_then(|mounted| mounted.sign_in_page(visit(&request)));
            subject.map(|subject| Self { subject, session }).ok_or_else(|| AuthenticatedRejection::SignInAt(page()))
        })
    }
}
