//! Connections, and workers that serve them. A connection needs little memory and a request in progress needs much, so
//! there are more connections than workers: six for a browser, and some for connections that are being closed. The
//! network stack has no backlog and resets a client that finds no free connection. A client that has sent its first
//! byte waits for a worker.

use core::cell::{Cell, RefCell, RefMut};
use core::convert::Infallible;
use core::fmt::{self, Write as _};
use core::future::poll_fn;
use core::task::Poll;

use embassy_futures::join::join_array;
use embassy_net::Stack;
use embassy_net::tcp::{Error, State, TcpReader, TcpSocket, TcpWriter};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use embassy_sync::waitqueue::MultiWakerRegistration;
use embassy_time::{Duration, with_timeout};
use picoserve::io::Socket;
use picoserve::routing::PathRouter;
use picoserve::{Config, EmbassyRuntime, Router, Server, Timeouts, Timer};
use session_picoserve::Guard;

use crate::turn::{Chip, Held, while_free};

/// How long a client may send nothing before it is disconnected.
pub const SILENCE: Duration = Duration::from_secs(5);
/// How long a client may take to close its side before it is disconnected.
pub const GOODBYE: Duration = Duration::from_secs(10);

static CONFIG: Config = Config::new(Timeouts {
    read_request: Duration::from_secs(5),
    write: Duration::from_secs(5),
    ..Timeouts::const_default()
});

/// The send and receive buffers of a connection.
#[derive(Debug)]
pub struct Buffers<const RECEIVED: usize = 512, const SENT: usize = 512> {
    received: [u8; RECEIVED],
    sent: [u8; SENT],
}

impl<const RECEIVED: usize, const SENT: usize> Buffers<RECEIVED, SENT> {
    /// Creates empty buffers. Call it in a static.
    #[must_use]
    pub const fn new() -> Self {
        Self { received: [0; RECEIVED], sent: [0; SENT] }
    }
}

impl<const RECEIVED: usize, const SENT: usize> Default for Buffers<RECEIVED, SENT> {
    fn default() -> Self {
        Self::new()
    }
}

struct Connection {
    /// Owned by the listener, or by a worker from when the listener queues it until it is served.
    socket: RefCell<TcpSocket<'static>>,
    served: Signal<NoopRawMutex, ()>,
    /// When its client began to wait for a worker, as a number that grows; 0 while none waits.
    ticket: Cell<u32>,
}

/// A port that accepts at most `CONNECTIONS` clients at once. Give `StackResources` at least one more socket, for DHCP.
pub struct Listener<const CONNECTIONS: usize> {
    port: u16,
    connections: [Connection; CONNECTIONS],
    /// The last ticket.
    tickets: Cell<u32>,
    /// The workers that wait for a client. A channel would know the waker of one receiver only: two would wake each other for
    /// as long as nobody comes, and the processor would never sleep.
    idle: RefCell<MultiWakerRegistration<CONNECTIONS>>,
}

impl<const CONNECTIONS: usize> Listener<CONNECTIONS> {
    /// Creates the sockets. No client is accepted before [`accept`](Self::accept) runs.
    pub fn new<const RECEIVED: usize, const SENT: usize>(
        stack: Stack<'static>,
        port: u16,
        buffers: &'static mut [Buffers<RECEIVED, SENT>; CONNECTIONS],
    ) -> Self {
        let connections = buffers.each_mut().map(|Buffers { received, sent }| Connection {
            socket: RefCell::new(TcpSocket::new(stack, received, sent)),
            served: Signal::new(),
            ticket: Cell::new(0),
        });
        Self { port, connections, tickets: Cell::new(0), idle: RefCell::new(MultiWakerRegistration::new()) }
    }

    /// Accepts clients on all connections. It never returns: run it in one task. If it is dropped and called again, clients
    /// that wait are disconnected, and those that a worker has are served.
    pub fn accept(&self) -> impl Future<Output = impl Sized> {
        join_array(self.connections.each_ref().map(|connection| self.accept_on(connection)))
    }

    /// Accepts one client after the other.
    #[expect(clippy::await_holding_refcell_ref, reason = "queue and signal say whose turn it is")]
    async fn accept_on(&self, Connection { socket: ours, served, ticket }: &Connection) -> Infallible {
        loop {
            // a worker still has it if the listener was stopped and is started again
            let Ok(mut socket) = ours.try_borrow_mut() else {
                served.wait().await;
                continue;
            };
            // what is left of a client before that
            ticket.set(0);
            served.reset();
            let accepted = socket.accept(self.port).await.is_ok();
            if accepted && with_timeout(SILENCE, socket.wait_read_ready()).await.is_ok() {
                drop(socket);
                // after so many clients one may overtake others, and none is lost
                ticket.set(self.tickets.get().wrapping_add(1).max(1));
                self.tickets.set(ticket.get());
                self.idle.borrow_mut().wake();
                served.wait().await;
                let Ok(back) = ours.try_borrow_mut() else { continue };
                socket = back;
            }
            let goodbye = async {
                socket.close();
                let _ = socket.flush().await;
                while socket.read_with(|bytes| (bytes.len(), bytes.len())).await.is_ok_and(|bytes| bytes > 0) {}
            };
            drop(with_timeout(GOODBYE, goodbye).await);
            let done = [State::TimeWait, State::Closed].contains(&socket.state());
            TcpSocket::abort(&mut socket);
            if !done {
                // so that the client is notified
                drop(with_timeout(GOODBYE, socket.flush()).await);
            }
        }
    }

