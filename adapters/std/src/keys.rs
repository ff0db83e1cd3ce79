//! Signing keys from where a deployment keeps them. Text: 64 hexadecimal digits a key; the first signs, at most two more,
//! separated by commas or on lines of their own, still verify. `cargo xtask keygen` prints one.

use std::path::Path;
use std::{env, fmt, fs, io};

use session_core::{KeyError, Keys};

/// Why there are no keys.
#[derive(Debug)]
#[non_exhaustive]
pub enum NoKeys {
    /// The variable is not set, or empty, and this is a release build.
    NotSet(String),
    /// The file cannot be read.
    File(String, io::Error),
    /// The text is not made of keys; it is not shown.
    Text(String),
    /// A key was refused.
    Key(String, KeyError),
}

impl fmt::Display for NoKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSet(name) => {
                write!(f, "{name} is not set: put a signing key of 64 hexadecimal digits there (cargo xtask keygen)")
            }
            Self::File(path, why) => write!(f, "{path}: {why}"),
            Self::Text(place) => {
                write!(f, "{place}: a signing key has 64 hexadecimal digits; the first signs, others verify")
            }
            Self::Key(place, why) => write!(f, "{place}: {why}"),
        }
    }
}

impl std::error::Error for NoKeys {}

/// Keys of the environment variable `name`. Without it a debug build makes up a key, says so on stderr, and every restart
/// ends all sessions; a release build refuses.
pub fn from_env(name: &str) -> Result<Keys, NoKeys> {
    match env::var(name) {
        Ok(text) if !text.trim().is_empty() => from_text(&text, name),
        _ if cfg!(debug_assertions) => {
            eprintln!("warning: {name} is not set. Made up a signing key: all sessions end with this process.");
            Ok(generated())
        }
        _ => Err(NoKeys::NotSet(name.to_owned())),
    }
}

/// Keys of a file, as a secret store mounts it.
pub fn from_file(path: impl AsRef<Path>) -> Result<Keys, NoKeys> {
    let place = path.as_ref().display().to_string();
    let text = fs::read_to_string(path).map_err(|why| NoKeys::File(place.clone(), why))?;
    from_text(&text, &place)
}

/// Keys of a text that was found at `place`, which errors name.
pub fn from_text(text: &str, place: &str) -> Result<Keys, NoKeys> {
    let mut keys: Option<Keys> = None;
    for text in text.split([',', '\n']).map(str::trim).filter(|text| !text.is_empty()) {
        let key = parse(text).ok_or_else(|| NoKeys::Text(place.to_owned()))?;
        let ring = match keys {
            None => Keys::new(&key),
            Some(keys) => keys.and_verify(&key),
        };
        keys = Some(ring.map_err(|why| NoKeys::Key(place.to_owned(), why))?);
    }
    keys.ok_or_else(|| NoKeys::Text(place.to_owned()))
}

/// A fresh random key, for tests and for programs whose sessions end with them.
#[must_use]
pub fn generated() -> Keys {
    loop {
        let mut key = [0; 32];
        rand::Rng::fill_bytes(&mut rand::rng(), &mut key);
        // a random key looks like a pattern once in more than 2^100 times
        if let Ok(keys) = Keys::new(&key) {
            return keys;
        }
    }
}

fn parse(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    let mut key = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(digits.chunks(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(0)? << 4 | digit(1)?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "8e1f0a936b64c5117199fe025ba0d73c4e6018e977b244059acd31f6882e53bf";

    #[test]
    fn keys_of_a_text() {
        assert!(from_text(KEY, "K").is_ok());
        assert!(from_text(&format!("{KEY},\n{}\n", KEY.to_uppercase()), "K").is_ok());
        for bad in ["", "8e", &KEY[1..], &KEY.replace('8', "x"), &format!("{KEY},zz")] {
            let error = from_text(bad, "K").err().map(|why| why.to_string()).unwrap_or_default();
            assert!(error.starts_with("K: ") && (bad.is_empty() || !error.contains(bad)), "{error}");
        }
        assert!(matches!(from_text(&"00".repeat(32), "K"), Err(NoKeys::Key(_, KeyError::Pattern))));
        let four = [KEY; 4].join(",");
        assert!(matches!(from_text(&four, "K"), Err(NoKeys::Key(_, KeyError::TooMany))));
    }

    #[test]
    fn a_missing_variable_or_file_is_named() {
        assert!(from_file("/nowhere/key").is_err_and(|why| why.to_string().starts_with("/nowhere/key: ")));
        assert_eq!(from_env("SESSION_KEY_THAT_NOBODY_SETS").is_ok(), cfg!(debug_assertions));
    }
}
