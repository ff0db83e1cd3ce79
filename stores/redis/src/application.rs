//! An application's client or connection of the `redis` crate.

#[cfg(feature = "connection-manager")]
use redis::aio::ConnectionManager;
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{Client, ConnectionAddr};
use session_store_shared::is_this_host;

use crate::link::{Connection, Link, Route};
use crate::store::RedisStore;

/// Connects with an application's client. Everything else is as with a URL.
impl From<Client> for RedisStore {
    fn from(client: Client) -> Self {
        let exposed =
            matches!(client.get_connection_info().addr(), ConnectionAddr::Tcp(host, _) if !is_this_host(host));
        Self::over(Link::new(Route::One(Box::new(client)), exposed))
    }
}

/// Connects with an application's client. Everything else is as with a URL, except that the client's own settings
/// decide about retries and TLS, which the store cannot see.
impl From<ClusterClient> for RedisStore {
    fn from(client: ClusterClient) -> Self {
        Self::over(Link::new(Route::Cluster(Box::new(client)), false))
    }
}

/// Uses an application's connection. It does not reconnect. The README states what it cannot guarantee.
impl From<MultiplexedConnection> for RedisStore {
    fn from(connection: MultiplexedConnection) -> Self {
        Self::over(Link::new(Route::Given(Connection::One(connection)), false))
    }
}

/// Uses an application's connection. The README states what it cannot guarantee.
#[cfg(feature = "connection-manager")]
impl From<ConnectionManager> for RedisStore {
    fn from(connection: ConnectionManager) -> Self {
        Self::over(Link::new(Route::Given(Connection::Managed(connection)), false))
    }
}

/// Uses an application's connection. The README states what it cannot guarantee.
impl From<ClusterConnection> for RedisStore {
    fn from(connection: ClusterConnection) -> Self {
        Self::over(Link::new(Route::Given(Connection::Cluster(connection)), false))
    }
}
