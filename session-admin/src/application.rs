//! The application: its store, its mode, its keys.

use std::sync::{Arc, Mutex, PoisonError};

use session_core::environment::{Clock, Time};
use session_core::events::{Event, Observer};
use session_core::mode::Sealed;
use session_core::store::Store;
use session_std::config::Config;
use session_std::keys::{self, KeyRing};
use session_std::policy::{Lifetimes, PlainCookie};
use session_std::{Policy, Sessions, SystemClock};
use session_store_url::{ExistingStore, StoreUrl};

use crate::failure::Failure;
use crate::flags::{Command, Flags};
use crate::output::tell;

/// An application whose sessions are kept in this store.
pub(crate) struct Application {
    pub(crate) store: ExistingStore,
    pub(crate) sessions: Sessions,
    /// Sessions travel in their cookies.
    pub(crate) sealed: bool,
    /// Data is sealed at rest.
    pub(crate) at_rest: bool,
    heard: Heard,
}

/// Keeps why a store failed: the errors themselves are made for visitors.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Option<String>>>);

impl Observer for Heard {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::StoreFailed(why) => {
                *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.to_string());
            }
            Event::StoreWarned(why) => tell(&format!("warning: {why}")),
            _ => {}
        }
    }
}

const IN_COOKIES: &str = "the sessions of this application travel in their cookies, and its store contains only the marks \
                          that end them";

pub(crate) fn now() -> Time {
    SystemClock.now()
}

impl Application {
    /// Opens the application's store. Where there is no application, or one of another mode, that is an error, and nothing
    /// is made or changed.
    pub(crate) async fn open(flags: &Flags) -> Result<Self, Failure> {
        let command = &flags.command;
        let url = store_url(flags)?;
        let mut config = Config::from_env().map_err(usage)?;
        config.sealed |= flags.sealed;
        let at_rest = flags.at_rest()?;
        if config.sealed && at_rest {
            return Err(Failure::Usage(
                "--sealed and --sealed-at-rest: use only the one that the application uses".into(),
            ));
        }
        let keys = keys(&mut config, at_rest)?;
        let policy = policy(&config)?;

        let store = url.existing(now()).await.map_err(Failure::failed)?;
        if !matches!(command, Command::Check) {
            check_mode(&store, config.sealed, command).await?;
        }
        let store = if command.ends() {
            warn_of_cache(&store, &url).await?;
            store.behind_cache(&url, keys.at(now())).map_err(Failure::failed)?
        } else {
            store
        };
        let heard = Heard::default();
        let inner = store.store().clone();
        let sessions = if config.sealed { Sessions::sealed(inner, keys) } else { Sessions::new(inner, keys) };
        let sessions = sessions.policy(policy).observed(heard.clone());
        let sessions = if at_rest { sessions.sealed_at_rest() } else { sessions };
        Ok(Self { store, sessions, sealed: config.sealed, at_rest, heard })
    }

    /// The store's own words, if it was the store that failed.
    pub(crate) fn failed(&self, why: session_std::Error) -> Failure {
        let heard = self.heard.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        Failure::Failed(heard.unwrap_or_else(|| match why {
            session_std::Error::Unsupported => "this store cannot do that, because it has no index of sessions".into(),
            why => why.to_string(),
        }))
    }

    /// Passes on what the operator should know of the store.
    pub(crate) fn warn(&self) {
        if let Some(warning) = self.store.store().warning() {
            tell(&format!("warning: {warning}"));
        }
    }
}

fn usage(why: impl ToString) -> Failure {
    Failure::Usage(why.to_string())
}

/// The URL. clap does not parse it, because its complaint would repeat the password in it.
fn store_url(flags: &Flags) -> Result<StoreUrl, Failure> {
    let Some(url) = flags.store.as_deref().filter(|url| !url.is_empty()) else {
        return Err(usage("no store: set SESSION_STORE to its URL, or use --store URL"));
    };
    if ["memory:", "fixed:", "cookie:"].iter().any(|own| url.starts_with(own)) {
        return Err(usage("--store or SESSION_STORE: sessions in the memory of another process cannot be read"));
    }
    url.parse().map_err(|why| usage(format!("--store or SESSION_STORE: {why}")))
}

/// The application's keys. Without them others do, unless something has to be opened: this program makes no cookie.
fn keys(config: &mut Config, at_rest: bool) -> Result<KeyRing, Failure> {
    if !at_rest && config.key.is_none() && config.key_file.is_none() {
        return Ok(keys::generated().into());
    }
    config.key_required = true;
    config.keys().map_err(usage)
}

/// Stored sessions have their limits in their records. A mark of sealed sessions has to be kept for as long as the
/// application's policy lets a session live.
fn policy(config: &Config) -> Result<Policy, Failure> {
    if config.sealed {
        return config.policy().map_err(usage);
    }
    let lifetimes = Lifetimes { idle: None, absolute: None, ..Lifetimes::default() };
    Policy::plain_http(PlainCookie::new(), lifetimes).map_err(usage)
}

/// Refuses a store of the other mode, and what cannot be done in this one.
async fn check_mode(store: &ExistingStore, sealed: bool, command: &Command) -> Result<(), Failure> {
    let has_marks = Sealed::is_used_in(store.store(), now()).await.map_err(Failure::failed)?;
    match (sealed, has_marks) {
        (false, true) => Err(Failure::Failed(format!(
            "{IN_COOKIES}: with --sealed, you can end those of a subject or all of them, and nothing else"
        ))),
        (true, false) => Err(Failure::failed(
            "the store has no marks of sessions that travel in their cookies. Either no user has signed in yet, or \
             the application keeps its sessions in the store: then omit --sealed and SESSION_SEALED",
        )),
        (true, true) if !command.without_records() => Err(Failure::Failed(format!(
            "{IN_COOKIES}: they can be ended by subject or all at once, but not listed, counted or removed"
        ))),
        _ => Ok(()),
    }
}

/// Warns of a cache that this program does not know, because nodes serve from it.
async fn warn_of_cache(store: &ExistingStore, url: &StoreUrl) -> Result<(), Failure> {
    let told = matches!(url, StoreUrl::Layered { .. });
    if !told && session_store_layered::is_used_in(store.store(), now()).await.map_err(Failure::failed)? {
        tell(
            "warning: this application has used a cache in front of its store, and the cache is not notified: nodes \
             may serve ended sessions from it for some seconds (use layered:CACHE+STORE)",
        );
    }
    Ok(())
}
