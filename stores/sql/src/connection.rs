//! What the store needs of a database: a [`Server`] that connects, and [`Connection`]s that run statements. Each
//! database has a file that implements both; the meaning of the statements is defined once, above them.

use std::pin::Pin;
use std::time::Duration;

use session_store_shared::UrlError;
use sqlx::{Database, SqlStr};
use tokio::time;

use crate::error::SqlError;
use crate::statements::Dialect;

/// How long a statement that found another transaction in its way waits before it is sent again, at first and at most.
pub(crate) const BETWEEN: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(25));

pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, SqlError>> + Send + 'a>>;

/// Which database, and how to reach it: by options of ours, or by an application's pool.
pub(crate) trait Server: Send + Sync {
    /// Returns the SQL of this database.
    fn dialect(&self) -> &'static Dialect;

    /// Opens a connection, or borrows one from the application's pool. The database cancels a statement before
    /// `timeout`, so that its answer comes before ours.
    fn connect(&self, timeout: Duration) -> Boxed<'_, Box<dyn Connection>>;

    /// Returns the error if no connection was opened in time.
    fn late(&self) -> SqlError {
        SqlError::Connect("no answer in time".into())
    }

    /// Creates no file after this call.
    fn must_exist(&mut self) {}

    /// Returns whether the database has one writer at a time. Our writers then queue in order, and not at its lock.
    fn has_one_writer(&self) -> bool {
        false
    }

    /// Returns whether the connection to another host may be intercepted.
    fn is_exposed(&self) -> bool {
        false
    }
}

pub(crate) fn bad(why: &str) -> UrlError {
    UrlError::new(format!(
        "invalid database URL ({why}): use postgres://USER@HOST/DATABASE, mysql://USER@HOST/DATABASE or sqlite:PATH"
    ))
}

/// Requires a URL of another host to disable verification if this program cannot verify certificates.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) fn check_tls(verifies: bool, unverified: &str) -> Result<(), UrlError> {
    if !verifies || cfg!(feature = "tls") {
        return Ok(());
    }
    let why = "this program was built without TLS to a database on another host";
    Err(UrlError::new(format!("{why}: enable the feature `tls` of session-store-sql, or add {unverified} to the URL")))
}

/// A connection in use.
pub(crate) trait Connection: Send {
    /// Runs statements, once, and returns the rows of the one that has any.
    fn run<'a>(&'a mut self, sql: SqlStr, values: &'a [Value<'a>]) -> Boxed<'a, Vec<Row>>;

    /// Runs several statements without parameters.
    fn script(&mut self, sql: SqlStr) -> Boxed<'_, ()>;

    /// Returns an error if an application's pool has set up its connections so that sessions would not be safe.
    fn check(&mut self, _deadline: time::Instant) -> Boxed<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    /// Returns whether an application's pool has lent it, and may have used it before.
    fn is_lent(&self) -> bool {
        false
    }

    /// Ends its use after the answer was read to the end. Returns our own connection for reuse; an application's
    /// returns to its pool. Dropping it instead closes it.
    fn give_back(self: Box<Self>) -> Boxed<'static, Option<Box<dyn Connection>>>;
}

