//! Lends each request a slot for its session, and answers for handlers that fail.

use core::fmt::{Debug, Display};

use edge_http::io::Error;
use edge_http::io::server::{Connection, Handler as EdgeHandler};
use edge_nal::TcpSplit;
use embedded_io_async::{Read, Write};
use session_embedded::{CROWDED_OUT, Requests, SlotGuard};

use crate::request::{Request, Socket};
use crate::response::{FAILED, NO_WEBSOCKET, SessionRejection};

/// What serves the requests of an application, each with its session: edge-http's trait of the same name, with a
/// [`Request`] in place of the connection.
pub trait Handler<P: Requests> {
    /// Answers one request, with [`Request::respond`] or [`Request::send`]. An error before the answer becomes the answer; without either it is
    /// an empty 200. In each case what was set in the session is stored first.
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
}

impl<'p, P: Requests, H: Handler<P>> SessionLayer<'p, P, H> {
    /// Sessions of `pool`, which has as many slots as the server has tasks, for `handler`.
    pub const fn new(pool: &'p P, handler: H) -> Self {
        Self { pool, handler }
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
        let guard = SlotGuard::lend(self.pool);
        let crowded_out = guard.is_none();
        let mut request = Request::new(connection, guard, &task_id);
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
            // half an answer cannot be taken back: edge-http closes the connection
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
            // the client is gone, or its body cannot be read, so that there is no telling where it ends: no answer from
            // here, nothing stored, and no 500 of edge-http's
            request.unbind()?;
        }
        answered
    }
}
