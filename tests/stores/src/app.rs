//! A reference app in this process, and a browser of few words.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use support::reference::{Flags, Serve, Stop, SystemClock};
use tokio::sync::oneshot;

/// Far above every limit of a store: a guard against hanging.
const GUARD: Duration = Duration::from_secs(60);

/// A reference app in this process, by the system's clock; stopped when it is dropped.
pub struct App {
    addr: SocketAddr,
    ended: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl App {
    /// Starts it with these flags, as its main function does.
    ///
    /// # Panics
    /// If the flags are wrong or the machine has no port left.
    #[must_use]
    pub fn start(serve: Serve, flags: &[&str]) -> Self {
        let flags: Flags = clap::Parser::parse_from([&["reference"], flags].concat());
        let config = flags.config().unwrap_or_else(|why| panic!("{why}"));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|why| panic!("no port: {why}"));
        let addr = listener.local_addr().unwrap_or_else(|why| panic!("no port: {why}"));
        let (end, ends) = oneshot::channel::<()>();
        let stop: Stop = Box::pin(async { drop(ends.await) });
        // the futures of all routes together are large in a debug build
        let server = std::thread::Builder::new().stack_size(16 << 20).spawn(move || {
            if let Err(why) = serve(listener, config, &SystemClock, stop) {
                eprintln!("{why}");
            }
        });
        let server = server.unwrap_or_else(|why| panic!("no thread: {why}"));
        Self { addr, ended: Some((end, server)) }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        if let Some((end, server)) = self.ended.take() {
            // one that has ended needs no word
            let _gone = end.send(());
            let _panicked = server.join();
        }
    }
}

/// A browser that may ask any app and keeps one cookie.
#[derive(Default)]
pub struct Browser {
    cookie: String,
}

impl Browser {
    /// Status and text of `GET /read?key=a`.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn ask(&mut self, app: &App, request: &str) -> (u16, String) {
        self.try_ask(app.addr, request).unwrap_or_else(|why| panic!("{request}: {why}"))
    }

    /// Has the other's cookie from now on.
    pub fn copy(&mut self, other: &Self) {
        self.cookie.clone_from(&other.cookie);
    }

    fn try_ask(&mut self, addr: SocketAddr, request: &str) -> io::Result<(u16, String)> {
        let mut stream = TcpStream::connect(addr)?;
        stream.set_read_timeout(Some(GUARD))?;
        let cookie = if self.cookie.is_empty() { String::new() } else { format!("Cookie: id={}\r\n", self.cookie) };
        let head = format!("{request} HTTP/1.1\r\nHost: app\r\nContent-Length: 0\r\nConnection: close\r\n{cookie}\r\n");
        stream.write_all(head.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, text) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        for line in head.lines().filter_map(|line| line.split_once(": ")) {
            if let ("set-cookie", value) = (line.0.to_ascii_lowercase().as_str(), line.1) {
                self.cookie = value.trim_start_matches("id=").split(';').next().unwrap_or_default().to_owned();
            }
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Ok((status.ok_or(io::ErrorKind::InvalidData)?, text.to_owned()))
    }
}
