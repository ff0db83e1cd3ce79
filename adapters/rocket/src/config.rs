//! Sessions as Rocket's configuration says: a table `session` of any profile, in Rocket.toml or, for what is not to stand
//! in a file, in the environment: `ROCKET_SESSION='{key="…"}'`.
//!
//! ```toml
//! [default.session]
//! key_file = "/run/secrets/session-key"   # or key = "…": 64 hexadecimal digits; after commas up to two that only verify; each may have dates: see `keys`
//! idle = 1800                             # seconds; 0 = no limit
//!
//! [debug.session]
//! plain_http = true                       # another cookie, without Secure: for localhost
//! ```
//!
//! | field | is | without it |
//! | --- | --- | --- |
//! | `key`, `key_file` | the signing keys, or the file that has them; a path in Rocket.toml is relative to it | a made-up key with a warning in debug builds under the debug profile; otherwise an error |
//! | `plain_http` | no https before this program | `false` |
//! | `cookie` | the cookie's name: `__Host-…`, with a domain `__Secure-…`, on plain http neither | `__Host-id`, `__Secure-id`, `id` |
//! | `domain` | for all of its hosts; not on plain http | this host only |
//! | `path` | only for paths below it; behind https only with `domain` | `"/"` |
//! | `same_site` | `"lax"`, `"strict"`, or `"none"` behind https | `"lax"` |
//! | `partitioned` | a cookie jar for each site that embeds this one, for `same_site = "none"`; not on plain http | `false` |
//! | `idle`, `absolute` | longest time without activity, and since the login; 0 = no limit | 30 minutes, 12 hours |
//! | `anonymous_idle` | longest time without activity of a session in which nobody is signed in | the smaller of 10 minutes and `idle` |
//! | `renew_after`, `grace` | age at which the cookie changes, 0 = never, and how long the old one still works | 1 hour, 1 minute |
//! | `touch_every` | how exactly activity is recorded | the smaller of 60 and a twentieth of `idle` |
//! | `token_header` | the token travels in this header instead of a cookie: [`Sessions::in_header`] | none: in a cookie |
//! | `application` | separates this application from others with the same keys and cookie name | none |
//! | `max_cookie` | bytes of a sealed session's `Set-Cookie`, attributes included | 2560 |
//! | `max_bytes` | bytes of a session in the store | 65536 |
//! | `max_sessions` | sessions that one subject can have: the newest login ends the oldest; 0 = any number | 100 where the store can list |
//! | `end_on_reuse` | a cookie that comes after its grace ends its session | `false` |
//! | `until_browser_closes` | the cookie has no `Max-Age`, unless its session is to be remembered | `false` |
//! | `no_store` | answers to whoever is signed in say `Cache-Control: no-store`, also without a cookie | `false` |
//! | `clear_site_data` | the answer that signs out has `Clear-Site-Data` | `false` |
//! | `on_mismatch` | what becomes of a session that is bound to something else: `"ignore"`, `"step_up"`, `"end"` | `"ignore"` |
//! | `device_bound` | for how long a proof of the browser's device holds: see [`Policy::device_bound`]; needs [`sessions`] and an endpoint | sessions are not bound |
//! | `single_use_proofs`, `require_device` | each proof counts once; browsers that cannot bind sessions are shut out | `false` |
//! | `sealed` | the sessions travel in their cookies, encrypted, and `store` keeps only what ends them before their time | `false` |
//! | `remember` | absolute limit of remembered sessions, and their idle limit unless it is no longer than `absolute` | 30 days |
//!
//! All times are whole seconds. A field of another name is an error.

use std::fmt;
use std::time::Duration;

use rocket::figment::value::Value;
use rocket::figment::value::magic::RelativePathBuf;
use rocket::figment::{self, Figment};
use rocket::{Config, figment::error::Kind};
use session_std::keys::KeyRing;
use session_std::policy::{self, Lifetimes, PlainCookie, PolicyError, SecureCookie};
use session_std::{Policy, Sessions, SharedStore, TokenHeaderError, keys};

