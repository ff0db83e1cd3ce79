//! The tables: created if there are none, migrated to this version, or rejected.

use sqlx::SqlStr;
use tokio::time::Instant;

use crate::connection::{Connection, rows, script};
use crate::error::SqlError;
use crate::statements::Dialect;

const VERSION: &str = "SELECT max(version) FROM session_schema";

/// The tables of a store.
pub(crate) struct Tables<'a> {
    pub(crate) dialect: &'static Dialect,
    /// Puts their names into a statement.
    pub(crate) named: &'a (dyn Fn(&'static str) -> SqlStr + Sync),
    pub(crate) deadline: Instant,
}

impl Tables<'_> {
    /// Migrates the tables to the last version of the dialect. Any number of nodes may call this at once: one migrates,
    /// the others wait for it. If the tables exist, the right to create tables is not needed. If the future is dropped,
    /// nothing changes, or the next call completes the change.
    pub(crate) async fn ensure(&self, connection: &mut dyn Connection) -> Result<(), SqlError> {
        let last = self.last();
        if !self.dialect.before.is_empty() {
            self.script(connection, self.dialect.before).await?;
        }
        match self.version(connection).await {
            Ok(there) if there == last => return Ok(()),
            // no such table, in any database's error
            Ok(_) | Err(SqlError::Refused(_)) => {}
            Err(why) => return Err(why),
        }
        // a connection with an open transaction is closed, so an error undoes all
        self.script(connection, self.dialect.begin).await?;
        if !self.dialect.begun.is_empty() && self.number(connection, self.dialect.begun).await? != 1 {
            return Err(SqlError::Contended("another program is creating the session tables".into()));
        }
        self.script(connection, "CREATE TABLE IF NOT EXISTS session_schema (version bigint PRIMARY KEY)").await?;
        let there = self.version(connection).await?;
        if there > last {
            let newer = format!("they have version {there}, but this program supports {last}: update the program");
            return Err(SqlError::Schema(newer));
        }
        let missing = self.dialect.migrations.iter().zip(1..).filter(|(_, number)| *number > there);
        for (migration, _) in missing {
            // it ends with its number in session_schema, for applications that run the files themselves
            self.script(connection, migration).await?;
        }
        self.script(connection, self.dialect.commit).await
    }

    /// Returns an error unless the tables are of the last version of the dialect. Changes nothing.
    pub(crate) async fn check(&self, connection: &mut dyn Connection) -> Result<(), SqlError> {
        match self.version(connection).await {
            Ok(there) if there == self.last() => Ok(()),
            Ok(there) => Err(SqlError::Schema(format!("they have version {there} instead of {}", self.last()))),
            Err(SqlError::Refused(why)) if is_no_table(&why) => {
                Err(SqlError::Schema("there are none, so no application has sessions here".into()))
            }
            Err(why) => Err(why),
        }
    }

    fn last(&self) -> i64 {
        i64::try_from(self.dialect.migrations.len()).unwrap_or(i64::MAX)
    }

    /// Returns the version of the tables, 0 if there are none.
    async fn version(&self, connection: &mut dyn Connection) -> Result<i64, SqlError> {
        self.number(connection, VERSION).await
    }

    async fn number(&self, connection: &mut dyn Connection, sql: &'static str) -> Result<i64, SqlError> {
        rows(connection, (self.named)(sql), &[], self.deadline).await?.first().map_or(Ok(0), |row| row.number(0))
    }

    async fn script(&self, connection: &mut dyn Connection, sql: &'static str) -> Result<(), SqlError> {
        script(connection, (self.named)(sql), self.deadline).await
    }
}

/// Returns whether a database rejected a statement because the table is missing, and not because of a missing right. It
/// compares the codes of PostgreSQL and MariaDB, and the text of SQLite, which has one code for many errors.
fn is_no_table(why: &str) -> bool {
    why.ends_with("(42P01)") || why.ends_with("(42S02)") || why.contains("no such table")
}
