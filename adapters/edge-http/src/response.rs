//! What becomes of the answer: its headers, and what goes wrong.

use core::fmt;

use session_core::Error;
use session_embedded::Finished;

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
pub(crate) const NO_WEBSOCKET: &str = "this is no request for a WebSocket\n";

/// Header lines that a handler may give to one answer.
const OF_HANDLER: usize = 16;

/// The header lines of one answer: the handler's, then ours.
#[derive(Default)]
pub(crate) struct HeaderLines<'h> {
    lines: [(&'h str, &'h str); OF_HANDLER + 6],
    used: usize,
}

impl<'h> HeaderLines<'h> {
    pub(crate) fn of<E>(handler: &[(&'h str, &'h str)]) -> Result<Self, SessionRejection<E>> {
        let mut lines = Self::default();
        if handler.len() > OF_HANDLER {
            return Err(SessionRejection::Answer(500, "an answer has at most 16 header lines of the handler's\n"));
        }
        handler.iter().for_each(|(name, value)| lines.push(name, value));
        Ok(lines)
    }

    /// Those that may stay beside what the session says.
    pub(crate) fn kept_beside(&self, finished: &Finished<'_>) -> Self {
        let mut kept = Self::default();
        let lines = self.as_slice().iter().filter(|(name, value)| finished.keeps(name, value));
        lines.for_each(|(name, value)| kept.push(name, value));
        kept
    }

    pub(crate) fn push(&mut self, name: &'h str, value: &'h str) {
        if let Some(line) = self.lines.get_mut(self.used) {
            *line = (name, value);
            self.used += 1;
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.as_slice().iter().any(|line| line.0.eq_ignore_ascii_case(name))
    }

    pub(crate) fn as_slice(&self) -> &[(&'h str, &'h str)] {
        self.lines.get(..self.used).unwrap_or_default()
    }
}

/// A line of text that says what went wrong.
pub(crate) struct ErrorLine {
    text: [u8; 128],
    used: usize,
}

impl ErrorLine {
    pub(crate) fn of(why: &dyn fmt::Display) -> Self {
        let mut line = Self { text: [0; 128], used: 0 };
        // what does not fit is cut: the status says the same
        let _cut = fmt::Write::write_fmt(&mut line, format_args!("{why}\n"));
        line
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.text.get(..self.used).unwrap_or_default()
    }
}

impl fmt::Write for ErrorLine {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.used + text.len();
        self.text.get_mut(self.used..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.used = end;
        Ok(())
    }
}
