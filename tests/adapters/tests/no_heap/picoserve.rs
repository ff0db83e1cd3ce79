//! Through session-picoserve.

use core::convert::Infallible;
use core::future::pending;

use picoserve::io::{Socket, Write};
use picoserve::mem::{BorrowedBuffer, BorrowedCursor};
use picoserve::routing::{get, post};
use picoserve::time::{Duration, Timer};
use picoserve::{Config, Router, Server, Timeouts};
use session_core::testing::{ManualClock, ScriptedRng, run};
use session_picoserve::policy::Policy;
use session_picoserve::{Guard, Keys, Pool, SessionLayer, SessionRejection, Sessions};
use session_store_memory::FixedStore;

use crate::KEY;
use crate::wire::{Incoming, Outgoing, Wire};

type AppPool<'c> = Pool<FixedStore<4, 256>, &'c ManualClock, ScriptedRng, (), 2, 256>;
type Session<'p, 'c> = session_picoserve::Session<'p, AppPool<'c>>;

async fn login(mut session: Session<'_, '_>) -> Result<&'static str, SessionRejection> {
    let attempt = session.begin_login("ann").await?;
    session.login(attempt).await?;
    session.set("visits", &1_u32)?;
    Ok("signed in")
}

async fn visits(mut session: Session<'_, '_>) -> Result<&'static str, SessionRejection> {
    Ok(match session.get::<u32>("visits")? {
        Some(1) => "one visit",
        _ => "no visit",
    })
}

/// Serves the requests on one connection and returns how many bytes of `answers` they took.
pub(crate) fn serve(clock: &ManualClock, requests: &[&[u8]], answers: &mut [u8]) -> Option<usize> {
    let keys = Keys::new(&KEY).ok()?;
    let sessions = Sessions::new(FixedStore::new(), clock, &keys, Policy::PLAIN_HTTP);
    let pool: AppPool<'_> = Pool::new(sessions, ScriptedRng::new(7));
    let router = Router::new().route("/login", post(login)).route("/visits", get(visits));
    let router = router.layer(SessionLayer::new(&pool));
    let config = Config::const_default().keep_connection_alive();
    let (mut written, mut guard) = (0, Guard::new());
    for request in requests {
        let mut buffer = [0; 1024];
        let wire = Wire { request, answer: answers, written: &mut written };
        // the connection ends with the request, which is no concern of the application
        let _ended = run(Server::custom(&router, NoTimer, &config, &mut buffer).serve(guard.around(wire)));
    }
    Some(written)
}

impl Socket<NoRuntime> for Wire<'_> {
    type Error = Infallible;
    type ReadHalf<'a>
        = Incoming<'a>
    where
        Self: 'a;
    type WriteHalf<'a>
        = Outgoing<'a>
    where
        Self: 'a;

    fn split(&mut self) -> (Incoming<'_>, Outgoing<'_>) {
        (Incoming(self.request), Outgoing { answer: self.answer, written: self.written })
    }

    async fn abort<T: Timer<NoRuntime>>(self, _: &Timeouts, _: &T) -> Result<(), picoserve::Error<Infallible>> {
        Ok(())
    }

    async fn shutdown<T: Timer<NoRuntime>>(self, _: &Timeouts, _: &T) -> Result<(), picoserve::Error<Infallible>> {
        Ok(())
    }
}

impl Write for Outgoing<'_> {
    async fn write_with<F: FnOnce(BorrowedCursor<'_>) -> R, R>(&mut self, fill: F) -> Result<R, Infallible> {
        let mut free = BorrowedBuffer::new(self.answer.get_mut(*self.written..).unwrap_or_default());
        let filled = fill(free.unfilled());
        *self.written += free.len();
        Ok(filled)
    }
}

/// No executor of anybody's.
struct NoRuntime;

/// Time does not pass: nothing here waits.
struct NoTimer;

impl Timer<NoRuntime> for NoTimer {
    async fn delay(&self, _: Duration) {
        pending().await
    }
}
