//! The lines of a response, for servers that take all header lines of a head at once.

use core::fmt;

use crate::finished::Finished;

/// Header lines that a handler may give to one answer.
const OF_HANDLER: usize = 16;

/// The header lines of one answer: the handler's, then ours.
#[derive(Debug, Default)]
pub struct HeaderLines<'h> {
    lines: [(&'h str, &'h str); OF_HANDLER + 6],
    used: usize,
}

impl<'h> HeaderLines<'h> {
    /// Begins with the handler's lines.
    ///
    /// # Errors
    /// [`TooManyLines`] if they are more than 16.
    pub fn of(handler: &[(&'h str, &'h str)]) -> Result<Self, TooManyLines> {
        let mut lines = Self::default();
        if handler.len() > OF_HANDLER {
            return Err(TooManyLines);
        }
        handler.iter().for_each(|(name, value)| lines.push(name, value));
        Ok(lines)
    }

    /// Returns the lines that may stay beside what the session says. See [`Finished::keeps`].
    #[must_use]
    pub fn kept_beside(&self, finished: &Finished<'_>) -> Self {
        let mut kept = Self::default();
        let lines = self.as_slice().iter().filter(|(name, value)| finished.keeps(name, value));
        lines.for_each(|(name, value)| kept.push(name, value));
        kept
    }

    /// Adds a line.
    pub fn push(&mut self, name: &'h str, value: &'h str) {
        if let Some(line) = self.lines.get_mut(self.used) {
            *line = (name, value);
            self.used += 1;
        }
    }

    /// Returns whether there is a line of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.as_slice().iter().any(|line| line.0.eq_ignore_ascii_case(name))
    }

    /// Returns the lines, as servers take them.
    #[must_use]
    pub fn as_slice(&self) -> &[(&'h str, &'h str)] {
        self.lines.get(..self.used).unwrap_or_default()
    }
}

/// A handler gave a response more than 16 header lines. (500)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TooManyLines;

impl TooManyLines {
    /// The text of the 500 response.
    pub const TEXT: &str = "the handler set more than 16 header lines: set fewer\n";
}

impl fmt::Display for TooManyLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::TEXT.trim_end())
    }
}

impl core::error::Error for TooManyLines {}

/// A line of text that says what went wrong.
#[derive(Debug)]
pub struct ErrorLine {
    text: [u8; 128],
    used: usize,
}

impl ErrorLine {
    /// Writes the line. What does not fit is cut off, because the status says the same.
    #[must_use]
    pub fn of(why: &dyn fmt::Display) -> Self {
        let mut line = Self { text: [0; 128], used: 0 };
        let _cut = fmt::Write::write_fmt(&mut line, format_args!("{why}\n"));
        line
    }

    /// Returns the line.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
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
