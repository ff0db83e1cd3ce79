//! Sessions from Rocket's configuration: the table `session` of any profile, in Rocket.toml or, for secrets, in the
//! environment variable `ROCKET_SESSION='{key="…"}'`. [`Config`] lists its fields.
//!
//! ```toml
//! [default.session]
//! key_file = "/run/secrets/session-key"   # relative to Rocket.toml
//! idle = 1800                             # seconds; 0 = no limit
//!
//! [debug.session]
//! plain_http = true                       # another cookie, without Secure: for localhost
//! ```
//!
//! Without keys, a debug build under the debug profile generates a temporary one with a warning on stderr. Any other
//! program does not start.

use std::fmt;

use rocket::figment::error::{Actual, Kind};
use rocket::figment::value::magic::RelativePathBuf;
use rocket::figment::{self, Figment};
pub use session_std::config::Config;
use session_std::{Sessions, SharedStore, config};

/// Creates sessions in `store` from the table `session`, for programs that add a clock or an observer:
/// `SessionLayer::new(config::sessions(&rocket::Config::figment(), store)?.observed(…))`.
///
/// # Errors
/// [`ConfigError`] if the table cannot be read or its settings are not valid.
pub fn sessions(figment: &Figment, store: impl Into<SharedStore>) -> Result<Sessions, ConfigError> {
    let mut config = match figment.extract_inner::<Config>("session") {
        Err(why) if matches!(&why.kind, Kind::MissingField(name) if name == "session") => Config::default(),
        other => other.map_err(|why| ConfigError::Table(Box::new(without_values(why))))?,
    };
    let source = figment.clone();
    config = config.named(move |field| place(&source, field));
    if let Ok(path) = figment.extract_inner::<RelativePathBuf>("session.key_file") {
        config.key_file = Some(path.relative().to_string_lossy().into_owned());
    }
    config.key_required |= *figment.profile() != rocket::Config::DEBUG_PROFILE;
    config.sessions(store).map_err(ConfigError::Settings)
}

/// Returns the name of a field of the table, and where it is set.
fn place(figment: &Figment, field: &str) -> String {
    match figment.find_metadata(&format!("session.{field}")) {
        Some(from) if from.name.contains("environment") => format!("{field} in ROCKET_SESSION"),
        Some(figment::Metadata { source: Some(source), .. }) => format!("session.{field} in {source}"),
        _ => format!("session.{field}"),
    }
}

/// Removes what may contain a key: a table that could not be parsed, and the line of a file.
fn without_values(mut why: figment::Error) -> figment::Error {
    // figment adds the table behind its field
    if why.path.last().is_some_and(|last| last == "session") {
        why.path.rotate_right(1);
    }
    match &mut why.kind {
        Kind::InvalidType(actual @ Actual::Str(_), expected) if why.path.len() <= 1 => {
            (*actual, *expected) = (Actual::Other("text".into()), "a table such as {key_file=\"…\"}".into());
        }
        Kind::Message(text) => {
            let lines = text.lines().filter(|line| !line.contains('|') && !line.trim().is_empty());
            *text = lines.collect::<Vec<_>>().join(": ");
        }
        _ => {}
    }
    why
}

/// Why the table `session` is not usable. `Debug`, which `unwrap` and `main` print, shows the same sentence as `Display`:
/// it names the field and its source, and shows no key.
#[non_exhaustive]
pub enum ConfigError {
    /// The table cannot be read.
    Table(Box<figment::Error>),
    /// The settings are not valid.
    Settings(config::ConfigError),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(why) => config::ConfigError::Value(format!("the table `session`: {why}")).fmt(f),
            Self::Settings(why @ config::ConfigError::NoKey(..)) => {
                write!(f, "{why}, in Rocket.toml or in the environment: ROCKET_SESSION='{{key=\"…\"}}'")
            }
            Self::Settings(why) => why.fmt(f),
        }
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ConfigError {}
