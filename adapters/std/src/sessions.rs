//! The state that all requests of an application share.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock, Weak};

use session_core::environment::{Clock, Time};
use session_core::events::{Event, Observer};
use session_core::mode::DynamicMode;
use session_core::policy::Policy;
use session_core::store::Store;
use session_core::{Error, Keys};
use session_store_shared::RecordBuffer;

use crate::device_keys::{Device, Endpoint};
use crate::environment::SystemClock;
use crate::events::limit::{Counts, Limited};
use crate::events::stderr::Stderr;
use crate::keys::{KeyRing, KeySource};
use crate::token_header::{TokenHeader, TokenHeaderError};
use crate::unreadable_field::UnreadableField;
use crate::watches::Watches;
use session_store_shared::{SharedError, SharedStore};

/// A session in a list of its subject's sessions: one signed-in browser.
pub type SessionInfo = session_core::SessionInfo<String>;

/// The core's sessions, without a type parameter, under one ring of keys.
pub(crate) struct Core {
    sessions: session_core::Sessions<SharedStore, AnyClock, Limited<AnyClock>, DynamicMode>,
    /// `None` if sessions are not bound to devices.
    pub(crate) device: Option<Device>,
    /// The policy binds sessions to devices, but this setup cannot. No session is opened then.
    pub(crate) cannot_bind: bool,
    /// `None`: cookies.
    pub(crate) token_header: Option<TokenHeader>,
    pub(crate) on_unreadable: UnreadableField,
    /// The sessions that it belongs to. Weak, because these own it.
    all: Weak<Parts>,
}

impl Core {
    /// Returns the sessions that it belongs to, or `None` if the application has dropped them.
    pub(crate) fn sessions(&self) -> Option<Sessions> {
        self.all.upgrade().map(Sessions)
    }

    /// Returns whether a request's cookie lines are read once, as they are.
    pub(crate) fn reads_once(&self) -> bool {
        self.device.is_none() && self.token_header.is_none()
    }
}

impl Deref for Core {
    type Target = session_core::Sessions<SharedStore, AnyClock, Limited<AnyClock>, DynamicMode>;

    fn deref(&self) -> &Self::Target {
        &self.sessions
    }
}

/// The sessions of an application: its store, keys, policy, clock and observer.
///
/// Make one at start and pass it to the adapter's layer. Clones are cheap and share everything. The methods that take
/// `self` return a changed value, so call them before cloning:
///
/// ```
/// use std::time::Duration;
/// use session_std::{MemoryStore, Policy, Sessions, events, keys};
///
/// let policy = Policy::SECURE.anonymous_idle(Duration::from_secs(300));
/// let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(policy).observed(());
/// ```
#[derive(Clone)]
pub struct Sessions(Arc<Parts>);

struct Parts {
    cores: RwLock<Cores>,
    settings: Settings,
    /// The path of the endpoint if sessions are bound to devices.
    device_path: Option<&'static str>,
    cannot_bind: bool,
}

/// One core for each set of keys.
struct Cores {
    keys: KeyRing,
    first: Arc<Core>,
    /// The cores that replace it, each from a given time.
    later: Vec<(Time, Arc<Core>)>,
}

/// The settings of a core, apart from its keys.
#[derive(Clone)]
struct Settings {
    store: SharedStore,
    at_rest: Option<fn(SharedStore, &Keys) -> SharedStore>,
    policy: Policy,
    clock: AnyClock,
    observer: AnyObserver,
    watches: Arc<Watches>,
    mode: DynamicMode,
    on_unreadable: UnreadableField,
    token_header: Option<TokenHeader>,
    endpoint: Option<Endpoint>,
}

