//! Our own pool.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::connection::Connection;
use crate::error::SqlError;

/// A firewall may have dropped a connection that was idle for longer.
const STALE: Duration = Duration::from_secs(240);

/// Open connections that are not in use, and the maximum number of connections.
///
/// sqlx's pool tests a connection with a round trip after each use, keeps trying to connect while the server is absent,
/// and keeps the connection of a future that was dropped. This one takes a connection back only after its answer was
/// read to the end.
pub(crate) struct Pool {
    idle: Mutex<Vec<(Box<dyn Connection>, Instant)>>,
    permits: Semaphore,
}

/// A connection in use. Unless it is returned, dropping it closes it.
pub(crate) struct PooledConnection<'p> {
    pool: &'p Pool,
    pub(crate) connection: Box<dyn Connection>,
    /// Whether it was used before.
    pub(crate) used: bool,
    _permit: SemaphorePermit<'p>,
}

impl Pool {
    pub(crate) fn new(max_connections: usize) -> Self {
        Self { idle: Mutex::default(), permits: Semaphore::new(max_connections) }
    }

    /// Waits until fewer than the maximum number of connections are in use.
    pub(crate) async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        // never closed
        self.permits.acquire().await.ok()
    }

    /// Takes an open connection, or opens one.
    pub(crate) async fn take<'p>(
        &'p self,
        permit: SemaphorePermit<'p>,
        connect: impl Future<Output = Result<Box<dyn Connection>, SqlError>>,
    ) -> Result<PooledConnection<'p>, SqlError> {
        let open = self.with(|idle| {
            let last = idle.pop();
            last.filter(|(_, since)| since.elapsed() < STALE).or_else(|| {
                // the others are older
                idle.clear();
                None
            })
        });
        let (connection, used) = match open {
            Some((connection, _)) => (connection, true),
            None => {
                let connection = connect.await?;
                let used = connection.is_lent();
                (connection, used)
            }
        };
        Ok(PooledConnection { pool: self, connection, used, _permit: permit })
    }

    /// Closes the idle connections.
    pub(crate) fn clear(&self) {
        self.with(Vec::clear);
    }

    fn with<T>(&self, action: impl FnOnce(&mut Vec<(Box<dyn Connection>, Instant)>) -> T) -> T {
        action(&mut self.idle.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl PooledConnection<'_> {
    /// Returns the connection to its pool, or to the application's.
    pub(crate) async fn give_back(self) {
        let Self { pool, connection, .. } = self;
        // a connection that cannot be returned is closed; the answer was already read
        if let Ok(Some(own)) = connection.give_back().await {
            pool.with(|idle| idle.push((own, Instant::now())));
        }
    }
}