    /// Waits for a client that has sent something. If the future is dropped, the client stays in the queue.
    ///
    /// Wait in at most `CONNECTIONS` tasks. If more wait, they wake each other and the processor never sleeps.
    pub async fn client(&self) -> Client<'_> {
        poll_fn(|context| {
            let waiting = self.connections.iter().filter(|connection| connection.ticket.get() > 0);
            // the listener has let go of the socket
            if let Some(first) = waiting.min_by_key(|connection| connection.ticket.get())
                && let Ok(socket) = first.socket.try_borrow_mut()
            {
                first.ticket.set(0);
                return Poll::Ready(Client { socket, _served: Served(&first.served) });
            }
            self.idle.borrow_mut().register(context.waker());
            Poll::Pending
        })
        .await
    }
}

impl<const CONNECTIONS: usize> fmt::Debug for Listener<CONNECTIONS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("port", &self.port).finish_non_exhaustive()
    }
}

/// A client that waits for a response. Dropping it ends the connection.
pub struct Client<'l> {
    socket: RefMut<'l, TcpSocket<'static>>,
    // after the socket, so that it is free when the signal comes
    _served: Served<'l>,
}

struct Served<'l>(&'l Signal<NoopRawMutex, ()>);

impl Drop for Served<'_> {
    fn drop(&mut self) {
        self.0.signal(());
    }
}

impl Client<'_> {
    /// Responds to any request with 503 and `why`, for a device that cannot boot.
    pub async fn refuse(&mut self, why: &dyn fmt::Display) {
        // nothing was sent before, so there is room for all of it at once
        let write = |room: &mut [u8]| {
            let mut answer = Answer { room, len: 0 };
            let _ = writeln!(answer, "{REFUSED}The device is out of order: {why}.");
            (answer.len, ())
        };
        // an error is the client's, which disconnected
        let _ = self.socket.write_with(write).await;
    }
}

const REFUSED: &str = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: text/plain\r\n\
                       Retry-After: 2\r\n\r\n";

/// The part of an answer that fits.
struct Answer<'r> {
    room: &'r mut [u8],
    len: usize,
}

impl fmt::Write for Answer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.room.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

impl fmt::Debug for Client<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// Serves one client at a time. The head and form of a request take at most `REQUEST` bytes.
pub struct Worker<const REQUEST: usize> {
    request: [u8; REQUEST],
    guard: Guard,
}

impl<const REQUEST: usize> Worker<REQUEST> {
    /// Creates a worker.
    #[must_use]
    pub const fn new() -> Self {
        Self { request: [0; REQUEST], guard: Guard::new() }
    }

    /// Serves the requests of a client, after a check that picoserve reads them as the client meant them. While another
    /// task holds the flash, a request waits. After [`PATIENCE`](crate::PATIENCE) the response is a 503.
    ///
    /// # Errors
    /// [`Held`] if a request waited too long, for the device's log.
    pub async fn serve(
        &mut self,
        client: &mut Client<'_>,
        router: &Router<impl PathRouter>,
        flash: &dyn Chip,
    ) -> Result<(), Held> {
        let served = while_free(flash, || {
            let socket = self.guard.around(Lent(&mut client.socket));
            Server::new(router, &CONFIG, &mut self.request).serve(socket)
        });
        // an error of the server is caused by the client, which disconnected or sent unreadable bytes
        let result = served.await.map(drop);
        if let Err(why) = &result
            && !self.guard.is_answered()
        {
            client.refuse(why).await;
        }
        result
    }
}

impl<const REQUEST: usize> Default for Worker<REQUEST> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const REQUEST: usize> fmt::Debug for Worker<REQUEST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}

/// A connection's socket in the hands of a worker, which does not close it.
struct Lent<'l>(&'l mut TcpSocket<'static>);

impl Socket<EmbassyRuntime> for Lent<'_> {
    type Error = Error;
    type ReadHalf<'h>
        = TcpReader<'h>
    where
        Self: 'h;
    type WriteHalf<'h>
        = TcpWriter<'h>
    where
        Self: 'h;

    fn split(&mut self) -> (TcpReader<'_>, TcpWriter<'_>) {
        self.0.split()
    }

    async fn abort<T: Timer<EmbassyRuntime>>(self, _: &Timeouts, _: &T) -> Result<(), picoserve::Error<Error>> {
        self.0.abort();
        Ok(())
    }

    async fn shutdown<T: Timer<EmbassyRuntime>>(self, _: &Timeouts, _: &T) -> Result<(), picoserve::Error<Error>> {
        self.0.close();
        Ok(())
    }
}
