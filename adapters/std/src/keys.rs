//! Signing keys from the place where a deployment keeps them.
//!
//! Each key is 64 hexadecimal digits, as `openssl rand -hex 32` prints. Keys are separated by commas or newlines. The
//! first key signs. At most two more still verify.
//!
//! A key can have dates in UTC. Then a change of keys needs one deployment and no action at the time of the change:
//!
//! ```text
//! 5d0c…  from 2027-01-31
//! 8e1f…  until 2027-02-01T12:00Z
//! ```
//!
//! At any time, the first valid key signs and the other valid keys verify. The key that becomes valid next verifies as
//! well, because another node whose clock is ahead may already sign with it. A text can have any number of keys, but at
//! most three may verify at the same time.
//!
//! Let the old key verify for the absolute lifetime after the new one has begun. Meanwhile stored sessions move to the
//! new key with their next renewal, rotation or login, and sealed sessions with their next write.
//!
//! [`Sessions::set_keys`](crate::Sessions::set_keys) and [`Sessions::load_keys`](crate::Sessions::load_keys) replace
//! the keys of a running program.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::{env, fmt, fs, io};

use session_core::environment::Time;
use session_core::{KeyError, Keys};

use crate::to_stderr;

/// Why keys could not be loaded. `Debug`, which `unwrap` prints, shows the same sentence as `Display`. Neither shows a
/// key.
#[non_exhaustive]
pub enum KeyLoadError {
    /// The environment variable is not set or empty, and this is a release build.
    NotSet(String),
    /// The file cannot be read.
    File(String, io::Error),
    /// The text does not consist of keys.
    Text(String),
    /// A key is not random, or there are too many.
    Key(String, KeyError),
    /// The text after a key is not a date.
    Date(String),
    /// At some time no key signs.
    Gap(String),
}

impl fmt::Display for KeyLoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSet(name) => {
                write!(f, "{name} is not set: set it to a signing key of 64 hexadecimal digits (openssl rand -hex 32)")
            }
            Self::File(path, why) => {
                write!(f, "{path}: cannot read the signing keys ({why}): check the path and permissions")
            }
            Self::Text(place) => {
                write!(f, "{place}: invalid signing key: use 64 hexadecimal digits for each key (openssl rand -hex 32)")
            }
            Self::Key(place, why) => write!(f, "{place}: {why}"),
            Self::Date(place) => write!(
                f,
                "{place}: invalid date of a signing key: write 'from' or 'until' and a time in UTC, as 2027-01-31 or \
                 2027-01-31T12:00Z"
            ),
            Self::Gap(place) => {
                write!(
                    f,
                    "{place}: at some time no key signs: make one valid from the beginning, and each until the next begins"
                )
            }
        }
    }
}

impl fmt::Debug for KeyLoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for KeyLoadError {}

/// Keys that can change with time. Create them from a text with dates, or from [`Keys`], which never change.
#[derive(Clone, Debug)]
pub struct KeyRing {
    pub(crate) first: Keys,
    /// The keys that replace them, each with the time from which they do, in order.
    pub(crate) later: Vec<(Time, Keys)>,
}

impl KeyRing {
    /// Returns the keys that are valid at `time`, for programs that use the core's sessions directly.
    #[must_use]
    pub fn at(&self, time: Time) -> &Keys {
        self.later.iter().rev().find(|(from, _)| *from <= time).map_or(&self.first, |(_, keys)| keys)
    }

    /// Sets the application's name, which separates its sessions from those of other applications with the same keys.
    /// See [`Keys::application`].
    #[must_use]
    pub fn application(self, name: &'static str) -> Self {
        let named = |(from, keys): (Time, Keys)| (from, keys.application(name));
        Self { first: self.first.application(name), later: self.later.into_iter().map(named).collect() }
    }
}

impl From<Keys> for KeyRing {
    fn from(first: Keys) -> Self {
        Self { first, later: Vec::new() }
    }
}

