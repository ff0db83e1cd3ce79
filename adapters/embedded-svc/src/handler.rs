//! The handlers of an application, and the one that a server calls.

use embedded_svc::http::Method;
use embedded_svc::http::server::{Connection, Handler as SvcHandler};
use session_core::cross_site::Sent;

use crate::layer::{Layer, SessionLayer};
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

impl<S, C, R, O, M, const BYTES: usize, const COOKIE: usize> SessionLayer<S, C, R, O, BYTES, COOKIE, M> {
    /// Returns what the server takes as a handler: `server.handler("/", Method::Get, layer.handler(App))`.
    pub const fn handler<H: Handler<Self>>(&self, handler: H) -> SessionHandler<'_, Self, H>
    where
        Self: Layer,
    {
        SessionHandler { layer: self, handler }
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
            // a partial answer cannot be withdrawn, so the server closes the connection
            Err(failed) if request.is_answered() => Err(failed),
            Err(SessionRejection::Session(error)) => request.send_line(error.status(), &error),
            Err(SessionRejection::Answer(status, text)) => request.send(status, &[], text.as_bytes()),
            Err(failed) => Err(failed),
        }
        // an error was sent instead of this answer
        .or_else(|failed| if request.is_replaced() { Ok(()) } else { Err(failed) })
    }
}

/// The method, as far as it is relevant to the origin of a request.
const fn method(method: Method) -> &'static str {
    match method {
        Method::Get | Method::Head | Method::Options | Method::Trace => "GET",
        _ => "",
    }
}
