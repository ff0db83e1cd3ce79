//! Connections and those who serve them. A connection is cheap, a request under way is not: there are doors for a browser's
//! six connections, and some more for the moment in which others are being closed (the stack has no queue of those who
//! knock; without a free door they are turned away). Whoever has sent the first byte waits for one of three workers.

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
use static_cell::{ConstStaticCell, StaticCell};

use crate::app::Booted;

/// Connections at once.
pub(crate) const DOORS: usize = 8;
/// Requests at once.
pub(crate) const WORKERS: usize = 3;
/// Bytes of a request's head and body.
const REQUEST: usize = 2048;
/// Bytes under way on a connection, in and out.
const RECEIVED: usize = 512;
const SENT: usize = 512;

/// Somebody who says nothing is sent away after this.
const SILENCE: Duration = Duration::from_secs(5);
/// And somebody who does not hang up.
const GOODBYE: Duration = Duration::from_secs(10);

static CONFIG: Config = Config::new(Timeouts {
    read_request: Duration::from_secs(5),
    write: Duration::from_secs(5),
    ..Timeouts::const_default()
});

type Line = [u8; RECEIVED + SENT];

struct Door {
    socket: Mutex<NoopRawMutex, TcpSocket<'static>>,
    served: Signal<NoopRawMutex, ()>,
}

type Queue = Channel<NoopRawMutex, &'static Door, DOORS>;

/// Opens all doors.
pub(crate) fn open(spawner: Spawner, stack: Stack<'static>, booted: &'static Booted) {
    static LINES: ConstStaticCell<[Line; DOORS]> = ConstStaticCell::new([[0; RECEIVED + SENT]; DOORS]);
    static ALL: StaticCell<[Option<Door>; DOORS]> = StaticCell::new();
    static QUEUE: StaticCell<Queue> = StaticCell::new();
    let queue = QUEUE.init(Channel::new());
    let doors = ALL.init([const { None }; DOORS]);
    for (door, line) in doors.iter_mut().zip(LINES.take()) {
        let (received, sent) = line.split_at_mut(RECEIVED);
        let socket = Mutex::new(TcpSocket::new(stack, received, sent));
        let door = door.insert(Door { socket, served: Signal::new() });
        spawner.spawn(welcome(door, queue).expect("one for each door"));
    }
    for _ in 0..WORKERS {
        spawner.spawn(work(queue, booted).expect("as many as there are"));
    }
}

/// Lets one visitor after the other in.
#[embassy_executor::task(pool_size = DOORS)]
async fn welcome(door: &'static Door, queue: &'static Queue) {
    loop {
        let mut socket = door.socket.lock().await;
        let knocked = socket.accept(80).await.is_ok();
        if knocked && with_timeout(SILENCE, socket.wait_read_ready()).await.is_ok() {
            drop(socket);
            queue.send(door).await;
            door.served.wait().await;
            socket = door.socket.lock().await;
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
            // the visitor is told, too
            drop(with_timeout(GOODBYE, socket.flush()).await);
        }
    }
}

/// Serves one request after the other.
#[embassy_executor::task(pool_size = WORKERS)]
async fn work(queue: &'static Queue, booted: &'static Booted) {
    let mut request = [0; REQUEST];
    loop {
        let door = queue.receive().await;
        let mut socket = door.socket.lock().await;
        match booted.get() {
            Ok(site) => {
                let router = device_ui::router(&site.pool, &site.device);
                // an error is the visitor's, who went away or said nothing that can be read
                drop(Server::new(&router, &CONFIG, &mut request).serve(Lent(&mut socket)).await);
            }
            Err(why) => drop(with_timeout(GOODBYE, refuse(&mut socket, why)).await),
        }
        drop(socket);
        door.served.signal(());
    }
}

/// The answer of a device that cannot boot, to whatever is asked.
async fn refuse(socket: &mut TcpSocket<'_>, why: CannotBoot) -> Result<(), Error> {
    let (mut read, mut write) = socket.split();
    read.read_with(|bytes| (bytes.len(), ())).await?;
    let head =
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: text/plain\r\nRetry-After: 2\r\n\r\n";
    write.write_fmt(format_args!("{head}The device is out of order: {why}.\n")).await
}

/// A door's socket in the hands of a worker: to close it is the door's business.
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
