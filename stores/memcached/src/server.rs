//! One server: its connections, its timeouts and its circuit breaker.

use std::time::{Duration, Instant};

use deadpool::managed::{Metrics, Object, Pool, PoolError, RecycleError, RecycleResult, TimeoutType};
use session_store_shared::{CircuitBreaker, ConnectionOptions};
use tokio::time::timeout;

use crate::address::Address;
use crate::connection::{Connection, Item};
use crate::error::MemcachedError;

/// A connection that was idle for longer is tested before it is used.
const IDLE: Duration = Duration::from_secs(10);

/// A connection that returns to its pool when it is dropped. One whose answer was not read to its end is closed, and the
/// pool opens another.
pub(crate) type PooledConnection = Object<Manager>;

pub(crate) struct Server {
    address: Address,
    /// Building a pool fails only if it has timeouts, which this one has not.
    pool: Option<Pool<Manager>>,
    operation_timeout: Duration,
    circuit: CircuitBreaker,
}

impl Server {
    pub(crate) fn new(address: Address, options: &ConnectionOptions) -> Self {
        let manager = Manager { address: address.clone(), connect_timeout: options.connect_timeout() };
        let pool = Pool::builder(manager).max_size(options.max_connections()).build().ok();
        let circuit = CircuitBreaker::new(options);
        Self { address, pool, operation_timeout: options.operation_timeout(), circuit }
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    pub(crate) fn name(&self) -> &str {
        &self.address.name
    }

    /// Runs `work` within the timeout, unless the server is paused.
    pub(crate) async fn bounded<T>(
        &self,
        work: impl Future<Output = Result<T, MemcachedError>>,
    ) -> Result<T, MemcachedError> {
        if !self.circuit.admits(Instant::now()) {
            return Err(MemcachedError::Paused { server: self.address.name.clone() });
        }
        let timed_out = || MemcachedError::Timeout { server: self.address.name.clone(), limit: self.operation_timeout };
        let result = timeout(self.operation_timeout, work).await.unwrap_or_else(|_| Err(timed_out()));
        if result.as_ref().is_err_and(MemcachedError::is_outage) {
            self.circuit.failed(Instant::now());
        } else {
            self.circuit.succeeded();
        }
        result
    }

    pub(crate) async fn connection(&self) -> Result<PooledConnection, MemcachedError> {
        let failed = |why: String| self.address.failed(why);
        let pool = self.pool.as_ref().ok_or_else(|| failed("no pool".into()))?;
        pool.get().await.map_err(|why| match why {
            PoolError::Backend(why) => why,
            PoolError::Timeout(TimeoutType::Wait | TimeoutType::Create | TimeoutType::Recycle)
            | PoolError::Closed
            | PoolError::NoRuntimeSpecified
            | PoolError::PostCreateHook(_) => failed(why.to_string()),
        })
    }

    /// Reads a key, and returns the connection over which it was read. The server may have closed a pooled connection
    /// long ago, so if one breaks, another is tried.
    pub(crate) async fn item(
        &self,
        name: &str,
        vivify: Option<u32>,
    ) -> Result<(PooledConnection, Option<Item>), MemcachedError> {
        let mut at = self.connection().await?;
        let item = match at.get(name, vivify).await {
            Err(MemcachedError::Broken { .. }) => {
                drop(at); // first, so that the pool has room for another
                self.forget_connections();
                at = self.connection().await?;
                at.get(name, vivify).await?
            }
            item => item?,
        };
        Ok((at, item))
    }

    /// Closes the idle connections. One was broken, so the others are broken as well.
    pub(crate) fn forget_connections(&self) {
        if let Some(pool) = &self.pool {
            pool.retain(|_, _| false);
        }
    }
}

/// Opens connections for the pool.
pub(crate) struct Manager {
    address: Address,
    connect_timeout: Duration,
}

impl deadpool::managed::Manager for Manager {
    type Type = Connection;
    type Error = MemcachedError;

    async fn create(&self) -> Result<Connection, MemcachedError> {
        // in a box, because it is rare and larger than every other future of an operation
        let opened = timeout(self.connect_timeout, Box::pin(self.address.connect())).await;
        opened.unwrap_or_else(|_| Err(self.address.failed(format!("no connection within {:?}", self.connect_timeout))))
    }

    async fn recycle(&self, connection: &mut Connection, metrics: &Metrics) -> RecycleResult<MemcachedError> {
        if connection.is_closed() {
            return Err(RecycleError::message("closed"));
        }
        if metrics.last_used() > IDLE {
            connection.ping().await?;
        }
        Ok(())
    }
}
