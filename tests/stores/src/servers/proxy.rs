//! A TCP proxy that makes a server misbehave. What it does is switched while it runs, also for connections that are open.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, tcp};
use tokio::sync::{oneshot, watch};

use super::process::free_port;

/// What the proxy does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: bytes pass.
    Pass,
    /// Connections are refused, and those that are open are closed.
    Refuse,
    /// Connections are accepted, and nothing passes; what is under way stays in the proxy until something else is chosen.
    Hang,
    /// What the server says passes later by this much.
    Delay(Duration),
    /// Of what the server says next, so many bytes pass; then that connection is closed and the proxy passes again.
    /// `Cut(0)`: the server does what it is told, and the answer is lost.
    Cut(usize),
}

/// A proxy before a server; ends when it is dropped.
pub struct Proxy {
    addr: SocketAddr,
    fault: Arc<watch::Sender<Fault>>,
    accepted: Arc<AtomicUsize>,
    ended: Option<(oneshot::Sender<()>, thread::JoinHandle<()>)>,
}

impl Proxy {
    /// A proxy on a free loopback port before `server`, which passes.
    ///
    /// # Panics
    /// If the machine has no socket or no thread left.
    #[must_use]
    pub fn start(server: SocketAddr) -> Self {
        let (first, addr) = loop {
            let addr = free_port();
            if let Ok(listener) = std::net::TcpListener::bind(addr) {
                break (listener, addr);
            }
        };
        // a runtime of its own: tests have theirs, and may stop it
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.unwrap_or_else(|why| panic!("proxy: {why}"));
        let fault = Arc::new(watch::channel(Fault::Pass).0);
        let accepted = Arc::new(AtomicUsize::new(0));
        let (end, ends) = oneshot::channel();
        let (faults, count) = (fault.clone(), accepted.clone());
        let thread = thread::spawn(move || {
            runtime.block_on(async move {
                let listener = first.set_nonblocking(true).and_then(|()| TcpListener::from_std(first));
                let listener = listener.unwrap_or_else(|why| panic!("proxy: {why}"));
                tokio::select! {
                    () = listen(listener, addr, server, faults, count) => {}
                    _ = ends => {}
                }
            });
        });
        Self { addr, fault, accepted, ended: Some((end, thread)) }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Does this from now on.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// What it does now: [`Fault::Pass`] after a cut that has happened.
    #[must_use]
    pub fn fault(&self) -> Fault {
        *self.fault.borrow()
    }

    /// Connections accepted so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.ended.take() {
            // one that has ended needs no word
            let _gone = end.send(());
            let _panicked = thread.join();
        }
    }
}

/// Accepts until the end; a port that refuses is not listened to.
async fn listen(
    first: TcpListener,
    addr: SocketAddr,
    server: SocketAddr,
    fault: Arc<watch::Sender<Fault>>,
    accepted: Arc<AtomicUsize>,
) {
    let mut listener = Some(first);
    let mut faults = fault.subscribe();
    let mut connections = tokio::task::JoinSet::new();
    loop {
        if *faults.borrow_and_update() == Fault::Refuse {
            listener = None;
            connections.shutdown().await;
        } else if listener.is_none() {
            listener = TcpListener::bind(addr).await.ok();
            if listener.is_none() {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
        }
        let accept = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Ok((client, _)) = accept => {
                accepted.fetch_add(1, Ordering::SeqCst);
                connections.spawn(connection(client, server, fault.clone()));
            }
            Ok(()) = faults.changed() => {}
            else => return,
        }
    }
}

/// Ends, and closes both sides, as soon as either side does.
async fn connection(client: TcpStream, server: SocketAddr, fault: Arc<watch::Sender<Fault>>) {
    let mut faults = fault.subscribe();
    let passes = faults.wait_for(|fault| *fault != Fault::Hang).await.is_ok();
    let Some(upstream) = TcpStream::connect(server).await.ok().filter(|_| passes) else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = upstream.into_split();
    tokio::select! {
        _ended = ask(from_client, to_server, fault.subscribe()) => {}
        _ended = answer(from_server, to_client, &fault) => {}
    }
}

async fn ask(
    mut from: tcp::OwnedReadHalf,
    mut to: tcp::OwnedWriteHalf,
    mut faults: watch::Receiver<Fault>,
) -> io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        let len = from.read(&mut bytes).await?;
        if len == 0 || faults.wait_for(|fault| *fault != Fault::Hang).await.is_err() {
            return Ok(());
        }
        to.write_all(bytes.get(..len).unwrap_or_default()).await?;
    }
}

async fn answer(
    mut from: tcp::OwnedReadHalf,
    mut to: tcp::OwnedWriteHalf,
    fault: &watch::Sender<Fault>,
) -> io::Result<()> {
    let mut faults = fault.subscribe();
    let mut bytes = [0; 4096];
    loop {
        let len = from.read(&mut bytes).await?;
        if len == 0 {
            return Ok(());
        }
        let Ok(now) = faults.wait_for(|fault| *fault != Fault::Hang).await.map(|fault| *fault) else { return Ok(()) };
        let bytes = bytes.get(..len).unwrap_or_default();
        match now {
            Fault::Cut(passes) => {
                to.write_all(bytes.get(..passes).unwrap_or(bytes)).await?;
                if passes <= len {
                    fault.send_replace(Fault::Pass);
                    return Ok(());
                }
                fault.send_replace(Fault::Cut(passes - len));
            }
            Fault::Delay(span) => {
                tokio::time::sleep(span).await;
                to.write_all(bytes).await?;
            }
            Fault::Pass | Fault::Refuse | Fault::Hang => to.write_all(bytes).await?,
        }
    }
}
