//! One connection to Redis that all requests share. It is opened when it is needed, and again when it broke. Every wait
//! has a timeout.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use redis::aio::MultiplexedConnection;
use redis::cluster::{ClusterClient, ClusterConfig};
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, ErrorKind, RedisError, RedisResult, Script, ServerErrorKind,
    Value,
};
use session_store_shared::{CircuitBreaker, ConnectionOptions};

use crate::error::RedisStoreError;

/// What to connect to.
pub(crate) enum Route {
    One(Box<Client>),
    Cluster(Box<ClusterClient>),
    Sentinel(Box<Sentinel>),
}

/// Sentinels that know where the primary is.
pub(crate) struct Sentinel {
    pub(crate) nodes: Vec<ConnectionInfo>,
    pub(crate) service: String,
    pub(crate) primary: SentinelNodeConnectionInfo,
}

impl Sentinel {
    pub(crate) fn client(&self) -> RedisResult<SentinelClient> {
        let (nodes, service, primary) = (self.nodes.clone(), self.service.clone(), self.primary.clone());
        SentinelClient::build(nodes, service, Some(primary), SentinelServerType::Master)
    }
}

/// A connection. Its clones send over the same sockets without waiting for each other's answers.
#[derive(Clone)]
enum Connection {
    One(MultiplexedConnection),
    /// Finds nodes and reconnects to them.
    Cluster(ClusterConnection),
}

pub(crate) struct Link {
    /// Locked while a connection is being opened, for which the other requests wait.
    route: tokio::sync::Mutex<Route>,
    current: Mutex<Current>,
    circuit: CircuitBreaker,
    options: ConnectionOptions,
}

#[derive(Default)]
struct Current {
    connection: Option<Connection>,
    /// Counts the connections that were opened.
    number: u64,
}

/// What to do when the connection broke before the answer came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// Retry over a new connection: the command is idempotent.
    Yes,
    /// Fail: the command may have happened.
    No,
}

impl Link {
    pub(crate) fn new(route: Route) -> Self {
        Self {
            route: tokio::sync::Mutex::new(route),
            current: Mutex::default(),
            circuit: CircuitBreaker::new(&ConnectionOptions::new()),
            options: ConnectionOptions::new(),
        }
    }

    pub(crate) fn set_options(&mut self, options: ConnectionOptions) {
        (self.circuit, self.options) = (CircuitBreaker::new(&options), options);
    }

    /// Sends a command and waits for its answer. If the future is dropped, the connection stays in order: it discards
    /// the answer when it comes.
    pub(crate) async fn ask(&self, command: &Cmd, retry: Retry) -> Result<Value, RedisStoreError> {
        self.within_timeout(async |used| self.send(command, retry, used).await).await
    }

    /// Runs a script by its hash. If the server does not know it (any more), sends the whole script.
    pub(crate) async fn run(
        &self,
        script: &Script,
        code: &str,
        keys: &[&str],
        arguments: impl Fn(&mut Cmd),
        retry: Retry,
    ) -> Result<Value, RedisStoreError> {
        let command = |name: &str, script: &str| {
            let mut command = redis::cmd(name);
            command.arg(script).arg(keys.len()).arg(keys);
            arguments(&mut command);
            command
        };
        let by_hash = command("EVALSHA", script.get_hash());
        self.within_timeout(async |used| match self.send(&by_hash, retry, used).await {
            Err(why) if why.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.send(&command("EVAL", code), retry, used).await
            }
            answer => answer,
        })
        .await
    }

    async fn within_timeout(
        &self,
        attempt: impl AsyncFnOnce(&mut Option<u64>) -> RedisResult<Value>,
    ) -> Result<Value, RedisStoreError> {
        if !self.circuit.admits(Instant::now()) {
            return Err(RedisStoreError::Paused);
        }
        let (mut used, limit) = (None, self.options.operation_timeout());
        let answer = tokio::time::timeout(limit, attempt(&mut used)).await;
        match answer {
            Ok(Ok(value)) => {
                self.circuit.succeeded();
                Ok(value)
            }
            // Redis works and rejects the command: a replica rejects writes and goes on reading
            Ok(Err(why)) if used.is_some() && (!broken(&why) || is_replica(&why)) => {
                self.circuit.succeeded();
                Err(why.into())
            }
            Ok(Err(why)) => {
                self.circuit.failed(Instant::now());
                Err(why.into())
            }
            Err(_) => {
                self.circuit.failed(Instant::now());
                if let Some(number) = used {
                    self.forget(number);
                }
                Err(RedisStoreError::Timeout(limit))
            }
        }
    }

    async fn send(&self, command: &Cmd, retry: Retry, used: &mut Option<u64>) -> RedisResult<Value> {
        match self.send_once(command, used).await {
            Err(why) if retry == Retry::Yes && used.is_some() && broken(&why) => self.send_once(command, used).await,
            answer => answer,
        }
    }

    /// Sets `used` to the number of the connection.
    async fn send_once(&self, command: &Cmd, used: &mut Option<u64>) -> RedisResult<Value> {
        *used = None;
        let (connection, number) = self.connection().await?;
        *used = Some(number);
        let (answer, healing) = match connection {
            Connection::One(mut connection) => (command.query_async(&mut connection).await, false),
            Connection::Cluster(mut connection) => (command.query_async(&mut connection).await, true),
        };
        answer.inspect_err(|why| {
            if !healing && broken(why) || matches!(why.kind(), ErrorKind::ClusterConnectionNotFound) {
                self.forget(number);
            }
        })
    }

    async fn connection(&self) -> RedisResult<(Connection, u64)> {
        if let Some(there) = self.there() {
            return Ok(there);
        }
        let mut route = self.route.lock().await;
        if let Some(there) = self.there() {
            return Ok(there);
        }
        let connection = route.connect(&self.options).await?;
        let mut current = self.current();
        current.number += 1;
        current.connection = Some(connection.clone());
        Ok((connection, current.number))
    }

    fn there(&self) -> Option<(Connection, u64)> {
        let current = self.current();
        Some((current.connection.clone()?, current.number))
    }

    /// Lets the next request open another connection.
    fn forget(&self, number: u64) {
        let mut current = self.current();
        if current.number == number {
            current.connection = None;
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Route {
    async fn connect(&mut self, options: &ConnectionOptions) -> RedisResult<Connection> {
        let (timeout, response) = (options.connect_timeout(), options.operation_timeout());
        // the timeout of answers is the caller's
        let one = AsyncConnectionConfig::new().set_connection_timeout(Some(timeout)).set_response_timeout(None);
        Ok(match self {
            Self::One(client) => Connection::One(client.get_multiplexed_async_connection_with_config(&one).await?),
            Self::Sentinel(sentinel) => {
                let mut client = sentinel.client()?;
                // the client asks them in this order: if the first one hangs, the next attempt begins with the second
                sentinel.nodes.rotate_left(1);
                Connection::One(client.get_async_connection_with_config(&one).await?)
            }
            Self::Cluster(client) => {
                // a node that hangs leaves time for the others
                let config = ClusterConfig::new().set_connection_timeout(timeout / 3).set_response_timeout(response);
                Connection::Cluster(client.get_async_connection_with_config(config).await?)
            }
        })
    }
}

/// Returns whether the connection is of no more use: it broke, or leads to a server that no longer accepts writes.
fn broken(why: &RedisError) -> bool {
    is_replica(why) || why.is_io_error() || why.is_unrecoverable_error()
}

fn is_replica(why: &RedisError) -> bool {
    matches!(why.kind(), ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown))
}