/// A source of keys for a running program, such as a file or a key management service. See [`Sessions::load_keys`].
///
/// [`Sessions::load_keys`]: crate::Sessions::load_keys
pub trait KeySource {
    /// The reason why the source has no keys.
    type Error;

    /// Returns the current keys. If the caller drops the future, it continues with its old keys.
    fn load(&self) -> impl Future<Output = Result<KeyRing, Self::Error>> + Send;
}

/// A file of keys, as [`from_file`] reads it. Each load reads the file again, with one blocking read of a few hundred
/// bytes. Replace the file by renaming a complete one, because a load of a half-written file fails or misses keys.
#[derive(Clone, Debug)]
pub struct KeyFile(PathBuf);

impl KeyFile {
    /// Creates a source that reads the file at `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
}

impl KeySource for KeyFile {
    type Error = KeyLoadError;

    async fn load(&self) -> Result<KeyRing, KeyLoadError> {
        from_file(&self.0)
    }
}

/// Reads keys from the environment variable `name`.
///
/// If it is not set or empty, a debug build generates a temporary key with a warning on stderr. All sessions then end
/// with the process.
///
/// # Errors
/// [`KeyLoadError::NotSet`] in a release build without the variable, otherwise as for [`from_text`].
pub fn from_env(name: &str) -> Result<KeyRing, KeyLoadError> {
    match env::var_os(name) {
        // a key is ASCII, so other bytes are no key
        Some(text) if !text.to_string_lossy().trim().is_empty() => from_text(&text.to_string_lossy(), name),
        _ if cfg!(debug_assertions) => {
            to_stderr(format_args!(
                "warning: {name} is not set, so a temporary signing key was generated: all sessions end with this process"
            ));
            Ok(generated().into())
        }
        _ => Err(KeyLoadError::NotSet(name.to_owned())),
    }
}

/// Reads keys from a file, such as a mounted secret.
///
/// # Errors
/// [`KeyLoadError::File`] if the file cannot be read, otherwise as for [`from_text`].
pub fn from_file(path: impl AsRef<Path>) -> Result<KeyRing, KeyLoadError> {
    from_named_file(path.as_ref(), "")
}

/// The same, with a text before the path in errors.
pub(crate) fn from_named_file(path: &Path, before: &str) -> Result<KeyRing, KeyLoadError> {
    let shown = path.display().to_string();
    // a key where its path belongs must not end in a log
    let digits = shown.split(|letter: char| !letter.is_ascii_hexdigit());
    let shown = if digits.into_iter().any(|run| run.len() >= 32) { "a path that looks like a key" } else { &shown };
    let place = format!("{before}{shown}");
    let text = fs::read_to_string(path).map_err(|why| KeyLoadError::File(place.clone(), why))?;
    from_text(&text, &place)
}

/// Reads keys from a text in the format of [this module](self). Errors name `place` as the origin of the text.
///
/// # Errors
/// [`KeyLoadError::Text`], [`KeyLoadError::Key`], [`KeyLoadError::Date`] or [`KeyLoadError::Gap`] if the text is not
/// valid.
pub fn from_text(text: &str, place: &str) -> Result<KeyRing, KeyLoadError> {
    let keys = text.split([',', '\n']).map(str::trim).filter(|text| !text.is_empty());
    let keys = keys.map(|text| Dated::parse(text, place)).collect::<Result<Vec<_>, _>>()?;
    if keys.is_empty() {
        return Err(KeyLoadError::Text(place.to_owned()));
    }
    let mut times: Vec<Time> = keys.iter().flat_map(|key| [key.from, key.until]).collect();
    times.retain(|time| (Time::from_millis(1)..Time::MAX).contains(time));
    times.sort_unstable();
    times.dedup();
    let first = at(Time::ZERO, &keys, place)?;
    let later = times.into_iter().map(|time| Ok((time, at(time, &keys, place)?)));
    Ok(KeyRing { first, later: later.collect::<Result<_, _>>()? })
}

