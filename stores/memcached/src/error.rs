//! What a server failed with, without a key and a record.

use std::fmt;
use std::time::Duration;

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemcachedError {
    /// The connection could not be opened.
    Connect {
        /// The server.
        server: String,
        /// The reason, in the system's words, or that its certificate is not trusted.
        why: String,
    },
    /// The connection broke. The operation may have happened.
    Broken {
        /// The server.
        server: String,
        /// The reason, in the system's words.
        why: String,
    },
    /// No answer within the [operation timeout](crate::ConnectionOptions::with_operation_timeout). The operation may
    /// have happened, or may still happen.
    Timeout {
        /// The server.
        server: String,
        /// The timeout.
        limit: Duration,
    },
    /// The server failed several times in a row and is not asked during the
    /// [pause](crate::ConnectionOptions::with_pause).
    Paused {
        /// The server.
        server: String,
    },
    /// The answer is none that memcached gives.
    Unexpected {
        /// The server.
        server: String,
    },
    /// The server rejected the command, or the user and password.
    Refused {
        /// The server.
        server: String,
        /// The reason, in the server's words.
        why: String,
    },
}

impl MemcachedError {
    /// Returns whether the server could not be reached or did not answer as memcached does: a failure to the circuit
    /// breaker.
    pub(crate) const fn is_outage(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::Broken { .. } | Self::Timeout { .. } | Self::Unexpected { .. })
    }
}

impl fmt::Display for MemcachedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { server, why } => {
                write!(f, "memcached {server} cannot be connected to: {why}")
            }
            Self::Broken { server, why } => {
                write!(f, "memcached {server}: the connection ended before an answer: {why}")
            }
            Self::Timeout { server, limit } => write!(f, "memcached {server} gave no answer within {limit:?}"),
            Self::Paused { server } => {
                write!(f, "memcached {server} failed several times in a row and is not asked until the pause is over")
            }
            Self::Unexpected { server } => {
                write!(f, "memcached {server} answered something unexpected; is something else behind this address?")
            }
            Self::Refused { server, why } => write!(f, "memcached {server} refused: {why}"),
        }
    }
}

impl std::error::Error for MemcachedError {}
