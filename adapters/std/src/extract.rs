//! The types that a handler can extract, for every framework.

use serde::{Serialize, de::DeserializeOwned};
use session_core::Error;

use crate::peek::Peek;
use crate::session::{Request, Session};
use crate::typed::Typed;

/// A type that a handler can extract. An adapter implements its framework's trait for all of them at once.
pub trait FromSession: Sized {
    /// Whether extracting it counts as activity of the session.
    const ACTIVITY: bool;

    /// Creates it from the request's session.
    fn from_session(session: Session) -> Result<Self, Error>;
}

impl FromSession for Session {
    const ACTIVITY: bool = true;

    fn from_session(session: Session) -> Result<Self, Error> {
        Ok(session)
    }
}

impl FromSession for Peek {
    const ACTIVITY: bool = false;

    fn from_session(session: Session) -> Result<Self, Error> {
        Ok(Self::of(session))
    }
}

impl<T: Serialize + DeserializeOwned + Default> FromSession for Typed<T> {
    const ACTIVITY: bool = true;

    fn from_session(session: Session) -> Result<Self, Error> {
        Self::of(session)
    }
}

impl Request {
    /// Returns what a handler asks for. The first call loads the session by the lines of its [`header`](Self::header).
    ///
    /// # Errors
    /// The error of loading the session, and that of reading a [`Typed`].
    pub async fn extract<'h, T: FromSession>(&self, lines: impl Iterator<Item = &'h [u8]>) -> Result<T, Error> {
        T::from_session(self.session(lines, T::ACTIVITY).await?)
    }

    /// Returns what a handler asks for like [`extract`](Self::extract) if that does not wait. Otherwise returns `None` and
    /// does nothing.
    pub fn extract_at_once<'h, T: FromSession>(
        &self,
        lines: impl Iterator<Item = &'h [u8]>,
    ) -> Option<Result<T, Error>> {
        self.session_at_once(lines, T::ACTIVITY).map(|session| session.and_then(T::from_session))
    }
}
