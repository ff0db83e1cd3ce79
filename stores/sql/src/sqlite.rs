//! SQLite.

use std::str::FromStr;
use std::time::Duration;

use session_store_shared::UrlError;
use sqlx::sqlite::{Sqlite, SqliteConnectOptions, SqlitePool, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, SqlSafeStr, SqlStr};
use tokio::time;

use crate::connection::{BETWEEN, Boxed, Connection, Held, Row, Server, Value, bad, rows};
use crate::error::SqlError;
use crate::statements::{Dialect, SQLITE};

/// Reads a URL as sqlx does. Creates the file unless the URL has `mode=rw`.
pub(crate) fn of_url(url: &str) -> Result<Box<dyn Server>, UrlError> {
    let (file, parameters) = url.split_once('?').unwrap_or((url, ""));
    let file = file.trim_start_matches("sqlite:").trim_start_matches("//");
    let has = |parameter| parameters.split('&').any(|given| given == parameter);
    if file.is_empty() || file.starts_with(':') || has("mode=memory") {
        return Err(bad("the path of the file is missing; for sessions in memory, use MemoryStore"));
    }
    if has("mode=ro") || has("immutable=true") || has("immutable=1") {
        return Err(bad("its file is read-only"));
    }
    let options = SqliteConnectOptions::from_str(url).map_err(|why| bad(&why.to_string()))?;
    Ok(Box::new(options.create_if_missing(!has("mode=rw"))))
}

impl Server for SqliteConnectOptions {
    fn dialect(&self) -> &'static Dialect {
        &SQLITE
    }

    fn must_exist(&mut self) {
        *self = self.clone().create_if_missing(false);
    }

    fn has_one_writer(&self) -> bool {
        true
    }

    /// SQLite never waits for a lock. The store retries, so an abandoned statement does not execute later.
    fn connect(&self, _: Duration) -> Boxed<'_, Box<dyn Connection>> {
        Box::pin(async move {
            // acknowledged changes survive a power cut
            let options = self.clone().busy_timeout(Duration::ZERO).synchronous(SqliteSynchronous::Full);
            loop {
                match ConnectOptions::connect(&options).await {
                    Ok(connection) => {
                        let own = SqliteHeld { connection: Held::Own(connection.into()), busy_timeout: 0 };
                        return Ok(Box::new(own) as Box<dyn Connection>);
                    }
                    // another process opens or closes the file; our caller's timeout ends this
                    Err(why) if matches!(SqlError::query(&why), SqlError::Contended(_)) => {
                        time::sleep(BETWEEN.1).await;
                    }
                    Err(why) => return Err(SqlError::connect(&why)),
                }
            }
        })
    }
}

/// An application's pool. Its connections do not wait for locks while we use them.
impl Server for SqlitePool {
    fn late(&self) -> SqlError {
        Held::late(self)
    }

    fn dialect(&self) -> &'static Dialect {
        &SQLITE
    }

    fn has_one_writer(&self) -> bool {
        true
    }

    fn connect(&self, _: Duration) -> Boxed<'_, Box<dyn Connection>> {
        Box::pin(async move {
            let mut connection = SqliteHeld { connection: Held::borrow(self).await?, busy_timeout: 0 };
            connection.busy_timeout = connection.setting("PRAGMA busy_timeout").await?;
            connection.wait_for_locks(0).await?;
            Ok(Box::new(connection) as Box<dyn Connection>)
        })
    }
}

struct SqliteHeld {
    connection: Held<Sqlite>,
    /// How long an application's connection otherwise waits for a lock, in milliseconds.
    busy_timeout: i64,
}

impl SqliteHeld {
    async fn setting(&mut self, sql: &'static str) -> Result<i64, SqlError> {
        self.run(SqlStr::from_static(sql), &[]).await?.first().map_or(Ok(0), |row| row.number(0))
    }

    async fn wait_for_locks(&mut self, millis: i64) -> Result<(), SqlError> {
        self.script(AssertSqlSafe(format!("PRAGMA busy_timeout = {millis}")).into_sql_str()).await
    }
}

impl Connection for SqliteHeld {
    fn run<'a>(&'a mut self, sql: SqlStr, values: &'a [Value<'a>]) -> Boxed<'a, Vec<Row>> {
        Box::pin(async move {
            let query = values.iter().fold(sqlx::query(sql), |query, value| match *value {
                Value::Number(number) => query.bind(number),
                Value::Bytes(bytes) => query.bind(bytes),
            });
            let rows = query.fetch_all(self.connection.get()).await;
            rows.and_then(|rows| rows.iter().map(Row::read).collect()).map_err(|why| SqlError::query(&why))
        })
    }

    fn script(&mut self, sql: SqlStr) -> Boxed<'_, ()> {
        Box::pin(async move {
            let done = sqlx::raw_sql(sql).execute(self.connection.get()).await;
            done.map(drop).map_err(|why| SqlError::query(&why))
        })
    }

    fn check(&mut self, deadline: time::Instant) -> Boxed<'_, ()> {
        Box::pin(async move {
            if !self.connection.is_lent() {
                return Ok(());
            }
            // a journal in memory, or none, loses the whole database in a crash; a database in memory has no other
            let mode = rows(self, SqlStr::from_static("PRAGMA journal_mode"), &[], deadline).await?;
            let mode = mode.first().and_then(|row| row.bytes(0).ok().flatten().map(<[u8]>::to_vec));
            match mode.as_deref() {
                Some(b"memory" | b"off") => Err(SqlError::Pool(
                    "its database is in memory, or would not survive a crash: use a file with journal_mode WAL".into(),
                )),
                _ => Ok(()),
            }
        })
    }

    fn is_lent(&self) -> bool {
        self.connection.is_lent()
    }

    fn give_back(mut self: Box<Self>) -> Boxed<'static, Option<Box<dyn Connection>>> {
        Box::pin(async move {
            if self.connection.is_lent() {
                let theirs = self.busy_timeout;
                self.wait_for_locks(theirs).await?;
            }
            let own = self.connection.own();
            Ok(own.map(|connection| Box::new(Self { connection, busy_timeout: 0 }) as Box<dyn Connection>))
        })
    }
}
