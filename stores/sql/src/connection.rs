//! One connection, to either database, and the places for a bounded number of them.

use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow, SqliteSynchronous};
use sqlx::{ConnectOptions, PgConnection, Row as _, SqliteConnection};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::SqlError;

/// A connection that nobody used for so long may have been forgotten by what lies between.
const STALE: Duration = Duration::from_secs(240);

/// Which database, and how to reach it.
pub(crate) enum Place {
    Postgres(PgConnectOptions),
    Sqlite(SqliteConnectOptions),
}

impl Place {
    /// Reads a URL.
    pub(crate) fn of(url: &str) -> Result<Self, SqlError> {
        match url.split_once(':') {
            Some(("postgres" | "postgresql", _)) => match PgConnectOptions::from_str(url) {
                Ok(options) => Ok(Self::Postgres(options)),
                // of other errors nobody knows what they show
                Err(sqlx::Error::Configuration(why)) => Err(SqlError::Url(why.to_string())),
                Err(_) => Err(SqlError::Url("not a PostgreSQL URL".into())),
            },
            Some(("sqlite", path)) => {
                let path = path.strip_prefix("//").unwrap_or(path);
                if path.is_empty() || path.starts_with(':') || path.contains('?') {
                    let why = "sqlite: wants the path of a file (for sessions in memory there is MemoryStore)";
                    return Err(SqlError::Url(why.into()));
                }
                Ok(Self::Sqlite(SqliteConnectOptions::new().filename(path).create_if_missing(true)))
            }
            _ => Err(SqlError::Url("not a database URL".into())),
        }
    }

    /// A connection whose statements take no longer than this.
    pub(crate) async fn connect(&self, response: Duration) -> Result<Connection, SqlError> {
        match self {
            Self::Postgres(options) => {
                // what we no longer wait for must not wait at the server either, behind somebody's lock
                let theirs = options.get_options().is_some_and(|theirs| theirs.contains("statement_timeout"));
                let limit = (!theirs).then(|| ("statement_timeout", response.as_millis().to_string()));
                let options = options.clone().options(limit);
                options.connect().await.map(|connection| Connection::Postgres(connection.into()))
            }
            Self::Sqlite(options) => {
                // what was acknowledged survives a power cut
                let options = options.clone().busy_timeout(response).synchronous(SqliteSynchronous::Full);
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

/// What a statement is given.
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

/// What a statement gives.
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

    /// Several statements, without values.
    pub(crate) async fn script(&mut self, sql: &'static str) -> Result<(), SqlError> {
        let done = match self {
            Self::Postgres(connection) => sqlx::raw_sql(sql).execute(&mut **connection).await.map(drop),
            Self::Sqlite(connection) => sqlx::raw_sql(sql).execute(&mut **connection).await.map(drop),
        };
        done.map_err(|why| SqlError::query(&why))
    }
}

impl Row {
    /// The number in this column; 0 for NULL.
    pub(crate) fn number(&self, at: usize) -> Result<i64, SqlError> {
        match self {
            Self::Postgres(row) => row.try_get::<Option<i64>, _>(at),
            Self::Sqlite(row) => row.try_get::<Option<i64>, _>(at),
        }
        .map(Option::unwrap_or_default)
        .map_err(|why| SqlError::query(&why))
    }

    /// The bytes in this column; `None` for NULL.
    pub(crate) fn bytes(&self, at: usize) -> Result<Option<&[u8]>, SqlError> {
        match self {
            Self::Postgres(row) => row.try_get(at),
            Self::Sqlite(row) => row.try_get(at),
        }
        .map_err(|why| SqlError::query(&why))
    }
}

/// Connections that are open and not in use, and how many there may be in all.
///
/// sqlx's pool asks the server after each use whether the connection is well, waits out a server that is not there, and
/// keeps the connection of a future that was dropped. Here one goes back only after its answer was read to the end.
pub(crate) struct Pool {
    idle: Mutex<Vec<(Connection, Instant)>>,
    places: Semaphore,
}

/// A place, and the connection in it.
pub(crate) struct Lent<'p> {
    pool: &'p Pool,
    pub(crate) connection: Connection,
    /// It was open before.
    pub(crate) used: bool,
    _place: SemaphorePermit<'p>,
}

impl Pool {
    pub(crate) fn new(connections: usize) -> Self {
        let places = Semaphore::new(connections.clamp(1, Semaphore::MAX_PERMITS));
        Self { idle: Mutex::default(), places }
    }

    /// Waits for a place.
    pub(crate) async fn place(&self) -> Option<SemaphorePermit<'_>> {
        // never closed
        self.places.acquire().await.ok()
    }

    /// An open connection in this place, or a new one.
    pub(crate) async fn lend<'p>(
        &'p self,
        place: SemaphorePermit<'p>,
        connect: impl Future<Output = Result<Connection, SqlError>>,
    ) -> Result<Lent<'p>, SqlError> {
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
        Ok(Lent { pool: self, connection, used, _place: place })
    }

    /// Closes those that are open: one of them was broken.
    pub(crate) fn forget(&self) {
        self.with(Vec::clear);
    }

    fn with<T>(&self, action: impl FnOnce(&mut Vec<(Connection, Instant)>) -> T) -> T {
        action(&mut self.idle.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Lent<'_> {
    /// Puts the connection back for others. One that is dropped instead is closed.
    pub(crate) fn keep(self) {
        let Self { pool, connection, .. } = self;
        pool.with(|idle| idle.push((connection, Instant::now())));
    }
}
