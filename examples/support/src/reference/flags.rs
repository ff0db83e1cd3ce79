//! The flags, and what they come to.

use std::net::SocketAddr;
use std::time::Duration;
use std::{env, iter};

use clap::Parser;
use clap::error::ContextKind;
use session_core::Keys;
use session_core::policy::{Lifetimes, PlainCookie, Policy, SecureCookie};

use super::outage::Outage;
use super::routes::StructVersion;
use super::store_url::StoreUrl;
use super::surroundings::refuse;

/// The flags of a test binary that runs itself again as the reference app, a line each.
pub(super) const FLAGS: &str = "REFERENCE_APP_FLAGS";

/// The reference app of session-core's adapters.
#[derive(Clone, Debug, Parser)]
#[command(disable_version_flag = true)]
pub struct Flags {
    /// Address to listen on; port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// memory: | memory:capacity=N | fixed: | flash:PATH | redis://… | redis-cluster://… | redis-sentinel://… | postgres://… | sqlite:PATH
    #[arg(long, default_value = "memory:")]
    pub store: StoreUrl,
    /// 32-byte signing keys in hex; the first signs, the others still verify [default: a fresh random key]
    #[arg(long, value_name = "HEX[,HEX...]")]
    pub key: Option<String>,
    /// Name of the cookie [default: id]
    #[arg(long)]
    pub cookie_name: Option<String>,
    /// The token travels in this header instead of a cookie; "authorization" for a bearer token
    #[arg(long, value_name = "NAME")]
    pub token_header: Option<String>,
    /// Cookies as behind TLS: __Host- prefix and Secure
    #[arg(long)]
    pub https: bool,
    /// Idle timeout in seconds, 0 = none
    #[arg(long, value_name = "SECS")]
    pub idle: Option<u64>,
    /// Idle timeout of sessions in which nobody is signed in, in seconds, 0 = none [default: --idle if given, or 600]
    #[arg(long, value_name = "SECS")]
    pub anonymous_idle: Option<u64>,
    /// Anonymous sessions at most, with memory: [default: as many as there is room for]
    #[arg(long, value_name = "N")]
    pub anonymous_most: Option<usize>,
    /// Name of the application, for its keys
    #[arg(long, value_name = "LABEL", default_value = "")]
    pub app: String,
    /// Absolute lifetime in seconds, 0 = none
    #[arg(long, value_name = "SECS")]
    pub absolute: Option<u64>,
    /// Age at which the cookie value is renewed in seconds, 0 = never
    #[arg(long, value_name = "SECS")]
    pub renew_after: Option<u64>,
    /// How long the cookie before a renewal still works, in seconds
    #[arg(long, value_name = "SECS")]
    pub grace: Option<u64>,
    /// Activity is recorded at most so often, in seconds; 0 = at every request
    #[arg(long, value_name = "SECS")]
    pub touch_every: Option<u64>,
    /// Concurrent sessions per subject, 0 = no cap
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_per_user: u16,
    /// Answers to a signed-in user say Cache-Control: no-store, also without a cookie
    #[arg(long)]
    pub no_store: bool,
    /// The answer that signs out has Clear-Site-Data
    #[arg(long)]
    pub clear_site_data: bool,
    /// Sessions are bound to devices, and a proof holds for so many seconds; with --https. Browsers prove at /device-session
    #[arg(long, value_name = "SECS")]
    pub device_bound: Option<u64>,
    /// Each proof of a device counts once; with --device-bound
    #[arg(long, requires = "device_bound")]
    pub single_use_proofs: bool,
    /// A session that is not bound two minutes after its login opens nothing more; with --device-bound
    #[arg(long, requires = "device_bound")]
    pub require_device: bool,
    /// Version of the struct of /struct: 1; 2 adds a field with a default; 3 removes a field
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    pub struct_version: u8,
}

/// Checked flags.
#[derive(Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The store.
    pub store: StoreUrl,
    /// Signing keys.
    pub keys: Keys,
    /// Cookie and lifetimes.
    pub policy: Policy,
    /// The header that the token travels in, instead of a cookie.
    pub token_header: Option<String>,
    /// Which version of its struct the program has.
    pub struct_version: StructVersion,
    /// Where the program listens, to be printed once its store was not refused.
    pub announce: Option<SocketAddr>,
    /// Switches the store off, in conversations.
    pub outage: Option<Outage>,
}

impl Flags {
    /// The flags of this program's command line, or those that a test gives to a program. A bad one ends the program with
    /// one line and status 2.
    #[must_use]
    pub fn of_command_line() -> Self {
        let flags = match env::var(FLAGS) {
            Ok(lines) => Self::try_parse_from(iter::once("reference").chain(lines.split('\n'))),
            Err(_) => Self::try_parse(),
        };
        flags.unwrap_or_else(|why| if why.use_stderr() { refuse(one_line(&why)) } else { why.exit() })
    }

