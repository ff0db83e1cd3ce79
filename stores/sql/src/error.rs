//! Why the database failed.

use std::fmt;

/// Why an operation failed. It contains no record, no key and no password.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SqlError {
    /// There is no connection. The server is unreachable, rejects the user or the password, or allows no more
    /// connections.
    Connect(String),
    /// The connection broke before the answer. The operation may have been applied.
    Broken(String),
    /// The database did not answer within the [operation timeout](crate::ConnectionOptions::with_operation_timeout).
    /// The operation may have been applied.
    Timeout,
    /// All connections were in use for the whole operation timeout. Nothing was changed.
    Busy,
    /// Another transaction blocked this one for the whole operation timeout. Another process held SQLite's lock, or
    /// PostgreSQL could not serialize the two. Nothing was changed.
    Contended(String),
    /// The database failed several times in a row, and the store does not contact it during the
    /// [pause](crate::ConnectionOptions::with_pause). Nothing was changed.
    Paused,
    /// The database rejected the statement: a full disk, a read-only replica, or a missing right. Nothing was changed.
    Refused(String),
    /// The tables do not match this version.
    Schema(String),
    /// The application's pool configures its connections in a way that is unsafe for sessions.
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

    /// A pooler rejects a parameter of the URL.
    #[cfg(feature = "postgres")]
    pub(crate) fn pooler(why: &sqlx::Error) -> Self {
        let change =
            "a pooler takes no options in the URL: remove them, and set them with ALTER ROLE or ALTER DATABASE";
        Self::Connect(format!("{change} ({})", words(why)))
    }

    pub(crate) fn query(why: &sqlx::Error) -> Self {
        match why {
            // a server that shuts down says so in an answer and then closes the connection
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
            Self::Timeout => {
                f.write_str("the database did not answer in time: check its load, or raise the operation timeout")
            }
            Self::Busy => f.write_str("all connections to the database were in use: raise max_connections"),
            Self::Contended(why) => write!(f, "another transaction blocked this one for too long: {why}"),
            Self::Paused => {
                f.write_str("the database failed several times in a row: the next attempt follows after a pause")
            }
            Self::Refused(why) => write!(f, "the database rejected the statement: {why}"),
            Self::Schema(why) => write!(f, "the session tables do not match this version: {why}"),
            Self::Pool(why) => write!(f, "the application's pool cannot keep sessions: {why}"),
        }
    }
}

impl std::error::Error for SqlError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// A variant that is missing in the match does not compile.
    #[test]
    fn every_error_has_a_text() {
        let why = || "connection reset".to_owned();
        for error in [
            SqlError::Connect(why()),
            SqlError::Broken(why()),
            SqlError::Timeout,
            SqlError::Busy,
            SqlError::Contended(why()),
            SqlError::Paused,
            SqlError::Refused(why()),
            SqlError::Schema(why()),
            SqlError::Pool(why()),
        ] {
            let (name, has_reason) = match &error {
                SqlError::Connect(_) => ("Connect", true),
                SqlError::Broken(_) => ("Broken", true),
                SqlError::Timeout => ("Timeout", false),
                SqlError::Busy => ("Busy", false),
                SqlError::Contended(_) => ("Contended", true),
                SqlError::Paused => ("Paused", false),
                SqlError::Refused(_) => ("Refused", true),
                SqlError::Schema(_) => ("Schema", true),
                SqlError::Pool(_) => ("Pool", true),
            };
            let text = error.to_string();
            store_support::check_text(name, &text);
            assert_eq!(text.contains("connection reset"), has_reason, "{text}");
            assert!(text.contains("database") || text.contains(": connection reset"), "{text}");
        }
    }
}
