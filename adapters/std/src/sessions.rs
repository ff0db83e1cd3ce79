//! What all requests of an application share.

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

/// A session in a list of its subject's: a browser that is signed in.
pub type SessionInfo = session_core::SessionInfo<String>;

/// The core's sessions, without a type parameter, under one ring of keys.
pub(crate) struct Core {
    sessions: session_core::Sessions<SharedStore, AnyClock, Limited<AnyClock>, DynamicMode>,
    /// `None` if sessions are not bound to devices.
    pub(crate) device: Option<Device>,
    /// Sessions are to be bound to devices, and cannot be: none is opened.
    pub(crate) cannot_bind: bool,
    /// What it is one of: weak, because it is kept there.
    all: Weak<Parts>,
}

impl Core {
    /// The sessions that this is one ring of keys of; `None` if the application has dropped them.
    pub(crate) fn sessions(&self) -> Option<Sessions> {
        self.all.upgrade().map(Sessions)
    }
}

impl Deref for Core {
    type Target = session_core::Sessions<SharedStore, AnyClock, Limited<AnyClock>, DynamicMode>;

    fn deref(&self) -> &Self::Target {
        &self.sessions
    }
}

/// The sessions of an application: where they are kept, who signs them, how long they live. Cheap to clone.
#[derive(Clone)]
pub struct Sessions(Arc<Parts>);

struct Parts {
    cores: RwLock<Cores>,
    settings: Settings,
    /// Of the endpoint where sessions are bound to devices; `None` if they are not.
    device_path: Option<&'static str>,
    cannot_bind: bool,
}

/// One core for each set of keys.
struct Cores {
    keys: KeyRing,
    first: Arc<Core>,
    /// Those that take its place at a time.
    later: Vec<(Time, Arc<Core>)>,
}

