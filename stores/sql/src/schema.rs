//! The tables: created if there are none, migrated to this version, or rejected.

use std::time::Duration;

use crate::connection::Connection;
use crate::error::SqlError;
use crate::statements::Dialect;

/// SQLite does not wait for the lock that this needs.
const TRIES: usize = 200;
const BETWEEN: Duration = Duration::from_millis(5);

const VERSION: &str = "SELECT max(version) FROM session_schema";

/// Migrates the tables to the last version of `dialect`. Any number of nodes may call this at once: one migrates, the
/// others wait for it. If the tables exist, the right to create tables is not needed. If the future is dropped, nothing
/// changes.
pub(crate) async fn ensure(connection: &mut Connection, dialect: &Dialect) -> Result<(), SqlError> {
    let last = i64::try_from(dialect.migrations.len()).unwrap_or(i64::MAX);
    match version(connection).await {
        Ok(there) if there == last => return Ok(()),
        // no such table, in the words of either database
        Ok(_) | Err(SqlError::Refused(_)) => {}
        Err(why) => return Err(why),
    }
    first(connection, dialect.before).await?;
    // a connection with an open transaction is closed, so an error undoes all
    connection.script(dialect.begin).await?;
    connection.script("CREATE TABLE IF NOT EXISTS session_schema (version bigint PRIMARY KEY)").await?;
    let there = version(connection).await?;
    if there > last {
        let newer = format!("they are of version {there}, this program knows {last}: update the program");
        return Err(SqlError::Schema(newer));
    }
    let missing = dialect.migrations.iter().zip(1..).filter(|(_, number)| *number > there);
    for (migration, number) in missing {
        connection.script(migration).await?;
        connection.rows("INSERT INTO session_schema VALUES ($1) RETURNING version", &[number.into()]).await?;
    }
    connection.script("COMMIT").await
}

/// Returns an error unless the tables are of the last version of `dialect`. Changes nothing.
pub(crate) async fn check(connection: &mut Connection, dialect: &Dialect) -> Result<(), SqlError> {
    let last = i64::try_from(dialect.migrations.len()).unwrap_or(i64::MAX);
    match version(connection).await {
        Ok(there) if there == last => Ok(()),
        Ok(there) => Err(SqlError::Schema(format!("they are of version {there}, and not of {last}"))),
        Err(SqlError::Refused(_)) => {
            Err(SqlError::Schema("there are none, so no application has sessions here".into()))
        }
        Err(why) => Err(why),
    }
}

/// Returns the version of the tables, 0 if there are none.
async fn version(connection: &mut Connection) -> Result<i64, SqlError> {
    connection.rows(VERSION, &[]).await?.first().map_or(Ok(0), |row| row.number(0))
}

async fn first(connection: &mut Connection, script: &'static str) -> Result<(), SqlError> {
    for _ in 1..TRIES {
        match connection.script(script).await {
            Err(SqlError::Refused(why)) if why.contains("locked") => tokio::time::sleep(BETWEEN).await,
            done => return done,
        }
    }
    connection.script(script).await
}
