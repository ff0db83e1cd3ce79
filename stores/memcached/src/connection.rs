//! The few meta commands that we need, over one connection of any kind.

use std::fmt::Write;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

use crate::error::MemcachedError;

/// Longer than any line of memcached's answers to us.
const LONGEST_LINE: u64 = 2048;
/// Beyond what memcached's option `-I` takes.
const LARGEST_VALUE: usize = 1 << 30;

/// The transport of a connection: TCP, a socket of this host, TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for S {}

pub(crate) struct Connection {
    stream: BufReader<Box<dyn Stream>>,
    server: String,
    /// A command was sent, at least in part, and its answer was not read to the end or not understood. The next bytes
    /// may belong to that command, so no further command is sent.
    closed: bool,
}

/// The login that memcached expects first (option `-Y`).
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// The content of a key.
pub(crate) struct Item {
    pub(crate) value: Vec<u8>,
    pub(crate) cas: u64,
    /// It was missing, and this connection has just created it, empty.
    pub(crate) won: bool,
}

/// The condition for a set.
#[derive(Clone, Copy)]
pub(crate) enum If {
    Absent,
    Cas(u64),
}

/// The result of a set or delete.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Did {
    /// Done; the new cas of a set.
    Done(u64),
    /// The item exists, or does not match the condition.
    Another,
    Missing,
}

impl Connection {
    pub(crate) fn new(stream: Box<dyn Stream>, server: &str) -> Self {
        Self { stream: BufReader::new(stream), server: server.to_owned(), closed: false }
    }

    /// Returns whether it can no longer be used.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Logs in. A server without passwords treats this as an item that has expired, and does not keep it.
    pub(crate) async fn log_in(&mut self, Login { user, password }: &Login) -> Result<(), MemcachedError> {
        let size = user.len() + 1 + password.len();
        let answer = self.ask(format!("set auth 0 -1 {size}\r\n{user} {password}\r\n").as_bytes()).await?;
        match &*answer {
            "STORED" => self.done(()),
            "CLIENT_ERROR authentication failure" => Err(self.refused("wrong user name or password")),
            _ => Err(self.other(&answer)),
        }
    }

    pub(crate) async fn ping(&mut self) -> Result<(), MemcachedError> {
        match &*self.ask(b"mn\r\n").await? {
            "MN" => self.done(()),
            answer => Err(self.other(answer)),
        }
    }

    /// Reads the key. With `vivify`, creates an empty item if there is none, for this number of seconds.
    pub(crate) async fn get(&mut self, key: &str, vivify: Option<u32>) -> Result<Option<Item>, MemcachedError> {
        let vivify = vivify.map(|seconds| format!(" N{seconds}")).unwrap_or_default();
        let answer = self.ask(format!("mg {key} v c{vivify}\r\n").as_bytes()).await?;
        let mut words = answer.split(' ');
        match (words.next(), words.next().map(str::parse::<usize>)) {
            (Some("EN"), None) => self.done(None),
            (Some("VA"), Some(Ok(size @ ..LARGEST_VALUE))) => {
                let flags: Vec<&str> = words.collect();
                let cas = cas(&flags).ok_or_else(|| self.unexpected())?;
                let won = flags.contains(&"W");
                let value = self.value(size).await?;
                self.done(Some(Item { value, cas, won }))
            }
            _ => Err(self.other(&answer)),
        }
    }

    pub(crate) async fn set(
        &mut self,
        key: &str,
        value: &[u8],
        condition: If,
        ttl: u32,
    ) -> Result<Did, MemcachedError> {
        let mut command = format!("ms {key} {} T{ttl} c ", value.len());
        // writing into a string does not fail
        let _written = match condition {
            If::Absent => command.write_str("ME\r\n"),
            If::Cas(cas) => write!(command, "C{cas}\r\n"),
        };
        // in one write, and so in one packet if it is small
        let answer = self.ask(&[command.as_bytes(), value, b"\r\n"].concat()).await?;
        let mut words = answer.split(' ');
        match words.next() {
            Some("HD") => {
                let flags: Vec<&str> = words.collect();
                let cas = cas(&flags).ok_or_else(|| self.unexpected())?;
                self.done(Did::Done(cas))
            }
            Some("NS" | "EX") => self.done(Did::Another),
            Some("NF") => self.done(Did::Missing),
            _ => Err(self.other(&answer)),
        }
    }

