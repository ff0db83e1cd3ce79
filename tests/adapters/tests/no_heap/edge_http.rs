//! Through session-edge-http.

use core::convert::Infallible;

use edge_http::Method;
use edge_http::io::server::handle_request;
use edge_nal::{Readable, TcpSplit};
use embedded_io_async::{ErrorType, Read, Write};
use session_core::testing::{ManualClock, ScriptedRng, run};
use session_edge_http::policy::Policy;
use session_edge_http::{
    GuardedSocket, Handler, Keys, Pool, Request, SessionLayer, SessionRejection, Sessions, Socket, edge_http,
};
use session_store_memory::FixedStore;

use crate::KEY;
use crate::wire::{Incoming, Outgoing, Wire};

type AppPool<'c> = Pool<FixedStore<4, 256>, &'c ManualClock, ScriptedRng, (), 2, 256>;

struct App;

impl<'c> Handler<AppPool<'c>> for App {
    async fn handle<T: Socket, const N: usize>(
        &self,
        request: &mut Request<'_, '_, AppPool<'c>, T, N>,
    ) -> Result<(), SessionRejection<T::Error>> {
        match (request.headers()?.method, request.headers()?.path) {
            (Method::Post, "/login") => {
                let session = request.session().await?;
                let attempt = session.begin_login("ann").await?;
                session.login(attempt).await?;
                session.set("visits", &1_u32)?;
                request.send(200, &[], b"signed in").await
            }
            (Method::Get, "/visits") => {
                let visits = request.session().await?.get::<u32>("visits")?;
                request.send(200, &[], if visits == Some(1) { b"one visit" } else { b"no visit" }).await
            }
            _ => request.send(404, &[], b"").await,
        }
    }
}

/// Serves the requests on one connection each and returns how many bytes of `answers` they took.
pub(crate) fn serve(clock: &ManualClock, requests: &[&[u8]], answers: &mut [u8]) -> Option<usize> {
    let keys = Keys::new(&KEY).ok()?;
    let sessions = Sessions::new(FixedStore::new(), clock, &keys, Policy::PLAIN_HTTP);
    let pool: AppPool<'_> = Pool::new(sessions, ScriptedRng::new(7));
    let mut written = 0;
    for request in requests {
        let mut head = [0; 1024];
        let wire = Wire { request, answer: answers, written: &mut written };
        // the connection ends with the request, which is no concern of the application
        let _ended =
            run(handle_request::<_, _, 16>(&mut head, GuardedSocket::new(wire), 0, SessionLayer::new(&pool, App)));
    }
    Some(written)
}

impl ErrorType for Wire<'_> {
    type Error = Infallible;
}

impl Read for Wire<'_> {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, Infallible> {
        let mut incoming = Incoming(self.request);
        let read = incoming.read(into).await;
        self.request = incoming.0;
        read
    }
}

impl Write for Wire<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.split().1.write(bytes).await
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl TcpSplit for Wire<'_> {
    type Read<'a>
        = Incoming<'a>
    where
        Self: 'a;
    type Write<'a>
        = Outgoing<'a>
    where
        Self: 'a;

    fn split(&mut self) -> (Incoming<'_>, Outgoing<'_>) {
        (Incoming(self.request), Outgoing { answer: self.answer, written: self.written })
    }
}

impl Readable for Incoming<'_> {
    async fn readable(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
