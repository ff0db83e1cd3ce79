//! One connection to Redis that all requests share. It is opened when it is needed, and again when it broke. Every wait
//! has a timeout.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

#[cfg(feature = "connection-manager")]
use redis::aio::ConnectionManager;
use redis::aio::MultiplexedConnection;
use redis::cluster::{ClusterClient, ClusterConfig};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{Route as Place, RoutingInfo, SingleNodeRoutingInfo};
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, RedisConnectionInfo, RedisError, RedisResult,
    Script, ServerErrorKind, Value,
};
use session_store_shared::{CircuitBreaker, ConnectionOptions};

use crate::error::{EVICTS, RedisStoreError};

/// What to connect to.
pub(crate) enum Route {
    One(Box<Client>),
    Cluster(Box<ClusterClient>),
    Sentinel(Box<Sentinel>),
    /// An application's connection.
    Given(Connection),
}

/// Sentinels that know where the primary is.
pub(crate) struct Sentinel {
    /// Where they are, and whom to trust there.
    pub(crate) nodes: Vec<ConnectionAddr>,
    pub(crate) service: String,
    /// User, password and database of the primary.
    pub(crate) primary: RedisConnectionInfo,
    /// User and password of the sentinels.
    pub(crate) login: (Option<String>, Option<String>),
    /// TLS to the primary.
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<redis::TlsCertificates>,
}

impl Sentinel {
    pub(crate) fn client(&self) -> RedisResult<SentinelClient> {
        let Self { nodes, service, primary, login: (user, password), .. } = self;
        let builder = SentinelClientBuilder::new(nodes.clone(), service, SentinelServerType::Master)?;
        let mut builder = builder.set_client_to_redis_db(primary.db());
        if let Some(user) = primary.username() {
            builder = builder.set_client_to_redis_username(user);
        }
        if let Some(password) = primary.password() {
            builder = builder.set_client_to_redis_password(password);
        }
        if let Some(user) = user {
            builder = builder.set_client_to_sentinel_username(user);
        }
        if let Some(password) = password {
            builder = builder.set_client_to_sentinel_password(password);
        }
        #[cfg(feature = "tls")]
        if let Some(certificates) = &self.tls {
            builder = builder.set_client_to_redis_tls_mode(redis::TlsMode::Secure);
            builder = builder.set_client_to_redis_certificates(certificates.clone());
        }
        builder.build()
    }
}

/// A connection. Its clones send over the same sockets without waiting for each other's answers.
#[derive(Clone)]
pub(crate) enum Connection {
    One(MultiplexedConnection),
    /// Reconnects.
    #[cfg(feature = "connection-manager")]
    Managed(ConnectionManager),
    /// Finds nodes and reconnects to them.
    Cluster(ClusterConnection),
}

impl Connection {
    /// Without a place, the keys of the command decide which node of a cluster is asked.
    async fn ask(&mut self, command: &Cmd, place: Option<Place>) -> RedisResult<Value> {
        match self {
            Self::One(connection) => command.query_async(connection).await,
            #[cfg(feature = "connection-manager")]
            Self::Managed(connection) => command.query_async(connection).await,
            Self::Cluster(connection) => match place {
                None => command.query_async(connection).await,
                Some(place) => {
                    let node = RoutingInfo::SingleNode(SingleNodeRoutingInfo::SpecificNode(place));
                    connection.route_command(command.clone(), node).await?.extract_error()
                }
            },
        }
    }
}

pub(crate) struct Link {
    /// Locked while a connection is being opened, for which the other requests wait.
    route: tokio::sync::Mutex<Route>,
    current: Mutex<Current>,
    circuit: CircuitBreaker,
    options: ConnectionOptions,
    /// The URL names a single server.
    single: bool,
    /// No key may be evicted.
    keeps: bool,
    /// It was told that none is.
    told: AtomicBool,
    /// There is a cluster behind a URL for one server.
    cluster: AtomicBool,
    /// What the operator should know, until it was told.
    warnings: Mutex<Vec<&'static str>>,
}

/// Whether the server removes keys when its memory is full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Eviction {
    Never,
    /// By this policy.
    Policy(String),
    Untold,
}

