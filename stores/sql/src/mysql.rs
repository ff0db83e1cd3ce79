//! MariaDB and MySQL.

use std::fmt::Write;
use std::str::FromStr;
use std::time::Duration;

use session_store_shared::{UrlError, is_this_host};
use sqlx::mysql::{MySql, MySqlConnectOptions, MySqlDatabaseError, MySqlPool, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, SqlSafeStr, SqlStr};
use tokio::time::Instant;

use crate::connection::{Boxed, Connection, Held, Hex, Row, Server, Value, bad, check_tls, rows, text};
use crate::error::SqlError;
use crate::statements::{Dialect, MYSQL};

struct Direct {
    options: MySqlConnectOptions,
}

/// Reads a URL. TLS to another host is verified unless the URL says otherwise.
pub(crate) fn of_url(url: &str) -> Result<Box<dyn Server>, UrlError> {
    let options = match MySqlConnectOptions::from_str(url) {
        Ok(options) => options,
        Err(sqlx::Error::Configuration(why)) => return Err(bad(&why.to_string())),
        // other errors may repeat the password
        Err(_) => return Err(bad("not a MySQL URL")),
    };
    if options.get_database().is_none() {
        return Err(bad("the name of the database is missing"));
    }
    let chosen = ["sslmode=", "ssl-mode="].iter().any(|word| url.contains(word));
    let options = if chosen || is_local(&options) { options } else { options.ssl_mode(MySqlSslMode::VerifyIdentity) };
    let verifies = !matches!(options.get_ssl_mode(), MySqlSslMode::Disabled | MySqlSslMode::Preferred);
    check_tls(verifies, "ssl-mode=DISABLED")?;
    // sqlx changes these settings for other applications; we do not use them
    let options = options.pipes_as_concat(false).timezone(None);
    Ok(Box::new(Direct { options }))
}

fn is_local(options: &MySqlConnectOptions) -> bool {
    options.get_socket().is_some() || is_this_host(options.get_host())
}

fn is_exposed(options: &MySqlConnectOptions) -> bool {
    let verified = matches!(options.get_ssl_mode(), MySqlSslMode::VerifyCa | MySqlSslMode::VerifyIdentity);
    !verified && !is_local(options)
}

/// Returns what bounds each statement: three eighths of a timeout, because a message has at most two statements that
/// may wait for a lock. Only MariaDB reads one kind of these comments, and only MySQL 8 the other. There, only the wait
/// for a row has a limit, in whole seconds.
fn limits(timeout: Duration) -> String {
    let limit = (timeout.as_millis() * 3 / 8).max(1);
    format!(
        "innodb_lock_wait_timeout = {} /*M!100101 , max_statement_time = {}.{:03} */ /*!80000 , max_execution_time = {limit} */",
        (limit / 1000).max(1),
        limit / 1000,
        limit % 1000,
    )
}

impl Server for Direct {
    fn dialect(&self) -> &'static Dialect {
        &MYSQL
    }

    fn is_exposed(&self) -> bool {
        is_exposed(&self.options)
    }

    fn connect(&self, timeout: Duration) -> Boxed<'_, Box<dyn Connection>> {
        Box::pin(async move {
            let mut connection = self.options.connect().await.map_err(|why| SqlError::connect(&why))?;
            let set = format!(
                "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; SET SESSION autocommit = 1, {}",
                limits(timeout)
            );
            let set = sqlx::raw_sql(AssertSqlSafe(set).into_sql_str()).execute(&mut connection).await;
            set.map_err(|why| SqlError::connect(&why))?;
            let own = MySqlHeld { connection: Held::Own(connection.into()), set: String::new() };
            Ok(Box::new(own) as Box<dyn Connection>)
        })
    }
}

/// An application's pool. Its connections get their own settings back when they are returned.
impl Server for MySqlPool {
    fn late(&self) -> SqlError {
        Held::late(self)
    }

    fn dialect(&self) -> &'static Dialect {
        &MYSQL
    }

    fn is_exposed(&self) -> bool {
        is_exposed(&self.connect_options())
    }

    fn connect(&self, timeout: Duration) -> Boxed<'_, Box<dyn Connection>> {
        Box::pin(async move {
            let set = format!("{KEEP}; SET SESSION {}; ", limits(timeout));
            Ok(Box::new(MySqlHeld { connection: Held::borrow(self).await?, set }) as Box<dyn Connection>)
        })
    }
}

/// Removes the limits from our connection.
const UNLIMITED: &str = "SET SESSION /*M!100101 max_statement_time = DEFAULT, */ innodb_lock_wait_timeout = DEFAULT";
/// Keeps an application's limits.
const KEEP: &str = "SET @session_store_lock = @@innodb_lock_wait_timeout \
    /*M!100101 , @session_store_time = @@max_statement_time */ /*!80000 , @session_store_time = @@max_execution_time */";
