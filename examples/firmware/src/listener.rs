//! The tasks that accept clients and answer them. A task has no type parameters, so an application writes its own.

use core::fmt::Write;

use embassy_executor::Spawner;
use embassy_net::Stack;
use session_device::{Buffers, Worker};
use static_cell::{ConstStaticCell, StaticCell};

use crate::app::{Booted, spawn};
use crate::board::Serial;

/// Connections at once: a browser's six, and some for the moment in which others are being closed.
pub(crate) const CONNECTIONS: usize = 8;
/// Requests at once.
pub(crate) const WORKERS: usize = 3;
const _: () = assert!(WORKERS <= CONNECTIONS, "the others would keep each other awake");
/// Bytes of a request's head and form.
const REQUEST: usize = 2048;

type Listener = session_device::Listener<CONNECTIONS>;

/// Listens on all connections.
pub(crate) fn listen(spawner: Spawner, stack: Stack<'static>, booted: &'static Booted) {
    static BUFFERS: ConstStaticCell<[Buffers; CONNECTIONS]> =
        ConstStaticCell::new([const { Buffers::new() }; CONNECTIONS]);
    static LISTENER: StaticCell<Listener> = StaticCell::new();
    let listener: &'static Listener = LISTENER.init(Listener::new(stack, 80, BUFFERS.take()));
    spawn(spawner, accept(listener));
    for _ in 0..WORKERS {
        spawn(spawner, serve(listener, booted));
    }
}

#[embassy_executor::task]
async fn accept(listener: &'static Listener) {
    listener.accept().await;
}

#[embassy_executor::task(pool_size = WORKERS)]
async fn serve(listener: &'static Listener, booted: &'static Booted) {
    let mut worker = Worker::<REQUEST>::new();
    loop {
        let mut client = listener.client().await;
        match booted.get() {
            Ok(site) => {
                let router = device_ui::router(&site.pool, &site.device);
                if let Err(why) = worker.serve(&mut client, &router, site.chip).await {
                    let _ = writeln!(Serial, "503: {why}");
                }
            }
            Err(why) => client.refuse(&why).await,
        }
    }
}
