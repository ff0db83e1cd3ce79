//! PostgreSQL.

use std::fmt::Write;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use session_store_shared::{UrlError, is_this_host};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgSslMode, Postgres};
use sqlx::{AssertSqlSafe, ConnectOptions, Row as _, SqlSafeStr, SqlStr};

use crate::connection::{Boxed, Connection, Held, Hex, Row, Server, Value, bad, check_tls, text};
use crate::error::SqlError;
use crate::statements::{Dialect, POSTGRES};

/// A setting that each of our connections has. A connection without it leads to a pooler, which shares the database's
/// connections among its clients.
const MARK: &str = "session_store.direct";

struct Direct {
    options: PgConnectOptions,
    /// A pooler is in between.
    pooled: AtomicBool,
}

/// Reads a URL. TLS to another host is verified unless the URL or the environment says otherwise.
pub(crate) fn of_url(url: &str) -> Result<Box<dyn Server>, UrlError> {
    let options = match PgConnectOptions::from_str(url) {
        // sqlx requests it for floating-point numbers, and a pooler rejects it
        Ok(options) => options.extra_float_digits(None),
        Err(sqlx::Error::Configuration(why)) => return Err(bad(&why.to_string())),
        // other errors may repeat the password
        Err(_) => return Err(bad("not a PostgreSQL URL")),
    };
    let chosen =
        ["sslmode=", "ssl-mode="].iter().any(|word| url.contains(word)) || std::env::var_os("PGSSLMODE").is_some();
    let options = if chosen || is_local(&options) { options } else { options.ssl_mode(PgSslMode::VerifyFull) };
    let verifies = matches!(options.get_ssl_mode(), PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull);
    check_tls(verifies, "sslmode=disable")?;
    Ok(Box::new(Direct { options, pooled: AtomicBool::new(false) }))
}

fn is_local(options: &PgConnectOptions) -> bool {
    options.get_socket().is_some() || is_this_host(options.get_host())
}

fn is_exposed(options: &PgConnectOptions) -> bool {
    let verified = matches!(options.get_ssl_mode(), PgSslMode::VerifyCa | PgSslMode::VerifyFull);
    !verified && !is_local(options)
}

/// Three quarters of a timeout, in milliseconds.
fn limit(timeout: Duration) -> u128 {
    (timeout.as_millis() * 3 / 4).max(1)
}

impl Server for Direct {
    fn dialect(&self) -> &'static Dialect {
        &POSTGRES
    }

    fn is_exposed(&self) -> bool {
        is_exposed(&self.options)
    }

    fn connect(&self, timeout: Duration) -> Boxed<'_, Box<dyn Connection>> {
        Box::pin(async move {
            let Self { options, pooled } = self;
            let limit = limit(timeout);
            if !pooled.load(Ordering::Relaxed) {
                match direct(options, limit).await {
                    Ok(Some(connection)) => return Ok(Prepared(connection.into()).boxed()),
                    Ok(None) => {}
                    Err(why) if !refuses_parameters(&why) => return Err(SqlError::connect(&why)),
                    Err(why) if options.get_options().is_some() => return Err(SqlError::pooler(&why)),
                    Err(_) => {}
                }
                pooled.store(true, Ordering::Relaxed);
            }
            let connection = options.connect().await.map_err(|why| SqlError::connect(&why))?;
            Ok(Text(Held::Own(connection.into()), limit).boxed())
        })
    }
}

/// An application's pool. Its connections have the application's settings and may lead to a pooler, so each statement
/// is sent in one message with its limit.
impl Server for PgPool {
    fn late(&self) -> SqlError {
        Held::late(self)
    }

    fn dialect(&self) -> &'static Dialect {
        &POSTGRES
    }

    fn is_exposed(&self) -> bool {
        is_exposed(&self.connect_options())
    }

    fn connect(&self, timeout: Duration) -> Boxed<'_, Box<dyn Connection>> {
        Box::pin(async move { Ok(Text(Held::borrow(self).await?, limit(timeout)).boxed()) })
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

/// A pooler accepts only parameters that it can set for any client's connection.
fn refuses_parameters(why: &sqlx::Error) -> bool {
    let code = why.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| ["08P01", "0A000"].contains(&&*code))
}

/// A connection without a pooler, on which statements are prepared.
struct Prepared(Box<PgConnection>);

/// A connection to a pooler, or one of an application. Anything that one statement prepares or sets may be gone or
/// belong to another client at the next one. So each is sent in one message, as text, with its limit in milliseconds.
struct Text(Held<Postgres>, u128);

impl Prepared {
    fn boxed(self) -> Box<dyn Connection> {
        Box::new(self)
    }
}

impl Text {
    fn boxed(self) -> Box<dyn Connection> {
        Box::new(self)
    }
}

fn read(rows: Result<Vec<sqlx::postgres::PgRow>, sqlx::Error>) -> Result<Vec<Row>, SqlError> {
    rows.and_then(|rows| rows.iter().map(Row::read).collect()).map_err(|why| SqlError::query(&why))
}

impl Connection for Prepared {
    fn run<'a>(&'a mut self, sql: SqlStr, values: &'a [Value<'a>]) -> Boxed<'a, Vec<Row>> {
        Box::pin(async move {
            let query = values.iter().fold(sqlx::query(sql), |query, value| match *value {
                Value::Number(number) => query.bind(number),
                Value::Bytes(bytes) => query.bind(bytes),
            });
            read(query.fetch_all(&mut *self.0).await)
        })
    }

    fn script(&mut self, sql: SqlStr) -> Boxed<'_, ()> {
        Box::pin(async move {
            let done = sqlx::raw_sql(sql).execute(&mut *self.0).await;
            done.map(drop).map_err(|why| SqlError::query(&why))
        })
    }

    fn give_back(self: Box<Self>) -> Boxed<'static, Option<Box<dyn Connection>>> {
        Box::pin(async move { Ok(Some(self as Box<dyn Connection>)) })
    }
}

impl Connection for Text {
    fn run<'a>(&'a mut self, sql: SqlStr, values: &'a [Value<'a>]) -> Boxed<'a, Vec<Row>> {
        Box::pin(async move {
            let Self(connection, limit) = self;
            // numbers and hexadecimal digits, and nothing else, are put into the text
            let sql = format!("SET LOCAL statement_timeout = {limit}; {}", text(sql.as_str(), values, literal));
            read(sqlx::raw_sql(AssertSqlSafe(sql).into_sql_str()).fetch_all(connection.get()).await)
        })
    }

    fn script(&mut self, sql: SqlStr) -> Boxed<'_, ()> {
        Box::pin(async move {
            let done = sqlx::raw_sql(sql).execute(self.0.get()).await;
            done.map(drop).map_err(|why| SqlError::query(&why))
        })
    }

    fn is_lent(&self) -> bool {
        self.0.is_lent()
    }

    fn give_back(self: Box<Self>) -> Boxed<'static, Option<Box<dyn Connection>>> {
        Box::pin(async move {
            let Self(connection, limit) = *self;
            Ok(connection.own().map(|own| Self(own, limit).boxed()))
        })
    }
}

fn literal(into: &mut String, value: Value<'_>) -> std::fmt::Result {
    match value {
        Value::Number(number) => write!(into, "({number})::bigint"),
        Value::Bytes(bytes) => write!(into, "decode('{}', 'hex')", Hex(bytes)),
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
        assert_eq!(text(sql, &values, literal), told);
    }
}
