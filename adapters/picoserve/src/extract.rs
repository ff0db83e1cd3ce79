//! What a handler can extract: its session, a view of it, or the application's own state.

use picoserve::extract::FromRequestParts;
use picoserve::request::RequestParts;
use session_embedded::{Peek, RequestSession, RequestSlot, Requests};

use crate::response::SessionRejection;

/// The state that handlers inside a [`SessionLayer`](crate::SessionLayer) see: the application's own and the request's
/// slot. Extract [`App`], the session or a [`Peek`] from it.
pub struct WithSession<'p, A, P: Requests> {
    pub(crate) app: A,
    pub(crate) slot: RequestSlot<'p, P>,
}

/// The application's own state, which is `picoserve::extract::State` outside of the layer.
pub struct App<A>(
    /// The state.
    pub A,
);

impl<'r, 'p, A: Clone, P: Requests> FromRequestParts<'r, WithSession<'p, A, P>> for App<A> {
    type Rejection = core::convert::Infallible;

    async fn from_request_parts(
        state: &'r WithSession<'p, A, P>,
        _: &RequestParts<'r>,
    ) -> Result<Self, Self::Rejection> {
        Ok(Self(state.app.clone()))
    }
}

impl<'r, 'p, A, P: Requests> FromRequestParts<'r, WithSession<'p, A, P>> for RequestSession<'p, P> {
    type Rejection = SessionRejection;

    async fn from_request_parts(
        state: &'r WithSession<'p, A, P>,
        parts: &RequestParts<'r>,
    ) -> Result<Self, SessionRejection> {
        Ok(state.slot.session(cookie_lines(parts), true).await?)
    }
}

impl<'r, 'p, A, P: Requests> FromRequestParts<'r, WithSession<'p, A, P>> for Peek<'p, P> {
    type Rejection = SessionRejection;

    async fn from_request_parts(
        state: &'r WithSession<'p, A, P>,
        parts: &RequestParts<'r>,
    ) -> Result<Self, SessionRejection> {
        Ok(Self::of(state.slot.session(cookie_lines(parts), false).await?))
    }
}

/// All Cookie header lines, read as one (CP1).
fn cookie_lines<'r>(parts: &RequestParts<'r>) -> impl Iterator<Item = &'r [u8]> + use<'r> {
    parts.headers().iter().filter(|(name, _)| *name == "cookie").map(|(_, value)| value.as_raw())
}