/// Runs one statement. If another transaction is in its way, runs it again, until `deadline`.
pub(crate) async fn rows(
    connection: &mut dyn Connection,
    sql: SqlStr,
    values: &[Value<'_>],
    deadline: time::Instant,
) -> Result<Vec<Row>, SqlError> {
    let mut pause = Pause::until(deadline);
    loop {
        match connection.run(sql.clone(), values).await {
            Err(SqlError::Contended(_)) if pause.next().await => {}
            answer => return answer,
        }
    }
}

/// Runs several statements; again from the first one if another transaction is in the way of that.
pub(crate) async fn script(
    connection: &mut dyn Connection,
    sql: SqlStr,
    deadline: time::Instant,
) -> Result<(), SqlError> {
    let mut pause = Pause::until(deadline);
    loop {
        match connection.script(sql.clone()).await {
            Err(SqlError::Contended(_)) if pause.next().await => {}
            done => return done,
        }
    }
}

/// A connection of ours, or one of an application's pool.
pub(crate) enum Held<DB: Database> {
    Own(Box<DB::Connection>),
    Lent(Lent<DB>),
}

/// A connection of an application's pool. Unless it is returned, dropping it closes it, because the effect of its last
/// statement and its settings are unknown.
pub(crate) struct Lent<DB: Database> {
    connection: sqlx::pool::PoolConnection<DB>,
    answered: bool,
}

impl<DB: Database> Drop for Lent<DB> {
    fn drop(&mut self) {
        if !self.answered {
            self.connection.close_on_drop();
        }
    }
}

impl<DB: Database> Held<DB> {
    /// Borrows a connection. The pool waits for an absent server and for a free connection alike; our caller's timeout
    /// ends both.
    pub(crate) async fn borrow(pool: &sqlx::Pool<DB>) -> Result<Self, SqlError> {
        match pool.acquire().await {
            Ok(connection) => Ok(Self::Lent(Lent { connection, answered: false })),
            Err(sqlx::Error::PoolTimedOut) => Err(Self::late(pool)),
            Err(why) => Err(SqlError::connect(&why)),
        }
    }

    /// Returns why a pool gave no connection in time.
    pub(crate) fn late(pool: &sqlx::Pool<DB>) -> SqlError {
        let most = usize::try_from(pool.options().get_max_connections()).unwrap_or(usize::MAX);
        let in_use = usize::try_from(pool.size()).unwrap_or(usize::MAX).saturating_sub(pool.num_idle());
        if in_use >= most {
            SqlError::Busy
        } else {
            SqlError::Connect("no connection of the application's pool became free in time".into())
        }
    }

    pub(crate) fn get(&mut self) -> &mut DB::Connection {
        match self {
            Self::Own(connection) => connection,
            Self::Lent(lent) => &mut lent.connection,
        }
    }

    pub(crate) const fn is_lent(&self) -> bool {
        matches!(self, Self::Lent(_))
    }

    /// Returns our own connection, and releases another's.
    pub(crate) fn own(self) -> Option<Self> {
        match self {
            Self::Own(_) => Some(self),
            Self::Lent(mut lent) => {
                lent.answered = true;
                None
            }
        }
    }
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
pub(crate) struct Row(Vec<Cell>);

enum Cell {
    Null,
    Number(i64),
    Bytes(Vec<u8>),
}

impl Row {
    /// Reads all columns of a row.
    pub(crate) fn read<'r, R>(row: &'r R) -> Result<Self, sqlx::Error>
    where
        R: sqlx::Row,
        usize: sqlx::ColumnIndex<R>,
        i64: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
        Vec<u8>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    {
        let cell = |at| match row.try_get::<Option<i64>, _>(at) {
            Ok(number) => Ok(number.map_or(Cell::Null, Cell::Number)),
            Err(_) => row.try_get::<Vec<u8>, _>(at).map(Cell::Bytes),
        };
        (0..row.len()).map(cell).collect::<Result<_, _>>().map(Self)
    }

    /// Returns the number in this column; 0 for NULL.
    pub(crate) fn number(&self, at: usize) -> Result<i64, SqlError> {
        match self.0.get(at) {
            Some(Cell::Number(number)) => Ok(*number),
            Some(Cell::Null) => Ok(0),
            _ => Err(SqlError::Schema(format!("column {at} is no number"))),
        }
    }

    /// Returns the bytes in this column; `None` for NULL.
    pub(crate) fn bytes(&self, at: usize) -> Result<Option<&[u8]>, SqlError> {
        match self.0.get(at) {
            Some(Cell::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Cell::Null) => Ok(None),
            _ => Err(SqlError::Schema(format!("column {at} is no bytes"))),
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
        // one more pause is left before the last try
        if at + BETWEEN.1 > self.deadline {
            return false;
        }
        time::sleep_until(at).await;
        true
    }
}

/// Returns a statement with its parameters inserted as `literal` writes them.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) fn text(sql: &str, values: &[Value<'_>], literal: fn(&mut String, Value<'_>) -> std::fmt::Result) -> String {
    use std::fmt::Write as _;

    let mut pieces = sql.split('$');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        // at most nine, so that a place is one digit
        let (place, rest) = piece.split_at_checked(1).unwrap_or((piece, ""));
        let value = place.parse::<usize>().ok().and_then(|place| values.get(place.checked_sub(1)?));
        // writing into a string does not fail
        let _written = match value {
            Some(value) => literal(&mut text, *value),
            None => write!(text, "${place}"),
        };
        text.push_str(rest);
    }
    text
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

#[cfg(any(feature = "postgres", feature = "mysql"))]
impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