/// The keys that verify at a time: those that have begun, of which the first signs, and the next one.
fn at(time: Time, keys: &[Dated], place: &str) -> Result<Keys, KeyLoadError> {
    let next = keys.iter().map(|key| key.from).filter(|from| *from > time).min().unwrap_or(time);
    let valid: Vec<&Dated> = keys.iter().filter(|key| time < key.until && key.from <= next).collect();
    let signing = valid.iter().position(|key| key.from <= time).ok_or_else(|| KeyLoadError::Gap(place.to_owned()))?;
    let refused = |why| KeyLoadError::Key(place.to_owned(), why);
    let others = valid.iter().enumerate().filter(|(at, _)| *at != signing);
    let ring = Keys::new(&valid[signing].bytes).map_err(refused)?;
    others.into_iter().try_fold(ring, |ring, (_, key)| ring.and_verify(&key.bytes).map_err(refused))
}

struct Dated {
    bytes: [u8; 32],
    from: Time,
    until: Time,
}

impl Dated {
    fn parse(text: &str, place: &str) -> Result<Self, KeyLoadError> {
        let mut words = text.split_whitespace();
        let bytes = words.next().and_then(parse).ok_or_else(|| KeyLoadError::Text(place.to_owned()))?;
        let mut key = Self { bytes, from: Time::ZERO, until: Time::MAX };
        while let Some(word) = words.next() {
            let date = words.next().and_then(date).ok_or_else(|| KeyLoadError::Date(place.to_owned()))?;
            match word {
                "from" => key.from = date,
                "until" => key.until = date,
                _ => return Err(KeyLoadError::Date(place.to_owned())),
            }
        }
        Ok(key)
    }
}

