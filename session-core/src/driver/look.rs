//! Looks at a session after its request, without its cookie (LC20).

use core::fmt;

use super::mode::Mode;
use super::sealed::Ask;
use super::sessions::Sessions;
use crate::base::environment::{Buffer, Clock};
use crate::base::error::Error;
use crate::base::events::{LogId, Observer};
use crate::base::names::Handle;
use crate::protocol::expiry;
use crate::protocol::state::RequestState;
use crate::store::contract::Store;

/// Names the session of a request for looks at it afterwards. It opens nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Watched {
    handle: Handle,
    login: u32,
}

impl Watched {
    pub(crate) const fn new(handle: Handle, login: u32) -> Self {
        Self { handle, login }
    }

    /// What logs and events name the session by.
    #[must_use]
    pub const fn log_id(&self) -> LogId {
        LogId(self.handle)
    }
}

impl fmt::Debug for Watched {
    /// Prints what logs name the session by.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watched({})", self.log_id())
    }
}

impl<S: Store, C: Clock, O: Observer, M: Mode> Sessions<S, C, O, M> {
    /// Loads the session into an empty state, for reading only, whatever its cookie is now. Returns `false` if the session
    /// has ended or if a subject has signed in since: a login ends access that was opened before it, so that an attacker
    /// who planted a cookie cannot continue to read. A renewed or rotated cookie belongs to the same session. Calls the
    /// store as a request does, and does not count as activity.
    ///
    /// `sealed` is the record that [`Session::watched`](crate::Session::watched) returned. It is empty unless sessions
    /// travel in their cookies. No store has a newer record of these: its limits and values stay, and only the marks are
    /// checked.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store fails.
    pub async fn look<B: Buffer>(
        &self,
        request: &mut RequestState<B>,
        watched: Watched,
        sealed: &[u8],
    ) -> Result<bool, Error> {
        let Watched { handle, login } = watched;
        let live = if self.mode.abilities().lives_in_cookie {
            let (fits, record) = (request.make_room(sealed.len()), request.place());
            match record.buffer().get_mut(..sealed.len()).filter(|_| fits) {
                Some(place) => place.copy_from_slice(sealed),
                None => return Ok(false),
            }
            record.adopt(sealed.len()).is_ok()
                && !expiry::expired(record, self.policy(), self.now())
                && self
                    .context
                    .marks(Ask::Look, record.subject().map(|(subject, _)| subject))
                    .await?
                    .stand(record.verifier())
        } else {
            self.load_live(handle, request.place()).await?.is_some()
        };
        Ok(live && request.reopen(handle, login))
    }
}
