//! The address of a server, and how to open a connection.

use std::path::PathBuf;
use std::sync::Arc;

use session_store_shared::is_this_host;
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use crate::connection::{Connection, Login, Stream};
use crate::error::MemcachedError;
use crate::tls::Tls;

/// A server, as the URL names it.
#[derive(Clone)]
pub(crate) struct Address {
    /// `HOST:PORT` or a path: used in errors, and to decide which keys it has.
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) login: Option<Arc<Login>>,
    pub(crate) tls: Option<Tls>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A name or an address, without brackets, and a port.
    Host(String, u16),
    Socket(PathBuf),
}

impl Address {
    /// Returns whether sessions are sent unencrypted to another host.
    pub(crate) fn is_exposed(&self) -> bool {
        self.tls.is_none() && matches!(&self.place, Place::Host(host, _) if !is_this_host(host))
    }

    /// Opens a connection that is ready for commands.
    pub(crate) async fn connect(&self) -> Result<Connection, MemcachedError> {
        let failed = |why: std::io::Error| self.failed(format!("{why}; does it run?"));
        let stream: Box<dyn Stream> = match &self.place {
            Place::Host(host, port) => {
                let stream = TcpStream::connect((&**host, *port)).await.map_err(failed)?;
                stream.set_nodelay(true).map_err(failed)?;
                match &self.tls {
                    Some(tls) => tls.begin(stream, host).await.map_err(|why| self.failed(why))?,
                    None => Box::new(stream),
                }
            }
            #[cfg(unix)]
            Place::Socket(path) => Box::new(UnixStream::connect(path).await.map_err(failed)?),
            #[cfg(not(unix))]
            Place::Socket(_) => return Err(self.failed("this system has no Unix sockets".into())),
        };
        let mut connection = Connection::new(stream, &self.name);
        if let Some(login) = &self.login {
            connection.log_in(login).await?;
        }
        Ok(connection)
    }

    pub(crate) fn failed(&self, why: String) -> MemcachedError {
        MemcachedError::Connect { server: self.name.clone(), why }
    }
}
