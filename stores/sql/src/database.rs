//! Asks the database, within the limits.

use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout, timeout_at};

use crate::connection::{Connection, Place, Pool, Row, Value};
use crate::limits::{Circuit, Limits};
use crate::statements::{Dialect, POSTGRES, SQLITE};
use crate::{SqlError, schema};

pub(crate) struct Database {
    place: Place,
    limits: Limits,
    circuit: Circuit,
    /// The tables were looked at.
    ready: OnceCell<()>,
    connections: Pool,
    /// SQLite has one writer at a time: ours queue here, in order, and not at the file's lock.
    writer: Option<Pool>,
}

/// What a statement does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

impl Database {
    /// Asks nothing yet.
    pub(crate) fn new(place: Place, limits: Limits) -> Self {
        // PostgreSQL counts milliseconds in 31 bits, and takes none for no limit
        let sane = |span: Duration| span.clamp(Duration::from_millis(1), Duration::from_secs(86_400));
        let limits = Limits { connect: sane(limits.connect), response: sane(limits.response), ..limits };
        let writer = matches!(place, Place::Sqlite(_)).then(|| Pool::new(1));
        let connections = Pool::new(limits.connections);
        Self { place, limits, circuit: Circuit::default(), ready: OnceCell::new(), connections, writer }
    }

    /// The same with other limits.
    pub(crate) fn limits(self, limits: Limits) -> Self {
        Self::new(self.place, limits)
    }

    pub(crate) fn dialect(&self) -> &'static Dialect {
        match self.place {
            Place::Postgres(_) => &POSTGRES,
            Place::Sqlite(_) => &SQLITE,
        }
    }

    /// When a statement that begins now is given up.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.limits.response
    }

    /// Runs one statement.
    pub(crate) async fn rows(
        &self,
        access: Access,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, SqlError> {
        self.circuit.enter(&self.limits)?;
        let deadline = self.deadline();
        let pool = self.writer.as_ref().filter(|_| access == Access::Write).unwrap_or(&self.connections);
        let place = timeout_at(deadline, pool.place()).await.ok().flatten().ok_or(SqlError::Busy)?;
        let answer = timeout_at(deadline, async {
            self.ready.get_or_try_init(|| self.prepare()).await?;
            let mut lent = pool.lend(place, self.connect()).await?;
            let mut answer = lent.connection.rows(sql, values).await;
            if matches!(answer, Err(SqlError::Broken(_))) {
                // the server was away since then: the others that are open are of that time too
                pool.forget();
                if lent.used && access == Access::Read {
                    lent.connection = self.connect().await?;
                    answer = lent.connection.rows(sql, values).await;
                }
            }
            let rows = answer?;
            lent.keep();
            Ok(rows)
        });
        let answer = answer.await.unwrap_or(Err(SqlError::Slow));
        self.circuit.note(answer.as_ref().is_err_and(SqlError::is_outage), &self.limits);
        answer
    }

    async fn connect(&self) -> Result<Connection, SqlError> {
        timeout(self.limits.connect, self.place.connect(self.limits.response))
            .await
            .unwrap_or_else(|_| Err(SqlError::Connect("no answer in time".into())))
    }

    async fn prepare(&self) -> Result<(), SqlError> {
        let mut connection = self.connect().await?;
        schema::ensure(&mut connection, self.dialect()).await
    }
}
