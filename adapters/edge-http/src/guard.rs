//! A wrapper around the socket. Bad input ends in an error response, and neither in a panic nor in a server that stops.

use core::net::SocketAddr;

use edge_nal::{Close, Readable, TcpAccept, TcpShutdown, TcpSplit, with_timeout};
use embedded_io_async::{Error, ErrorKind, ErrorType, Read, Write};
use session_embedded::{Answer, Head, Progress, Refusal};

/// Accepts connections and guards their requests for edge-http 0.8: `server.run(None, Guarded::new(acceptor), …)`. Each
/// accepted socket is a [`GuardedSocket`]. A client that disconnects before it is accepted does not stop the server.
pub struct Guarded<A>(A);

impl<A> Guarded<A> {
    /// Guards the connections that `acceptor` accepts.
    pub const fn new(acceptor: A) -> Self {
        Self(acceptor)
    }
}

impl<A: TcpAccept> TcpAccept for Guarded<A> {
    type Error = A::Error;
    type Socket<'a>
        = GuardedSocket<A::Socket<'a>>
    where
        Self: 'a;

    async fn accept(&self) -> Result<(SocketAddr, Self::Socket<'_>), Self::Error> {
        loop {
            match self.0.accept().await {
                Ok((peer, socket)) => return Ok((peer, GuardedSocket::new(socket))),
                // caused by the client, not the network: it would end edge-http's server
                Err(error) if is_gone(error.kind()) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

const fn is_gone(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotConnected | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted)
}

/// A socket whose requests are checked before edge-http reads them.
///
/// A head that would make edge-http panic, or mistake a body for the next request, is answered with 400 here and not
/// passed on. A request that edge-http abandons without a response is answered with 400 or 431. Both close the
/// connection. The guard takes a few bytes and no buffer.
pub struct GuardedSocket<T> {
    socket: T,
    at: At,
    /// No other request follows.
    last: bool,
    /// The client's input is ignored.
    deaf: bool,
}

/// Where in the conversation.
enum At {
    /// In the head of a request, or before one.
    Head(Head),
    /// After the head of a request that is not answered yet.
    Body,
    /// In an answer.
    Answer(Answer),
    /// No longer HTTP.
    Switched,
    /// Answered here.
    Refused,
}

/// For how long and how many bytes a rejected client is still read, so that the answer is not lost in a reset of the
/// connection.
const LINGER_MS: u32 = 500;
const LINGER_READS: usize = 256;

impl<T> GuardedSocket<T> {
    /// Guards `socket` from its first byte on.
    pub const fn new(socket: T) -> Self {
        Self { socket, at: At::Head(Head::new()), last: false, deaf: false }
    }
}

impl<T: Read + Write> GuardedSocket<T> {
    /// Answers instead of edge-http. If the client does not read the answer, it is lost.
    async fn refuse(&mut self, why: Refusal) {
        (self.at, self.deaf) = (At::Refused, true);
        let _gone = self.socket.write_all(why.answer()).await;
        let _gone = self.socket.flush().await;
    }
}

impl<T: ErrorType> ErrorType for GuardedSocket<T> {
    type Error = T::Error;
}

impl<T: Read + Write> Read for GuardedSocket<T> {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, T::Error> {
        if let At::Answer(_) = self.at {
            self.deaf |= self.last;
            self.at = At::Head(Head::new());
        }
        if self.deaf {
            return Ok(0);
        }
        let read = self.socket.read(into).await;
        let At::Head(head) = &mut self.at else { return read };
        let bytes = read.as_ref().ok().and_then(|len| into.get(..*len)).unwrap_or_default();
        // the client closed, or is too slow for a timeout around its socket
        self.deaf = bytes.is_empty();
        match bytes.iter().map(|byte| head.push(*byte)).find(|step| *step != Progress::More) {
            Some(Progress::End) => {
                // edge-http reads ahead of the chunks and loses those bytes; and if it has no room for that, it treats
                // the body as empty: the bytes that follow must not become a request
                self.last = head.is_chunked();
                self.at = At::Body;
            }
            Some(Progress::Refused) => {
                self.refuse(Refusal::NotUnderstood).await;
                return Ok(0);
            }
            _ => {}
        }
        read
    }
}

impl<T: Write> Write for GuardedSocket<T> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, T::Error> {
        let written = self.socket.write(bytes).await?;
        if !matches!(self.at, At::Answer(_) | At::Switched | At::Refused) {
            self.at = At::Answer(Answer::default());
        }
        if let At::Answer(answer) = &mut self.at {
            answer.push(bytes.get(..written).unwrap_or_default());
            if answer.switches() {
                self.at = At::Switched;
            }
        }
        Ok(written)
    }

    async fn flush(&mut self) -> Result<(), T::Error> {
        self.socket.flush().await
    }
}

impl<T: Readable> Readable for GuardedSocket<T> {
    async fn readable(&mut self) -> Result<(), T::Error> {
        self.socket.readable().await
    }
}

/// The halves are not guarded, because they are used after HTTP.
impl<T: TcpSplit> TcpSplit for GuardedSocket<T> {
    type Read<'a>
        = T::Read<'a>
    where
        Self: 'a;
    type Write<'a>
        = T::Write<'a>
    where
        Self: 'a;

    fn split(&mut self) -> (Self::Read<'_>, Self::Write<'_>) {
        self.socket.split()
    }
}

impl<T: Read + Write + TcpShutdown> TcpShutdown for GuardedSocket<T> {
    async fn close(&mut self, what: Close) -> Result<(), T::Error> {
        match &self.at {
            At::Head(head) if head.is_begun() => {
                self.refuse(if self.deaf { Refusal::NotUnderstood } else { Refusal::TooLarge }).await;
            }
            At::Body => self.refuse(Refusal::NotUnderstood).await,
            At::Head(_) | At::Answer(_) | At::Switched | At::Refused => {}
        }
        if matches!(self.at, At::Refused) {
            self.socket.close(Close::Write).await?;
            let heard = async {
                let mut rest = [0; 256];
                for _ in 0..LINGER_READS {
                    if self.socket.read(&mut rest).await? == 0 {
                        break;
                    }
                }
                Ok::<(), T::Error>(())
            };
            let _late = with_timeout(LINGER_MS, heard).await;
        }
        self.socket.close(what).await
    }

    async fn abort(&mut self) -> Result<(), T::Error> {
        self.socket.abort().await
    }
}
