//! Why a handler did not answer.

use core::fmt;

use session_core::Error;
use session_embedded::TooManyLines;

/// Why a handler did not answer. The layer then sends the response. `?` converts an [`Error`] to it.
#[derive(Debug)]
#[non_exhaustive]
pub enum SessionRejection<E> {
    /// An error of the session, sent as its status and one line of text.
    Session(Error),
    /// A response of the application, with status and text.
    Answer(u16, &'static str),
    /// An error of the connection. It is returned to the server, and nothing is stored.
    Connection(E),
}

impl<E> From<Error> for SessionRejection<E> {
    fn from(error: Error) -> Self {
        Self::Session(error)
    }
}

impl<E> From<TooManyLines> for SessionRejection<E> {
    fn from(_: TooManyLines) -> Self {
        Self::Answer(500, TooManyLines::TEXT)
    }
}

impl<E: fmt::Debug> fmt::Display for SessionRejection<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(error) => fmt::Display::fmt(error, f),
            Self::Answer(status, text) => write!(f, "{status}: {}", text.trim_end()),
            // the errors of embedded-svc's connections need no `Display`
            Self::Connection(error) => write!(f, "the connection failed: {error:?}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for SessionRejection<E> {}
