//! Sessions from a configuration: environment variables, or a table of the application's own configuration.
//!
//! [`Config`] implements `Deserialize`, so it can be a field of the application's configuration in any format:
//!
//! ```
//! # use session_std::{MemoryStore, config::{Config, ConfigError}};
//! # fn main() -> Result<(), ConfigError> {
//! // SESSION_KEY_FILE=/run/secrets/session-key SESSION_IDLE=1800
//! let sessions = Config::from_env()?.sessions(MemoryStore::new())?;
//! # Ok(()) }
//! ```

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fmt};

use serde::de::value::{MapDeserializer, StringDeserializer};
use serde::de::{self, Deserializer, IntoDeserializer, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};
use session_core::policy::{Lifetimes, Mismatch, PlainCookie, Policy, PolicyError, SameSite, SecureCookie};
use session_store_shared::SharedStore;

use crate::keys::{self, KeyLoadError, KeyRing};
use crate::sessions::Sessions;
use crate::to_stderr;
use crate::token_header::TokenHeaderError;

/// The settings of an application's sessions. Every setting is optional. Spans of time are whole seconds. An unknown
/// field is an error, but an unknown environment variable is ignored.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The signing keys as text, in the format of [`keys`]. Without keys, a debug build generates a temporary one with
    /// a warning on stderr, and a release build returns [`ConfigError::NoKey`].
    pub key: Option<KeyText>,
    /// The path of a file with the signing keys, instead of `key`.
    pub key_file: Option<String>,
    /// Makes a debug build without keys return [`ConfigError::NoKey`] as well.
    pub key_required: bool,
    /// Allows plain http. The cookie is named `id` and has no `Secure` attribute.
    pub plain_http: bool,
    /// The cookie's name. It must begin with `__Host-`, or with `__Secure-` if there is a `domain`, and with neither on
    /// plain http. Default: `__Host-id`, `__Secure-id`, `id`.
    pub cookie: Option<String>,
    /// Shares the cookie among all hosts of a domain. Not available on plain http. Default: this host only.
    pub domain: Option<String>,
    /// Limits the cookie to paths below this one. Requires `domain` behind https. Default: `/`.
    pub path: Option<String>,
    /// `lax`, `strict`, or, behind https, `none`. Default: `lax`.
    #[serde(deserialize_with = "same_site")]
    pub same_site: Option<SameSite>,
    /// Gives each site that embeds this one a separate cookie jar, for `same_site = "none"`. Not available on plain
    /// http.
    pub partitioned: bool,
    /// The longest time without activity. 0 means no limit. Default: 30 minutes.
    pub idle: Option<u64>,
    /// The longest time without activity for visitors who are not signed in. Default: 10 minutes, or `idle` if that is
    /// shorter.
    pub anonymous_idle: Option<u64>,
    /// The longest time since the login. 0 means no limit. Default: 12 hours.
    pub absolute: Option<u64>,
    /// The age at which the cookie is renewed. 0 means never. Default: 1 hour.
    pub renew_after: Option<u64>,
    /// How long the old cookie works after a renewal. Default: 1 minute.
    pub grace: Option<u64>,
    /// The precision with which activity is recorded. Default: 60 seconds, or a twentieth of `idle` if that is shorter.
    pub touch_every: Option<u64>,
    /// The longest lifetime of a remembered session. It is also its longest time without activity, unless `remember` is
    /// no longer than `absolute`. Default: 30 days.
    pub remember: Option<u64>,
    /// Transports the token in this header instead of a cookie. See [`Sessions::in_header`].
    pub token_header: Option<String>,
    /// Separates this application from others with the same keys and cookie name.
    pub application: Option<String>,
    /// The largest `Set-Cookie` of a sealed session in bytes, including its attributes. Default: 2560.
    pub max_cookie: Option<usize>,
    /// The largest session in the store in bytes. Default: 65536.
    pub max_bytes: Option<usize>,
    /// The largest number of sessions per subject. A login beyond it ends the oldest one. 0 means no limit. Default:
    /// 100 if the store can list sessions.
    pub max_sessions: Option<u16>,
    /// Ends a session if its old cookie is used after the grace period.
    pub end_on_reuse: bool,
    /// Omits `Max-Age` from the cookie, except for remembered sessions.
    pub until_browser_closes: bool,
    /// Sends `Cache-Control: no-store` with every response for which a handler read the session of a signed-in visitor.
    pub no_store: bool,
    /// Sends `Clear-Site-Data` with the response that signs out.
    pub clear_site_data: bool,
    /// The reaction to a session that is used by another client than the one it is bound to: `ignore`, `step_up` or
    /// `end`. Default: `ignore`.
    #[serde(deserialize_with = "mismatch")]
    pub on_mismatch: Option<Mismatch>,
    /// The lifetime of a proof by the browser's device. See [`Policy::device_bound`]. It also requires code: without
    /// [`Sessions::device_endpoint`] every request for a session fails.
    pub device_bound: Option<u64>,
    /// Accepts each proof of a device only once.
    pub single_use_proofs: bool,
    /// Rejects browsers that cannot bind sessions to their device.
    pub require_device: bool,
    /// Keeps sessions encrypted in their cookies. The store only records which sessions ended early.
    pub sealed: bool,
    #[serde(skip)]
    names: Names,
}

