//! What Redis failed with, without a key, a record or a password.

use std::fmt;
use std::time::Duration;

use redis::{ErrorKind, RedisError};

use crate::link::EVICTS;

/// Why an operation failed. A write that failed may have happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum RedisStoreError {
    /// No answer within the [operation timeout](crate::ConnectionOptions::with_operation_timeout).
    Timeout(Duration),
    /// Redis failed several times in a row and is not asked during the [pause](crate::ConnectionOptions::with_pause).
    Paused,
    /// The connection could not be opened, or broke.
    Broken(String),
    /// Redis rejected the command: the password, the rights, a read-only replica, a server that is loading its data.
    Refused(String),
    /// Redis may evict keys under this `maxmemory-policy`: an entry of the index would go before the session that it
    /// names, and a revocation would miss that. See [`RedisStore::without_index`](crate::RedisStore::without_index).
    Evicts(String),
    /// The server is a node of a cluster, and the URL names a single server.
    Cluster,
    /// The answer is none that Redis gives.
    Unexpected,
}

impl fmt::Display for RedisStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(timeout) => write!(f, "Redis did not answer within {} ms", timeout.as_millis()),
            Self::Paused => f.write_str("Redis failed several times in a row and is not asked until the pause is over"),
            Self::Broken(why) => write!(f, "no connection to Redis: {why}"),
            Self::Refused(why) => write!(f, "Redis refused: {why}"),
            Self::Evicts(policy) => write!(
                f,
                "Redis may evict keys (maxmemory-policy {policy}), and a revocation would then miss sessions: set \
                 maxmemory-policy to noeviction, or give up lists and revocations with index=off in the store's URL"
            ),
            Self::Cluster => f.write_str(
                "the server is a node of a Redis cluster: begin the store's URL with redis-cluster:// instead of redis://",
            ),
            Self::Unexpected => {
                f.write_str("Redis answered something unexpected; is something else behind this address?")
            }
        }
    }
}

impl std::error::Error for RedisStoreError {}

impl From<RedisError> for RedisStoreError {
    fn from(why: RedisError) -> Self {
        match why.kind() {
            ErrorKind::Server(_) | ErrorKind::Extension => {
                if let (Some(EVICTS), Some(policy)) = (why.code(), why.detail()) {
                    return Self::Evicts(policy.to_owned());
                }
                let (code, detail) = (why.code().unwrap_or("ERR"), why.detail().unwrap_or_default());
                // some of its errors repeat the arguments, which are keys and records
                let detail = detail.split(['\'', '`', '"']).next().unwrap_or_default();
                Self::Refused(format!("{code} {}", detail.trim_end()))
            }
            ErrorKind::AuthenticationFailed => Self::Refused("wrong user name or password".into()),
            ErrorKind::UnexpectedReturnType => Self::Unexpected,
            ErrorKind::Parse => Self::Broken("it ended in the middle of an answer, or no Redis is behind it".into()),
            _ => Self::Broken(why.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_repeats_the_arguments_is_cut_short_id6() {
        let words = "unknown command 'EVALSHA', with args beginning with: 'a1b2' '2' 'session:{a7}01020304050607'";
        let why = RedisStoreError::from(redis::make_extension_error("ERR".into(), Some(words.into())));
        assert_eq!(why.to_string(), "Redis refused: ERR unknown command");
    }
}
