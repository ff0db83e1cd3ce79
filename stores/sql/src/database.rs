//! Asks the database, within the timeouts.

use std::time;

use session_store_shared::{CircuitBreaker, ConnectionOptions};
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout, timeout_at};

use crate::connection::{self, Connection, Row, Server, Value};
use crate::error::SqlError;
use crate::pool::Pool;
use crate::schema;
use crate::statements::Dialect;

pub(crate) struct Database {
    server: Box<dyn Server>,
    /// The prefix of all table names.
    prefix: String,
    options: ConnectionOptions,
    circuit: CircuitBreaker,
    /// Creates missing tables and a missing database.
    creates: bool,
    /// The tables were checked.
    ready: OnceCell<()>,
    connections: Pool,
    /// SQLite has one writer at a time. Our writers queue here, in order, and not at the file's lock.
    writer: Option<Pool>,
}

/// What a statement does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

impl Database {
    /// Opens no connection yet.
    pub(crate) fn new(server: Box<dyn Server>, prefix: String, options: ConnectionOptions) -> Self {
        let writer = server.has_one_writer().then(|| Pool::new(1));
        let (circuit, connections) = (CircuitBreaker::new(&options), Pool::new(options.max_connections()));
        Self { server, prefix, options, circuit, creates: true, ready: OnceCell::new(), connections, writer }
    }

    /// Returns the same database with other options.
    pub(crate) fn with_options(self, options: ConnectionOptions) -> Self {
        Self { creates: self.creates, ..Self::new(self.server, self.prefix, options) }
    }

    /// Returns the same database with other tables. The prefix was checked.
    pub(crate) fn with_prefix(self, prefix: String) -> Self {
        Self { creates: self.creates, ..Self::new(self.server, prefix, self.options) }
    }

    /// Returns the same database, which then must exist.
    pub(crate) fn existing(mut self) -> Self {
        self.server.must_exist();
        Self { creates: false, ..Self::new(self.server, self.prefix, self.options) }
    }

    pub(crate) fn dialect(&self) -> &'static Dialect {
        self.server.dialect()
    }

    pub(crate) fn is_exposed(&self) -> bool {
        self.server.is_exposed()
    }

    /// Returns a statement about the tables of this store.
    fn named(&self, sql: &'static str) -> SqlStr {
        if self.prefix.is_empty() {
            return SqlStr::from_static(sql);
        }
        // a prefix was checked to be a part of a name
        AssertSqlSafe(sql.replace("session_", &format!("{}session_", self.prefix))).into_sql_str()
    }

    /// Returns when a statement that begins now times out.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.options.operation_timeout()
    }

    /// Runs one statement.
    pub(crate) async fn rows(
        &self,
        access: Access,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, SqlError> {
        if !self.circuit.admits(time::Instant::now()) {
            return Err(SqlError::Paused);
        }
        let deadline = self.deadline();
        let sql = self.named(sql);
        let pool = self.writer.as_ref().filter(|_| access == Access::Write).unwrap_or(&self.connections);
        let permit = timeout_at(deadline, pool.permit()).await.ok().flatten().ok_or(SqlError::Busy)?;
        let answer = timeout_at(deadline, async {
            self.ready.get_or_try_init(|| self.prepare(deadline)).await?;
            let mut pooled = pool.take(permit, self.connect()).await?;
            let mut answer = connection::rows(&mut *pooled.connection, sql.clone(), values, deadline).await;
            if matches!(answer, Err(SqlError::Broken(_))) {
                // the server was away, so the idle connections are broken as well
                pool.clear();
                if pooled.used && access == Access::Read {
                    pooled.connection = self.connect().await?;
                    answer = connection::rows(&mut *pooled.connection, sql.clone(), values, deadline).await;
                }
            }
            let rows = answer?;
            pooled.give_back().await;
            Ok(rows)
        });
        let answer = answer.await.unwrap_or(Err(SqlError::Timeout));
        if answer.as_ref().is_err_and(SqlError::is_outage) {
            self.circuit.failed(time::Instant::now());
        } else {
            self.circuit.succeeded();
        }
        answer
    }

    async fn connect(&self) -> Result<Box<dyn Connection>, SqlError> {
        timeout(self.options.connect_timeout(), self.server.connect(self.options.operation_timeout()))
            .await
            .unwrap_or_else(|_| Err(self.server.late()))
    }

    async fn prepare(&self, deadline: Instant) -> Result<(), SqlError> {
        let mut connection = self.connect().await?;
        connection.check(deadline).await?;
        let tables = schema::Tables { dialect: self.dialect(), named: &|sql| self.named(sql), deadline };
        if self.creates {
            tables.ensure(&mut *connection).await?;
        } else {
            tables.check(&mut *connection).await?;
        }
        connection.give_back().await.map(drop)
    }
}
