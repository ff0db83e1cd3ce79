//! What the application tells its users.

use std::time::Duration;

/// The credentials were wrong; which of the two is not told.
pub const WRONG: &str = "Name or password is wrong.";
/// A note was added.
pub const ADDED: &str = "The note is kept.";
/// There was nothing in it, or too much.
pub const NO_NOTE: &str = "A note has 1 to 500 characters.";
/// A note was removed.
pub const REMOVED: &str = "The note is gone.";
/// Another session was ended.
pub const ENDED: &str = "That device is signed out.";
/// It had ended meanwhile.
pub const ENDED_ALREADY: &str = "That device was signed out already.";
/// Who wants another password has to know the one that there is.
pub const NOT_YOURS: &str = "That is not your password. Nothing was changed.";
/// It is too easily guessed, or too long.
pub const NO_PASSWORD: &str = "Nothing was changed: a password has at least 8 characters.";
/// A form without the token of its session.
pub const OLD_FORM: &str = "This form is out of date or not from this site. Go back, reload, and try again.";

/// After too many wrong passwords.
#[must_use]
pub fn wait(left: Duration) -> String {
    format!("Too many wrong passwords. Wait {} s, then try again.", left.as_millis().div_ceil(1_000))
}

/// The password is another, and all other sessions were ended.
#[must_use]
pub fn changed(ended: usize) -> String {
    format!("The password is changed. {}", ended_others(ended))
}

/// All other sessions were ended.
#[must_use]
pub fn ended_others(number: usize) -> String {
    format!("Signed out elsewhere: {number}.")
}