impl Sessions {
    /// Creates sessions that are kept in `store` and signed with `keys`. The policy is [`Policy::SECURE`], which needs
    /// https in front, the clock is Unix time, and the observer writes store failures to stderr.
    pub fn new(store: impl Into<SharedStore>, keys: impl Into<KeyRing>) -> Self {
        let (clock, observer) = (AnyClock(Arc::new(SystemClock)), AnyObserver::new(Stderr::default()));
        let settings = Settings {
            store: store.into(),
            at_rest: None,
            policy: Policy::SECURE,
            clock,
            observer,
            watches: Arc::default(),
            mode: DynamicMode::Stored,
            on_unreadable: UnreadableField::Fails,
            token_header: None,
            endpoint: None,
        };
        Self::of(settings, keys.into())
    }

    /// Creates sessions that travel encrypted and authenticated in their cookies. No store keeps them.
    ///
    /// `cut_offs` records for all nodes which sessions ended early, by a logout or a revocation. A session whose
    /// cut-off is lost ends as well: with `MemoryStore::new()`, a restart signs all users out. For the limits of such
    /// sessions see [`session_core::Sessions::sealed`].
    pub fn sealed(cut_offs: impl Into<SharedStore>, keys: impl Into<KeyRing>) -> Self {
        Self::new(cut_offs, keys).with(|settings| Settings { mode: DynamicMode::Sealed, ..settings })
    }

    /// Replaces the policy: cookie attributes, lifetimes and quotas.
    #[must_use]
    pub fn policy(self, policy: Policy) -> Self {
        self.with(|settings| Settings { policy, ..settings })
    }

    /// Replaces the clock. Tests use a [`TestClock`](crate::testing::TestClock).
    #[must_use]
    pub fn clock(self, clock: impl Clock + Send + Sync + 'static) -> Self {
        self.with(|settings| Settings { clock: AnyClock(Arc::new(clock)), ..settings })
    }

    pub(crate) fn watches(&self) -> &Arc<Watches> {
        &self.0.settings.watches
    }

    pub(crate) fn now(&self) -> Time {
        self.0.settings.clock.now()
    }

    /// Reports events to `observer`. Without a call of this, store failures are written to stderr, at most once a
    /// minute. `observed(())` discards all events. See [`events`](crate::events).
    #[must_use]
    pub fn observed(self, observer: impl Observer + Send + Sync + 'static) -> Self {
        self.with(|settings| Settings { observer: AnyObserver::new(observer), ..settings })
    }

    /// Reports a rejected sign-in where no request's session is available. See
    /// [`Session::login_failed`](crate::Session::login_failed).
    pub fn login_failed(&self, account: Option<&str>, why: impl fmt::Display) {
        self.core().login_failed(account, &why);
    }

    /// Returns whether an observer wants events.
    pub(crate) fn observes(&self) -> bool {
        !self.0.settings.observer.0.ignores()
    }

    /// Encrypts the data of sessions in the store with the keys that sign their cookies. See
    /// [`AtRest`](session_core::AtRest).
    ///
    /// Turning this on ends all sessions that are stored unencrypted, which the store's warning reports. To keep them,
    /// use [`begin_sealing_at_rest`](Self::begin_sealing_at_rest) first. To use separate keys, wrap the store in
    /// [`SharedStore::sealed_at_rest`] instead. This changes nothing for [sealed](Self::sealed) sessions, whose store has no
    /// data.
    #[must_use]
    pub fn sealed_at_rest(self) -> Self {
        self.with(|settings| Settings { at_rest: Some(SharedStore::sealed_at_rest), ..settings })
    }

    /// Encrypts as [`sealed_at_rest`](Self::sealed_at_rest) does, and still reads sessions that are stored unencrypted.
    ///
    /// Deploy this instead of `sealed_at_rest`, and replace it after the longest lifetime of a session. Until then, an
    /// attacker who can write to the store can create and change sessions, as before. Each session is encrypted when it
    /// is next written.
    ///
    /// With several nodes, deploy [`prepare_sealing_at_rest`](Self::prepare_sealing_at_rest) to all of them before.
    #[must_use]
    pub fn begin_sealing_at_rest(self) -> Self {
        self.with(|settings| Settings { at_rest: Some(SharedStore::begin_sealing_at_rest), ..settings })
    }