/// Sessions in `store` as the table `session` says, for programs that add a clock or an observer of their own:
/// `SessionLayer::new(config::sessions(&Config::figment(), store)?.observed(…))`.
pub fn sessions(figment: &Figment, store: impl Into<SharedStore>) -> Result<Sessions, ConfigError> {
    let table: Table = match figment.extract_inner("session") {
        Err(why) if matches!(&why.kind, Kind::MissingField(name) if name == "session") => Table::default(),
        other => other.map_err(|why| ConfigError::Table(Box::new(why)))?,
    };
    let debug = cfg!(debug_assertions) && *figment.profile() == Config::DEBUG_PROFILE;
    let made = if table.sealed {
        Sessions::sealed(store, table.keys(debug)?)
    } else {
        Sessions::new(store, table.keys(debug)?)
    };
    let made = made.policy(table.policy()?);
    table.token_header.map_or(Ok(made.clone()), |name| made.in_header(&name)).map_err(ConfigError::TokenHeader)
}

/// What is wrong with the configuration.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// The table cannot be read; names the field and where it stands.
    Table(Box<figment::Error>),
    /// `key` and `key_file` are both there.
    TwoKeys,
    /// Neither is, and this is no debug build under the debug profile.
    NoKey,
    /// The keys are not usable.
    Keys(keys::KeyLoadError),
    /// Cookie or lifetimes that cannot work.
    Policy(PolicyError),
    /// The name of a header that cannot carry a token.
    TokenHeader(TokenHeaderError),
    /// A field that plain http does not have.
    NotOnPlainHttp(&'static str),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[default.session] ")?;
        match self {
            Self::Table(why) => why.fmt(f),
            Self::TwoKeys => f.write_str("key and key_file: give one of them"),
            Self::NoKey => f.write_str(
                "has no key: put a signing key of 64 hexadecimal digits (cargo xtask keygen) into a file and its path \
                 into key_file, or into the environment: ROCKET_SESSION='{key=\"…\"}'",
            ),
            Self::Keys(why) => why.fmt(f),
            Self::Policy(why) => why.fmt(f),
            Self::TokenHeader(why) => why.fmt(f),
            Self::NotOnPlainHttp(field) => write!(f, "{field}: not with plain_http"),
        }
    }
}

impl std::error::Error for ConfigError {}

#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Table {
    /// Not a `String`: what stands there is in no error's text.
    key: Option<Value>,
    key_file: Option<RelativePathBuf>,
    plain_http: bool,
    cookie: Option<String>,
    domain: Option<String>,
    path: Option<String>,
    same_site: SameSite,
    partitioned: bool,
    idle: Option<u64>,
    anonymous_idle: Option<u64>,
    absolute: Option<u64>,
    renew_after: Option<u64>,
    grace: Option<u64>,
    touch_every: Option<u64>,
    remember: Option<u64>,
    token_header: Option<String>,
    application: Option<String>,
    max_cookie: Option<usize>,
    max_bytes: Option<usize>,
    max_sessions: Option<u16>,
    end_on_reuse: bool,
    until_browser_closes: bool,
    no_store: bool,
    clear_site_data: bool,
    on_mismatch: Mismatch,
    device_bound: Option<u64>,
    single_use_proofs: bool,
    require_device: bool,
    sealed: bool,
}

#[derive(Clone, Copy, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum SameSite {
    #[default]
    Lax,
    Strict,
    None,
}

#[derive(Clone, Copy, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mismatch {
    #[default]
    Ignore,
    StepUp,
    End,
}

impl Table {
    fn keys(&self, debug: bool) -> Result<KeyRing, ConfigError> {
        let keys = self.unnamed_keys(debug)?;
        Ok(keys.application(kept(&self.application).unwrap_or_default()))
    }

    fn unnamed_keys(&self, debug: bool) -> Result<KeyRing, ConfigError> {
        match (&self.key, &self.key_file) {
            (Some(_), Some(_)) => Err(ConfigError::TwoKeys),
            (Some(key), None) => keys::from_text(key.as_str().unwrap_or_default(), "key").map_err(ConfigError::Keys),
            (None, Some(path)) => keys::from_file(path.relative()).map_err(ConfigError::Keys),
            (None, None) if debug => {
                eprintln!(
                    "warning: [default.session] has no key. Made up one: all sessions end with this process, and a \
                     release build will refuse to start."
                );
                Ok(keys::generated().into())
            }
            (None, None) => Err(ConfigError::NoKey),
        }
    }

