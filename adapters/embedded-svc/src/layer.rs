//! What all handlers share.

use rand_core::TryCryptoRng;
use session_core::environment::{Buffer, Clock};
use session_core::events::Observer;
use session_core::mode::{Mode, Sealed, Stored};
use session_core::policy::SET_COOKIE_LEN;
use session_core::store::Store;
use session_core::{RequestState, Sessions};
use session_embedded::CrossSite;

/// The sessions that all handlers of a server share. Handlers keep a reference to it, and a server's handlers are
/// `'static`, so it lies in a `static` (`OnceLock`, `StaticCell`) or in a leaked `Box`.
///
/// It is `Sync` if the store, the clock and the observer are. The buffers of a request lie on the stack of the server's
/// thread: two records of at most `BYTES` bytes and a `Set-Cookie` value of at most `COOKIE`.
pub struct SessionLayer<S, C, R, O = (), const BYTES: usize = 512, const COOKIE: usize = SET_COOKIE_LEN, M = Stored> {
    sessions: Sessions<S, C, O, M>,
    rng: fn() -> R,
    cross_site: CrossSite<'static>,
}

/// A [`SessionLayer`] of sessions that travel in their cookies, see [`Sessions::sealed`](Sessions#method.sealed). A
/// cookie has about four thirds of its record's length and 150 characters, so set `COOKIE` together with `BYTES`.
pub type SealedSessionLayer<S, C, R, O = (), const BYTES: usize = 512, const COOKIE: usize = 1024> =
    SessionLayer<S, C, R, O, BYTES, COOKIE, Sealed>;

impl<S, C, R, O, M, const BYTES: usize, const COOKIE: usize> SessionLayer<S, C, R, O, BYTES, COOKIE, M> {
    /// Creates a layer. `rng` makes the random number generator of one request. It must be a cryptographic one, and
    /// never the same again: a handle for the chip's generator, not a seed that the program knows. It may return errors
    /// until it is ready.
    pub const fn new(sessions: Sessions<S, C, O, M>, rng: fn() -> R) -> Self {
        Self { sessions, rng, cross_site: CrossSite::PASS }
    }

    /// Rejects requests that another site causes with 403, except for the origins in `trusted`. Write these as browsers
    /// do: `http://oven.local`.
    ///
    /// Browsers state in headers where a request comes from. A request without such headers passes, and so do `GET`,
    /// `HEAD` and `OPTIONS`, which must not change anything. The check needs neither a token nor a session, so it also
    /// protects a sign-in form. See [`session_core::cross_site`].
    #[must_use]
    pub fn refuse_cross_site(self, trusted: &'static [&'static str]) -> Self {
        Self { cross_site: CrossSite::refused_but_from(trusted), ..self }
    }
}

/// The type parameters of a [`SessionLayer`] behind one name, so that a handler needs one type parameter. Only
/// `SessionLayer` implements it.
pub trait Layer: sealed::Sealed + Sync {
    /// The store of the records.
    type Store: Store;
    /// The clock.
    type Clock: Clock;
    /// The random number generator of a request.
    type Rng: TryCryptoRng;
    /// The observer of events.
    type Observer: Observer;
    /// The buffer for one record of a request.
    type Buffer: Buffer + 'static;
    /// Where sessions are kept.
    type Mode: Mode;
    /// The buffer for a `Set-Cookie` value.
    type Line: AsMut<[u8]>;

    /// Returns what all requests share.
    fn sessions(&self) -> &Sessions<Self::Store, Self::Clock, Self::Observer, Self::Mode>;
    #[doc(hidden)]
    fn rng(&self) -> Self::Rng;
    #[doc(hidden)]
    fn cross_site(&self) -> CrossSite<'static>;
    #[doc(hidden)]
    fn state(&self) -> RequestState<Self::Buffer>;
    #[doc(hidden)]
    fn line(&self) -> Self::Line;
}

mod sealed {
    pub trait Sealed {}
}

impl<S, C, R, O, M, const BYTES: usize, const COOKIE: usize> sealed::Sealed
    for SessionLayer<S, C, R, O, BYTES, COOKIE, M>
{
}

impl<S, C, R, O, M, const BYTES: usize, const COOKIE: usize> Layer for SessionLayer<S, C, R, O, BYTES, COOKIE, M>
where
    S: Store,
    C: Clock,
    R: TryCryptoRng,
    O: Observer,
    M: Mode,
    Sessions<S, C, O, M>: Sync,
{
    type Store = S;
    type Clock = C;
    type Rng = R;
    type Observer = O;
    type Buffer = [u8; BYTES];
    type Mode = M;
    type Line = [u8; COOKIE];

    fn sessions(&self) -> &Sessions<S, C, O, M> {
        &self.sessions
    }

    fn rng(&self) -> R {
        (self.rng)()
    }

    fn cross_site(&self) -> CrossSite<'static> {
        self.cross_site
    }

    fn state(&self) -> RequestState<[u8; BYTES]> {
        RequestState::new([0; BYTES], [0; BYTES])
    }

    fn line(&self) -> [u8; COOKIE] {
        [0; COOKIE]
    }
}
