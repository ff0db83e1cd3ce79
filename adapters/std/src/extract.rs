//! What a handler can ask for, whatever its framework.

use serde::{Serialize, de::DeserializeOwned};
use session_core::Error;

use crate::peek::Peek;
use crate::session::{Request, Session};
use crate::typed::Typed;

/// What a handler can ask for. An adapter implements its framework's trait for all of it at once.
pub trait FromSession: Sized {
    /// Whether a request that asks for it counts as use of the session.
    const ACTIVITY: bool;

    /// Makes it of the request's session.
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
    /// Returns what a handler asks for. The session is found by the lines of its [`header`](Self::header) at the first call.
    pub async fn extract<'h, T: FromSession>(&self, lines: impl Iterator<Item = &'h [u8]>) -> Result<T, Error> {
        T::from_session(self.session(lines, T::ACTIVITY).await?)
    }
}