/// The name of a setting where it was set, for errors. By default the field's.
#[derive(Clone, Default)]
struct Names(Option<Arc<Name>>);

type Name = dyn Fn(&str) -> String + Send + Sync;

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}

/// Why a configuration is not usable. `Debug`, which `unwrap` and `main` print, shows the same sentence as `Display`: it
/// names the settings at fault as [`Config::named`] says, and shows no key.
#[non_exhaustive]
pub enum ConfigError {
    /// A value has another type than its field.
    Value(String),
    /// These two settings both contain keys.
    TwoKeys(String, String),
    /// Neither of these two settings contains keys.
    NoKey(String, String),
    /// The keys cannot be loaded.
    Keys(KeyLoadError),
    /// The cookie or the lifetimes are not valid, because of these settings.
    Policy(String, PolicyError),
    /// The header that this setting names cannot carry a token.
    TokenHeader(String, TokenHeaderError),
    /// The first setting is not available on plain http, which the second one allows.
    NotOnPlainHttp(String, String),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Value(why) => why.clone(),
            Self::TwoKeys(key, key_file) => format!("{key} and {key_file} are both set: remove one of them"),
            Self::NoKey(key, key_file) => format!(
                "no signing key: set {key_file} to the path of a file with 64 hexadecimal digits (openssl rand -hex 32), \
                 or set {key} to the digits"
            ),
            Self::Keys(why) => why.to_string(),
            Self::Policy(settings, why) => format!("{settings}: {why}"),
            Self::TokenHeader(setting, why) => format!("{setting}: {why}"),
            Self::NotOnPlainHttp(setting, plain) => format!("{setting} needs https: remove it, or remove {plain}"),
        };
        f.write_str(&without_keys(&text))
    }
}