    /// Checks the flags; the error is one line that says which flag, and what it takes.
    pub fn config(self) -> Result<Config, String> {
        let lifetimes = self.lifetimes();
        let name: Option<&'static str> = self.cookie_name.as_deref().map(|name| &*Box::leak(name.into()));
        let policy = if self.https {
            let cookie = SecureCookie::host();
            let cookie = name.map_or(Ok(cookie), |name| cookie.named(name)).map_err(|why| why.to_string())?;
            Policy::secure(cookie, lifetimes)
        } else {
            let cookie = PlainCookie::new();
            let cookie = name.map_or(Ok(cookie), |name| cookie.named(name)).map_err(|why| why.to_string())?;
            Policy::plain_http(cookie, lifetimes)
        };
        let policy = policy.map_err(|why| why.to_string())?.max_sessions(self.max_per_user);
        let policy = match self.anonymous_idle.or(self.idle) {
            None => policy,
            Some(0) => policy.anonymous_idle(Duration::MAX),
            Some(secs) => policy.anonymous_idle(Duration::from_secs(secs)),
        };
        let policy = if self.no_store { policy.no_store() } else { policy };
        let policy = if self.clear_site_data { policy.clear_site_data() } else { policy };
        let policy = match self.device_bound {
            Some(secs) => {
                policy.device_bound(Duration::from_secs(secs)).map_err(|why| format!("--device-bound: {why}"))?
            }
            None => policy,
        };
        let policy = if self.single_use_proofs { policy.single_use_proofs() } else { policy };
        let policy = if self.require_device { policy.require_device() } else { policy };
        let keys = self.keys()?.application(Box::leak(self.app.into_boxed_str()));
        let store = match (self.store, self.anonymous_most) {
            (StoreUrl::Memory { capacity, .. }, Some(most)) => StoreUrl::Memory { capacity, anonymous: Some(most) },
            (_, Some(_)) => return Err("--anonymous-most is for --store memory:".into()),
            (store, None) => store,
        };
        Ok(Config {
            listen: self.listen,
            keys,
            store,
            policy,
            token_header: self.token_header,
            struct_version: StructVersion(self.struct_version),
            announce: None,
            outage: None,
        })
    }

    fn lifetimes(&self) -> Lifetimes {
        let span = |secs: u64| (secs > 0).then(|| Duration::from_secs(secs));
        let mut lifetimes = Lifetimes::default();
        if let Some(secs) = self.idle {
            lifetimes.idle = span(secs);
        }
        if let Some(secs) = self.absolute {
            lifetimes.absolute = span(secs);
        }
        if let Some(secs) = self.renew_after {
            lifetimes.renew_after = span(secs);
        }
        if let Some(secs) = self.grace {
            lifetimes.grace = Duration::from_secs(secs);
        }
        lifetimes.touch_every = self.touch_every.map(Duration::from_secs);
        lifetimes
    }

    fn keys(&self) -> Result<Keys, String> {
        let Some(list) = &self.key else {
            let mut key = [0; 32];
            getrandom::fill(&mut key).map_err(|why| format!("no random key: {why}"))?;
            eprintln!("no --key given: signing with a fresh random key, so that sessions end with this program");
            return Keys::new(&key).map_err(|why| why.to_string());
        };
        let mut keys: Option<Keys> = None;
        for (at, hex) in list.split(',').enumerate() {
            let key = key_of(hex).ok_or_else(|| format!("--key: key {} is not 64 hex digits (32 bytes)", at + 1))?;
            let ring = match keys {
                None => Keys::new(&key),
                Some(ring) => ring.and_verify(&key),
            };
            keys = Some(ring.map_err(|why| format!("--key: key {}: {why}", at + 1))?);
        }
        keys.ok_or_else(|| "--key: no key given".into())
    }
}

/// What clap found wrong, without its usage and without the value: there may be a password in a store's URL.
fn one_line(why: &clap::Error) -> String {
    use std::error::Error;
    match (why.get(ContextKind::InvalidArg), why.source()) {
        (Some(flag), Some(source)) => format!("{flag}: {source}"),
        _ => why.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    }
}

fn key_of(hex: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(hex.as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok().filter(|_| !pair.starts_with('+'))?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "8e1f0a936b64c5117199fe025ba0d73c4e6018e977b244059acd31f6882e53bf";

    fn config(args: &[&str]) -> Result<Config, String> {
        Flags::try_parse_from([&["app"], args].concat()).map_err(|why| one_line(&why))?.config()
    }

    #[test]
    fn good_flags() {
        let config = config(&["--listen", "127.0.0.1:0", "--key", KEY, "--idle", "5", "--https"]).unwrap();
        assert_eq!(config.policy.cookie_name(), "__Host-id");
    }

    #[test]
    fn each_bad_flag_is_one_line_that_names_it() {
        let pattern = "00".repeat(32);
        for (args, word) in [
            (["--key", "12"], "64 hex"),
            (["--key", &pattern], "not random"),
            (["--grace", "3600"], "grace"),
            (["--cookie-name", "a b"], "name"),
            (["--cookie-name", "__Host-x"], "__Host-"),
            (["--store", "redis"], "--store <STORE>: invalid store URL: use one of "),
            (["--store", "redis://u:secret@"], "--store <STORE>: invalid Redis URL: "),
            (["--idle", "soon"], "--idle"),
            (["--device-bound", "600"], "--device-bound"),
        ] {
            let why = config(&args).unwrap_err();
            assert!(why.contains(word) && !why.contains('\n') && !why.contains("secret"), "{args:?}: {why}");
        }
    }
}
