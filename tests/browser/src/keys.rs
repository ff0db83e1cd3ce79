//! Keys without a character, as WebDriver names them.

/// A key that types no character of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// To the next element that takes the focus.
    Tab,
    /// Submits a form, follows a link, presses a button.
    Enter,
}

impl Key {
    pub(crate) const fn code(self) -> char {
        match self {
            Self::Tab => '\u{e004}',
            Self::Enter => '\u{e007}',
        }
    }
}