    /// Encrypts nothing, and reads both encrypted and unencrypted sessions: for the time in which other nodes already
    /// encrypt, or still do.
    #[must_use]
    pub fn prepare_sealing_at_rest(self) -> Self {
        self.with(|settings| Settings { at_rest: Some(SharedStore::prepare_sealing_at_rest), ..settings })
    }

    /// Replaces the keys while the program runs, for this value and all its clones. Requests that have begun keep their
    /// keys.
    ///
    /// A node rejects cookies that it has no key for, so every node needs a new key before the first node signs with
    /// it. Change keys in two steps: first install the old key and the new one as verify-only. When all nodes have
    /// both, install the new key and the old one as verify-only. Keys with dates ([`keys`](crate::keys)) do both in one
    /// step. Remove the old key after the longest lifetime of a session.
    ///
    /// Keys without an application name take the name of the keys they replace.
    pub fn set_keys(&self, keys: impl Into<KeyRing>) {
        let keys = keys.into();
        let mut cores = self.0.cores.write().unwrap_or_else(PoisonError::into_inner);
        let keys = match (keys.first.application_name(), cores.keys.first.application_name()) {
            ("", name) => keys.application(name),
            _ => keys,
        };
        *cores = self.0.settings.cores(keys, &Arc::downgrade(&self.0));
    }

    /// Loads keys from `source` and replaces those in use, as [`set_keys`](Self::set_keys) does. Call it at an
    /// interval, or when a signal announces new keys.
    ///
    /// # Errors
    /// The error of the source. The keys in use stay. They also stay if the future is dropped.
    pub async fn load_keys<S: KeySource>(&self, source: &S) -> Result<(), S::Error> {
        self.set_keys(source.load().await?);
        Ok(())
    }

    /// Sets whether a field of [`Typed`](crate::Typed) that cannot be read is an error (the default) or is reset to its
    /// default value.
    #[must_use]
    pub fn unreadable_fields(self, on_unreadable: UnreadableField) -> Self {
        self.with(|settings| Settings { on_unreadable, ..settings })
    }

    pub(crate) fn with_endpoint(self, endpoint: Endpoint) -> Self {
        self.with(|settings| Settings { endpoint: Some(endpoint), ..settings })
    }

    /// Transports tokens in the header `name` instead of cookies, for clients without a cookie jar. No cookie is read
    /// or set.
    ///
    /// Requests and responses carry `NAME: TOKEN`, or `Authorization: Bearer TOKEN` if the name is `authorization`. A
    /// client sends the token that it received last, and no token after it received an empty one. Lifetimes are the
    /// same as with cookies.
    ///
    /// Browsers do not attach such a header on their own, so cross-site requests cannot use the session. The layer
    /// therefore lets all requests pass, and CSRF tokens are not needed. A script of another origin can read the header
    /// only if `Access-Control-Expose-Headers` names it. Do not use this for pages: an injected script could read the
    /// token.
    ///
    /// # Errors
    /// [`TokenHeaderError`] if the header has another use, or if clients cannot send it.
    pub fn in_header(self, name: &str) -> Result<Self, TokenHeaderError> {
        let token_header = Some(TokenHeader::named(name)?);
        Ok(self.with(|settings| Settings { token_header, ..settings }))
    }

    pub(crate) fn token_header(&self) -> Option<&TokenHeader> {
        self.0.settings.token_header.as_ref()
    }

    /// Returns whether tokens travel in cookies, which browsers attach to requests of other sites.
    #[must_use]
    pub fn in_cookies(&self) -> bool {
        self.token_header().is_none()
    }

    /// Checks that the store answers, for a health page.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store fails.
    pub async fn check(&self) -> Result<(), Error> {
        self.core().check().await
    }

    // ---- for an administrator ------------------------------------------------------------------------------------

