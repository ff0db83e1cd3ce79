//! What may go wrong, in words without a key, a record or a password.

use std::fmt;
use std::time::Duration;

use redis::{ErrorKind, RedisError};

/// What Redis failed with; after a write, it may have happened or not.
#[derive(Debug)]
#[non_exhaustive]
pub enum RedisStoreError {
    /// No answer within the time limit.
    Late(Duration),
    /// Not asked: it failed a moment ago, and the next try is due when the pause is over.
    Paused,
    /// The connection could not be made, or broke.
    Broken(String),
    /// It answered, and refused: the password, the rights, a read-only replica, a server that is loading its data.
    Refused(String),
    /// It answered something that no Redis answers.
    Unexpected,
}

impl fmt::Display for RedisStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late(limit) => write!(f, "Redis did not answer within {} ms", limit.as_millis()),
            Self::Paused => f.write_str("Redis failed a moment ago and is not asked until the pause is over"),
            Self::Broken(why) => write!(f, "no connection to Redis: {why}"),
            Self::Refused(why) => write!(f, "Redis refused: {why}"),
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

/// Why a URL names no Redis; it does not repeat a password.
#[derive(Debug, PartialEq, Eq)]
pub struct UrlError(pub(crate) String);

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UrlError {}

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
