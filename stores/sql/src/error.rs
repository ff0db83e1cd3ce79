//! What the database failed with.

use std::fmt;

/// Why an operation failed. It holds no record, no key and no password.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SqlError {
    /// The URL names no database that this crate knows.
    Url(String),
    /// No connection: the server is absent, refuses the user or the password, or has no place for one more.
    Connect(String),
    /// The connection broke before the answer came. The operation may have happened.
    Broken(String),
    /// No answer within [`Limits::response`](crate::Limits::response). The operation may have happened.
    Slow,
    /// All connections were in use for the whole of [`Limits::response`](crate::Limits::response). Nothing happened.
    Busy,
    /// The database failed several times in a row and is left alone for [`Limits::pause`](crate::Limits::pause). Nothing
    /// happened.
    Resting,
    /// The database said no: a full disk, a read-only replica, a missing right. Nothing happened.
    Refused(String),
    /// The tables are not those of this version.
    Schema(String),
}

impl SqlError {
    /// Whether the database could not be reached or did not answer, so that others need not try.
    pub(crate) const fn is_outage(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::Broken(_) | Self::Slow)
    }

    pub(crate) fn connect(why: &sqlx::Error) -> Self {
        Self::Connect(words(why))
    }

    pub(crate) fn query(why: &sqlx::Error) -> Self {
        match why {
            // a server that is going down says so in an answer, and then hangs up
            sqlx::Error::Database(error) if error.code().is_some_and(|code| code.starts_with("57P")) => {
                Self::Broken(words(why))
            }
            sqlx::Error::Database(error) if error.code().as_deref() == Some("57014") => Self::Slow,
            sqlx::Error::Database(_) => Self::Refused(words(why)),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => {
                Self::Schema(words(why))
            }
            _ => Self::Broken(words(why)),
        }
    }
}

/// What the database said, without the values of its detail lines.
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
            Self::Url(why) => write!(f, "{why}; a database URL is postgres://USER@HOST/DATABASE or sqlite:PATH"),
            Self::Connect(why) => write!(f, "no connection to the database: {why}"),
            Self::Broken(why) => write!(f, "the connection to the database broke: {why}"),
            Self::Slow => f.write_str("the database did not answer in time"),
            Self::Busy => f.write_str("all connections to the database were in use: allow more, or send less"),
            Self::Resting => f.write_str("the database failed several times and is left alone for a moment"),
            Self::Refused(why) => write!(f, "the database refused: {why}"),
            Self::Schema(why) => write!(f, "the session tables are not as this version needs them: {why}"),
        }
    }
}

impl std::error::Error for SqlError {}