/// Sets them again.
const RESTORE: &str = "SET SESSION innodb_lock_wait_timeout = @session_store_lock \
    /*M!100101 , max_statement_time = @session_store_time */ /*!80000 , max_execution_time = @session_store_time */";

struct MySqlHeld {
    connection: Held<MySql>,
    /// Sets our limits on an application's connection, with the next message; empty if they are set.
    set: String,
}

impl Connection for MySqlHeld {
    /// Sent as text in one message, because an operation is a statement that changes something and one that returns its
    /// effect.
    fn run<'a>(&'a mut self, sql: SqlStr, values: &'a [Value<'a>]) -> Boxed<'a, Vec<Row>> {
        Box::pin(async move {
            // numbers and hexadecimal digits, and nothing else, are put into the text
            let mut sql = text(sql.as_str(), values, literal);
            if self.connection.is_lent() {
                // a failed message may be sent again with the limits already set, or the connection is closed
                sql = format!("{}{sql}; {RESTORE}", std::mem::take(&mut self.set));
            }
            let answer = sqlx::raw_sql(AssertSqlSafe(sql).into_sql_str()).fetch_all(self.connection.get()).await;
            answer.and_then(|rows| rows.iter().map(Row::read).collect()).map_err(|why| error(&why))
        })
    }

    /// Creating the tables may take longer than a statement may. An abandoned creation that executes later can be
    /// repeated.
    fn script(&mut self, sql: SqlStr) -> Boxed<'_, ()> {
        Box::pin(async move {
            let sql = if self.connection.is_lent() {
                sql
            } else {
                AssertSqlSafe(format!("{UNLIMITED}; {}", sql.as_str())).into_sql_str()
            };
            let done = sqlx::raw_sql(sql).execute(self.connection.get()).await;
            done.map(drop).map_err(|why| error(&why))
        })
    }

    fn check(&mut self, deadline: Instant) -> Boxed<'_, ()> {
        Box::pin(async move {
            if !self.connection.is_lent() {
                return Ok(());
            }
            // one of the two is there, in MariaDB or in MySQL
            let unfit = "SELECT COUNT(*) FROM (SELECT @@autocommit AS commits, \
                /*M!100101 @@tx_isolation */ /*!80000 @@transaction_isolation */ AS level) AS session \
                WHERE commits = 0 OR level = 'READ-UNCOMMITTED'";
            match rows(self, SqlStr::from_static(unfit), &[], deadline)
                .await?
                .first()
                .map(|row| row.number(0))
                .transpose()?
            {
                Some(0) => Ok(()),
                _ => Err(SqlError::Pool(
                    "set autocommit = 1 on its connections, and an isolation level above READ UNCOMMITTED".into(),
                )),
            }
        })
    }

    fn is_lent(&self) -> bool {
        self.connection.is_lent()
    }

    fn give_back(self: Box<Self>) -> Boxed<'static, Option<Box<dyn Connection>>> {
        Box::pin(async move {
            let Self { connection, set } = *self;
            Ok(connection.own().map(|connection| Box::new(Self { connection, set }) as Box<dyn Connection>))
        })
    }
}

fn literal(into: &mut String, value: Value<'_>) -> std::fmt::Result {
    match value {
        Value::Number(number) => write!(into, "{number}"),
        Value::Bytes(bytes) => write!(into, "X'{}'", Hex(bytes)),
    }
}

/// Returns what an error means. Most of those that matter have no state of their own, but a number.
fn error(why: &sqlx::Error) -> SqlError {
    let number = why.as_database_error().and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>());
    match number.map(MySqlDatabaseError::number) {
        // a limit that we set has expired: for the statement, or for its wait for a row
        Some(1205 | 1969 | 3024) => SqlError::Timeout,
        // a deadlock, whose transaction is rolled back, and a snapshot that another transaction made old
        Some(1213 | 1020) => SqlError::contended(why),
        // the server is shutting down, or an administrator has ended this connection
        Some(1053 | 1079 | 1317 | 1927 | 3169) => SqlError::broken(why),
        _ => SqlError::query(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_put_in_their_places() {
        let values = [Value::Number(-7), Value::Bytes(b"'\\\x00$1"), Value::Bytes(b"")];
        let sql = "UPDATE t SET b = $2, d = $3 WHERE a = $1 LIMIT 3";
        assert_eq!(text(sql, &values, literal), "UPDATE t SET b = X'275c002431', d = X'' WHERE a = -7 LIMIT 3");
    }
}