impl Eviction {
    /// Reads the answer to INFO: a text, or a text of each node.
    fn of(answer: RedisResult<Value>) -> Self {
        fn texts(value: &Value, into: &mut Vec<String>) {
            match value {
                Value::BulkString(text) => into.push(String::from_utf8_lossy(text).into_owned()),
                Value::VerbatimString { text, .. } | Value::SimpleString(text) => into.push(text.clone()),
                Value::Array(values) => values.iter().for_each(|value| texts(value, into)),
                Value::Map(values) => values.iter().for_each(|(_, value)| texts(value, into)),
                _ => {}
            }
        }
        let mut nodes = Vec::new();
        if let Ok(answer) = &answer {
            texts(answer, &mut nodes);
        }
        let mut all = if nodes.is_empty() { Self::Untold } else { Self::Never };
        for node in nodes {
            let field = |name: &str| node.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            match (field("maxmemory"), field("maxmemory_policy")) {
                (Some("0"), _) | (_, Some("noeviction")) => {}
                (Some(_), Some(policy)) => return Self::Policy(policy.to_owned()),
                _ => all = Self::Untold,
            }
        }
        all
    }
}

const EXPOSED: &str = "the connection to Redis on another host has no TLS, so sessions can be read and changed on the \
                       way: begin its URL with rediss://";

const UNTOLD: &str = "Redis does not report its maxmemory-policy: allow the user to run INFO, or set the policy to \
                      noeviction, because under any other a revocation may miss sessions";

#[derive(Default)]
struct Current {
    connection: Option<Connection>,
    /// Counts the connections that were opened.
    number: u64,
    /// The policy by which the server evicts keys, if it must not and does.
    evicts: Option<String>,
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
    /// `exposed`: sessions travel in the clear to another host.
    pub(crate) fn new(route: Route, exposed: bool) -> Self {
        Self {
            single: !matches!(route, Route::Cluster(_) | Route::Given(Connection::Cluster(_))),
            route: tokio::sync::Mutex::new(route),
            current: Mutex::default(),
            circuit: CircuitBreaker::new(&ConnectionOptions::new()),
            options: ConnectionOptions::new(),
            keeps: true,
            told: AtomicBool::new(false),
            cluster: AtomicBool::new(false),
            warnings: Mutex::new(if exposed { vec![EXPOSED] } else { Vec::new() }),
        }
    }

    /// Returns whether all keys are on one server.
    pub(crate) const fn is_single(&self) -> bool {
        self.single
    }

    /// Any key may be evicted.
    pub(crate) fn may_lose_keys(&mut self) {
        self.keeps = false;
    }