/// `2027-01-31` or `2027-01-31T12:00Z`, as milliseconds of Unix time.
fn date(text: &str) -> Option<Time> {
    let (day, time) = text.split_once('T').unwrap_or((text, "00:00Z"));
    let numbers = |text: &str, separator: char, lengths: &[usize]| {
        let parts: Vec<&str> = text.split(separator).collect();
        let digits =
            |(part, len): (&&str, &usize)| part.len() == *len && part.bytes().all(|byte| byte.is_ascii_digit());
        let fits = parts.len() == lengths.len() && parts.iter().zip(lengths).all(digits);
        fits.then(|| parts.iter().filter_map(|part| part.parse::<u64>().ok()).collect::<Vec<_>>())
    };
    let ([year, month, day], [hour, minute]) = (
        <[u64; 3]>::try_from(numbers(day, '-', &[4, 2, 2])?).ok()?,
        <[u64; 2]>::try_from(numbers(time.strip_suffix('Z')?, ':', &[2, 2])?).ok()?,
    );
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days_of = |month: u64| match month {
        2 if leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if year < 1970 || !(1..=12).contains(&month) || !(1..=days_of(month)).contains(&day) || hour > 23 || minute > 59 {
        return None;
    }
    let years: u64 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
    let days = years + (1..month).map(days_of).sum::<u64>() + day - 1;
    Some(Time::from_millis((days * 24 * 60 + hour * 60 + minute) * 60_000))
}

/// Generates a random key, for tests and for programs whose sessions end with the process.
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
        assert!(matches!(from_text(&"00".repeat(32), "K"), Err(KeyLoadError::Key(_, KeyError::Pattern))));
        let four = [KEY; 4].join(",");
        assert!(matches!(from_text(&four, "K"), Err(KeyLoadError::Key(_, KeyError::TooMany))));
    }

    #[test]
    fn a_missing_variable_or_file_is_named() {
        let unwrapped = format!("{:?}", from_file("/nowhere/key").err());
        assert!(unwrapped.starts_with("Some(/nowhere/key: "), "{unwrapped}");
        assert!(from_file("/nowhere/key").is_err_and(|why| why.to_string().starts_with("/nowhere/key: ")));
        assert_eq!(from_env("SESSION_KEY_THAT_NOBODY_SETS").is_ok(), cfg!(debug_assertions));
    }

    const OTHER: &str = "01f49c2d66aa7e13d0583be7910c45f22a866dbe19c87054e3379f0bad62d841";

    #[test]
    fn dates_of_utc() {
        for (text, minutes) in [
            ("1970-01-01", 0),
            ("1970-01-01T23:59Z", 1_439),
            ("1972-03-01", (365 * 2 + 60) * 1_440),
            ("2000-02-29T12:00Z", 951_825_600 / 60),
            ("2027-01-31", 1_801_353_600 / 60),
            ("2100-03-01", 4_107_542_400 / 60),
        ] {
            assert_eq!(date(text), Some(Time::from_millis(minutes * 60_000)), "{text}");
        }
        for bad in [
            "",
            "2027",
            "2027-1-31",
            "2027-13-01",
            "2027-00-01",
            "2027-02-29",
            "2100-02-29",
            "2027-04-31",
            "2027-01-00",
            "1969-12-31",
            "2027-01-31T24:00Z",
            "2027-01-31T12:60Z",
            "2027-01-31T12:00",
            "2027-01-31T12Z",
            "2027-01-31Z",
            "2027-01-31T12:00:00Z",
            "+027-01-31",
            "2027-01-31 12:00Z",
            "tomorrow",
        ] {
            assert_eq!(date(bad), None, "{bad}");
        }
    }

    #[test]
    fn dated_keys_of_a_text_se3() {
        let spans = |text: &str| {
            from_text(text, "K").map(|ring| ring.later.iter().map(|(time, _)| time.millis()).collect::<Vec<_>>())
        };
        assert_eq!(spans(KEY).ok(), Some(vec![]));
        let both = format!("{KEY} from 1970-01-02\n{OTHER} until 1970-01-03T00:00Z");
        assert_eq!(spans(&both).ok(), Some(vec![86_400_000, 172_800_000]));
        let ring = from_text(&both, "K").unwrap();
        let keys_at = |millis| format!("{:?}", ring.at(Time::from_millis(millis)));
        assert_eq!([0, 86_400_000, 172_799_999].map(keys_at), ["Keys(2 redacted)"; 3]);
        assert_eq!(keys_at(172_800_000), "Keys(1 redacted)");
        for bad in ["from", "from soon", "until 2027-02-30", "after 2027-01-01", "2027-01-01"] {
            assert!(matches!(spans(&format!("{KEY} {bad}")), Err(KeyLoadError::Date(_))), "{bad}");
        }
        for gap in ["from 1970-01-02", "until 1970-01-02"] {
            let why = spans(&format!("{KEY} {gap}")).err().map(|why| why.to_string()).unwrap_or_default();
            assert!(why.starts_with("K: at some time no key signs") && !why.contains(KEY), "{why}");
        }
        // any number of keys: the one that signs, and the next
        let days = (2..9).map(|day| format!("{KEY} from 1970-01-0{day} until 1970-01-0{}", day + 1));
        let (first, last) = (format!("{KEY} until 1970-01-02"), format!("{KEY} from 1970-01-09"));
        let week: Vec<String> = [first].into_iter().chain(days).chain([last]).collect();
        let ring = from_text(&week.join("\n"), "K").unwrap();
        assert_eq!(format!("{:?}", ring.at(Time::ZERO)), "Keys(2 redacted)");
        assert_eq!(format!("{:?}", ring.at(Time::from_millis(86_400_000))), "Keys(2 redacted)");
        let hole = format!("{KEY} from 1970-01-03, {OTHER} until 1970-01-02");
        assert!(matches!(spans(&hole), Err(KeyLoadError::Gap(_))));
        let one_after_the_other =
            format!("{KEY}, {KEY} until 1970-01-02, {KEY} until 1970-01-02, {KEY} until 1970-01-02");
        assert!(matches!(spans(&one_after_the_other), Err(KeyLoadError::Key(_, KeyError::TooMany))));
    }
}
