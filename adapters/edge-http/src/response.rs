//! The answer: its headers, and its errors.

use core::fmt;

use session_core::Error;
use session_embedded::TooManyLines;

/// Why a handler did not answer. The layer then sends the response. `?` converts an [`Error`] and edge-http's errors to
/// it.
#[derive(Debug)]
#[non_exhaustive]
pub enum SessionRejection<E> {
    /// An error of the session, sent as its status and one line of text.
    Session(Error),
    /// A response of the application, with status and text.
    Answer(u16, &'static str),
    /// An error of the connection: the client disconnected, or its body cannot be read. Nothing is stored. (400 from
    /// the guard)
    Connection(edge_http::io::Error<E>),
}

impl<E> From<Error> for SessionRejection<E> {
    fn from(error: Error) -> Self {
        Self::Session(error)
    }
}

impl<E> From<edge_http::io::Error<E>> for SessionRejection<E> {
    fn from(error: edge_http::io::Error<E>) -> Self {
        Self::Connection(error)
    }
}

impl<E> From<TooManyLines> for SessionRejection<E> {
    fn from(_: TooManyLines) -> Self {
        Self::Answer(500, TooManyLines::TEXT)
    }
}

impl<E: fmt::Display> fmt::Display for SessionRejection<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(error) => fmt::Display::fmt(error, f),
            Self::Answer(status, text) => write!(f, "{status}: {text}"),
            Self::Connection(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for SessionRejection<E> {}

/// A handler that wrote its answer before it began it, or read the request after that.
pub(crate) const FAILED: &str = "the handler failed\n";

/// A request for a WebSocket that lacks its version or key.
pub(crate) const NO_WEBSOCKET: &str = "not a WebSocket request: its version or key is missing\n";
