//! Connections, and workers that serve them. A connection is cheap, a request under way is not: there are connections for a
//! browser's six, and some more for the moment in which others are being closed. The stack has no backlog: without a free
//! connection a client is reset. A client that has sent its first byte waits for one of three workers.

use device_ui::flash::CannotBoot;
use embassy_executor::Spawner;
use embassy_net::Stack;
use embassy_net::tcp::{Error, State, TcpReader, TcpSocket, TcpWriter};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::channel::Channel;
use embassy_sync::mutex::Mutex;
use embassy_sync::signal::Signal;
use embassy_time::{Duration, with_timeout};
use picoserve::io::{Socket, Write};
use picoserve::{Config, EmbassyRuntime, Server, Timeouts, Timer};
use session_picoserve::Guard;
use static_cell::{ConstStaticCell, StaticCell};

use crate::app::Booted;

/// Connections at once.
pub(crate) const CONNECTIONS: usize = 8;
/// Requests at once.
pub(crate) const WORKERS: usize = 3;
/// Bytes of a request's head and body.
const REQUEST: usize = 2048;
/// Bytes under way on a connection, in and out.
const RECEIVED: usize = 512;
const SENT: usize = 512;

/// A client that sends nothing is closed after this.
const SILENCE: Duration = Duration::from_secs(5);
/// And a client that does not close its side.
const GOODBYE: Duration = Duration::from_secs(10);

static CONFIG: Config = Config::new(Timeouts {
    read_request: Duration::from_secs(5),
    write: Duration::from_secs(5),
    ..Timeouts::const_default()
});

type Buffers = [u8; RECEIVED + SENT];

struct Connection {
    socket: Mutex<NoopRawMutex, TcpSocket<'static>>,
    served: Signal<NoopRawMutex, ()>,
}

type Queue = Channel<NoopRawMutex, &'static Connection, CONNECTIONS>;

/// Listens on all connections.
pub(crate) fn listen(spawner: Spawner, stack: Stack<'static>, booted: &'static Booted) {
    static BUFFERS: ConstStaticCell<[Buffers; CONNECTIONS]> = ConstStaticCell::new([[0; RECEIVED + SENT]; CONNECTIONS]);
    static ALL: StaticCell<[Option<Connection>; CONNECTIONS]> = StaticCell::new();
    static QUEUE: StaticCell<Queue> = StaticCell::new();
    let queue = QUEUE.init(Channel::new());
    let connections = ALL.init([const { None }; CONNECTIONS]);
    for (connection, buffers) in connections.iter_mut().zip(BUFFERS.take()) {
        let (received, sent) = buffers.split_at_mut(RECEIVED);
        let socket = Mutex::new(TcpSocket::new(stack, received, sent));
        let connection = connection.insert(Connection { socket, served: Signal::new() });
        spawner.spawn(accept(connection, queue).expect("one for each connection"));
    }
    for _ in 0..WORKERS {
        spawner.spawn(serve(queue, booted).expect("as many as there are"));
    }
}

/// Accepts one client after the other.
#[embassy_executor::task(pool_size = CONNECTIONS)]
async fn accept(connection: &'static Connection, queue: &'static Queue) {
    loop {
        let mut socket = connection.socket.lock().await;
        let accepted = socket.accept(80).await.is_ok();
        if accepted && with_timeout(SILENCE, socket.wait_read_ready()).await.is_ok() {
            drop(socket);
            queue.send(connection).await;
            connection.served.wait().await;
            socket = connection.socket.lock().await;
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
            // so that the client hears of it
            drop(with_timeout(GOODBYE, socket.flush()).await);
        }
    }
}

/// Serves one request after the other.
#[embassy_executor::task(pool_size = WORKERS)]
async fn serve(queue: &'static Queue, booted: &'static Booted) {
    let (mut request, mut guard) = ([0; REQUEST], Guard::new());
    loop {
        let connection = queue.receive().await;
        let mut socket = connection.socket.lock().await;
        match booted.get() {
            Ok(site) => {
                let router = device_ui::router(&site.pool, &site.device);
                // an error is the client's: it went away, or sent nothing that can be read
                drop(Server::new(&router, &CONFIG, &mut request).serve(guard.around(Lent(&mut socket))).await);
            }
            Err(why) => drop(with_timeout(GOODBYE, refuse(&mut socket, why)).await),
        }
        drop(socket);
        connection.served.signal(());
    }
}

/// Answers any request of a device that cannot boot.
async fn refuse(socket: &mut TcpSocket<'_>, why: CannotBoot) -> Result<(), Error> {
    let (mut read, mut write) = socket.split();
    read.read_with(|bytes| (bytes.len(), ())).await?;
    let head =
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: text/plain\r\nRetry-After: 2\r\n\r\n";
    write.write_fmt(format_args!("{head}The device is out of order: {why}.\n")).await
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
