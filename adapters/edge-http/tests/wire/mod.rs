//! A socket in memory: what a client sends, and what it gets.
#![allow(dead_code, unreachable_pub)] // each test uses its part

use std::cell::RefCell;
use std::io::{Error, ErrorKind};
use std::rc::Rc;

use edge_http::io::server::{Handler, handle_connection};
use edge_nal::{Close, Readable, TcpShutdown, TcpSplit};
use embedded_io_async::{ErrorType, Read, Write};
use session_edge_http::GuardedSocket;

/// The largest head that these tests serve.
pub const HEAD: usize = 1024;

/// One connection; clones are the same.
#[derive(Clone, Default)]
pub struct Wire(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    sent: Vec<u8>,
    read: usize,
    got: Vec<u8>,
    closed: bool,
    /// The client keeps the connection open when it has sent all: reading more never ends.
    stays: bool,
    /// The client is gone after so many bytes that it took.
    takes: Option<usize>,
}

impl Wire {
    /// A client that sends this and then closes its side.
    pub fn new(sent: impl AsRef<[u8]>) -> Self {
        let wire = Self::default();
        wire.0.borrow_mut().sent = sent.as_ref().to_vec();
        wire
    }

    /// It waits for answers instead.
    pub fn that_stays(self) -> Self {
        self.0.borrow_mut().stays = true;
        self
    }

    /// It is gone after so many bytes of the answer.
    pub fn that_takes(self, bytes: usize) -> Self {
        self.0.borrow_mut().takes = Some(bytes);
        self
    }

    /// What it got.
    pub fn got(&self) -> String {
        String::from_utf8_lossy(&self.0.borrow().got).into_owned()
    }

    /// Bytes that were never read.
    pub fn unread(&self) -> usize {
        let state = self.0.borrow();
        state.sent.len() - state.read
    }
}

/// Serves the connection to its end and gives what the client got.
pub fn serve(wire: &Wire, handler: impl Handler) -> String {
    let mut head = [0; HEAD];
    let socket = GuardedSocket::new(wire.clone());
    async_io::block_on(handle_connection::<_, _, 16>(socket, &mut head, None, "test", handler));
    wire.got()
}

/// The answers in what a client got, each with its head in lower case, as far as it can be read.
pub fn statuses(got: &str) -> Vec<u16> {
    let lines = got.split("HTTP/1.").skip(1);
    lines.filter_map(|line| line.get(2..5)?.parse().ok()).collect()
}

/// Values of all header lines of this name, in lower case.
pub fn header<'g>(got: &'g str, name: &str) -> Vec<&'g str> {
    let lines = got.split("\r\n").filter_map(|line| line.split_once(": "));
    lines.filter(|line| line.0.eq_ignore_ascii_case(name)).map(|line| line.1).collect()
}

/// `id=VALUE` that the answer sets.
pub fn cookie(got: &str) -> Option<&str> {
    header(got, "set-cookie").into_iter().filter(|line| line.starts_with("id=")).find_map(|line| line.split(';').next())
}

impl ErrorType for Wire {
    type Error = Error;
}

impl Read for Wire {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, Error> {
        let waits = {
            let state = self.0.borrow();
            state.stays && state.read == state.sent.len() && !state.closed
        };
        if waits {
            std::future::pending::<()>().await;
        }
        let state = &mut *self.0.borrow_mut();
        let len = into.len().min(state.sent.len() - state.read);
        into[..len].copy_from_slice(&state.sent[state.read..][..len]);
        state.read += len;
        Ok(len)
    }
}

impl Write for Wire {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let state = &mut *self.0.borrow_mut();
        if state.closed || state.takes.is_some_and(|most| state.got.len() + bytes.len() > most) {
            return Err(ErrorKind::BrokenPipe.into());
        }
        state.got.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl Readable for Wire {
    async fn readable(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl TcpSplit for Wire {
    type Read<'a> = Self;
    type Write<'a> = Self;

    fn split(&mut self) -> (Self, Self) {
        (self.clone(), self.clone())
    }
}

impl TcpShutdown for Wire {
    async fn close(&mut self, _: Close) -> Result<(), Error> {
        self.0.borrow_mut().closed = true;
        Ok(())
    }

    async fn abort(&mut self) -> Result<(), Error> {
        self.0.borrow_mut().closed = true;
        Ok(())
    }
}
