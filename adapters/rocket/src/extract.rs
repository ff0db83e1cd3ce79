//! Request guards. A guard that fails calls the catcher of its status, which finds the error with
//! [`SessionRejection::of`].

use std::ops::{Deref, DerefMut};

use rocket::http::Status;
use rocket::outcome::Outcome as Found;
use rocket::request::{FromRequest, Outcome};
use rocket::{Ignite, Request, Rocket, Sentinel};
use session_std::{Error, FromSession, Typed, to_stderr};

use crate::request::{Failed, Mounted, RequestCache};
use crate::response::SessionRejection;

/// The request's session. It is empty for a visitor without one. `Option<Session>` is `None` if the store fails.
pub type Session = Extracted<session_std::Session>;

/// A read-only view of the request's session that does not count as activity.
pub type Peek = Extracted<session_std::Peek>;

/// The session's data as one struct, stored field by field. See [`Typed`]. `docs/values.md` in the repository says
/// which changes of the struct existing sessions survive.
pub type SessionData<T> = Extracted<Typed<T>>;

/// What Rocket extracts from a request's session.
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

async fn extract<T: FromSession>(request: &Request<'_>) -> Result<Extracted<T>, Error> {
    let session = RequestCache::ask(request)?;
    // all Cookie lines are one (CP1); borrowed, because each inner future would hold two copies of the iterator
    let header = session.header().as_str();
    let mut lines = request.headers().get(header).map(str::as_bytes).peekable();
    if header != "cookie" || lines.peek().is_some() {
        if let Some(extracted) = session.extract_at_once(&mut lines) {
            return extracted.map(Extracted);
        }
        return session.extract(&mut lines).await.map(Extracted);
    }
    // `rocket::local` puts cookies into the jar and writes no Cookie line
    let pairs: Vec<String> =
        request.cookies().iter().map(|cookie| format!("{}={}", cookie.name(), cookie.value())).collect();
    session.extract(&mut pairs.iter().map(|pair| pair.as_bytes())).await.map(Extracted)
}

fn refused<T>(request: &Request<'_>, error: Error) -> Outcome<T, SessionRejection> {
    Failed::remember(request, error);
    Found::Error((SessionRejection(error).status(), SessionRejection(error)))
}

#[rocket::async_trait]
impl<'r, T: FromSession> FromRequest<'r> for Extracted<T> {
    type Error = SessionRejection;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, SessionRejection> {
        extract(request).await.map_or_else(|error| refused(request, error), Found::Success)
    }
}

/// The signed-in user of a request. Without a user, the handler is not called: Rocket tries the next route of this
/// path, and responds with 401 if there is none. `Option<Authenticated>` is `None` then.
#[derive(Clone, Debug)]
pub struct Authenticated {
    /// The subject of the session, as [`begin_login`](session_std::Session::begin_login) named it.
    pub subject: String,
    /// The session.
    pub session: Session,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Authenticated {
    type Error = SessionRejection;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, SessionRejection> {
        let found = extract(request).await.and_then(|session: Session| Ok((session.subject()?, session)));
        match found {
            Ok((Some(subject), session)) => Found::Success(Self { subject, session }),
            Ok((None, _)) => {
                Failed::remember(request, Error::NotSignedIn);
                Found::Forward(Status::Unauthorized)
            }
            Err(error) => refused(request, error),
        }
    }
}

/// A program whose handlers need a session does not start without a layer.
fn not_mounted(rocket: &Rocket<Ignite>) -> bool {
    let missing = rocket.state::<Mounted>().is_none();
    if missing {
        to_stderr(format_args!("error: {}", SessionRejection(Error::NotMounted)));
    }
    missing
}

impl<T> Sentinel for Extracted<T> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        not_mounted(rocket)
    }
}

impl Sentinel for Authenticated {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        not_mounted(rocket)
    }
}
