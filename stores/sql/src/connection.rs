//! A connection to either database, and a pool of them.

use std::borrow::Cow;
use std::fmt::Write;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use session_store_shared::UrlError;
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, Row as _, SqliteConnection};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time;

use crate::error::SqlError;

/// A firewall may have dropped a connection that was idle for longer.
const STALE: Duration = Duration::from_secs(240);
/// How long a statement that found another transaction in its way waits before it is sent again, at first and at most.
const BETWEEN: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(25));
/// A setting that every connection of ours has. One that has not leads to a pooler, which shares the database's
/// connections among its clients.
const MARK: &str = "session_store.direct";

/// Which database, and how to reach it.
pub(crate) enum Target {
    Postgres {
        options: PgConnectOptions,
        /// A pooler is in between.
        pooled: AtomicBool,
    },
    Sqlite(SqliteConnectOptions),
}

impl Target {
    /// Reads a URL.
    pub(crate) fn of(url: &str) -> Result<Self, UrlError> {
        let bad =
            |why: &str| UrlError::new(format!("{why}; a database URL is postgres://USER@HOST/DATABASE or sqlite:PATH"));
        match url.split_once(':') {
            Some(("postgres" | "postgresql", _)) => match PgConnectOptions::from_str(url) {
                // sqlx asks for it for the sake of floating-point numbers, and a pooler refuses it
                Ok(options) => {
                    Ok(Self::Postgres { options: options.extra_float_digits(None), pooled: AtomicBool::new(false) })
                }
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
            server @ Self::Postgres { .. } => server,
        }
    }

    /// Opens a connection. PostgreSQL cancels a statement that takes longer than three quarters of `timeout`, so that its
    /// word comes before ours. SQLite waits for no lock: [`Connection`] asks again, and what it gave up is not done later.
    pub(crate) async fn connect(&self, timeout: Duration) -> Result<Connection, SqlError> {
        match self {
            Self::Postgres { options, pooled } => {
                let limit = (timeout.as_millis() * 3 / 4).max(1);
                if !pooled.load(Ordering::Relaxed) {
                    match direct(options, limit).await {
                        Ok(Some(connection)) => return Ok(Connection::Postgres(connection.into())),
                        Ok(None) => {}
                        Err(why) if !refuses_parameters(&why) => return Err(SqlError::connect(&why)),
                        Err(why) if options.get_options().is_some() => return Err(SqlError::pooler(&why)),
                        Err(_) => {}
                    }
                    pooled.store(true, Ordering::Relaxed);
                }
                let connection = options.connect().await.map_err(|why| SqlError::connect(&why))?;
                Ok(Connection::Pooled(connection.into(), limit))
            }
            Self::Sqlite(options) => {
                // what was acknowledged survives a power cut
                let options = options.clone().busy_timeout(Duration::ZERO).synchronous(SqliteSynchronous::Full);
                loop {
                    match options.connect().await {
                        Ok(connection) => return Ok(Connection::Sqlite(connection.into())),
                        // another process opens or closes the file; our caller's timeout ends this
                        Err(why) if matches!(SqlError::query(&why), SqlError::Contended(_)) => {
                            time::sleep(BETWEEN.1).await;
                        }
                        Err(why) => return Err(SqlError::connect(&why)),
                    }
                }
            }
        }
    }
}

/// Connects without a pooler; `None` if one is in between.
async fn direct(options: &PgConnectOptions, limit: u128) -> Result<Option<PgConnection>, sqlx::Error> {
    let theirs = options.get_options().is_some_and(|theirs| theirs.contains("statement_timeout"));
    let ours = (!theirs).then(|| ("statement_timeout", limit.to_string()));
    let options = options.clone().options(ours.into_iter().chain([(MARK, "1".to_owned())]));
    let mut connection = options.connect().await?;
    let mark = "SELECT current_setting('session_store.direct', true) = '1'";
    let row = sqlx::Executor::fetch_one(&mut connection, sqlx::raw_sql(mark)).await?;
    Ok(row.try_get::<Option<bool>, _>(0)?.unwrap_or_default().then_some(connection))
}

/// A pooler takes those parameters only that it can give to any client's connection.
fn refuses_parameters(why: &sqlx::Error) -> bool {
    let code = why.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| ["08P01", "0A000"].contains(&&*code))
}

