//! Why the program ends with another status than 0, and what it writes to stderr.

use std::io::{self, Write};

use crate::output::readable;

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

/// Writes a line to stderr, without a password and without anything that a terminal obeys.
pub(crate) fn tell(line: &str) {
    // nobody reads it, and there is no other place
    let _written = writeln!(io::stderr(), "{}", readable(&masked(line)));
}

/// Hides what stands between `://` and the last `@` of a word: the user and the password of a URL. Errors repeat no URL, so
/// this is for a URL that was given in the place of something else.
fn masked(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for word in text.split_inclusive([' ', '\'', '"', '\n']) {
        match word.split_once("://").map(|(scheme, rest)| (scheme, rest.rsplit_once('@'))) {
            Some((scheme, Some((_, host)))) => {
                shown.push_str(scheme);
                shown.push_str("://…@");
                shown.push_str(host);
            }
            _ => shown.push_str(word),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_masked() {
        for (text, shown) in [
            ("unrecognized subcommand 'postgres://app:p@ss/wort@h/d'", "unrecognized subcommand 'postgres://…@h/d'"),
            ("layered:redis://:x@c+postgres://u:y@d/e", "layered:redis://…@d/e"),
            ("postgres://h/d has no @ before it", "postgres://h/d has no @ before it"),
            ("ann@example.org has no session 1", "ann@example.org has no session 1"),
        ] {
            assert_eq!(masked(text), shown);
        }
    }
}