    /// Returns the sessions of a subject, the oldest login first.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the store cannot list, [`Error::Unavailable`] if it fails.
    pub async fn list(&self, subject: &str) -> Result<Vec<SessionInfo>, Error> {
        let mut list = Vec::new();
        self.core().list(subject, RecordBuffer::NEW, |info| list.push(info.map_label(str::to_owned))).await?;
        Ok(list)
    }

    /// Ends the subject's session that a list named `id`. Returns `false` if the subject has no such session.
    ///
    /// # Errors
    /// As for [`list`](Self::list). On [`Error::Unavailable`], or if the future is dropped, the session may still be
    /// valid: retry.
    pub async fn revoke(&self, subject: &str, id: &str) -> Result<bool, Error> {
        self.core().revoke(subject, id).await
    }

    /// Returns the values of the subject's session that a list named `id`: each key with its value as CBOR
    /// (`docs/spec.md`). Returns `None` if the subject has no such session.
    ///
    /// # Errors
    /// As for [`list`](Self::list).
    pub async fn values(&self, subject: &str, id: &str) -> Result<Option<Vec<(String, Vec<u8>)>>, Error> {
        let mut values = Vec::new();
        let keep = |key: &str, bytes: &[u8]| values.push((key.to_owned(), bytes.to_vec()));
        Ok(self.core().values(subject, id, RecordBuffer::NEW, keep).await?.then_some(values))
    }

    /// Ends all sessions of a subject, including sessions whose login has begun and is not complete. Returns the number
    /// of sessions ended.
    ///
    /// # Errors
    /// As for [`list`](Self::list). On [`Error::Unavailable`], or if the future is dropped, some sessions may still be
    /// valid: retry.
    pub async fn revoke_all(&self, subject: &str) -> Result<usize, Error> {
        self.core().revoke_all(subject).await
    }

    /// Ends the sessions of all subjects and visitors in one step.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the store cannot do this. On another error the sessions may still be valid: retry.
    pub async fn end_all(&self) -> Result<(), Error> {
        self.core().end_all().await
    }

    /// Returns the number of sessions in the store, including expired ones that have not been removed yet.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the store cannot count, [`Error::Unavailable`] if it fails.
    pub async fn count(&self) -> Result<u64, Error> {
        let Settings { store, clock, .. } = &self.0.settings;
        self.heard(store.count(clock.now()).await)?.ok_or(Error::Unsupported)
    }

    /// Removes at most `most` expired sessions and returns their number, or `None` if the store expires them on its
    /// own.
    ///
    /// Stores remove expired sessions during normal operation, so a program does not have to call this.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store fails.
    pub async fn remove_expired(&self, most: usize) -> Result<Option<usize>, Error> {
        let Settings { store, clock, .. } = &self.0.settings;
        self.heard(store.remove_expired(most, clock.now()).await)
    }

    fn heard<T>(&self, answer: Result<T, SharedError>) -> Result<T, Error> {
        answer.map_err(|why| {
            self.core().observe(&Event::StoreFailed(&why));
            Error::Unavailable
        })
    }

    fn of(settings: Settings, keys: KeyRing) -> Self {
        Self(Arc::new_cyclic(|all| {
            let cores = settings.cores(keys, all);
            let device_path = cores.first.device.as_ref().map(|device| device.keys.path());
            let cannot_bind = cores.first.cannot_bind;
            Parts { cores: RwLock::new(cores), settings, device_path, cannot_bind }
        }))
    }

    /// Creates changed sessions with the same keys.
    fn with(&self, change: impl FnOnce(Settings) -> Settings) -> Self {
        let keys = self.0.cores.read().unwrap_or_else(PoisonError::into_inner).keys.clone();
        Self::of(change(self.0.settings.clone()), keys)
    }

