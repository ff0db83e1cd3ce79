//! Sessions in rows.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use session_core::environment::Time;
use session_core::record::Stamp;
use session_core::store::{DeleteCondition, Found, Handle, Load, Outcome, Store, Version};
use session_store_shared::{ConnectionOptions, UrlError};
use tokio::time::timeout_at;

use crate::connection::{Row, Server, Value};
use crate::database::{Access, Database};
use crate::error::SqlError;
use crate::statements::Dialect;
use crate::url::{check_prefix, server};

/// One in this many creates removes some rows that expired long ago: more than were added since.
const SWEEP_EVERY: u32 = 16;
const SWEEP_MOST: usize = 64;
/// Rows that are read at a time.
const PAGE: usize = 256;
/// How long ago a row has to have expired: a node whose clock is wrong by this much removes no live session.
const SWEEP_AFTER: Duration = Duration::from_secs(3600);

/// Sessions in PostgreSQL, MariaDB, MySQL or SQLite. Any number of threads in a tokio runtime can share it, and any
/// number of nodes can share a database.
///
/// If a future is dropped, its statement was applied completely or not at all, and its connection is closed.
pub struct SqlStore {
    database: Database,
    creates: AtomicU32,
    /// The warning was given.
    warned: AtomicBool,
}

impl SqlStore {
    /// Creates a store in the database of this URL: `postgres://USER:PASSWORD@HOST/DATABASE`,
    /// `mysql://USER:PASSWORD@HOST/DATABASE` or `sqlite:PATH`. TLS to another host is verified unless the URL says
    /// otherwise.
    ///
    /// The store connects with the first operation. While the database is unreachable, every operation returns an
    /// error. The first operation that reaches the database creates or checks the tables.
    ///
    /// # Errors
    /// The URL is invalid, or needs a feature that this program was built without.
    pub fn open(url: &str) -> Result<Self, UrlError> {
        let (server, prefix) = server(url)?;
        Ok(Self::over(server, prefix))
    }

    fn over(server: Box<dyn Server>, prefix: String) -> Self {
        let database = Database::new(server, prefix, ConnectionOptions::new());
        Self { database, creates: AtomicU32::new(0), warned: AtomicBool::new(false) }
    }

    /// Sets the prefix of the tables' names, as in `shop_session_records`, so that several applications can share a
    /// database. In a URL it is the parameter `table_prefix`.
    ///
    /// # Errors
    /// The prefix contains other characters than `a-z`, `0-9` and `_`, begins with a digit, or is longer than 32.
    pub fn with_table_prefix(self, prefix: &str) -> Result<Self, UrlError> {
        check_prefix(prefix)?;
        Ok(Self { database: self.database.with_prefix(prefix.into()), ..self })
    }

    /// Opens an application's sessions from outside: the store creates and changes neither database nor tables. If they
    /// do not exist, or do not match this version, each operation returns an error.
    #[must_use]
    pub fn existing(self) -> Self {
        Self { database: self.database.existing(), ..self }
    }

    /// Sets the pool size, the timeouts and the circuit breaker.
    ///
    /// The operation timeout applies to each statement. An operation is one statement, or two after a conflict.
    /// PostgreSQL cancels a statement after three quarters of the timeout, MariaDB after three eighths. SQLite has one
    /// more connection, the only one that writes. Of an application's pool, at most this many connections are used at
    /// once.
    #[must_use]
    pub fn with_options(self, options: ConnectionOptions) -> Self {
        Self { database: self.database.with_options(options), ..self }
    }

    /// Calls `each` with the handle and the head of each record that has not expired at `now`, for a program that lists
    /// all sessions. The head is everything before the record's data: see
    /// [`SessionInfo::of_record`](session_core::SessionInfo::of_record). Reads page by page: a session that begins
    /// meanwhile may be missing.
    ///
    /// # Errors
    /// The database failed.
    pub async fn for_each_head(&self, now: Time, mut each: impl FnMut(Handle, &[u8])) -> Result<(), SqlError> {
        let mut first = Some(i64::MIN);
        while let Some(from) = first {
            let rows = self.read(self.dialect().heads, &[from.into(), time(now), number(PAGE).into()]).await?;
            for row in &rows {
                let mut head = row.bytes(1)?.unwrap_or_default().to_vec();
                if Stamp::of(&head).is_some() {
                    Stamp::touch(&mut head, Time::from_millis(u64::try_from(row.number(2)?).unwrap_or_default()));
                }
                each(Handle::from_bytes(row.number(0)?.to_be_bytes()), &head);
            }
            let last = rows.last().filter(|_| rows.len() == PAGE).map(|row| row.number(0)).transpose()?;
            first = last.and_then(|last| last.checked_add(1));
        }
        Ok(())
    }