pub(crate) enum Connection {
    Postgres(Box<PgConnection>),
    /// To a pooler. What one statement prepares or sets is gone or another client's at the next, so that each goes in one
    /// message, as text, with its limit in milliseconds.
    Pooled(Box<PgConnection>, u128),
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
    /// Runs one statement. If another transaction is in its way, runs it again, until `deadline`.
    pub(crate) async fn rows(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        deadline: time::Instant,
    ) -> Result<Vec<Row>, SqlError> {
        let mut pause = Pause::until(deadline);
        loop {
            match self.rows_once(sql, values).await {
                Err(SqlError::Contended(_)) if pause.next().await => {}
                answer => return answer,
            }
        }
    }

    async fn rows_once(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, SqlError> {
        let rows = match self {
            Self::Postgres(connection) => {
                let query = values.iter().fold(sqlx::query(sql), |query, value| match *value {
                    Value::Number(number) => query.bind(number),
                    Value::Bytes(bytes) => query.bind(bytes),
                });
                query.fetch_all(&mut **connection).await.map(|rows| rows.into_iter().map(Row::Postgres).collect())
            }
            Self::Pooled(connection, limit) => {
                // numbers and hexadecimal digits, and nothing else, are put into the text
                let sql = AssertSqlSafe(format!("SET LOCAL statement_timeout = {limit}; {}", text(sql, values)));
                let rows = sqlx::raw_sql(sql).fetch_all(&mut **connection).await;
                rows.map(|rows| rows.into_iter().map(Row::Postgres).collect())
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

    /// Runs several statements without parameters; again from the first one if another transaction is in the way of that.
    pub(crate) async fn script(&mut self, sql: &'static str, deadline: time::Instant) -> Result<(), SqlError> {
        let mut pause = Pause::until(deadline);
        loop {
            let done = match self {
                Self::Postgres(connection) | Self::Pooled(connection, _) => {
                    sqlx::raw_sql(sql).execute(&mut **connection).await.map(drop)
                }
                Self::Sqlite(connection) => sqlx::raw_sql(sql).execute(&mut **connection).await.map(drop),
            };
            match done.map_err(|why| SqlError::query(&why)) {
                Err(SqlError::Contended(_)) if pause.next().await => {}
                done => return done,
            }
        }
    }
}

/// Waits between two tries, longer each time, and ends before a deadline.
struct Pause {
    next: Duration,
    deadline: time::Instant,
}

impl Pause {
    const fn until(deadline: time::Instant) -> Self {
        Self { next: BETWEEN.0, deadline }
    }

    /// Returns whether there is time for another try, and waits for it.
    async fn next(&mut self) -> bool {
        let at = time::Instant::now() + self.next;
        self.next = (self.next * 2).min(BETWEEN.1);
        // one more pause is left for the last try
        if at + BETWEEN.1 > self.deadline {
            return false;
        }
        time::sleep_until(at).await;
        true
    }
}

/// Returns a statement with its parameters in their places.
fn text(sql: &str, values: &[Value<'_>]) -> String {
    let mut pieces = sql.split('$');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        // at most nine, so that a place is one digit
        let (place, rest) = piece.split_at_checked(1).unwrap_or((piece, ""));
        let value = place.parse::<usize>().ok().and_then(|place| values.get(place.checked_sub(1)?));
        // writing into a string does not fail
        let _written = match value {
            Some(Value::Number(number)) => write!(text, "({number})::bigint"),
            Some(Value::Bytes(bytes)) => write!(text, "decode('{}', 'hex')", Hex(bytes)),
            None => write!(text, "${place}"),
        };
        text.push_str(rest);
    }
    text
}

struct Hex<'a>(&'a [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
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
    pub(crate) fn bytes(&self, at: usize) -> Result<Option<Cow<'_, [u8]>>, SqlError> {
        match self {
            Self::Postgres(row) => match row.try_get::<Option<&[u8]>, _>(at) {
                Ok(bytes) => Ok(bytes.map(Cow::Borrowed)),
                // as text, behind a pooler
                Err(_) => row.try_get::<Option<Vec<u8>>, _>(at).map(|bytes| bytes.map(Cow::Owned)),
            },
            Self::Sqlite(row) => row.try_get::<Option<&[u8]>, _>(at).map(|bytes| bytes.map(Cow::Borrowed)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_put_in_their_places() {
        let values = [Value::Number(-7), Value::Bytes(b"'\\\x00$1")];
        let sql = "UPDATE t SET b = $2 WHERE a = $1 AND c > $1";
        let told = "UPDATE t SET b = decode('275c002431', 'hex') WHERE a = (-7)::bigint AND c > (-7)::bigint";
        assert_eq!(text(sql, &values), told);
    }
}
