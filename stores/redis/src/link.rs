//! The way to Redis: one connection that all requests share, made when it is needed, made anew when it broke; every wait
//! has an end.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster::{ClusterClient, ClusterConfig};
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, ErrorKind, RedisError, RedisResult, Script, ServerErrorKind,
    Value,
};

use crate::circuit::Circuit;
use crate::error::RedisStoreError;

/// Whom to connect to.
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

/// A connection; its clones send through the same sockets, and none waits for another's answer.
#[derive(Clone)]
enum Connection {
    One(MultiplexedConnection),
    /// Finds nodes, and makes connections to them anew, by itself.
    Cluster(ClusterConnection),
}

pub(crate) struct Link {
    /// Locked by whoever makes a connection; the others wait for that one.
    route: tokio::sync::Mutex<Route>,
    current: Mutex<Current>,
    circuit: Circuit,
    /// No operation takes longer.
    pub(crate) limit: Duration,
    /// For so long nobody is asked after a failure.
    pub(crate) pause: Duration,
}

#[derive(Default)]
struct Current {
    connection: Option<Connection>,
    /// Counts the connections that were made.
    number: u64,
}

/// What may be done when the connection broke before the answer came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// It only reads: another connection is tried.
    Yes,
    /// It may have happened: the caller finds out.
    No,
}

impl Link {
    pub(crate) fn new(route: Route) -> Self {
        Self {
            route: tokio::sync::Mutex::new(route),
            current: Mutex::default(),
            circuit: Circuit::new(),
            limit: Duration::from_secs(1),
            pause: Duration::from_millis(500),
        }
    }

    /// Sends a command and waits for its answer. A future that is dropped leaves the connection whole: its answer is
    /// thrown away when it comes.
    pub(crate) async fn ask(&self, command: &Cmd, again: Again) -> Result<Value, RedisStoreError> {
        self.limited(async |used| self.send(command, again, used).await).await
    }

    /// Runs a script, by its hash; a server that does not know it, or no longer, is sent all of it.
    pub(crate) async fn run(
        &self,
        script: &Script,
        code: &str,
        arguments: impl Fn(&mut Cmd),
        again: Again,
    ) -> Result<Value, RedisStoreError> {
        let command = |name: &str, script: &str| {
            let mut command = redis::cmd(name);
            command.arg(script).arg(2);
            arguments(&mut command);
            command
        };
        let by_hash = command("EVALSHA", script.get_hash());
        self.limited(async |used| match self.send(&by_hash, again, used).await {
            Err(why) if why.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.send(&command("EVAL", code), again, used).await
            }
            answer => answer,
        })
        .await
    }

    async fn limited(
        &self,
        attempt: impl AsyncFnOnce(&mut Option<u64>) -> RedisResult<Value>,
    ) -> Result<Value, RedisStoreError> {
        if !self.circuit.lets_pass(self.limit) {
            return Err(RedisStoreError::Paused);
        }
        let mut used = None;
        let answer = tokio::time::timeout(self.limit, attempt(&mut used)).await;
        match answer {
            Ok(Ok(value)) => {
                self.circuit.answered();
                Ok(value)
            }
            // it is well and says no; a replica to writes, and goes on reading
            Ok(Err(why)) if used.is_some() && (!broken(&why) || is_replica(&why)) => {
                self.circuit.answered();
                Err(why.into())
            }
            Ok(Err(why)) => {
                self.circuit.failed(self.pause, used.is_some());
                Err(why.into())
            }
            Err(_) => {
                self.circuit.failed(self.pause, used.is_some());
                if let Some(number) = used {
                    self.forget(number);
                }
                Err(RedisStoreError::Late(self.limit))
            }
        }
    }

    async fn send(&self, command: &Cmd, again: Again, used: &mut Option<u64>) -> RedisResult<Value> {
        match self.send_once(command, used).await {
            Err(why) if again == Again::Yes && used.is_some() && broken(&why) => self.send_once(command, used).await,
            answer => answer,
        }
    }

    /// Notes in `used` which connection it was.
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
        let connection = route.connect(self.limit).await?;
        let mut current = self.current();
        current.number += 1;
        current.connection = Some(connection.clone());
        Ok((connection, current.number))
    }

    fn there(&self) -> Option<(Connection, u64)> {
        let current = self.current();
        Some((current.connection.clone()?, current.number))
    }

    /// Lets the next request make another connection.
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
    async fn connect(&mut self, limit: Duration) -> RedisResult<Connection> {
        // the answers' limit is the caller's own
        let one = AsyncConnectionConfig::new().set_connection_timeout(Some(limit)).set_response_timeout(None);
        Ok(match self {
            Self::One(client) => Connection::One(client.get_multiplexed_async_connection_with_config(&one).await?),
            Self::Sentinel(sentinel) => {
                let mut client = sentinel.client()?;
                // they are asked in this order: if the first one hangs, the next try begins with the second
                sentinel.nodes.rotate_left(1);
                Connection::One(client.get_async_connection_with_config(&one).await?)
            }
            Self::Cluster(client) => {
                // a node that hangs leaves time for the others
                let config = ClusterConfig::new().set_connection_timeout(limit / 3).set_response_timeout(limit);
                Connection::Cluster(client.get_async_connection_with_config(config).await?)
            }
        })
    }
}

/// The connection is of no use any more: it broke, or leads to a server that does not take writes any more.
fn broken(why: &RedisError) -> bool {
    is_replica(why) || why.is_io_error() || why.is_unrecoverable_error()
}

fn is_replica(why: &RedisError) -> bool {
    matches!(why.kind(), ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown))
}
