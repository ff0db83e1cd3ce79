//! Lends each request a slot for its session, and answers for handlers that fail.

use core::fmt::{Debug, Display};

use edge_http::Method;
use edge_http::io::Error;
use edge_http::io::server::{Connection, Handler as EdgeHandler};
use edge_nal::TcpSplit;
use embedded_io_async::{Read, Write};
use session_core::cross_site::Sent;
use session_embedded::{CROWDED_OUT, CrossSite, Requests, SlotGuard};

use crate::request::{Request, Socket};
use crate::response::{FAILED, NO_WEBSOCKET, SessionRejection};

/// Serves the requests of an application, each with its session. It is edge-http's trait of the same name, with a
/// [`Request`] in place of the connection.
pub trait Handler<P: Requests> {
    /// Handles one request and answers it with [`Request::respond`] or [`Request::send`]. An error before the response
    /// becomes the response. Without either, the response is an empty 200. In each case, changes to the session are
    /// stored first.
    async fn handle<T: Socket, const N: usize>(
        &self,
        request: &mut Request<'_, '_, P, T, N>,
    ) -> Result<(), SessionRejection<T::Error>>;
}

impl<P: Requests, H: Handler<P>> Handler<P> for &H {
    async fn handle<T: Socket, const N: usize>(
        &self,
        request: &mut Request<'_, '_, P, T, N>,
    ) -> Result<(), SessionRejection<T::Error>> {
        (**self).handle(request).await
    }
}

/// Sessions for a [`Handler`]: `server.run(None, Guarded::new(acceptor), SessionLayer::new(&pool, handler))`.
pub struct SessionLayer<'p, P, H> {
    pool: &'p P,
    handler: H,
    cross_site: CrossSite<'p>,
}

impl<'p, P: Requests, H: Handler<P>> SessionLayer<'p, P, H> {
    /// Creates a layer that gives the requests of `handler` sessions from `pool`. The pool needs as many slots as the
    /// server has tasks.
    pub const fn new(pool: &'p P, handler: H) -> Self {
        Self { pool, handler, cross_site: CrossSite::PASS }
    }

    /// Rejects requests that another site causes with 403, except for the origins in `trusted`. Write these as browsers
    /// do: `http://oven.local`.
    ///
    /// Browsers state in headers where a request comes from. A request without such headers passes, and so do `GET`,
    /// `HEAD` and `OPTIONS`, which must not change anything. The check needs neither a token nor a session, so it also
    /// protects a sign-in form. See [`session_core::cross_site`].
    #[must_use]
    pub fn refuse_cross_site(self, trusted: &'p [&'p str]) -> Self {
        Self { cross_site: CrossSite::refused_but_from(trusted), ..self }
    }
}

impl<P: Requests, H: Handler<P>> EdgeHandler for SessionLayer<'_, P, H> {
    type Error<E>
        = SessionRejection<E>
    where
        E: Debug;

    async fn handle<T: Read + Write + TcpSplit, const N: usize>(
        &self,
        task_id: impl Display + Copy,
        connection: &mut Connection<'_, T, N>,
    ) -> Result<(), SessionRejection<T::Error>> {
        let headers = connection.headers()?;
        let cross_site = self.cross_site.refuses(self.pool.sessions(), || {
            let value = |name| headers.headers.get_raw(name);
            Sent {
                method: method(headers.method),
                fetch_site: value("Sec-Fetch-Site"),
                origin: value("Origin"),
                host: value("Host"),
                upgrades: value("Upgrade").is_some(),
            }
        });
        let guard = if cross_site { None } else { SlotGuard::lend(self.pool) };
        let crowded_out = guard.is_none();
        let mut request = Request::new(connection, guard, &task_id);
        if cross_site {
            return request.send_line(403, &session_core::Error::CrossSite).await;
        }
        if crowded_out {
            return request.send_line(503, &CROWDED_OUT).await;
        }
        let handled = self.handler.handle(&mut request).await;
        if request.is_replaced() {
            // the error page is the answer: the connection may serve another request
            return Ok(());
        }
        let answered = match handled {
            Ok(()) if request.is_answered() => Ok(()),
            Ok(()) => request.send(200, &[], b"").await,
            // a partial answer cannot be withdrawn, so edge-http closes the connection
            Err(failed) if request.is_answered() => Err(failed),
            Err(SessionRejection::Session(error)) => request.send_line(error.status(), &error).await,
            Err(SessionRejection::Answer(status, text)) => request.send(status, &[], text.as_bytes()).await,
            Err(SessionRejection::Connection(Error::WsUpgradeError(_))) => {
                request.send(400, &[], NO_WEBSOCKET.as_bytes()).await
            }
            Err(SessionRejection::Connection(Error::InvalidState)) => request.send(500, &[], FAILED.as_bytes()).await,
            Err(failed) => Err(failed),
        };
        if answered.is_err() && !request.is_answered() {
            // the client is gone, or its body cannot be read, so its end is unknown: no answer, nothing stored, and no
            // 500 from edge-http
            request.unbind()?;
        }
        answered
    }
}

/// The method, as far as it is relevant to the origin of a request.
const fn method(method: Method) -> &'static str {
    match method {
        Method::Get | Method::Head | Method::Options | Method::Trace => "GET",
        _ => "",
    }
}
