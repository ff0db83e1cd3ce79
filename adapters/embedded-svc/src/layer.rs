//! What all handlers share, and the handler that a server calls.

use embedded_svc::http::Method;
use embedded_svc::http::server::{Connection, Handler as SvcHandler};
use rand_core::TryCryptoRng;
use session_core::cross_site::Sent;
use session_core::environment::{Buffer, Clock};
use session_core::events::Observer;
use session_core::mode::{Mode, Sealed, Stored};
use session_core::policy::SET_COOKIE_LEN;
use session_core::store::Store;
use session_core::{RequestState, Sessions};
use session_embedded::CrossSite;

use crate::rejection::SessionRejection;
use crate::request::Request;

/// Serves the requests of one or more addresses, each with its session. It is embedded-svc's trait of the same name,
/// with a [`Request`] in place of the connection.
pub trait Handler<L: Layer> {
    /// Handles one request and answers it with [`Request::respond`] or [`Request::send`]. An error before the response
    /// becomes the response. Without either, the response is an empty 200. In each case, changes to the session are
    /// stored first.
    fn handle<X: Connection>(&self, request: &mut Request<'_, L, X>) -> Result<(), SessionRejection<X::Error>>;
}

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

    /// Returns what the server takes as a handler: `server.handler("/", Method::Get, layer.handler(App))`.
    pub const fn handler<H: Handler<Self>>(&self, handler: H) -> SessionHandler<'_, Self, H>
    where
        Self: Layer,
    {
        SessionHandler { layer: self, handler }
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

/// A handler for a server, made by [`SessionLayer::handler`].
///
/// It is no middleware: the session is stored before the head of the response, and a middleware of embedded-svc cannot
/// see when its handler begins one.
pub struct SessionHandler<'l, L, H> {
    layer: &'l L,
    handler: H,
}

impl<L, H: Clone> Clone for SessionHandler<'_, L, H> {
    fn clone(&self) -> Self {
        Self { layer: self.layer, handler: self.handler.clone() }
    }
}

impl<L: Layer, H: Handler<L> + Send, X: Connection> SvcHandler<X> for SessionHandler<'_, L, H> {
    type Error = SessionRejection<X::Error>;

    fn handle(&self, connection: &mut X) -> Result<(), SessionRejection<X::Error>> {
        let refused = self.layer.cross_site().refuses(self.layer.sessions(), || {
            let value = |name| connection.header(name).map(str::as_bytes);
            Sent {
                method: method(connection.method()),
                fetch_site: value("Sec-Fetch-Site"),
                origin: value("Origin"),
                host: value("Host"),
                upgrades: value("Upgrade").is_some(),
            }
        });
        let mut state = self.layer.state();
        let mut request = Request::new(self.layer, &mut state, connection);
        if refused {
            return request.send_line(403, &session_core::Error::CrossSite);
        }
        let handled = self.handler.handle(&mut request);
        if request.is_replaced() {
            return Ok(());
        }
        match handled {
            Ok(()) if request.is_answered() => Ok(()),
            Ok(()) => request.send(200, &[], b""),
            // half an answer cannot be taken back: the server closes the connection
            Err(failed) if request.is_answered() => Err(failed),
            Err(SessionRejection::Session(error)) => request.send_line(error.status(), &error),
            Err(SessionRejection::Answer(status, text)) => request.send(status, &[], text.as_bytes()),
            Err(failed) => Err(failed),
        }
        // an error that replaced this answer was sent in its place
        .or_else(|failed| if request.is_replaced() { Ok(()) } else { Err(failed) })
    }
}

/// The method, as far as it matters where a request comes from.
const fn method(method: Method) -> &'static str {
    match method {
        Method::Get | Method::Head | Method::Options | Method::Trace => "GET",
        _ => "",
    }
}
