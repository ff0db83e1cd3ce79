//! What the database failed with.

use std::fmt;

/// Why an operation failed. It holds no record, no key and no password.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SqlError {
    /// No connection: the server is absent, rejects the user or the password, or allows no more connections.
    Connect(String),
    /// The connection broke before the answer came. The operation may have happened.
    Broken(String),
    /// No answer within the [operation timeout](crate::ConnectionOptions::with_operation_timeout). The operation may
    /// have happened.
    Timeout,
    /// All connections were in use for the whole operation timeout. Nothing happened.
    Busy,
    /// Another transaction was in the way for the whole operation timeout: another process had SQLite's lock, or
    /// PostgreSQL could not bring the two into an order. Nothing happened.
    Contended(String),
    /// The database failed several times in a row and is not asked during the
    /// [pause](crate::ConnectionOptions::with_pause). Nothing happened.
    Paused,
    /// The database rejected the statement: a full disk, a read-only replica, a missing right. Nothing happened.
    Refused(String),
    /// The tables are not those of this version.
    Schema(String),
    /// The application's pool sets up its connections so that sessions in it would not be safe.
    Pool(String),
}

impl SqlError {
    /// Returns whether the database could not be reached or did not answer: a failure to the circuit breaker.
    pub(crate) const fn is_outage(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::Broken(_) | Self::Timeout)
    }

    pub(crate) fn connect(why: &sqlx::Error) -> Self {
        Self::Connect(words(why))
    }

    /// Another transaction is in the way.
    #[cfg(feature = "mysql")]
    pub(crate) fn contended(why: &sqlx::Error) -> Self {
        Self::Contended(words(why))
    }

    /// The server has ended the connection.
    #[cfg(feature = "mysql")]
    pub(crate) fn broken(why: &sqlx::Error) -> Self {
        Self::Broken(words(why))
    }

    /// A pooler refuses what the URL asks for.
    #[cfg(feature = "postgres")]
    pub(crate) fn pooler(why: &sqlx::Error) -> Self {
        let change =
            "a pooler takes no options in the URL: remove them, and set them with ALTER ROLE or ALTER DATABASE";
        Self::Connect(format!("{change} ({})", words(why)))
    }

    pub(crate) fn query(why: &sqlx::Error) -> Self {
        match why {
            // a server that is going down says so in an answer, and then hangs up
            sqlx::Error::Database(error) if error.code().is_some_and(|code| code.starts_with("57P")) => {
                Self::Broken(words(why))
            }
            sqlx::Error::Database(error) if error.code().as_deref() == Some("57014") => Self::Timeout,
            sqlx::Error::Database(error) if error.code().is_some_and(|code| contended(&code)) => {
                Self::Contended(words(why))
            }
            sqlx::Error::Database(_) => Self::Refused(words(why)),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => {
                Self::Schema(words(why))
            }
            _ => Self::Broken(words(why)),
        }
    }
}

/// Returns whether a code says that another transaction is in the way: a serialization failure or a deadlock in
/// PostgreSQL, whose codes have five places; in SQLite a number whose lowest byte is `SQLITE_BUSY`.
fn contended(code: &str) -> bool {
    const SQLITE_BUSY: u32 = 5;
    let sqlite = |number: u32| number & 0xff == SQLITE_BUSY;
    if code.len() == 5 { ["40001", "40P01"].contains(&code) } else { code.parse().is_ok_and(sqlite) }
}

/// Returns the message of the database, without the values of its detail lines.
fn words(why: &sqlx::Error) -> String {
    match why {
        sqlx::Error::Database(error) => match error.code() {
            Some(code) => format!("{} ({code})", error.message()),
            None => error.message().to_owned(),
        },
        other => other.to_string(),
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(why) => write!(f, "no connection to the database: {why}"),
            Self::Broken(why) => write!(f, "the connection to the database broke: {why}"),
            Self::Timeout => f.write_str("the database did not answer in time"),
            Self::Busy => f.write_str("all connections to the database were in use: allow more, or send less"),
            Self::Contended(why) => write!(f, "another transaction was in the way for too long: {why}"),
            Self::Paused => {
                f.write_str("the database failed several times in a row and is not asked until the pause is over")
            }
            Self::Refused(why) => write!(f, "the database refused: {why}"),
            Self::Schema(why) => write!(f, "the session tables are not as this version needs them: {why}"),
            Self::Pool(why) => write!(f, "the application's pool cannot keep sessions: {why}"),
        }
    }
}

impl std::error::Error for SqlError {}
