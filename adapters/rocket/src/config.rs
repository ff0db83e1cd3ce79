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

use rocket::figment::value::magic::RelativePathBuf;
use rocket::figment::{self, Figment, error::Kind};
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
        other => other.map_err(|why| ConfigError::Table(Box::new(why)))?,
    };
    if let Ok(path) = figment.extract_inner::<RelativePathBuf>("session.key_file") {
        config.key_file = Some(path.relative().to_string_lossy().into_owned());
    }
    config.key_required |= *figment.profile() != rocket::Config::DEBUG_PROFILE;
    config.sessions(store).map_err(ConfigError::Settings)
}

/// Why the table `session` is not usable.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// The table cannot be read. The text names the field and its source.
    Table(Box<figment::Error>),
    /// The settings are not valid.
    Settings(config::ConfigError),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[default.session] ")?;
        match self {
            Self::Table(why) => why.fmt(f),
            Self::Settings(why @ config::ConfigError::NoKey) => {
                write!(f, "{why}, in Rocket.toml or in the environment: ROCKET_SESSION='{{key=\"…\"}}'")
            }
            Self::Settings(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for ConfigError {}
