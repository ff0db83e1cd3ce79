//! A connection to either database, and a pool of them.

use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use session_store_shared::UrlError;
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow, SqliteSynchronous};
use sqlx::{ConnectOptions, PgConnection, Row as _, SqliteConnection};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::SqlError;

/// A firewall may have dropped a connection that was idle for longer.
const STALE: Duration = Duration::from_secs(240);

/// Which database, and how to reach it.
pub(crate) enum Target {
    Postgres(PgConnectOptions),
    Sqlite(SqliteConnectOptions),
}

impl Target {
    /// Reads a URL.
    pub(crate) fn of(url: &str) -> Result<Self, UrlError> {
        let bad =
            |why: &str| UrlError::new(format!("{why}; a database URL is postgres://USER@HOST/DATABASE or sqlite:PATH"));
        match url.split_once(':') {
            Some(("postgres" | "postgresql", _)) => match PgConnectOptions::from_str(url) {
                Ok(options) => Ok(Self::Postgres(options)),
                Err(sqlx::Error::Configuration(why)) => Err(bad(&why.to_string())),
                // other errors may repeat the password
                Err(_) => Err(bad("not a PostgreSQL URL")),
            },
            Some(("sqlite", path)) => {
                let path = path.strip_prefix("//").unwrap_or(path);
                if path.is_empty() || path.starts_with(':') || path.contains('?') {
                    return Err(bad("sqlite: wants the path of a file (for sessions in memory there is MemoryStore)"));
                }
                Ok(Self::Sqlite(SqliteConnectOptions::new().filename(path).create_if_missing(true)))
            }
            _ => Err(bad("not a database URL")),
        }
    }

    /// Returns the same database, of which no file is created.
    pub(crate) fn existing(self) -> Self {
        match self {
            Self::Sqlite(options) => Self::Sqlite(options.create_if_missing(false)),
            server @ Self::Postgres(_) => server,
        }
    }

    /// Opens a connection whose statements take no longer than `timeout`.
    pub(crate) async fn connect(&self, timeout: Duration) -> Result<Connection, SqlError> {
        match self {
            Self::Postgres(options) => {
                // a statement that we gave up must not go on waiting for a lock at the server
                let theirs = options.get_options().is_some_and(|theirs| theirs.contains("statement_timeout"));
                let ours = (!theirs).then(|| ("statement_timeout", timeout.as_millis().to_string()));
                let options = options.clone().options(ours);
                options.connect().await.map(|connection| Connection::Postgres(connection.into()))
            }
            Self::Sqlite(options) => {
                // what was acknowledged survives a power cut
                let options = options.clone().busy_timeout(timeout).synchronous(SqliteSynchronous::Full);
                options.connect().await.map(|connection| Connection::Sqlite(connection.into()))
            }
        }
        .map_err(|why| SqlError::connect(&why))
    }
}

pub(crate) enum Connection {
    Postgres(Box<PgConnection>),
    Sqlite(Box<SqliteConnection>),
}

/// A parameter of a statement.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Number(i64),
    Bytes(&'a [u8]),
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

/// A row of a result.
pub(crate) enum Row {
    Postgres(PgRow),
    Sqlite(SqliteRow),
}

impl Connection {
    pub(crate) async fn rows(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, SqlError> {
        let rows = match self {
            Self::Postgres(connection) => {
                let query = values.iter().fold(sqlx::query(sql), |query, value| match *value {
                    Value::Number(number) => query.bind(number),
                    Value::Bytes(bytes) => query.bind(bytes),
                });
                query.fetch_all(&mut **connection).await.map(|rows| rows.into_iter().map(Row::Postgres).collect())
            }
            Self::Sqlite(connection) => {
                let query = values.iter().fold(sqlx::query(sql), |query, value| match *value {
                    Value::Number(number) => query.bind(number),
                    Value::Bytes(bytes) => query.bind(bytes),
                });
                query.fetch_all(&mut **connection).await.map(|rows| rows.into_iter().map(Row::Sqlite).collect())
            }
        };
        rows.map_err(|why| SqlError::query(&why))
    }

    /// Runs several statements without parameters.
    pub(crate) async fn script(&mut self, sql: &'static str) -> Result<(), SqlError> {
        let done = match self {
            Self::Postgres(connection) => sqlx::raw_sql(sql).execute(&mut **connection).await.map(drop),
            Self::Sqlite(connection) => sqlx::raw_sql(sql).execute(&mut **connection).await.map(drop),
        };
        done.map_err(|why| SqlError::query(&why))
    }
}

impl Row {
    /// Returns the number in this column; 0 for NULL.
    pub(crate) fn number(&self, at: usize) -> Result<i64, SqlError> {
        match self {
            Self::Postgres(row) => row.try_get::<Option<i64>, _>(at),
            Self::Sqlite(row) => row.try_get::<Option<i64>, _>(at),
        }
        .map(Option::unwrap_or_default)
        .map_err(|why| SqlError::query(&why))
    }

    /// Returns the bytes in this column; `None` for NULL.
    pub(crate) fn bytes(&self, at: usize) -> Result<Option<&[u8]>, SqlError> {
        match self {
            Self::Postgres(row) => row.try_get(at),
            Self::Sqlite(row) => row.try_get(at),
        }
        .map_err(|why| SqlError::query(&why))
    }
}

/// Open connections that are not in use, and the maximum number of connections.
///
/// sqlx's pool tests a connection with a round trip after each use, keeps trying to connect while the server is absent,
/// and keeps the connection of a future that was dropped. This one takes a connection back only after its answer was
/// read to the end.
pub(crate) struct Pool {
    idle: Mutex<Vec<(Connection, Instant)>>,
    permits: Semaphore,
}

/// A connection in use. Unless it is returned, dropping it closes it.
pub(crate) struct PooledConnection<'p> {
    pool: &'p Pool,
    pub(crate) connection: Connection,
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
        connect: impl Future<Output = Result<Connection, SqlError>>,
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
            None => (connect.await?, false),
        };
        Ok(PooledConnection { pool: self, connection, used, _permit: permit })
    }

    /// Closes the idle connections.
    pub(crate) fn clear(&self) {
        self.with(Vec::clear);
    }

    fn with<T>(&self, action: impl FnOnce(&mut Vec<(Connection, Instant)>) -> T) -> T {
        action(&mut self.idle.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl PooledConnection<'_> {
    /// Returns the connection to its pool.
    pub(crate) fn give_back(self) {
        let Self { pool, connection, .. } = self;
        pool.with(|idle| idle.push((connection, Instant::now())));
    }
}
