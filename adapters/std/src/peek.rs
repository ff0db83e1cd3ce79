//! A read-only view of a session.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use session_core::Error;

use crate::session::Session;
use crate::watch::Watch;

/// A read-only view of a session that does not count as activity, for pages that poll. Its methods return what those of
/// [`Session`] return, with the same errors.
#[derive(Clone, Debug)]
pub struct Peek(Session);

impl Peek {
    /// Creates the view of a session that was loaded without activity. For adapters.
    #[must_use]
    pub const fn of(session: Session) -> Self {
        Self(session)
    }

    /// See [`Session::get`].
    pub fn get<T: Serialize + DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        self.0.get(key)
    }

    /// See [`Session::subject`].
    pub fn subject(&self) -> Result<Option<String>, Error> {
        self.0.subject()
    }

    /// See [`Session::authenticated_within`].
    pub fn authenticated_within(&self, span: Duration) -> Result<bool, Error> {
        self.0.authenticated_within(span)
    }

    /// See [`Session::watch`].
    pub fn watch(&self) -> Result<Watch, Error> {
        self.0.watch()
    }

    /// See [`Session::expires_in`].
    pub fn expires_in(&self) -> Result<Option<Duration>, Error> {
        self.0.expires_in()
    }
}
