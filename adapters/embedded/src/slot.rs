//! The slot of a request: how an adapter reaches the session and finishes it.

use session_core::{Error, Session};

use crate::finished::Finished;
use crate::requests::{Requests, Slot};
use crate::rng::SharedRng;
use crate::session::{RequestSession, View};

/// The slot of one request. A copy may outlive the request: every later use returns [`Error::AnswerSent`].
pub struct RequestSlot<'p, P: Requests> {
    pool: &'p P,
    slot: &'p Slot<P::Buffer>,
    turn: u32,
}

impl<P: Requests> Clone for RequestSlot<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Requests> Copy for RequestSlot<'_, P> {}

impl<'p, P: Requests> RequestSlot<'p, P> {
    /// Returns the session that the request's `Cookie` header lines name. The first call loads it. If that fails,
    /// further calls return the same error. With `activity`, the request counts as activity of the session.
    ///
    /// # Errors
    /// [`Error::Busy`] while the request has another [`RequestSession`], [`Error::AnswerSent`] after the response, and
    /// errors of the store.
    pub async fn session<'h>(
        self,
        cookie_lines: impl Iterator<Item = &'h [u8]>,
        activity: bool,
    ) -> Result<RequestSession<'p, P>, Error> {
        let mut session = self.view()?;
        if activity {
            session.activity();
        }
        let loaded = match self.slot.loaded.get() {
            Some(loaded) => loaded,
            None => {
                // there is no endpoint for proofs here, and a policy must not be ignored silently
                let bound = self.pool.sessions().policy().binds_devices();
                let loaded = if bound { Err(Error::Unsupported) } else { session.load(cookie_lines).await };
                self.slot.loaded.set(Some(loaded));
                loaded
            }
        };
        loaded.map(|()| RequestSession(session))
    }

    fn view(self) -> Result<View<'p, P>, Error> {
        if self.slot.turn.get() != self.turn {
            return Err(Error::AnswerSent);
        }
        let state = self.slot.state.try_borrow_mut().map_err(|_| Error::Busy)?;
        Ok(Session::new(self.pool.sessions(), state, SharedRng(self.pool.rng())))
    }
}

/// A slot that a request uses until this guard is dropped. For adapters.
pub struct SlotGuard<'p, P: Requests>(RequestSlot<'p, P>);

impl<'p, P: Requests> SlotGuard<'p, P> {
    /// Takes a free slot of `pool`. Returns `None` if all are in use.
    pub fn lend(pool: &'p P) -> Option<Self> {
        let free = |slot: &&Slot<P::Buffer>| slot.turn.get() % 2 == 0 && slot.state.try_borrow_mut().is_ok();
        let slot = pool.slots().iter().find(free)?;
        *slot.state.try_borrow_mut().ok()? = pool.state();
        slot.loaded.set(None);
        slot.turn.set(slot.turn.get().wrapping_add(1));
        Some(Self(RequestSlot { pool, slot, turn: slot.turn.get() }))
    }

    /// Returns the slot, through which handlers reach the session.
    #[must_use]
    pub const fn slot(&self) -> RequestSlot<'p, P> {
        self.0
    }

    /// Returns a buffer for the line that [`finish`](Self::finish) writes.
    #[must_use]
    pub fn line(&self) -> P::Line {
        self.0.pool.line()
    }

    /// Stores the session and frees the slot. Call it after the handler, whatever the response is, and before its first
    /// byte. The result has [`Error::Busy`] if the request still has its [`RequestSession`].
    pub async fn finish(self, line: &mut [u8]) -> Finished<'_> {
        let mut session = match self.0.view() {
            Ok(session) => session,
            Err(error) => return Finished { error: Some(error), varies: true, ..Finished::default() },
        };
        let committed = session.commit().await;
        let written = session.set_cookie(line);
        let error = committed.err().or(written.err());
        Finished {
            error,
            cookie: written.unwrap_or_default(),
            varies: session.varies(),
            no_store: session.no_store(),
            clears_site_data: session.clears_site_data(),
        }
    }
}

impl<P: Requests> Drop for SlotGuard<'_, P> {
    fn drop(&mut self) {
        self.0.slot.turn.set(self.0.turn.wrapping_add(1));
    }
}
