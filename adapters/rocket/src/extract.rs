//! What a handler asks for: request guards. One that fails goes to the catcher of its status, as everywhere in Rocket.

use std::ops::{Deref, DerefMut};

use rocket::http::Status;
use rocket::outcome::Outcome as Found;
use rocket::request::{FromRequest, Outcome};
use rocket::{Ignite, Rocket, Sentinel};
use serde::{Serialize, de::DeserializeOwned};
use session_std::{Error, Typed};

use crate::layer::{Mounted, Place};
use crate::response::SessionRejection;

async fn load(request: &rocket::Request<'_>, activity: bool) -> Result<session_std::Session, Error> {
    let place = Place::of(request)?;
    // all Cookie lines are one (CP1)
    let mut lines = request.headers().get("Cookie").map(str::as_bytes).peekable();
    if lines.peek().is_some() {
        return place.session(lines, activity).await;
    }
    // `rocket::local` puts cookies into the jar and writes no Cookie line
    let pairs: Vec<String> =
        request.cookies().iter().map(|cookie| format!("{}={}", cookie.name(), cookie.value())).collect();
    place.session(pairs.iter().map(|pair| pair.as_bytes()), activity).await
}

fn outcome<T>(found: Result<T, Error>) -> Outcome<T, SessionRejection> {
    match found {
        Ok(found) => Found::Success(found),
        Err(error) => Found::Error((SessionRejection(error).status(), SessionRejection(error))),
    }
}

/// The request's session. A visitor without one has an empty one; `Option<Session>` is `None` if the store fails.
#[derive(Clone, Debug)]
pub struct Session(session_std::Session);

impl Deref for Session {
    type Target = session_std::Session;

    fn deref(&self) -> &session_std::Session {
        &self.0
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Session {
    type Error = SessionRejection;

    async fn from_request(request: &'r rocket::Request<'_>) -> Outcome<Self, SessionRejection> {
        outcome(load(request, true).await.map(Self))
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

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Peek {
    type Error = SessionRejection;

    async fn from_request(request: &'r rocket::Request<'_>) -> Outcome<Self, SessionRejection> {
        outcome(load(request, false).await.map(session_std::Peek::of).map(Self))
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

#[rocket::async_trait]
impl<'r, T: Serialize + DeserializeOwned + Default> FromRequest<'r> for SessionData<T> {
    type Error = SessionRejection;

    async fn from_request(request: &'r rocket::Request<'_>) -> Outcome<Self, SessionRejection> {
        outcome(load(request, true).await.and_then(Typed::of).map(Self))
    }
}

/// Somebody who is signed in; nobody else comes to the handler: Rocket tries the next route of this path, and without
/// one answers 401. `Option<Authenticated>` is `None` for anybody else.
#[derive(Clone, Debug)]
pub struct Authenticated {
    /// Who.
    pub subject: String,
    /// The session.
    pub session: Session,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Authenticated {
    type Error = SessionRejection;

    async fn from_request(request: &'r rocket::Request<'_>) -> Outcome<Self, SessionRejection> {
        let found = load(request, true).await.and_then(|session| Ok((session.subject()?, session)));
        match found {
            Ok((Some(subject), session)) => Found::Success(Self { subject, session: Session(session) }),
            Ok((None, _)) => {
                Refused::remember(request);
                Found::Forward(Status::Unauthorized)
            }
            Err(error) => outcome(Err(error)),
        }
    }
}

/// Whether a guard of this request wanted somebody signed in, in the request's cache.
pub(crate) struct Refused(bool);

impl Refused {
    fn remember(request: &rocket::Request<'_>) {
        request.local_cache(|| Self(true));
    }

    pub(crate) fn was(request: &rocket::Request<'_>) -> bool {
        request.local_cache(|| Self(false)).0
    }
}

/// A program whose handlers ask for a session that no layer gives does not start.
fn not_mounted(rocket: &Rocket<Ignite>) -> bool {
    let missing = rocket.state::<Mounted>().is_none();
    if missing {
        eprintln!("error: {}", SessionRejection(Error::NotMounted));
    }
    missing
}

impl Sentinel for Session {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        not_mounted(rocket)
    }
}

impl Sentinel for Peek {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        not_mounted(rocket)
    }
}

impl<T> Sentinel for SessionData<T> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        not_mounted(rocket)
    }
}

impl Sentinel for Authenticated {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        not_mounted(rocket)
    }
}
