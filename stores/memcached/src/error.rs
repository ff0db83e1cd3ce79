//! Why a memcached server failed, without a key and a record.

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
        /// The reason from the system, or that the certificate is not trusted.
        why: String,
    },
    /// The connection broke. The operation may have been applied.
    Broken {
        /// The server.
        server: String,
        /// The reason from the system.
        why: String,
    },
    /// The server did not answer within the [operation timeout](crate::ConnectionOptions::with_operation_timeout). The
    /// operation may have been applied, or may still be.
    Timeout {
        /// The server.
        server: String,
        /// The timeout.
        limit: Duration,
    },
    /// The server failed several times in a row, and the store does not contact it during the
    /// [pause](crate::ConnectionOptions::with_pause).
    Paused {
        /// The server.
        server: String,
    },
    /// The answer is not from memcached.
    Unexpected {
        /// The server.
        server: String,
    },
    /// The server rejected the command, or the user and password.
    Refused {
        /// The server.
        server: String,
        /// The reason from the server.
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
                write!(f, "no connection to memcached {server}: {why}")
            }
            Self::Broken { server, why } => {
                write!(f, "the connection to memcached {server} broke: {why}")
            }
            Self::Timeout { server, limit } => write!(f, "memcached {server} did not answer within {limit:?}"),
            Self::Paused { server } => {
                write!(f, "memcached {server} failed several times in a row: the next attempt follows after a pause")
            }
            Self::Unexpected { server } => {
                write!(f, "the answer of {server} is not from memcached: check the address")
            }
            Self::Refused { server, why } => write!(f, "memcached {server} rejected the command: {why}"),
        }
    }
}

impl std::error::Error for MemcachedError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// A variant that is missing in the match does not compile.
    #[test]
    fn every_error_has_a_text() {
        let (server, why) = (|| "cache.example:11211".to_owned(), || "connection reset".to_owned());
        for error in [
            MemcachedError::Connect { server: server(), why: why() },
            MemcachedError::Broken { server: server(), why: why() },
            MemcachedError::Timeout { server: server(), limit: Duration::from_secs(2) },
            MemcachedError::Paused { server: server() },
            MemcachedError::Unexpected { server: server() },
            MemcachedError::Refused { server: server(), why: why() },
        ] {
            let name = match error {
                MemcachedError::Connect { .. } => "Connect",
                MemcachedError::Broken { .. } => "Broken",
                MemcachedError::Timeout { .. } => "Timeout",
                MemcachedError::Paused { .. } => "Paused",
                MemcachedError::Unexpected { .. } => "Unexpected",
                MemcachedError::Refused { .. } => "Refused",
            };
            let text = error.to_string();
            store_support::check_text(name, &text);
            assert!(text.contains("memcached") && text.contains(&server()), "{text}");
        }
    }
}