/// Replaces what looks like a key, which may be in any setting by mistake.
fn without_keys(text: &str) -> String {
    let runs = text.split_inclusive(|letter: char| !letter.is_ascii_hexdigit());
    let shown = runs.map(|run| match run.trim_end_matches(|letter: char| !letter.is_ascii_hexdigit()) {
        digits if digits.len() >= 32 => format!("…{}", &run[digits.len()..]),
        _ => run.to_owned(),
    });
    shown.collect()
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ConfigError {}

impl de::Error for ConfigError {
    fn custom<T: fmt::Display>(why: T) -> Self {
        Self::Value(why.to_string())
    }
}

impl Config {
    /// Reads the environment variables `SESSION_KEY_FILE`, `SESSION_IDLE` and so on, named after the fields in
    /// capitals. An empty variable counts as not set. Other variables are ignored. Errors name the variables.
    ///
    /// # Errors
    /// [`ConfigError::Value`] if a value has the wrong type.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::of_variables(|name| env::var_os(name))
    }

    /// Reads variables like [`from_env`](Self::from_env), but from elsewhere, such as a `.env` file. Calls `find` once
    /// for each variable.
    ///
    /// # Errors
    /// [`ConfigError::Value`] if a value has the wrong type.
    pub fn from_variables(mut find: impl FnMut(&str) -> Option<String>) -> Result<Self, ConfigError> {
        Self::of_variables(|name| find(name).map(OsString::from))
    }

    fn of_variables(find: impl FnMut(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        Ok(Self::deserialize(Variables(find))?.named(variable))
    }

    /// Sets how errors name a setting, given its field. [`from_env`](Self::from_env) and
    /// [`from_variables`](Self::from_variables) name the variable, and other configurations the field.
    ///
    /// ```
    /// # use session_std::config::Config;
    /// # let toml = Config::default();
    /// let config = toml.named(|field| format!("session.{field} in app.toml"));
    /// ```
    #[must_use]
    pub fn named(self, name: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self { names: Names(Some(Arc::new(name))), ..self }
    }

    fn name(&self, field: &str) -> String {
        self.names.0.as_ref().map_or_else(|| field.to_owned(), |name| name(field))
    }

    /// Creates the sessions. Texts of the configuration stay in memory until the program ends.
    ///
    /// # Errors
    /// The first problem of [`keys`](Self::keys), [`policy`](Self::policy) or the token header.
    pub fn sessions(&self, store: impl Into<SharedStore>) -> Result<Sessions, ConfigError> {
        let (keys, policy) = (self.keys()?, self.policy()?);
        let made = if self.sealed { Sessions::sealed(store, keys) } else { Sessions::new(store, keys) }.policy(policy);
        match &self.token_header {
            Some(name) => made.in_header(name).map_err(|why| ConfigError::TokenHeader(self.name("token_header"), why)),
            None => Ok(made),
        }
    }

    /// Loads the signing keys.
    ///
    /// # Errors
    /// [`ConfigError::NoKey`], [`ConfigError::TwoKeys`], or [`ConfigError::Keys`] if they cannot be loaded.
    pub fn keys(&self) -> Result<KeyRing, ConfigError> {
        let (key_name, file_name) = (self.name("key"), self.name("key_file"));
        let ring = match (&self.key, &self.key_file) {
            (Some(_), Some(_)) => return Err(ConfigError::TwoKeys(key_name, file_name)),
            (Some(KeyText(key)), None) => keys::from_text(key, &key_name).map_err(ConfigError::Keys)?,
            (None, Some(path)) => {
                keys::from_named_file(path.as_ref(), &format!("{file_name}: ")).map_err(ConfigError::Keys)?
            }
            (None, None) if cfg!(debug_assertions) && !self.key_required => {
                to_stderr(format_args!(
                    "warning: neither {key_name} nor {file_name} is set, so a temporary signing key was generated: all \
                     sessions end with this process, and a release build will not start"
                ));
                keys::generated().into()
            }
            (None, None) => return Err(ConfigError::NoKey(key_name, file_name)),
        };
        Ok(ring.application(kept(&self.application).unwrap_or_default()))
    }

    /// Creates the policy.
    ///
    /// # Errors
    /// [`ConfigError::Policy`] or [`ConfigError::NotOnPlainHttp`] if the cookie or the lifetimes are not valid.
    pub fn policy(&self) -> Result<Policy, ConfigError> {
        if self.plain_http {
            self.check_plain_http()?;
        }
        self.checked_policy().map_err(|why| ConfigError::Policy(self.at_fault(why), why))
    }

    fn checked_policy(&self) -> Result<Policy, PolicyError> {
        let policy = if self.plain_http { self.plain_policy()? } else { self.secure_policy()? };
        let policy = if self.end_on_reuse { policy.end_on_reuse() } else { policy };
        let policy = if self.until_browser_closes { policy.until_browser_closes() } else { policy };
        let anonymous_idle = self.anonymous_idle.map(Duration::from_secs);
        let policy = anonymous_idle.map_or(policy, |span| policy.anonymous_idle(span));
        let policy = if self.no_store { policy.no_store() } else { policy };
        let policy = if self.clear_site_data { policy.clear_site_data() } else { policy };
        let policy = self.max_cookie.map_or(policy, |bytes| policy.max_cookie(bytes));
        let policy = self.max_bytes.map_or(policy, |bytes| policy.max_bytes(bytes));
        let policy = self.max_sessions.map_or(policy, |most| policy.max_sessions(most));
        let lifetime = self.device_bound.map(Duration::from_secs);
        let policy = lifetime.map_or(Ok(policy), |lifetime| policy.device_bound(lifetime))?;
        let policy = if self.single_use_proofs { policy.single_use_proofs() } else { policy };
        let policy = if self.require_device { policy.require_device() } else { policy };
        Ok(self.on_mismatch.map_or(policy, |mismatch| policy.on_mismatch(mismatch)))
    }

    fn check_plain_http(&self) -> Result<(), ConfigError> {
        let no_site = self.same_site == Some(SameSite::None);
        let wrong = [
            ("domain", self.domain.is_some(), ""),
            ("partitioned", self.partitioned, ""),
            ("same_site", no_site, " (none)"),
        ];
        match wrong.into_iter().find(|(_, set, _)| *set) {
            Some((field, _, value)) => {
                Err(ConfigError::NotOnPlainHttp(self.name(field) + value, self.name("plain_http")))
            }
            None => Ok(()),
        }
    }

    fn plain_policy(&self) -> Result<Policy, PolicyError> {
        let strict = self.same_site == Some(SameSite::Strict);
        let cookie = if strict { PlainCookie::new().strict() } else { PlainCookie::new() };
        let cookie = kept(&self.cookie).map_or(Ok(cookie), |name| cookie.named(name))?;
        let cookie = kept(&self.path).map_or(Ok(cookie), |path| cookie.path(path))?;
        Policy::plain_http(cookie, self.lifetimes())
    }

    fn secure_policy(&self) -> Result<Policy, PolicyError> {
        let cookie = kept(&self.domain).map_or(Ok(SecureCookie::host()), SecureCookie::domain)?;
        let cookie = kept(&self.cookie).map_or(Ok(cookie), |name| cookie.named(name))?;
        let cookie = kept(&self.path).map_or(Ok(cookie), |path| cookie.path(path))?;
        let cookie = if self.partitioned { cookie.partitioned() } else { cookie };
        Policy::secure(cookie.same_site(self.same_site.unwrap_or(SameSite::Lax)), self.lifetimes())
    }

    /// Returns the names of the settings from which an error follows: of those that can cause it, the ones that are set.
    fn at_fault(&self, why: PolicyError) -> String {
        let (cookie, domain) = (("cookie", self.cookie.is_some()), ("domain", self.domain.is_some()));
        let (renew_after, device) = (("renew_after", self.renew_after.is_some()), ("device_bound", true));
        let causes: &[(&str, bool)] = match why {
            PolicyError::HostPath => return format!("{} without {}", self.name("path"), self.name("domain")),
            PolicyError::Domain => &[domain],
            PolicyError::Path => &[("path", true)],
            PolicyError::ZeroLimit => &[("remember", true)],
            PolicyError::RenewalWithinGrace => &[renew_after, ("grace", self.grace.is_some())],
            PolicyError::NeverChanges => &[renew_after, ("absolute", true)],
            PolicyError::TouchTooRare => &[("touch_every", true), ("idle", self.idle.is_some())],
            PolicyError::DeviceLifetime => &[device],
            PolicyError::NoDeviceCookie => {
                &[device, ("plain_http", self.plain_http), ("partitioned", self.partitioned), domain, cookie]
            }
            _ => &[cookie],
        };
        let set = causes.iter().filter(|(_, set)| *set).map(|(field, _)| self.name(field));
        set.collect::<Vec<_>>().join(", ")
    }

    fn lifetimes(&self) -> Lifetimes {
        let limit = |seconds: Option<u64>, default| match seconds {
            None => default,
            Some(0) => None,
            Some(seconds) => Some(Duration::from_secs(seconds)),
        };
        let span = |seconds: Option<u64>, default| seconds.map_or(default, Duration::from_secs);
        let default = Lifetimes::DEFAULT;
        Lifetimes {
            idle: limit(self.idle, default.idle),
            absolute: limit(self.absolute, default.absolute),
            renew_after: limit(self.renew_after, default.renew_after),
            grace: span(self.grace, default.grace),
            touch_every: self.touch_every.map(Duration::from_secs),
            remember: span(self.remember, default.remember),
        }
    }
}

/// Keeps a text for as long as the program runs. A program reads its configuration once.
fn kept(text: &Option<String>) -> Option<&'static str> {
    text.clone().map(|text| &*text.leak())
}

