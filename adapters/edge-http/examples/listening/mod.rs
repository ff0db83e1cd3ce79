//! What the examples listen with.

use std::io::Error;
use std::net::{SocketAddr, TcpListener};

use async_io::Async;
use edge_nal::TcpAccept;
use edge_nal_std::TcpSocket;

/// `edge_nal_std::Stack::bind` for a socket that is bound already.
pub(crate) struct Acceptor(Async<TcpListener>);

impl Acceptor {
    pub(crate) fn new(listener: TcpListener) -> Result<Self, Error> {
        Async::new(listener).map(Self)
    }
}

impl TcpAccept for Acceptor {
    type Error = Error;
    type Socket<'a> = TcpSocket;

    async fn accept(&self) -> Result<(SocketAddr, TcpSocket), Error> {
        let (socket, peer) = self.0.accept().await?;
        Ok((peer, TcpSocket::new(socket)))
    }
}