    /// Returns what the operator should know, each sentence once.
    pub(crate) fn warning(&self) -> Option<&'static str> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    pub(crate) fn set_options(&mut self, options: ConnectionOptions) {
        (self.circuit, self.options) = (CircuitBreaker::new(&options), options);
    }

    /// Sends a command and waits for its answer. If the future is dropped, the connection stays in order: it discards
    /// the answer when it comes.
    pub(crate) async fn ask(&self, command: &Cmd, retry: Retry) -> Result<Value, RedisStoreError> {
        self.ask_at(None, command, retry).await
    }

    /// The same of the node of a cluster that has this place.
    pub(crate) async fn ask_at(
        &self,
        place: Option<Place>,
        command: &Cmd,
        retry: Retry,
    ) -> Result<Value, RedisStoreError> {
        self.within_timeout(async |used| self.send(command, place, retry, used).await).await
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
        self.within_timeout(async |used| match self.send(&by_hash, None, retry, used).await {
            Err(why) if why.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.send(&command("EVAL", code), None, retry, used).await
            }
            answer => answer,
        })
        .await
    }

    async fn within_timeout(
        &self,
        attempt: impl AsyncFnOnce(&mut Option<u64>) -> RedisResult<Value>,
    ) -> Result<Value, RedisStoreError> {
        if self.cluster.load(Ordering::Relaxed) {
            return Err(RedisStoreError::Cluster);
        }
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
            Ok(Err(why)) if self.single && matches!(why.kind(), ErrorKind::Server(ServerErrorKind::Moved)) => {
                self.circuit.succeeded();
                // some keys would be found and others not
                self.cluster.store(true, Ordering::Relaxed);
                Err(RedisStoreError::Cluster)
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

    async fn send(
        &self,
        command: &Cmd,
        place: Option<Place>,
        retry: Retry,
        used: &mut Option<u64>,
    ) -> RedisResult<Value> {
        match self.send_once(command, place, used).await {
            Err(why) if retry == Retry::Yes && used.is_some() && broken(&why) => {
                self.send_once(command, place, used).await
            }
            answer => answer,
        }
    }

    /// Sets `used` to the number of the connection.
    async fn send_once(&self, command: &Cmd, place: Option<Place>, used: &mut Option<u64>) -> RedisResult<Value> {
        *used = None;
        let (mut connection, number, evicts) = self.connection().await?;
        *used = Some(number);
        if let Some(policy) = evicts {
            // the next one asks again
            self.forget(number);
            return Err(redis::make_extension_error(EVICTS.into(), Some(policy)));
        }
        // what heals by itself in a cluster is one node's connection
        let healing = matches!(connection, Connection::Cluster(_));
        connection.ask(command, place).await.inspect_err(|why| {
            if !healing && broken(why) || matches!(why.kind(), ErrorKind::ClusterConnectionNotFound) {
                self.forget(number);
            }
        })
    }

    /// Returns a connection, its number, and the policy by which its server evicts keys if it must not.
    async fn connection(&self) -> RedisResult<(Connection, u64, Option<String>)> {
        if let Some(there) = self.there() {
            return Ok(there);
        }
        let mut route = self.route.lock().await;
        if let Some(there) = self.there() {
            return Ok(there);
        }
        let mut connection = route.connect(&self.options).await?;
        let evicts = if self.keeps { self.eviction(&mut connection).await? } else { None };
        let mut current = self.current();
        current.number += 1;
        current.connection = Some(connection.clone());
        current.evicts.clone_from(&evicts);
        Ok((connection, current.number, evicts))
    }

    /// Asks a server, or each of a cluster, by which policy it evicts keys. A cluster is asked until all of its nodes have
    /// answered once, and not for long: what one that is down would say must not keep the others from working.
    async fn eviction(&self, connection: &mut Connection) -> RedisResult<Option<String>> {
        let info = redis::cmd("INFO");
        let answer = match connection {
            Connection::Cluster(_) if self.told.load(Ordering::Relaxed) => return Ok(None),
            Connection::Cluster(_) => {
                let answer = tokio::time::timeout(self.options.connect_timeout() / 3, connection.ask(&info, None));
                answer.await.unwrap_or(Ok(Value::Nil)).or(Ok(Value::Nil))
            }
            _ => connection.ask(&info, None).await,
        };
        match answer {
            Err(why) if broken(&why) => Err(why),
            answer => Ok(match Eviction::of(answer) {
                Eviction::Never => {
                    self.told.store(true, Ordering::Relaxed);
                    None
                }
                Eviction::Policy(policy) => Some(policy),
                Eviction::Untold => {
                    let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
                    if !warnings.contains(&UNTOLD) {
                        warnings.push(UNTOLD);
                    }
                    None
                }
            }),
        }
    }

    fn there(&self) -> Option<(Connection, u64, Option<String>)> {
        let current = self.current();
        Some((current.connection.clone()?, current.number, current.evicts.clone()))
    }

    /// Lets the next request open another connection.
    fn forget(&self, number: u64) {
        let mut current = self.current();
        if current.number == number {
            current.connection = None;
        }
    }

    /// Lets the next request open another connection, because this one's knowledge of a cluster is old.
    pub(crate) fn reconnect(&self) {
        self.current().connection = None;
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
            Self::Given(connection) => {
                let mut connection = connection.clone();
                if let Connection::One(connection) = &mut connection {
                    // instead of the application's for its own commands
                    connection.set_response_timeout(response);
                }
                connection
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_info_says_of_eviction_st14() {
        let text = |text: &str| Value::BulkString(text.into());
        let said = |limit: &str, policy: &str| {
            text(&format!("# Memory\r\nmaxmemory:{limit}\r\nmaxmemory_policy:{policy}\r\n"))
        };
        let evicts = Eviction::Policy("allkeys-lru".into());
        assert_eq!(Eviction::of(Ok(said("0", "allkeys-lru"))), Eviction::Never);
        assert_eq!(Eviction::of(Ok(said("9", "noeviction"))), Eviction::Never);
        assert_eq!(Eviction::of(Ok(said("9", "allkeys-lru"))), evicts);
        assert_eq!(Eviction::of(Ok(text("# Memory\r\n"))), Eviction::Untold);
        assert_eq!(Eviction::of(Ok(Value::Nil)), Eviction::Untold);
        assert_eq!(Eviction::of(Err(redis::make_extension_error("NOPERM".into(), None))), Eviction::Untold);
        // of each node of a cluster
        let nodes = |last: Value| Value::Map(vec![(text("a"), said("9", "noeviction")), (text("b"), last)]);
        assert_eq!(Eviction::of(Ok(nodes(said("9", "noeviction")))), Eviction::Never);
        assert_eq!(Eviction::of(Ok(nodes(said("9", "allkeys-lru")))), evicts);
        assert_eq!(Eviction::of(Ok(nodes(text("")))), Eviction::Untold);
    }
}