    /// Returns the path of the endpoint if the policy binds sessions to devices, for adapters that have to add a route.
    #[must_use]
    pub fn device_path(&self) -> Option<&'static str> {
        self.0.device_path
    }

    /// Returns whether the policy binds sessions to devices but cannot do so, which would reject every sign-in. The
    /// cause is a missing [endpoint](Self::device_endpoint), sealed sessions, or tokens in a header.
    #[must_use]
    pub fn cannot_bind_devices(&self) -> bool {
        self.0.cannot_bind
    }

    /// Reports a browser on plain http that ignores the cookie because it is for https only. `origin` returns the
    /// request's `Origin`, which browsers send with all methods except `GET` and `HEAD`. Browsers treat local hosts as
    /// secure, so these are not reported.
    pub fn tell_plain_http<'h>(&self, method: &str, origin: impl FnOnce() -> Option<&'h [u8]>) {
        if matches!(method, "GET" | "HEAD") || !self.0.settings.policy.is_secure() || !self.in_cookies() {
            return;
        }
        let Some(host) = origin().and_then(|origin| origin.strip_prefix(b"http://")) else { return };
        let local = [&b"127."[..], b"[::1]"].iter().any(|local| host.starts_with(local));
        let name = host.split(|byte| *byte == b':').next().unwrap_or_default();
        if !local && name != b"localhost" && !name.ends_with(b".localhost") {
            self.core().observe(&Event::PlainHttp);
        }
    }

    pub(crate) fn cookie_name(&self) -> &'static str {
        self.0.settings.policy.cookie_name()
    }

    /// Returns the core with the current keys. A request keeps the core with which it began.
    pub(crate) fn core(&self) -> Arc<Core> {
        let Parts { cores, settings, .. } = &*self.0;
        let Cores { first, later, .. } = &*cores.read().unwrap_or_else(PoisonError::into_inner);
        let core = if later.is_empty() {
            first
        } else {
            let now = settings.clock.now();
            later.iter().rev().find(|(from, _)| *from <= now).map_or(first, |(_, core)| core)
        };
        Arc::clone(core)
    }
}

impl Settings {
    fn cores(&self, keys: KeyRing, all: &Weak<Parts>) -> Cores {
        let core = |keys: &Keys| {
            let Self { store, at_rest, policy, clock, observer, watches, mode, .. } = self.clone();
            let Self { endpoint, token_header, on_unreadable, .. } = self.clone();
            let store = store.with_keys(keys);
            // a mark is written once and has no data, so a key that is removed must not end its use
            let at_rest = at_rest.filter(|_| mode == DynamicMode::Stored);
            let store = at_rest.map_or(store.clone(), |seal| seal(store, keys));
            let observer = observer.limited(clock.clone(), watches);
            let stored = endpoint.filter(|_| mode == DynamicMode::Stored);
            let device = stored.and_then(|endpoint| Device::new(&endpoint, keys, policy));
            let cannot_bind = policy.binds_devices() && (device.is_none() || token_header.is_some());
            let sessions = session_core::Sessions::dynamic(store, clock, keys, policy, mode).observed(observer);
            Arc::new(Core { sessions, device, cannot_bind, token_header, on_unreadable, all: all.clone() })
        };
        let first = core(&keys.first);
        let later = keys.later.iter().map(|(from, keys)| (*from, core(keys))).collect();
        Cores { keys, first, later }
    }
}

impl fmt::Debug for Sessions {
    /// Prints no key and no session.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("cookie", &self.0.settings.policy.cookie_name()).finish_non_exhaustive()
    }
}

#[derive(Clone)]
pub(crate) struct AnyClock(Arc<dyn Clock + Send + Sync>);

impl Clock for AnyClock {
    fn now(&self) -> Time {
        self.0.now()
    }
}

/// The application's observer, and its count of events within a minute.
#[derive(Clone)]
struct AnyObserver(Arc<dyn Observer + Send + Sync>, Arc<Counts>);

impl AnyObserver {
    fn new(observer: impl Observer + Send + Sync + 'static) -> Self {
        Self(Arc::new(observer), Arc::new(Counts::new()))
    }

    fn limited(self, clock: AnyClock, watches: Arc<Watches>) -> Limited<AnyClock> {
        Limited::new(self.0, clock, self.1, watches)
    }
}
