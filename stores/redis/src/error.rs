//! Why Redis failed, without a key, a record or a password.

use std::fmt;
use std::time::Duration;

use redis::{ErrorKind, RedisError};

/// The code of the error that says by which policy a server evicts keys.
pub(crate) const EVICTS: &str = "EVICTS";

/// Why an operation failed. A failed write may have been applied.
#[derive(Debug)]
#[non_exhaustive]
pub enum RedisStoreError {
    /// Redis did not answer within the [operation timeout](crate::ConnectionOptions::with_operation_timeout).
    Timeout(Duration),
    /// Redis failed several times in a row, and the store does not contact it during the
    /// [pause](crate::ConnectionOptions::with_pause).
    Paused,
    /// The connection could not be opened, or broke.
    Broken(String),
    /// Redis rejected the command: a wrong password, missing rights, a read-only replica, or a server that is loading
    /// its data.
    Refused(String),
    /// Redis may evict keys under this `maxmemory-policy`. It could evict an index entry before the session that it
    /// names, and a revocation would miss that session. See
    /// [`RedisStore::without_index`](crate::RedisStore::without_index).
    Evicts(String),
    /// The server is a node of a cluster, but the URL names a single server.
    Cluster,
    /// A server was restarted or replaced, or slots of the cluster were being moved, while all sessions were listed, so
    /// that some may be missing. See [`RedisStore::for_each_head`](crate::RedisStore::for_each_head).
    Moved,
    /// The answer is not from Redis.
    Unexpected,
}

impl fmt::Display for RedisStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(timeout) => write!(f, "Redis did not answer within {} ms", timeout.as_millis()),
            Self::Paused => f.write_str("Redis failed several times in a row: the next attempt follows after a pause"),
            Self::Broken(why) => write!(f, "no connection to Redis: {why}"),
            Self::Refused(why) => write!(f, "Redis rejected the command: {why}"),
            Self::Evicts(policy) => write!(
                f,
                "Redis may evict keys (maxmemory-policy {policy}), and a revocation would then miss sessions: set \
                 maxmemory-policy to noeviction, or give up lists and revocations with index=off in the store's URL"
            ),
            Self::Cluster => f.write_str(
                "the server is a node of a Redis cluster: begin the store's URL with redis-cluster:// instead of redis://",
            ),
            Self::Moved => f.write_str(
                "a Redis server was restarted or replaced, or slots were moved, while its sessions were listed: list again",
            ),
            Self::Unexpected => {
                f.write_str("the answer is not from Redis: check the address")
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
            ErrorKind::Parse => Self::Broken("the answer is truncated, or the server is not Redis".into()),
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
        assert_eq!(why.to_string(), "Redis rejected the command: ERR unknown command");
    }

    /// A variant that is missing in the match does not compile.
    #[test]
    fn every_error_has_a_text() {
        for error in [
            RedisStoreError::Timeout(Duration::from_secs(2)),
            RedisStoreError::Paused,
            RedisStoreError::Broken("connection reset".into()),
            RedisStoreError::Refused("READONLY".into()),
            RedisStoreError::Evicts("allkeys-lru".into()),
            RedisStoreError::Cluster,
            RedisStoreError::Moved,
            RedisStoreError::Unexpected,
        ] {
            let name = match error {
                RedisStoreError::Timeout(_) => "Timeout",
                RedisStoreError::Paused => "Paused",
                RedisStoreError::Broken(_) => "Broken",
                RedisStoreError::Refused(_) => "Refused",
                RedisStoreError::Evicts(_) => "Evicts",
                RedisStoreError::Cluster => "Cluster",
                RedisStoreError::Moved => "Moved",
                RedisStoreError::Unexpected => "Unexpected",
            };
            let text = error.to_string();
            // the first word may be the product's name
            store_support::check_text(name, text.strip_prefix("Redis ").unwrap_or(&text));
            assert!(text.contains("Redis"), "{text}");
        }
    }
}
