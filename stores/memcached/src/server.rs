//! One server: its connections, and when it is left alone.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{Metrics, Object, Pool, PoolError, RecycleError, RecycleResult, TimeoutType};
use tokio::time::{Instant, timeout};

use crate::connection::{Connection, Item};
use crate::{Error, Settings};

/// A connection that was idle for longer is asked whether it still works before it is used.
const IDLE: Duration = Duration::from_secs(10);
/// So many failures in a row, and the server is paused.
const FAILURES: u32 = 3;

/// A connection that goes back to its pool when it is dropped. One that was left in the midst of an answer has closed
/// itself, so the next one gets another.
pub(crate) type Lent = Object<Manager>;

pub(crate) struct Server {
    name: String,
    pool: Pool<Manager>,
    limit: Duration,
    pause: Duration,
    health: Mutex<Health>,
}

#[derive(Default)]
struct Health {
    failures: u32,
    /// When somebody may try again.
    until: Option<Instant>,
}

impl Server {
    pub(crate) fn new(name: &str, settings: &Settings) -> Result<Self, Error> {
        let manager = Manager { name: name.to_owned(), connect: settings.connect };
        let pool = Pool::builder(manager).max_size(settings.connections).runtime(Runtime::Tokio1).build();
        let pool = pool.map_err(|why| Error::Settings(why.to_string()))?;
        let health = Mutex::default();
        Ok(Self { name: name.to_owned(), pool, limit: settings.time_limit, pause: settings.pause, health })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Carries `work` out within the limit, unless the server is paused.
    pub(crate) async fn bounded<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.admit()?;
        let slow = || Error::Slow { server: self.name.clone(), limit: self.limit };
        let result = timeout(self.limit, work).await.unwrap_or_else(|_| Err(slow()));
        self.note(&result);
        result
    }

    pub(crate) async fn connection(&self) -> Result<Lent, Error> {
        self.pool.get().await.map_err(|why| match why {
            PoolError::Backend(why) => why,
            PoolError::Timeout(TimeoutType::Wait | TimeoutType::Create | TimeoutType::Recycle)
            | PoolError::Closed
            | PoolError::NoRuntimeSpecified
            | PoolError::PostCreateHook(_) => Error::Connect { server: self.name.clone(), why: why.to_string() },
        })
    }

    /// A look at what is under a key, and the connection that it was seen over. One from the pool may have been closed by
    /// the server long ago, so another is tried if it breaks.
    pub(crate) async fn item(&self, name: &str, vivify: Option<u32>) -> Result<(Lent, Option<Item>), Error> {
        let mut at = self.connection().await?;
        let item = match at.get(name, vivify).await {
            Err(Error::Broken { .. }) => {
                drop(at); // gives its place in the pool back first
                self.forget_connections();
                at = self.connection().await?;
                at.get(name, vivify).await?
            }
            item => item?,
        };
        Ok((at, item))
    }

    /// All connections that nobody uses are closed: one was found broken, so the others are, too.
    pub(crate) fn forget_connections(&self) {
        self.pool.retain(|_, _| false);
    }

    /// Refuses while the server is paused. When that is over, one goes ahead and the others wait for what comes of it.
    fn admit(&self) -> Result<(), Error> {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match health.until {
            Some(until) if now < until => Err(Error::Paused { server: self.name.clone() }),
            Some(_) => {
                health.until = Some(now + self.pause.max(self.limit));
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn note<T>(&self, result: &Result<T, Error>) {
        let failed = matches!(result, Err(Error::Connect { .. } | Error::Broken { .. } | Error::Slow { .. }));
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        if failed {
            health.failures = health.failures.saturating_add(1);
            health.until = (health.failures >= FAILURES).then(|| Instant::now() + self.pause);
        } else {
            *health = Health::default();
        }
    }
}

/// Opens connections for the pool.
pub(crate) struct Manager {
    name: String,
    connect: Duration,
}

impl deadpool::managed::Manager for Manager {
    type Type = Connection;
    type Error = Error;

    async fn create(&self) -> Result<Connection, Error> {
        let failed = |why: String| Error::Connect { server: self.name.clone(), why };
        let opened = timeout(self.connect, async_memcached::Client::new(format!("tcp://{}", self.name))).await;
        let opened = opened.map_err(|_| failed(format!("no connection within {:?}", self.connect)))?;
        opened.map(|client| Connection::new(client, &self.name)).map_err(|why| failed(why.to_string()))
    }

    async fn recycle(&self, connection: &mut Connection, metrics: &Metrics) -> RecycleResult<Error> {
        if connection.is_closed() {
            return Err(RecycleError::message("closed"));
        }
        if metrics.last_used() > IDLE {
            connection.ping().await?;
        }
        Ok(())
    }
}
