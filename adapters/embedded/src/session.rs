//! The session or the read-only view that a handler receives.

use core::cell::RefMut;
use core::ops::{Deref, DerefMut};

use serde::{Serialize, de::DeserializeOwned};
use session_core::{Error, RequestState, Session, csrf};

use crate::requests::Requests;
use crate::rng::SharedRng;

/// The core's session over a slot of a pool.
pub(crate) type View<'p, P> = Session<
    'p,
    <P as Requests>::Store,
    <P as Requests>::Clock,
    SharedRng<'p, <P as Requests>::Rng>,
    RefMut<'p, RequestState<<P as Requests>::Buffer>>,
    <P as Requests>::Observer,
    <P as Requests>::Mode,
>;

/// The session of one request, with every method of [`session_core::Session`]. It is already loaded, so reading and
/// `set` do not wait. Changes are stored before the first byte of the response. A request has at most one at a time.
pub struct RequestSession<'p, P: Requests>(pub(crate) View<'p, P>);

impl<'p, P: Requests> Deref for RequestSession<'p, P> {
    type Target = View<'p, P>;

    fn deref(&self) -> &View<'p, P> {
        &self.0
    }
}

impl<'p, P: Requests> DerefMut for RequestSession<'p, P> {
    fn deref_mut(&mut self) -> &mut View<'p, P> {
        &mut self.0
    }
}

/// A read-only view of a session that does not count as activity, with the methods of [`session_core::Session`] that
/// change nothing.
pub struct Peek<'p, P: Requests>(View<'p, P>);

impl<'p, P: Requests> Deref for Peek<'p, P> {
    type Target = View<'p, P>;

    fn deref(&self) -> &View<'p, P> {
        &self.0
    }
}

impl<'p, P: Requests> Peek<'p, P> {
    /// Creates the view of a session that was loaded without activity. For adapters.
    #[must_use]
    pub fn of(session: RequestSession<'p, P>) -> Self {
        Self(session.0)
    }

    /// See [`Session::get`].
    pub fn get<T: Serialize + DeserializeOwned>(&mut self, key: &str) -> Result<Option<T>, Error> {
        self.0.get(key)
    }

    /// Creates a CSRF token for an existing session. Returns `None` without one, because a view creates no session.
    pub fn csrf_token(&mut self) -> Result<Option<csrf::Token>, Error> {
        self.0.exists().then(|| self.0.csrf_token()).transpose()
    }
}
