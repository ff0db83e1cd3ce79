//! Asks the database, within the timeouts.

use std::time;

use session_store_shared::{CircuitBreaker, ConnectionOptions};
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout, timeout_at};

use crate::connection::{Connection, Pool, Row, Target, Value};
use crate::error::SqlError;
use crate::schema;
use crate::statements::{Dialect, POSTGRES, SQLITE};

pub(crate) struct Database {
    target: Target,
    options: ConnectionOptions,
    circuit: CircuitBreaker,
    /// Creates what is not there, database and tables.
    creates: bool,
    /// The tables were checked.
    ready: OnceCell<()>,
    connections: Pool,
    /// SQLite has one writer at a time. Ours queue here, in order, and not at the file's lock.
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
    pub(crate) fn new(target: Target, options: ConnectionOptions) -> Self {
        let writer = matches!(target, Target::Sqlite(_)).then(|| Pool::new(1));
        let (circuit, connections) = (CircuitBreaker::new(&options), Pool::new(options.max_connections()));
        Self { target, options, circuit, creates: true, ready: OnceCell::new(), connections, writer }
    }

    /// Returns the same database with other options.
    pub(crate) fn with_options(self, options: ConnectionOptions) -> Self {
        Self { creates: self.creates, ..Self::new(self.target, options) }
    }

    /// Returns the same database, which then has to be there.
    pub(crate) fn existing(self) -> Self {
        Self { creates: false, ..Self::new(self.target.existing(), self.options) }
    }

    pub(crate) fn dialect(&self) -> &'static Dialect {
        match self.target {
            Target::Postgres { .. } => &POSTGRES,
            Target::Sqlite(_) => &SQLITE,
        }
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
        let pool = self.writer.as_ref().filter(|_| access == Access::Write).unwrap_or(&self.connections);
        let permit = timeout_at(deadline, pool.permit()).await.ok().flatten().ok_or(SqlError::Busy)?;
        let answer = timeout_at(deadline, async {
            self.ready.get_or_try_init(|| self.prepare(deadline)).await?;
            let mut pooled = pool.take(permit, self.connect()).await?;
            let mut answer = pooled.connection.rows(sql, values, deadline).await;
            if matches!(answer, Err(SqlError::Broken(_))) {
                // the server was away, so the idle connections are broken as well
                pool.clear();
                if pooled.used && access == Access::Read {
                    pooled.connection = self.connect().await?;
                    answer = pooled.connection.rows(sql, values, deadline).await;
                }
            }
            let rows = answer?;
            pooled.give_back();
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

    async fn connect(&self) -> Result<Connection, SqlError> {
        timeout(self.options.connect_timeout(), self.target.connect(self.options.operation_timeout()))
            .await
            .unwrap_or_else(|_| Err(SqlError::Connect("no answer in time".into())))
    }

    async fn prepare(&self, deadline: Instant) -> Result<(), SqlError> {
        let mut connection = self.connect().await?;
        if !self.creates {
            return schema::check(&mut connection, self.dialect(), deadline).await;
        }
        schema::ensure(&mut connection, self.dialect(), deadline).await
    }
}