/// Signing keys as text. Neither `Debug` nor any error shows them.
#[derive(Clone)]
pub struct KeyText(String);

impl From<String> for KeyText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyText(redacted)")
    }
}

impl<'de> Deserialize<'de> for KeyText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyKey)
    }
}

/// Takes any scalar. An invalid key is rejected where keys are made, by an error without the value.
struct AnyKey;

impl Visitor<'_> for AnyKey {
    type Value = KeyText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E>(self, text: &str) -> Result<KeyText, E> {
        Ok(KeyText(text.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<KeyText, E> {
        Ok(KeyText(String::new()))
    }

    fn visit_i64<E>(self, _: i64) -> Result<KeyText, E> {
        Ok(KeyText(String::new()))
    }

    fn visit_u64<E>(self, _: u64) -> Result<KeyText, E> {
        Ok(KeyText(String::new()))
    }

    fn visit_u128<E>(self, _: u128) -> Result<KeyText, E> {
        Ok(KeyText(String::new()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<KeyText, E> {
        Ok(KeyText(String::new()))
    }
}

#[derive(Deserialize)]
#[serde(remote = "SameSite", rename_all = "snake_case")]
enum NamedSameSite {
    Lax,
    Strict,
    None,
}

fn same_site<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SameSite>, D::Error> {
    NamedSameSite::deserialize(from).map(Some)
}

#[derive(Deserialize)]
#[serde(remote = "Mismatch", rename_all = "snake_case")]
enum NamedMismatch {
    Ignore,
    StepUp,
    End,
}

fn mismatch<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Mismatch>, D::Error> {
    NamedMismatch::deserialize(from).map(Some)
}

fn variable(field: &str) -> String {
    format!("SESSION_{}", field.to_uppercase())
}

/// The variables of the environment as a map. The struct defines which are valid.
struct Variables<F>(F);

impl<'de, F: FnMut(&str) -> Option<OsString>> Deserializer<'de> for Variables<F> {
    type Error = ConfigError;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ConfigError> {
        Err(de::Error::custom("only a struct can be read from variables"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        let mut set = Vec::new();
        for field in fields {
            let name = variable(field);
            let Some(text) = (self.0)(&name).filter(|text| !text.is_empty()) else { continue };
            let text = text.into_string().map_err(|_| ConfigError::Value(format!("{name}: must be text in UTF-8")))?;
            set.push((*field, Variable { name, text }));
        }
        visitor.visit_map(MapDeserializer::new(set.into_iter()))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// One variable, whose text is converted to its field's type.
struct Variable {
    name: String,
    text: String,
}

impl Variable {
    fn wrong(&self, wanted: &str) -> ConfigError {
        ConfigError::Value(format!("{}: {wanted}", self.name))
    }

    fn number(&self) -> Result<u64, ConfigError> {
        self.text.trim().parse().map_err(|_| self.wrong("must be a whole number"))
    }
}

impl IntoDeserializer<'_, ConfigError> for Variable {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Variable {
    type Error = ConfigError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        visitor.visit_string(self.text)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        visitor.visit_some(self)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        match self.text.trim() {
            "true" | "1" => visitor.visit_bool(true),
            "false" | "0" => visitor.visit_bool(false),
            _ => Err(self.wrong("must be true or false")),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        visitor.visit_u64(self.number()?).map_err(|why: ConfigError| self.wrong(&why.to_string()))
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigError> {
        let number = self.number()?;
        visitor.visit_u16(u16::try_from(number).map_err(|_| self.wrong("must be at most 65535"))?)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConfigError> {
        let text: StringDeserializer<ConfigError> = self.text.clone().into_deserializer();
        visitor.visit_enum(text).map_err(|why| self.wrong(&why.to_string()))
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u32 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use session_store_memory::MemoryStore;

    use super::*;

    const KEY: &str = "8e1f0a936b64c5117199fe025ba0d73c4e6018e977b244059acd31f6882e53bf";

    fn of(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let variables: BTreeMap<String, String> = variables
            .iter()
            .map(|(name, text)| (format!("SESSION_{}", name.to_uppercase()), (*text).to_owned()))
            .collect();
        Config::from_variables(|name| variables.get(name).cloned())
    }

    /// The fields of a policy, as its `Debug` names them.
    fn fields(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
        let policy = format!("{:?}", of(variables).unwrap().policy().unwrap());
        // a nested struct begins with the name of its first field
        let fields = policy.split(", ").filter_map(|field| field.rsplit("{ ").next()?.split_once(": "));
        fields.map(|(name, value)| (name.to_owned(), value.trim_end_matches([' ', '}']).to_owned())).collect()
    }

    /// A field that none of these changes is not configurable.
    #[test]
    fn every_knob_of_the_policy_can_be_turned() {
        let secure = fields(&[
            ("cookie", "__Secure-x"),
            ("domain", "example.org"),
            ("path", "/app"),
            ("same_site", "none"),
            ("partitioned", "true"),
            ("max_sessions", "6"),
            ("max_cookie", "1000"),
            ("max_bytes", "2000"),
            ("end_on_reuse", "1"),
            ("until_browser_closes", "true"),
            ("no_store", "true"),
            ("clear_site_data", "true"),
            ("on_mismatch", "step_up"),
            ("idle", "8"),
            ("absolute", "7200"),
            ("renew_after", "30"),
            ("grace", "3"),
            ("touch_every", "4"),
            ("remember", "5"),
        ]);
        let plain = fields(&[("plain_http", "true")]);
        let bound = fields(&[("device_bound", "600"), ("single_use_proofs", "true"), ("require_device", "true")]);
        let default = fields(&[]);
        assert!(default.len() >= 15, "{default:?}");
        for (name, value) in &default {
            assert!(
                [&secure, &plain, &bound].iter().any(|other| other[name] != *value),
                "{name} cannot be configured: {value}"
            );
        }
    }

    #[test]
    fn variables_of_the_environment() {
        let config = of(&[("key", KEY), ("cookie", "__Host-shop"), ("idle", " 60 "), ("grace", "")]).unwrap();
        assert_eq!((config.idle, config.grace), (Some(60), None));
        assert!(!format!("{config:?}").contains(KEY));
        assert!(format!("{:?}", config.sessions(MemoryStore::new()).unwrap()).contains("__Host-shop"));
        assert!(Config::from_env().is_ok());
    }

    /// Each error names the variable at fault, and shows no key, wherever it was put by mistake.
    #[test]
    fn what_cannot_work_is_named_in_one_line() {
        for (variables, words) in [
            (&[("idle", "soon")][..], &["SESSION_IDLE: ", "whole number"][..]),
            (&[("idle", "-1")], &["SESSION_IDLE: ", "whole number"]),
            (&[("max_sessions", "65536")], &["SESSION_MAX_SESSIONS: ", "65535"]),
            (&[("sealed", "yes")], &["SESSION_SEALED: ", "true or false"]),
            (&[("same_site", "both")], &["SESSION_SAME_SITE: ", "both", "lax"]),
            (&[("on_mismatch", "ask")], &["SESSION_ON_MISMATCH: ", "step_up"]),
            (&[("key", &KEY[1..])], &["SESSION_KEY: ", "64 hexadecimal digits"]),
            (&[("key", &format!("{KEY} from soon"))], &["SESSION_KEY: ", "date"]),
            (&[("key", KEY), ("key_file", "x")], &["SESSION_KEY and SESSION_KEY_FILE "]),
            (&[("key_file", "/nowhere/key")], &["SESSION_KEY_FILE: /nowhere/key: "]),
            (&[("key_file", "/dev/null")], &["SESSION_KEY_FILE: /dev/null: "]),
            (&[("key_file", KEY)], &["SESSION_KEY_FILE: ", "looks like a key"]),
            (&[("key_file", &KEY[1..])], &["SESSION_KEY_FILE: ", "looks like a key"]),
            (
                &[("key_required", "true")],
                &["no signing key", "SESSION_KEY_FILE", "SESSION_KEY ", "openssl rand -hex 32"],
            ),
            (&[("plain_http", "true"), ("domain", "example.org")], &["SESSION_DOMAIN ", "SESSION_PLAIN_HTTP"]),
            (&[("plain_http", "true"), ("partitioned", "1")], &["SESSION_PARTITIONED ", "SESSION_PLAIN_HTTP"]),
            (&[("plain_http", "true"), ("same_site", "none")], &["SESSION_SAME_SITE (none) ", "SESSION_PLAIN_HTTP"]),
            (&[("cookie", "a")], &["SESSION_COOKIE: ", "__Host-"]),
            (&[("cookie", "a b")], &["SESSION_COOKIE: "]),
            (&[("plain_http", "true"), ("cookie", "__Host-a")], &["SESSION_COOKIE: "]),
            (&[("domain", "a;b")], &["SESSION_DOMAIN: "]),
            (&[("path", "/app")], &["SESSION_PATH without SESSION_DOMAIN: "]),
            (&[("domain", "example.org"), ("path", "app")], &["SESSION_PATH: "]),
            (&[("remember", "0")], &["SESSION_REMEMBER: "]),
            (&[("grace", "3600")], &["SESSION_GRACE: "]),
            (&[("renew_after", "9"), ("grace", "9")], &["SESSION_RENEW_AFTER, SESSION_GRACE: "]),
            (&[("renew_after", "0"), ("absolute", "0")], &["SESSION_RENEW_AFTER, SESSION_ABSOLUTE: "]),
            (&[("touch_every", "3600")], &["SESSION_TOUCH_EVERY: ", "shorter than idle"]),
            (&[("device_bound", "0")], &["SESSION_DEVICE_BOUND: "]),
            (&[("device_bound", "9"), ("domain", "a.b")], &["SESSION_DEVICE_BOUND, SESSION_DOMAIN: "]),
            (&[("token_header", "cookie")], &["SESSION_TOKEN_HEADER: "]),
        ] {
            let made = of(variables).and_then(|config| config.sessions(MemoryStore::new()).map(drop));
            let why = made.unwrap_err().to_string();
            assert!(words.iter().all(|word| why.contains(word)), "{variables:?}: {why}");
            assert!(!why.contains('\n') && !why.contains(&KEY[8..40]), "{why}");
        }
    }

    /// A key that was put into the wrong variable is not shown.
    #[test]
    fn no_error_shows_a_key_in_any_variable() {
        let mut fields = Vec::new();
        Config::from_variables(|name| {
            fields.push(name["SESSION_".len()..].to_lowercase());
            None
        })
        .unwrap();
        assert!(fields.len() > 20);
        for field in &fields {
            for text in [KEY, &KEY[1..], &format!("{KEY},{KEY}")] {
                let made = of(&[(field, text)]).and_then(|config| config.sessions(MemoryStore::new()).map(drop));
                let why = made.err().map(|why| why.to_string()).unwrap_or_default();
                assert!(!why.contains(&KEY[8..40]), "{field}: {why}");
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_not_text_is_named() {
        use std::os::unix::ffi::OsStringExt;
        for name in ["SESSION_KEY", "SESSION_KEY_FILE", "SESSION_COOKIE", "SESSION_IDLE"] {
            let bytes = || OsString::from_vec([KEY.as_bytes(), &[0xff]].concat());
            let why = Config::of_variables(|asked| (asked == name).then(bytes)).unwrap_err().to_string();
            assert!(why.starts_with(&format!("{name}: must be text in UTF-8")) && !why.contains(KEY), "{why}");
        }
    }

    /// The fields of a table have the names that the application gives them.
    #[test]
    fn an_application_names_the_settings_of_its_own_configuration() {
        let config = Config { cookie: Some("a".into()), ..Config::default() };
        let why = |config: &Config| config.policy().unwrap_err().to_string();
        assert!(why(&config).starts_with("cookie: "), "{}", why(&config));
        let config = config.named(|setting| format!("session.{setting} in app.toml"));
        assert!(why(&config).starts_with("session.cookie in app.toml: "), "{}", why(&config));
    }
}
