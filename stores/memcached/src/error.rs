//! What goes wrong between us and the servers.

use std::fmt;
use std::time::Duration;

/// A failure of the medium. It names the server and holds no key and no record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The settings cannot work; the program is to be changed.
    Settings(String),
    /// The server cannot be connected to.
    Connect {
        /// Which.
        server: String,
        /// What the system said.
        why: String,
    },
    /// The connection ended, or what came is no answer. What was asked was done or not.
    Broken {
        /// Which server.
        server: String,
        /// What the system said.
        why: String,
    },
    /// No answer within the limit. What was asked was done or not, or will be.
    Slow {
        /// Which server.
        server: String,
        /// The limit.
        limit: Duration,
    },
    /// The server failed several times in a row and is not asked for a moment.
    Paused {
        /// Which server.
        server: String,
    },
    /// The server said that it cannot do this.
    Refused {
        /// Which server.
        server: String,
        /// What it said.
        why: String,
    },
    /// The record is larger than [`Settings::largest`](crate::Settings::largest). Nothing was changed.
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit.
        limit: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(why) => write!(f, "memcached: {why}"),
            Self::Connect { server, why } => {
                write!(f, "memcached {server} cannot be connected to: {why}; does it run?")
            }
            Self::Broken { server, why } => {
                write!(f, "memcached {server}: the connection ended before an answer: {why}")
            }
            Self::Slow { server, limit } => write!(f, "memcached {server} gave no answer within {limit:?}"),
            Self::Paused { server } => {
                write!(f, "memcached {server} failed several times and is not asked for a moment")
            }
            Self::Refused { server, why } => write!(f, "memcached {server} refused: {why}"),
            Self::TooLarge { size, limit } => write!(
                f,
                "memcached: a record of {size} bytes is above the limit of {limit}: store less in the session, or raise \
                 Settings::largest and the servers' option -I"
            ),
        }
    }
}

impl std::error::Error for Error {}