/// What a core is made of, beside its keys.
#[derive(Clone)]
struct Settings {
    store: SharedStore,
    sealed_at_rest: bool,
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
    /// Sessions in `store`, signed by `keys`, by Unix time, as [`Policy::SECURE`] says: behind https.
    pub fn new(store: impl Into<SharedStore>, keys: impl Into<KeyRing>) -> Self {
        let (clock, observer) = (AnyClock(Arc::new(SystemClock)), AnyObserver::new(Stderr::default()));
        let settings = Settings {
            store: store.into(),
            sealed_at_rest: false,
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

    /// Sessions that travel in their cookies, encrypted and authenticated; no store keeps them. `cut_offs` keeps what ends
    /// them before their time, for all nodes. What it loses ends sessions: with `MemoryStore::new()`, a restart signs
    /// everybody out. What such sessions cannot do: see the core's [`Sessions::sealed`](session_core::Sessions::sealed).
    pub fn sealed(cut_offs: impl Into<SharedStore>, keys: impl Into<KeyRing>) -> Self {
        Self::new(cut_offs, keys).with(|settings| Settings { mode: DynamicMode::Sealed, ..settings })
    }

    /// As `policy` says.
    #[must_use]
    pub fn policy(self, policy: Policy) -> Self {
        self.with(|settings| Settings { policy, ..settings })
    }

    /// By another clock; tests step one.
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

    /// Tells `observer` what happens. Without one, that the store failed is written to stderr, at most once a minute;
    /// `observed(())` is silent.
    #[must_use]
    pub fn observed(self, observer: impl Observer + Send + Sync + 'static) -> Self {
        self.with(|settings| Settings { observer: AnyObserver::new(observer), ..settings })
    }

    /// Reports that somebody wanted to sign in and was refused, where there is no request's session at hand; see
    /// [`Session::login_failed`](crate::Session::login_failed).
    pub fn login_failed(&self, account: Option<&str>, why: impl fmt::Display) {
        self.core().login_failed(account, &why);
    }

    /// Whether anybody is told what happens.
    pub(crate) fn observes(&self) -> bool {
        !self.0.settings.observer.0.ignores()
    }

    /// Encrypts the data of sessions in the store, under the keys that sign their cookies: see
    /// [`AtRest`](session_core::AtRest). Ends the sessions that are in the store unencrypted. For keys of its own see
    /// [`SharedStore::sealed_at_rest`].
    #[must_use]
    pub fn sealed_at_rest(self) -> Self {
        self.with(|settings| Settings { sealed_at_rest: true, ..settings })
    }

    /// Replaces the keys while the program runs (KY1), for this value and its clones. Requests that have begun keep the
    /// keys with which they began.
    ///
    /// A node rejects what it has no key for. So give a new key to every node before the first one signs with it: replace
    /// the keys by the old one and the new one as verify-only, then, when all nodes have both, by the new one and the old
    /// one as verify-only. With dates ([`keys`](crate::keys)) one step does both. Retire the old key after the longest
    /// lifetime of a session.
    ///
    /// Keys without an application's name take the name of those that they replace.
    pub fn set_keys(&self, keys: impl Into<KeyRing>) {
        let keys = keys.into();
        let mut cores = self.0.cores.write().unwrap_or_else(PoisonError::into_inner);
        let keys = match (keys.first.application_name(), cores.keys.first.application_name()) {
            ("", name) => keys.application(name),
            _ => keys,
        };
        *cores = self.0.settings.cores(keys, &Arc::downgrade(&self.0));
    }

    /// Loads the keys from `source` and replaces those in use (KY1): see [`set_keys`](Self::set_keys). If the source fails,
    /// the keys in use stay. Call it at an interval, or when a signal says that the keys have changed.
    pub async fn load_keys<S: KeySource>(&self, source: &S) -> Result<(), S::Error> {
        self.set_keys(source.load().await?);
        Ok(())
    }

    /// What becomes of a field of [`Typed`](crate::Typed) data that cannot be read: an error, or its default.
    #[must_use]
    pub fn unreadable_fields(self, on_unreadable: UnreadableField) -> Self {
        self.with(|settings| Settings { on_unreadable, ..settings })
    }

    pub(crate) fn with_endpoint(self, endpoint: Endpoint) -> Self {
        self.with(|settings| Settings { endpoint: Some(endpoint), ..settings })
    }

    pub(crate) fn on_unreadable(&self) -> UnreadableField {
        self.0.settings.on_unreadable
    }

    /// Keeps tokens in a header instead of cookies (TR5), for clients without a cookie jar: requests and answers have
    /// `NAME: TOKEN`, or `Authorization: Bearer TOKEN` if that is the name. A client sends what an answer gave it last, and
    /// nothing after an empty one. Tokens and lifetimes are the same; no cookie is read or set. A browser sends such a
    /// header only where a script asks it to, so there are no cross-site requests to refuse: a layer lets all pass, and
    /// CSRF tokens are not needed. A script of another origin reads it only if `Access-Control-Expose-Headers` names it. For
    /// programs, and not for pages: what a script holds, a script that was injected reads.
    pub fn in_header(self, name: &str) -> Result<Self, TokenHeaderError> {
        let token_header = Some(TokenHeader::named(name)?);
        Ok(self.with(|settings| Settings { token_header, ..settings }))
    }

    pub(crate) fn token_header(&self) -> Option<&TokenHeader> {
        self.0.settings.token_header.as_ref()
    }

    /// Whether browsers send the token by themselves, so that another site can cause a request with it.
    #[must_use]
    pub fn in_cookies(&self) -> bool {
        self.token_header().is_none()
    }

    /// Whether the store answers, for a health page.
    pub async fn check(&self) -> Result<(), Error> {
        self.core().check().await
    }

    // ---- for an administrator ------------------------------------------------------------------------------------

    /// The sessions of a subject, the oldest login first (LC9). [`Error::Unsupported`] where the store cannot.
    pub async fn list(&self, subject: &str) -> Result<Vec<SessionInfo>, Error> {
        let mut list = Vec::new();
        self.core().list(subject, RecordBuffer::NEW, |info| list.push(info.map_label(str::to_owned))).await?;
        Ok(list)
    }

    /// Ends the session of a subject that a list named `id`; `false` if it has none of that name.
    pub async fn revoke(&self, subject: &str, id: &str) -> Result<bool, Error> {
        self.core().revoke(subject, id).await
    }

    /// Returns the values of the session of a subject that a list named `id`: the keys, and the bytes of each value in CBOR
    /// (`docs/spec.md`). `None` if it has none of that name.
    pub async fn values(&self, subject: &str, id: &str) -> Result<Option<Vec<(String, Vec<u8>)>>, Error> {
        let mut values = Vec::new();
        let keep = |key: &str, bytes: &[u8]| values.push((key.to_owned(), bytes.to_vec()));
        Ok(self.core().values(subject, id, RecordBuffer::NEW, keep).await?.then_some(values))
    }

    /// Ends all sessions of a subject, also those whose login has begun and is not over. The number of those that were
    /// there.
    pub async fn revoke_all(&self, subject: &str) -> Result<usize, Error> {
        self.core().revoke_all(subject).await
    }

    /// Ends everybody's sessions in one step (LC10). [`Error::Unsupported`] where the store cannot.
    pub async fn end_all(&self) -> Result<(), Error> {
        self.core().end_all().await
    }

    /// The number of sessions kept, those included that are over and not yet removed. [`Error::Unsupported`] where the
    /// store cannot count.
    pub async fn count(&self) -> Result<u64, Error> {
        let Settings { store, clock, .. } = &self.0.settings;
        self.heard(store.count(clock.now()).await)?.ok_or(Error::Unsupported)
    }

    /// Removes up to `most` sessions that are over and says how many; `None` where the store does so by itself. Stores
    /// that need it do so on the way, too: this is for those who want it now.
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

    /// Makes others, under the same keys.
    fn with(&self, change: impl FnOnce(Settings) -> Settings) -> Self {
        let keys = self.0.cores.read().unwrap_or_else(PoisonError::into_inner).keys.clone();
        Self::of(change(self.0.settings.clone()), keys)
    }

    /// The path of the endpoint, if the policy binds sessions to devices: for adapters whose layers have to add a route.
    #[must_use]
    pub fn device_path(&self) -> Option<&'static str> {
        self.0.device_path
    }

    /// Whether sessions are to be bound to devices and cannot be, so that nobody could sign in: there is no
    /// [endpoint](Self::device_endpoint), they are sealed, or their tokens travel in a header.
    #[must_use]
    pub fn cannot_bind_devices(&self) -> bool {
        self.0.cannot_bind
    }

    /// Reports a browser on plain http that ignores the cookie because it is for https only. `origin` returns the request's
    /// `Origin`, which browsers send with all methods but `GET` and `HEAD`. Local hosts count as safe for browsers.
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

    /// Returns the core under the keys of now. A request keeps those with which it began.
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
            let Self { store, sealed_at_rest, policy, clock, observer, watches, mode, endpoint, token_header, .. } =
                self.clone();
            let store = if sealed_at_rest { store.sealed_at_rest(keys) } else { store };
            let observer = observer.limited(clock.clone(), watches);
            let stored = endpoint.filter(|_| mode == DynamicMode::Stored);
            let device = stored.and_then(|endpoint| Device::new(&endpoint, keys, policy));
            let cannot_bind = policy.binds_devices() && (device.is_none() || token_header.is_some());
            let sessions = session_core::Sessions::dynamic(store, clock, keys, policy, mode).observed(observer);
            Arc::new(Core { sessions, device, cannot_bind, all: all.clone() })
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

/// The application's observer, and what it was told within a minute.
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