    /// Runs a statement that reads.
    pub(crate) async fn read(&self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, SqlError> {
        self.database.rows(Access::Read, sql, values).await
    }

    /// Runs a statement that writes.
    pub(crate) async fn write(&self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, SqlError> {
        self.database.rows(Access::Write, sql, values).await
    }

    /// Returns the SQL of this database.
    pub(crate) fn dialect(&self) -> &'static Dialect {
        self.database.dialect()
    }

    /// Removes up to `most` records that have expired at `now`.
    async fn sweep(&self, most: usize, now: Time) -> Result<usize, SqlError> {
        let dialect = self.dialect();
        let room = |removed| number(most.saturating_sub(removed)).into();
        let over = self.write(dialect.remove_over, &[room(0), time(now)]).await?.len();
        let ended = self.write(dialect.remove_ended, &[room(over)]).await?.len();
        self.write(dialect.remove_entries, &[room(0), time(now)]).await?;
        Ok(over.saturating_add(ended))
    }

    /// Returns the outcome of a write that found no matching row.
    async fn other(&self, key: &Handle, now: Time, there: &mut [u8]) -> Result<Outcome, SqlError> {
        Ok(match self.load(key, now, there).await? {
            Load::Missing => Outcome::Missing,
            Load::Found(found) => Outcome::Conflict(Some(found)),
            Load::TooLarge { .. } => Outcome::Conflict(None),
        })
    }
}

/// Keeps sessions in the database of an application's pool. The README states what such a pool cannot guarantee.
#[cfg(feature = "postgres")]
impl From<sqlx::PgPool> for SqlStore {
    fn from(pool: sqlx::PgPool) -> Self {
        Self::over(Box::new(pool), String::new())
    }
}

/// Keeps sessions in the database of an application's pool. The README states what such a pool cannot guarantee.
#[cfg(feature = "mysql")]
impl From<sqlx::MySqlPool> for SqlStore {
    fn from(pool: sqlx::MySqlPool) -> Self {
        Self::over(Box::new(pool), String::new())
    }
}

/// Keeps sessions in the database of an application's pool. The README states what such a pool cannot guarantee.
#[cfg(feature = "sqlite")]
impl From<sqlx::SqlitePool> for SqlStore {
    fn from(pool: sqlx::SqlitePool) -> Self {
        Self::over(Box::new(pool), String::new())
    }
}

impl fmt::Debug for SqlStore {
    /// Prints no session and no password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SqlStore")
    }
}

session_store_shared::shared!(SqlStore);

impl Store for SqlStore {
    type Error = SqlError;
    type Index = Self;

    fn index(&self) -> Option<&Self> {
        Some(self)
    }