    /// Removes the item, or only one with this cas.
    pub(crate) async fn delete(&mut self, key: &str, cas: Option<u64>) -> Result<Did, MemcachedError> {
        let condition = cas.map(|cas| format!(" C{cas}")).unwrap_or_default();
        let answer = self.ask(format!("md {key}{condition}\r\n").as_bytes()).await?;
        match answer.split(' ').next() {
            Some("HD") => self.done(Did::Done(0)),
            Some("EX") => self.done(Did::Another),
            Some("NF") => self.done(Did::Missing),
            _ => Err(self.other(&answer)),
        }
    }

    /// Sends a command and returns the first line of its answer. The connection counts as closed until
    /// [`done`](Self::done).
    async fn ask(&mut self, command: &[u8]) -> Result<String, MemcachedError> {
        if self.closed {
            return Err(self.broken("it was closed before"));
        }
        self.closed = true;
        let mut line = Vec::new();
        let asked = async {
            self.stream.write_all(command).await?;
            self.stream.flush().await?;
            (&mut self.stream).take(LONGEST_LINE).read_until(b'\n', &mut line).await
        };
        match asked.await {
            Err(why) => Err(self.broken(&why.to_string())),
            Ok(_) => match line.strip_suffix(b"\r\n").map(str::from_utf8) {
                Some(Ok(line)) => Ok(line.to_owned()),
                None if line.len() < LONGEST_LINE as usize && !line.ends_with(b"\n") => {
                    Err(self.broken("the other side closed it"))
                }
                _ => Err(self.unexpected()),
            },
        }
    }

    /// Reads a value of this length and the end of its line.
    async fn value(&mut self, size: usize) -> Result<Vec<u8>, MemcachedError> {
        let whole = size + 2;
        // its buffer grows with the received bytes
        let mut value = Vec::with_capacity(whole.min(1 << 16));
        let read = (&mut self.stream).take(whole as u64).read_to_end(&mut value).await;
        read.map_err(|why| self.broken(&why.to_string()))?;
        if value.len() < whole {
            return Err(self.broken("the other side closed it"));
        }
        if !value.ends_with(b"\r\n") {
            return Err(self.unexpected());
        }
        value.truncate(size);
        Ok(value)
    }

    /// The answer was read to its end.
    fn done<T>(&mut self, answer: T) -> Result<T, MemcachedError> {
        self.closed = false;
        Ok(answer)
    }

    /// The error for an unexpected answer. The connection stays closed, because the server may not have read all of the
    /// command and could treat the rest as another command.
    fn other(&self, answer: &str) -> MemcachedError {
        match answer.split_once(' ') {
            Some(("CLIENT_ERROR", "unauthenticated")) => {
                self.refused("unauthenticated: give a user and a password, memcached://USER:PASSWORD@HOST")
            }
            Some(("SERVER_ERROR" | "CLIENT_ERROR", why)) => self.refused(why),
            None if answer == "ERROR" => self.refused("it has no meta commands: use memcached 1.6 or later"),
            _ => self.unexpected(),
        }
    }

    fn refused(&self, why: &str) -> MemcachedError {
        MemcachedError::Refused { server: self.server.clone(), why: why.into() }
    }

    fn broken(&self, why: &str) -> MemcachedError {
        MemcachedError::Broken { server: self.server.clone(), why: why.into() }
    }

    fn unexpected(&self) -> MemcachedError {
        MemcachedError::Unexpected { server: self.server.clone() }
    }
}

fn cas(flags: &[&str]) -> Option<u64> {
    flags.iter().find_map(|flag| flag.strip_prefix('c')?.parse().ok())
}
