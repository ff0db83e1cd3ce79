//! Why the program ends with a status other than 0.

use std::io;

/// Why a command was not done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A flag or a variable is wrong: status 2.
    Usage(String),
    /// The store, the mode or the key: status 1.
    Failed(String),
    /// The reader of the output has gone, which is no failure.
    Closed,
}

impl Failure {
    pub(crate) fn failed(why: impl ToString) -> Self {
        Self::Failed(why.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(why: io::Error) -> Self {
        match why.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Failed(format!("cannot write the output: {why}")),
        }
    }
}