    fn warning(&self) -> Option<&'static str> {
        let exposed = self.database.is_exposed() && !self.warned.swap(true, Ordering::Relaxed);
        exposed.then_some(
            "the connection to the database on another host is not verified by TLS, so sessions can be read and \
             changed on the way: set sslmode=verify-full",
        )
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, SqlError> {
        let rows = self.read(self.dialect().load, &[handle(key), time(now), number(into.len()).into()]).await?;
        rows.first().map_or(Ok(Load::Missing), |row| take(row, into))
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, SqlError> {
        let deadline = self.database.deadline();
        let [record, version, login, seen, idle, ends] = columns(record);
        let values = [handle(key), record, version, login, seen, idle, ends, time(now)];
        let outcome = applied(&self.write(self.dialect().create, &values).await?)?.unwrap_or(Outcome::Conflict(None));
        if self.creates.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            let long_ago = now.millis().saturating_sub(u64::try_from(SWEEP_AFTER.as_millis()).unwrap_or(u64::MAX));
            // the session is stored, so the expired rows can wait for another create
            let _removed = timeout_at(deadline, self.sweep(SWEEP_MOST, Time::from_millis(long_ago))).await;
        }
        Ok(outcome)
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, SqlError> {
        let [record, new, login, last_seen, idle, ends] = columns(record);
        let values = [handle(key), record, new, login, last_seen, idle, ends, time(now), version(seen)];
        match applied(&self.write(self.dialect().update, &values).await?)? {
            Some(outcome) => Ok(outcome),
            None => self.other(key, now, there).await,
        }
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, SqlError> {
        let rows = self.write(self.dialect().touch, &[handle(key), time(now)]).await?;
        Ok(applied(&rows)?.unwrap_or(Outcome::Missing))
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, _: Time) -> Result<Outcome, SqlError> {
        let (dialect, key_is) = (self.dialect(), handle(key));
        let rows = match condition {
            DeleteCondition::Any => self.write(dialect.delete, &[key_is]).await?,
            DeleteCondition::Version(this) => self.write(dialect.delete_version, &[key_is, version(this)]).await?,
            DeleteCondition::Login(login) => {
                self.write(dialect.delete_login, &[key_is, i64::from(login).into()]).await?
            }
        };
        match applied(&rows)? {
            Some(outcome) => Ok(outcome),
            None if condition == DeleteCondition::Any => Ok(Outcome::Missing),
            None => self.other(key, Time::ZERO, &mut []).await,
        }
    }

    async fn end_all(&self, _now: Time) -> Result<bool, SqlError> {
        self.write(self.dialect().end_all, &[]).await.map(|_| true)
    }

    async fn count(&self, _now: Time) -> Result<Option<u64>, SqlError> {
        let rows = self.read(self.dialect().count, &[]).await?;
        let count = rows.first().map_or(Ok(0), |row| row.number(0))?;
        Ok(Some(u64::try_from(count).unwrap_or_default()))
    }

    async fn remove_expired(&self, most: usize, now: Time) -> Result<Option<usize>, SqlError> {
        self.sweep(most, now).await.map(Some)
    }
}

/// Returns a handle as a number, its bytes in big-endian order.
pub(crate) fn handle(key: &Handle) -> Value<'static> {
    i64::from_be_bytes(*key.as_bytes()).into()
}

/// 48 bits always fit.
pub(crate) fn time(time: Time) -> Value<'static> {
    i64::try_from(time.millis()).unwrap_or(i64::MAX).into()
}

/// Versions are only compared for equality.
fn version(version: Version) -> Value<'static> {
    i64::from_ne_bytes(version.0.to_ne_bytes()).into()
}

pub(crate) fn number(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Returns a record and its stamp: version, login, last_seen, idle, ends.
fn columns(record: &[u8]) -> [Value<'_>; 6] {
    let stamp = Stamp::of_any(record);
    [
        record.into(),
        version(stamp.version),
        i64::from(stamp.login).into(),
        time(stamp.last_seen),
        time(Time::from_millis(stamp.idle)),
        time(Time::from_millis(stamp.ends)),
    ]
}

/// Returns the outcome of a write that found its row, which returns the version.
fn applied(rows: &[Row]) -> Result<Option<Outcome>, SqlError> {
    let version = rows.first().map(|row| row.number(0)).transpose()?;
    Ok(version.map(|version| Outcome::Applied(Version(u64::from_ne_bytes(version.to_ne_bytes())))))
}

/// Copies the record in a row of [`self.dialect().load`] to the caller's buffer.
fn take(row: &Row, into: &mut [u8]) -> Result<Load, SqlError> {
    let size = usize::try_from(row.number(0)?).unwrap_or_default();
    let version = Version(u64::from_ne_bytes(row.number(1)?.to_ne_bytes()));
    let seen = u64::try_from(row.number(2)?).unwrap_or_default();
    let (Some(record), Some(place)) = (row.bytes(3)?, into.get_mut(..size)) else {
        return Ok(Load::TooLarge { size });
    };
    if record.len() != size {
        return Err(SqlError::Schema("a record has another length than the database reports".into()));
    }
    place.copy_from_slice(record);
    if Stamp::of(place).is_some() {
        Stamp::touch(place, Time::from_millis(seen));
    }
    Ok(Load::Found(Found { len: size, version }))
}