    fn policy(&self) -> Result<Policy, ConfigError> {
        let policy =
            if self.plain_http { self.plain_policy()? } else { self.secure_policy().map_err(ConfigError::Policy)? };
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
        let bound = lifetime.map_or(Ok(policy), |lifetime| policy.device_bound(lifetime));
        let policy = bound.map_err(ConfigError::Policy)?;
        let policy = if self.single_use_proofs { policy.single_use_proofs() } else { policy };
        let policy = if self.require_device { policy.require_device() } else { policy };
        Ok(policy.on_mismatch(match self.on_mismatch {
            Mismatch::Ignore => policy::Mismatch::Ignore,
            Mismatch::StepUp => policy::Mismatch::StepUp,
            Mismatch::End => policy::Mismatch::End,
        }))
    }

    fn plain_policy(&self) -> Result<Policy, ConfigError> {
        if self.domain.is_some() {
            return Err(ConfigError::NotOnPlainHttp("domain"));
        }
        if self.partitioned {
            return Err(ConfigError::NotOnPlainHttp("partitioned"));
        }
        let cookie = match self.same_site {
            SameSite::Lax => PlainCookie::new(),
            SameSite::Strict => PlainCookie::new().strict(),
            SameSite::None => return Err(ConfigError::NotOnPlainHttp("same_site = \"none\"")),
        };
        let cookie = kept(&self.cookie).map_or(Ok(cookie), |name| cookie.named(name)).map_err(ConfigError::Policy)?;
        let cookie = kept(&self.path).map_or(Ok(cookie), |path| cookie.path(path)).map_err(ConfigError::Policy)?;
        Policy::plain_http(cookie, self.lifetimes()).map_err(ConfigError::Policy)
    }

    fn secure_policy(&self) -> Result<Policy, PolicyError> {
        let cookie = kept(&self.domain).map_or(Ok(SecureCookie::host()), SecureCookie::domain)?;
        let cookie = kept(&self.cookie).map_or(Ok(cookie), |name| cookie.named(name))?;
        let cookie = kept(&self.path).map_or(Ok(cookie), |path| cookie.path(path))?;
        let cookie = if self.partitioned { cookie.partitioned() } else { cookie };
        let same_site = match self.same_site {
            SameSite::Lax => policy::SameSite::Lax,
            SameSite::Strict => policy::SameSite::Strict,
            SameSite::None => policy::SameSite::None,
        };
        Policy::secure(cookie.same_site(same_site), self.lifetimes())
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

/// A text for as long as the program runs; read once at its launch.
fn kept(text: &Option<String>) -> Option<&'static str> {
    text.clone().map(|text| &*text.leak())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rocket::figment::providers::{Format, Toml};

    use super::*;

    /// The fields of a policy, as its `Debug` names them.
    fn fields(table: &str) -> BTreeMap<String, String> {
        let table: Table = Figment::from(Toml::string(table)).extract().unwrap();
        let policy = format!("{:?}", table.policy().unwrap());
        // a nested struct begins with the name of its first field
        let fields = policy.split(", ").filter_map(|field| field.rsplit("{ ").next()?.split_once(": "));
        fields.map(|(name, value)| (name.to_owned(), value.trim_end_matches([' ', '}']).to_owned())).collect()
    }

    /// A field that none of these tables changes is one that Rocket's configuration does not know.
    #[test]
    fn every_knob_of_the_policy_can_be_turned() {
        let times = "idle = 1\nabsolute = 7200\nrenew_after = 30\ngrace = 3\ntouch_every = 4\nremember = 5\n";
        let secure = fields(&format!(
            "cookie = '__Secure-x'\ndomain = 'example.org'\npath = '/app'\nsame_site = 'none'\npartitioned = true\n\
             max_sessions = 6\nmax_cookie = 1000\nmax_bytes = 2000\nend_on_reuse = true\nuntil_browser_closes = true\nno_store = true\n\
             clear_site_data = true\non_mismatch = 'step_up'\n{times}"
        ));
        let plain = fields("plain_http = true");
        let bound = fields("device_bound = 600\nsingle_use_proofs = true\nrequire_device = true");
        let default = fields("");
        assert!(default.len() >= 15, "{default:?}");
        for (name, value) in &default {
            assert!(
                [&secure, &plain, &bound].iter().any(|other| other[name] != *value),
                "{name} cannot be configured: {value}"
            );
        }
    }
}
