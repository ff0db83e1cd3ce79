//! What a handler gets: its session, or a look at it.

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

/// The session of one request, with every method of [`session_core::Session`]. It is loaded: reading and `set` do not
/// wait, and what was set is stored before the first byte of the answer. A request has one at a time.
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

/// A look at a session that does not keep it alive (LC16): whatever [`session_core::Session`] shows without a change.
pub struct Peek<'p, P: Requests>(View<'p, P>);

impl<'p, P: Requests> Deref for Peek<'p, P> {
    type Target = View<'p, P>;

    fn deref(&self) -> &View<'p, P> {
        &self.0
    }
}

impl<'p, P: Requests> Peek<'p, P> {
    /// Looks at a session that was loaded without activity. For adapters.
    #[must_use]
    pub fn of(session: RequestSession<'p, P>) -> Self {
        Self(session.0)
    }

    /// See [`Session::get`].
    pub fn get<T: Serialize + DeserializeOwned>(&mut self, key: &str) -> Result<Option<T>, Error> {
        self.0.get(key)
    }

    /// Makes a CSRF token of a session that exists. A look makes no session.
    pub fn csrf_token(&mut self) -> Result<Option<csrf::Token>, Error> {
        self.0.exists().then(|| self.0.csrf_token()).transpose()
    }
}
