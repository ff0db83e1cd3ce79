//! The tables: created if there are none, migrated to this version, or rejected.

use tokio::time::Instant;

use crate::connection::Connection;
use crate::error::SqlError;
use crate::statements::Dialect;

const VERSION: &str = "SELECT max(version) FROM session_schema";

/// Migrates the tables to the last version of `dialect`. Any number of nodes may call this at once: one migrates, the
/// others wait for it. If the tables exist, the right to create tables is not needed. If the future is dropped, nothing
/// changes.
pub(crate) async fn ensure(connection: &mut Connection, dialect: &Dialect, deadline: Instant) -> Result<(), SqlError> {
    let last = i64::try_from(dialect.migrations.len()).unwrap_or(i64::MAX);
    match version(connection, deadline).await {
        Ok(there) if there == last => return Ok(()),
        // no such table, in the words of either database
        Ok(_) | Err(SqlError::Refused(_)) => {}
        Err(why) => return Err(why),
    }
    connection.script(dialect.before, deadline).await?;
    // a connection with an open transaction is closed, so an error undoes all
    connection.script(dialect.begin, deadline).await?;
    connection.script("CREATE TABLE IF NOT EXISTS session_schema (version bigint PRIMARY KEY)", deadline).await?;
    let there = version(connection, deadline).await?;
    if there > last {
        let newer = format!("they are of version {there}, this program knows {last}: update the program");
        return Err(SqlError::Schema(newer));
    }
    let missing = dialect.migrations.iter().zip(1..).filter(|(_, number)| *number > there);
    for (migration, number) in missing {
        connection.script(migration, deadline).await?;
        connection.rows("INSERT INTO session_schema VALUES ($1) RETURNING version", &[number.into()], deadline).await?;
    }
    connection.script("COMMIT", deadline).await
}

/// Returns an error unless the tables are of the last version of `dialect`. Changes nothing.
pub(crate) async fn check(connection: &mut Connection, dialect: &Dialect, deadline: Instant) -> Result<(), SqlError> {
    let last = i64::try_from(dialect.migrations.len()).unwrap_or(i64::MAX);
    match version(connection, deadline).await {
        Ok(there) if there == last => Ok(()),
        Ok(there) => Err(SqlError::Schema(format!("they are of version {there}, and not of {last}"))),
        Err(SqlError::Refused(_)) => {
            Err(SqlError::Schema("there are none, so no application has sessions here".into()))
        }
        Err(why) => Err(why),
    }
}

/// Returns the version of the tables, 0 if there are none.
async fn version(connection: &mut Connection, deadline: Instant) -> Result<i64, SqlError> {
    connection.rows(VERSION, &[], deadline).await?.first().map_or(Ok(0), |row| row.number(0))
}
