//! The session of one request, as handlers and adapters hold it.

use std::borrow::Cow;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::lock::{Mutex, MutexGuard};
use http::HeaderName;
use serde::{Serialize, de::DeserializeOwned};
use session_core::device::{DeviceProof, DeviceReply};
use session_core::environment::{Clock, Time};
use session_core::mode::DynamicMode;
use session_core::policy::SET_COOKIE_LEN;
use session_core::store::Store;
use session_core::{Error, LoginAttempt, RequestState, csrf, events::Event, events::LogId};

use crate::buffer_pool;
use crate::device_keys::Device;
use crate::environment::ThreadRng;
use crate::events::limit::Limited;
use crate::origin::{Follow, Origin};
use crate::sessions::{AnyClock, Core, SessionInfo, Sessions};
use crate::token_header::TokenHeader;
use crate::unreadable_field::UnreadableField;
use session_store_shared::{RecordBuffer, SharedStore};

/// The session of a request, as an adapter's layer holds it: created before the handler, finished before the response's
/// head is sent. Costs one allocation. Each thread reuses the memory of loaded sessions.
#[derive(Clone)]
pub struct Request(Arc<Shared>);

struct Shared {
    core: Arc<Core>,
    /// For the observer; `None` if there is none.
    origin: Option<Box<Origin>>,
    /// Another site caused the request. Known only where sessions are bound to devices.
    elsewhere: AtomicBool,
    /// Calls that load the session. Others wait for them, but never for a verb, which may not be polled until they return.
    /// A number, because one that was dropped may end after the next one has begun.
    loading: AtomicU8,
    state: Mutex<State>,
}

/// Says that a session is being loaded, until it is dropped.
struct Loading<'a>(&'a AtomicU8);

impl<'a> Loading<'a> {
    fn begin(count: &'a AtomicU8) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    /// Sets the request's origin while a future runs.
    fn follow<F: Future>(&self, future: F) -> Follow<'_, F> {
        Follow { origin: self.origin.as_deref(), future }
    }

    /// The same for nearly every request: over a store that never waits the future is made on the stack, and otherwise
    /// in a box. So it is not part of the caller's future, which frameworks move and allocate.
    async fn run<F: Future>(&self, make: impl FnOnce() -> F) -> F::Output {
        if self.core.store().never_waits() {
            self.enter(|| to_its_end(make))
        } else {
            self.follow(Box::pin(make())).await
        }
    }

    /// A session of another node that can bind is not opened without its proof either.
    fn can_open(&self) -> Result<(), Error> {
        if !self.core.cannot_bind {
            return Ok(());
        }
        let why = "sessions cannot be bound to devices: call Sessions::device_endpoint, and use neither sealed sessions nor \
                   a token header";
        self.enter(|| self.core.observe(&Event::ProofRefused(None, &why)));
        Err(Error::Unsupported)
    }

    fn enter<T>(&self, within: impl FnOnce() -> T) -> T {
        match &self.origin {
            Some(origin) => origin.enter(within),
            None => within(),
        }
    }

    /// Loads a session whose token travels in a header, or whose cookie lines may also have the proof of a device: the
    /// lines are read more than once.
    async fn load_kept<'h>(
        &self,
        view: &mut View<'_>,
        lines: impl Iterator<Item = &'h [u8]>,
    ) -> (Result<(), Error>, DeviceProof) {
        let cookie = self.core.policy().cookie_name();
        let kept: Vec<Cow<'h, [u8]>> = match &self.core.token_header {
            Some(header) => header.cookies(cookie, lines).into_iter().map(Cow::Owned).collect(),
            None => lines.map(Cow::Borrowed).collect(),
        };
        let lines = || kept.iter().map(AsRef::as_ref);
        let loaded = view.load(lines()).await;
        match &self.core.device {
            Some(device) if loaded.is_ok() => {
                let device = view.check_device(&device.keys, lines());
                (loaded, device)
            }
            _ => (loaded, DeviceProof::Unbound),
        }
    }
}

/// Drives a future that never waits. It is made here, because one that is passed would be copied.
#[inline]
fn to_its_end<F: Future>(make: impl FnOnce() -> F) -> F::Output {
    let mut future = pin!(make());
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return done;
        }
    }
}

enum State {
    /// The session was not requested.
    Untouched,
    Loaded(Loaded),
    /// It could not be loaded, and does not count as an empty one.
    Failed(Error),
    /// The answer is complete.
    Over,
}

struct Loaded {
    place: buffer_pool::Place,
    /// The proof of the session's device in the request's cookies.
    device: DeviceProof,
    /// The answer removes that proof.
    proves_again: bool,
}

impl State {
    fn of(loaded: Result<(), Error>, place: buffer_pool::Place, device: DeviceProof) -> Self {
        match loaded {
            Ok(()) => Self::Loaded(Loaded { place, device, proves_again: false }),
            Err(error) => Self::Failed(error),
        }
    }

    fn loaded(&mut self) -> Result<&mut RequestState<RecordBuffer>, Error> {
        match self {
            Self::Loaded(loaded) => Ok(&mut loaded.place),
            Self::Failed(error) => Err(*error),
            Self::Over => Err(Error::AnswerSent),
            // no code has the session before it was requested
            Self::Untouched => Err(Error::NotMounted),
        }
    }
}

/// What the response has to carry for its session.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Finished {
    /// The answer to the browser, in place of the handler's response.
    pub error: Option<Error>,
    /// The value of a `Set-Cookie` header, or of the header of [`Sessions::in_header`].
    pub cookie: Option<String>,
    pub(crate) token_header: Option<TokenHeader>,
    /// The response depends on the cookie or on that header, and needs `Vary`.
    pub varies: bool,
    /// No cache may keep the response, even if it has no cookie.
    pub no_store: bool,
    /// The response needs `Clear-Site-Data`.
    pub clears_site_data: bool,
    /// The value of a second `Set-Cookie` header, which removes the device's proof.
    pub device_cookie: Option<String>,
    /// The value of a `Secure-Session-Registration` header.
    pub registration: Option<String>,
}

impl std::fmt::Debug for Finished {
    /// Prints no cookie.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { error, cookie, token_header, varies, no_store, clears_site_data, device_cookie, registration } =
            self;
        f.debug_struct("Finished")
            .field("error", error)
            .field("cookie", &cookie.as_ref().map(|_| "redacted"))
            .field("token_header", token_header)
            .field("varies", varies)
            .field("no_store", no_store)
            .field("clears_site_data", clears_site_data)
            .field("device_cookie", device_cookie)
            .field("registration", &registration.as_ref().map(|_| "redacted"))
            .finish()
    }
}

impl Request {
    /// Creates the state of a request whose session has not been requested.
    #[must_use]
    pub fn new(sessions: Sessions) -> Self {
        Self::from_origin(&sessions, Origin::default)
    }

    /// Creates the state of a request from `origin`, which is called only if there is an observer.
    #[must_use]
    pub fn from_origin(sessions: &Sessions, origin: impl FnOnce() -> Origin) -> Self {
        let origin = sessions.observes().then(|| Box::new(origin()));
        let (elsewhere, loading) = (AtomicBool::new(false), AtomicU8::new(0));
        let state = Mutex::new(State::Untouched);
        Self(Arc::new(Shared { core: sessions.core(), origin, elsewhere, loading, state }))
    }

    /// Returns the name of the header whose lines [`session`](Self::session) needs: `Cookie`, or the header of
    /// [`Sessions::in_header`].
    #[must_use]
    pub fn header(&self) -> &HeaderName {
        TokenHeader::of_requests(self.0.core.token_header.as_ref())
    }

    /// Reports a request that another site caused and returns the error to answer it with.
    #[must_use]
    pub fn refuse_cross_site(&self) -> Error {
        self.0.enter(|| self.0.core.observe(&Event::CrossSite));
        Error::CrossSite
    }

    /// Returns the session, which the first call loads by the lines of the request's [`header`](Self::header). A
    /// handler that only peeks passes `activity: false`, and its request does not count as activity. Calls at the same
    /// time wait until it is loaded. If the future of the first call is dropped, the next call loads the session.
    ///
    /// # Errors
    /// The error of loading it, which further calls return as well. [`Error::Busy`] while a verb is in progress.
    pub async fn session<'h>(
        &self,
        mut lines: impl Iterator<Item = &'h [u8]>,
        activity: bool,
    ) -> Result<Session, Error> {
        self.0.can_open()?;
        // dropped after the lock, so that no call in between finds neither
        let _loading;
        let mut state = match self.0.state.try_lock() {
            Some(state) => state,
            // actix-web extracts the arguments of a handler at the same time: the first call loads for all
            None if self.0.loading.load(Ordering::Relaxed) > 0 => self.0.state.lock().await,
            None => return Err(Error::Busy),
        };
        if matches!(*state, State::Untouched) {
            _loading = Loading::begin(&self.0.loading);
            // into the state when it is loaded: if this future is dropped, the next call loads
            let mut place = buffer_pool::take();
            let mut view = View::new(&self.0.core, &mut place, ThreadRng);
            let (loaded, device) = if self.0.core.reads_once() {
                (self.0.run(|| view.load(&mut lines)).await, DeviceProof::Unbound)
            } else {
                self.0.run(|| self.0.load_kept(&mut view, lines)).await
            };
            *state = State::of(loaded, place, device);
        }
        self.hand_out(&mut state, activity)
    }

    /// Returns the session like [`session`](Self::session) if neither the store nor another task makes it wait. It needs
    /// no future then, which at this size costs as much as a look into the store. Otherwise returns `None` and does
    /// nothing.
    pub(crate) fn session_at_once<'h>(
        &self,
        mut lines: impl Iterator<Item = &'h [u8]>,
        activity: bool,
    ) -> Option<Result<Session, Error>> {
        let core = &self.0.core;
        if !core.store().never_waits() || !core.reads_once() {
            return None;
        }
        let mut state = self.0.state.try_lock()?;
        Some(self.0.can_open().and_then(|()| {
            if matches!(*state, State::Untouched) {
                let mut place = buffer_pool::take();
                let mut view = View::new(core, &mut place, ThreadRng);
                let loaded = self.0.enter(|| to_its_end(|| view.load(&mut lines)));
                *state = State::of(loaded, place, DeviceProof::Unbound);
            }
            self.hand_out(&mut state, activity)
        }))
    }

    fn hand_out(&self, state: &mut State, activity: bool) -> Result<Session, Error> {
        match state {
            State::Loaded(loaded) if activity => View::new(&self.0.core, &mut loaded.place, ThreadRng).activity(),
            State::Loaded(_) => {}
            State::Failed(error) => return Err(*error),
            State::Over => return Err(Error::AnswerSent),
            State::Untouched => return Err(Error::NotMounted),
        }
        Ok(Session(self.0.clone()))
    }

    /// Finishes the request if no handler requested the session, and returns whether that was so. If it returns `true`,
    /// the response stays unchanged.
    #[must_use]
    pub fn finish_untouched(&self) -> bool {
        let state = self.0.state.try_lock();
        state.filter(|state| matches!(**state, State::Untouched)).is_some_and(|mut state| {
            *state = State::Over;
            true
        })
    }

    /// Finishes the request like [`finish`](Self::finish) if the store never waits. Otherwise returns `None` and does
    /// nothing.
    #[must_use]
    pub fn finish_at_once(&self) -> Option<Finished> {
        if !self.0.core.store().never_waits() {
            return None;
        }
        let mut finished = Finished::default();
        if let Some((_held, mut loaded)) = self.close(&mut finished) {
            let mut session = View::new(&self.0.core, &mut loaded.place, ThreadRng);
            let committed = self.0.enter(|| to_its_end(|| session.commit()));
            self.answer(&session, committed, loaded.proves_again, &mut finished);
            buffer_pool::give(loaded.place);
        }
        Some(finished)
    }

    /// Stores the session's changes and returns what the response has to carry. From now on every use of the session
    /// returns [`Error::AnswerSent`]. If another task is using the session at this moment, the error is
    /// [`Error::Busy`].
    pub async fn finish(&self) -> Finished {
        match self.finish_at_once() {
            Some(finished) => finished,
            None => {
                let mut finished = Finished::default();
                Box::pin(self.settle(&mut finished)).await;
                finished
            }
        }
    }

    async fn settle(&self, finished: &mut Finished) {
        if let Some((_held, mut loaded)) = self.close(finished) {
            let mut session = View::new(&self.0.core, &mut loaded.place, ThreadRng);
            let committed = self.0.follow(session.commit()).await;
            self.answer(&session, committed, loaded.proves_again, finished);
            buffer_pool::give(loaded.place);
        }
    }

    /// Takes the session for the commit, if it was loaded. Fills in the answer's part of the session in place, because
    /// it is large and would be copied at each return.
    fn close(&self, finished: &mut Finished) -> Option<(MutexGuard<'_, State>, Loaded)> {
        let token_header = &self.0.core.token_header;
        let Some(mut state) = self.0.state.try_lock() else {
            (finished.error, finished.varies, finished.token_header) = (Some(Error::Busy), true, token_header.clone());
            return None;
        };
        match std::mem::replace(&mut *state, State::Over) {
            State::Loaded(loaded) => Some((state, loaded)),
            State::Failed(_) => {
                (finished.varies, finished.token_header) = (true, token_header.clone());
                None
            }
            State::Untouched | State::Over => None,
        }
    }

    /// Fills in the rest of it after the commit.
    fn answer(&self, session: &View<'_>, committed: Result<(), Error>, proves_again: bool, finished: &mut Finished) {
        let token_header = self.0.core.token_header.as_ref();
        let written = cookie(session, token_header);
        finished.error = committed.err().or(written.as_ref().err().copied());
        finished.cookie = written.unwrap_or_default();
        finished.token_header = token_header.cloned();
        finished.varies = session.varies();
        finished.no_store = session.no_store();
        finished.clears_site_data = session.clears_site_data();
        if let Some(device) = &self.0.core.device {
            finished.device_cookie = proves_again.then(|| device.keys.removal().as_str().to_owned());
            // even if the rest of the request could not be stored: the answer has the cookie of the sign-in, and
            // browsers register whatever its status is
            let registration = session.device_registration(&device.keys);
            finished.registration = registration.map(|header| header.as_str().to_owned());
            if registration.is_some()
                && let Some(why) = device.asked()
            {
                self.0.enter(|| self.0.core.observe(&Event::ProofSkipped(None, &why)));
            }
        }
    }
}

/// For the endpoint of device-bound sessions.
impl Request {
    pub(crate) fn enter<T>(&self, within: impl FnOnce() -> T) -> T {
        self.0.enter(within)
    }

    /// Another site has caused the request.
    pub(crate) fn caused_elsewhere(&self) {
        self.0.elsewhere.store(true, Ordering::Relaxed);
    }

    pub(crate) async fn follow<F: Future>(&self, future: F) -> F::Output {
        self.0.follow(future).await
    }

    /// Registers a key for the session that the cookies name.
    pub(crate) async fn register_device<'h>(
        &self,
        device: &Device,
        cookie_lines: impl Iterator<Item = &'h [u8]>,
        proof: Option<&[u8]>,
    ) -> Result<DeviceReply, Error> {
        let session = self.session(cookie_lines, false).await?;
        let mut state = session.lock()?;
        let mut view = View::new(&self.0.core, state.loaded()?, ThreadRng);
        Ok(self.0.follow(view.register_device(&device.keys, &&*device.es256, proof)).await)
    }
}

/// Returns the answer's cookie if it changed, or the header's value if the token is in a header.
fn cookie(session: &View<'_>, header: Option<&TokenHeader>) -> Result<Option<String>, Error> {
    let len = session.set_cookie_len();
    if len == 0 {
        return Ok(None);
    }
    let (mut buffer, mut larger) = ([0; SET_COOKIE_LEN], Vec::new());
    let buffer = if len > buffer.len() {
        larger.resize(len, 0);
        &mut larger[..]
    } else {
        &mut buffer[..len]
    };
    let text = |cookie: &str| header.map_or_else(|| cookie.to_owned(), |header| header.answer(cookie));
    let written = session.set_cookie(buffer).map(|cookie| cookie.map(text));
    // the cookie's text stays only in the answer; without the second line the compiler may remove the first
    buffer.fill(0);
    std::hint::black_box(buffer);
    written
}

/// The core's session.
pub(crate) type View<'a> = session_core::Session<
    'a,
    SharedStore,
    AnyClock,
    ThreadRng,
    &'a mut RequestState<RecordBuffer>,
    Limited<AnyClock>,
    DynamicMode,
>;

/// The session of one request, already loaded, so that reading and `set` do not wait.
///
/// Values that were `set` are stored before the response's head is sent, whatever its status. `update_with`, `take`,
/// `login`, `rotate`, `logout` and the methods for revocation store immediately. If one of their futures is dropped,
/// its change was stored completely or not at all.
///
/// # Errors
/// Every method returns [`Error::Busy`] while another call is in progress in the same request, and
/// [`Error::AnswerSent`] after the response. After a failed verb, changes and verbs return its error. Methods that wait
/// return [`Error::Unavailable`] if the store fails, and [`Error::Indeterminate`] if its answer was lost. A method that
/// lists no errors returns only these.
#[derive(Clone)]
pub struct Session(Arc<Shared>);

impl Session {
    fn lock(&self) -> Result<MutexGuard<'_, State>, Error> {
        self.0.state.try_lock().ok_or(Error::Busy)
    }

    fn core(&self) -> &Core {
        &self.0.core
    }

    fn view<T>(&self, with: impl FnOnce(&mut View<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let mut state = self.lock()?;
        let mut view = View::new(self.core(), state.loaded()?, ThreadRng);
        self.0.enter(|| with(&mut view))
    }

    /// For data that is stored field by field.
    pub(crate) fn with<T>(
        &self,
        with: impl FnOnce(&mut View<'_>, UnreadableField) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.view(|view| with(view, self.0.core.on_unreadable))
    }

    // ---- reading -------------------------------------------------------------------------------------------------

    /// Returns the value under `key`, or `None` if there is none. A stored value survives changes of its type as it
    /// would in JSON: see `docs/values.md` in the repository.
    ///
    /// # Errors
    /// [`Error::Unreadable`] if the value cannot be read as a `T`. An event describes the difference.
    pub fn get<T: Serialize + DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        self.view(|session| session.get(key))
    }

    /// Returns the keys in use, in byte order.
    pub fn keys(&self) -> Result<Vec<String>, Error> {
        self.view(|session| Ok(session.keys().map(str::to_owned).collect()))
    }

    /// Returns whether there is a session, stored or about to be stored.
    pub fn exists(&self) -> Result<bool, Error> {
        self.view(|session| Ok(session.exists()))
    }

    /// Returns the subject that is signed in, or `None`.
    pub fn subject(&self) -> Result<Option<String>, Error> {
        self.view(|session| Ok(session.subject().map(str::to_owned)))
    }

    /// Returns when the subject signed in, or `None` if no subject is signed in.
    pub fn authenticated_at(&self) -> Result<Option<Time>, Error> {
        self.view(|session| Ok(session.authenticated_at()))
    }

    /// Returns whether the subject authenticated within `span`. Check it before sensitive operations.
    pub fn authenticated_within(&self, span: Duration) -> Result<bool, Error> {
        self.view(|session| Ok(session.authenticated_within(span)))
    }

    /// Returns the time until the session expires without further activity, or `None` without a session or a limit.
    pub fn expires_in(&self) -> Result<Option<Duration>, Error> {
        self.view(|session| Ok(session.expires_in()))
    }

    /// Returns the label that the application gave the session.
    pub fn label(&self) -> Result<Option<String>, Error> {
        self.view(|session| Ok(session.label().map(str::to_owned)))
    }

    /// Returns the session's name in logs.
    pub fn log_id(&self) -> Result<Option<LogId>, Error> {
        self.view(|session| Ok(session.log_id()))
    }

    /// For a handle that outlives the request, with the time of the device's proof in the request's cookies.
    pub(crate) fn named<T>(&self, with: impl FnOnce(Sessions, &View<'_>, Option<Time>) -> T) -> Result<T, Error> {
        let mut state = self.lock()?;
        let proven = match &*state {
            State::Loaded(Loaded { device: DeviceProof::Proven(at), .. }) => Some(*at),
            _ => None,
        };
        let sessions = self.core().sessions().ok_or(Error::NotMounted)?;
        Ok(with(sessions, &View::new(self.core(), state.loaded()?, ThreadRng), proven))
    }

    // ---- changing ------------------------------------------------------------------------------------------------

    /// Sets the value under `key`. Creates a session if there is none. The value is stored with the response, which
    /// becomes a 409 ([`Error::Conflict`]) if another request changed this key meanwhile.
    ///
    /// # Errors
    /// [`Error::NotSerializable`] if the value cannot be written or could never be read back (see `docs/values.md` in
    /// the repository), [`Error::BadKey`] for an invalid key, [`Error::TooLarge`] if the session is full.
    pub fn set<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), Error> {
        self.view(|session| session.set(key, value))
    }

    /// Sets the value under `key` like [`set`](Self::set), but overwrites concurrent changes instead of reporting a
    /// conflict.
    ///
    /// # Errors
    /// As for [`set`](Self::set).
    pub fn overwrite<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), Error> {
        self.view(|session| session.overwrite(key, value))
    }

    /// Removes the value under `key`. Does nothing without a session.
    ///
    /// # Errors
    /// [`Error::BadKey`] for an invalid key.
    pub fn remove(&self, key: &str) -> Result<(), Error> {
        self.view(|session| session.remove(key))
    }

    /// Removes all values, ignoring concurrent changes. The session, its subject and its cookie stay.
    pub fn clear(&self) -> Result<(), Error> {
        self.view(|session| session.clear())
    }

    /// Sets the label that a list of sessions shows. An empty label removes it. It is stored unchanged: escape it in
    /// pages. Creates a session if there is none.
    ///
    /// # Errors
    /// [`Error::BadText`] if the label has more than 255 bytes, [`Error::TooLarge`] if the session is full.
    pub fn set_label(&self, label: &str) -> Result<(), Error> {
        self.view(|session| session.set_label(label))
    }

    /// Binds the session to a fingerprint that the application chooses, such as the user agent and the first half of
    /// the address. An empty fingerprint removes the binding. It is stored immediately, with earlier changes of this
    /// request. Bind after `login`, which keeps a binding but may create a new session.
    ///
    /// # Errors
    /// [`Error::Conflict`] if an earlier change conflicts, [`Error::TooLarge`] if the session is full.
    pub async fn bind(&self, fingerprint: &[u8]) -> Result<(), Error> {
        self.0.follow(View::new(self.core(), self.lock()?.loaded()?, ThreadRng).bind(fingerprint)).await
    }

    /// Returns whether the session is bound to this fingerprint or not bound at all.
    ///
    /// A mismatch is reported as an event, and the policy decides what follows
    /// ([`Policy::on_mismatch`](crate::Policy::on_mismatch)): nothing,
    /// [`authenticated_within`](Self::authenticated_within) returns `false`, or the session ends.
    ///
    /// # Errors
    /// If the policy ends the session, it may still be valid after an error: retry.
    pub async fn check_binding(&self, fingerprint: &[u8]) -> Result<bool, Error> {
        self.0.follow(View::new(self.core(), self.lock()?.loaded()?, ThreadRng).check_binding(fingerprint)).await
    }

    /// Replaces the value under `key` with the result of `change`, stores it immediately and returns it.
    ///
    /// If another request was faster, `change` runs again on the newer value, for up to two seconds. No increment is
    /// lost.
    ///
    /// # Errors
    /// [`Error::Conflict`] after two seconds of conflicts, otherwise as for [`set`](Self::set).
    pub async fn update_with<T, F>(&self, key: &str, change: F) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(Option<T>) -> T,
    {
        self.0.follow(View::new(self.core(), self.lock()?.loaded()?, ThreadRng).update_with(key, change)).await
    }

    /// Removes the value under `key` and returns it to exactly one request. If several requests on any nodes take the
    /// same value, one receives it and the others receive `None`. Use it for values that must not be used twice, such
    /// as the state of an OAuth sign-in.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for sealed sessions. After another error, or if the future is dropped, the value may be
    /// removed without having been returned.
    pub async fn take<T: Serialize + DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        self.0.follow(View::new(self.core(), self.lock()?.loaded()?, ThreadRng).take(key)).await
    }

    // ---- signing in and out --------------------------------------------------------------------------------------

    /// Begins a login. Call it **before** checking the credentials: if all sessions of the subject are revoked before
    /// [`login`](Self::login) completes, for example because the password was changed, the login is rejected.
    ///
    /// ```
    /// # use session_std::{Error, Session};
    /// # async fn password_matches(name: &str, password: &str) -> bool { name == password }
    /// async fn sign_in(session: &Session, name: &str, password: &str) -> Result<bool, Error> {
    ///     let attempt = session.begin_login(name).await?;
    ///     if !password_matches(name, password).await {
    ///         session.login_failed(None, "wrong password")?;
    ///         return Ok(false);
    ///     }
    ///     session.login(attempt).await?;
    ///     Ok(true)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Error::BadText`] if `subject` is not 1 to 255 bytes of text.
    pub async fn begin_login<'s>(&self, subject: &'s str) -> Result<LoginAttempt<'s>, Error> {
        self.0.follow(View::new(self.core(), self.lock()?.loaded()?, ThreadRng).begin_login(subject)).await
    }

    /// Signs the subject in. The session gets a new cookie and a new absolute lifetime, and the old cookie stops
    /// working at once. The session keeps its data unless the attempt says otherwise. If another subject is signed in,
    /// that session ends and a new one is created.
    ///
    /// # Errors
    /// [`Error::SignInAgain`] if all sessions of the subject were revoked since the attempt began, or if the attempt is
    /// older than ten minutes: check the credentials again. If the future is dropped, the login happened or not, and
    /// the browser has no new cookie.
    pub async fn login(&self, attempt: LoginAttempt<'_>) -> Result<(), Error> {
        let mut state = self.lock()?;
        self.end_unproven(&mut state).await?;
        self.0.follow(View::new(self.core(), state.loaded()?, ThreadRng).login(attempt)).await
    }

    /// Reports a sign-in that the application rejected.
    ///
    /// `account` must be the name of an existing account and never the text that was typed, because people type
    /// passwords into the name field. Every call is reported, so limit sign-in attempts with a rate limiter of the
    /// application.
    pub fn login_failed(&self, account: Option<&str>, why: impl std::fmt::Display) -> Result<(), Error> {
        self.view(|session| {
            session.login_failed(account, &why);
            Ok(())
        })
    }

    /// Returns whether the session is bound to the device that signed in
    /// ([`Policy::device_bound`](crate::Policy::device_bound)).
    pub fn is_device_bound(&self) -> Result<bool, Error> {
        match &*self.lock()? {
            State::Loaded(loaded) => Ok(matches!(loaded.device, DeviceProof::Proven(_) | DeviceProof::Settling)),
            State::Failed(error) => Err(*error),
            State::Over => Err(Error::AnswerSent),
            State::Untouched => Err(Error::NotMounted),
        }
    }

    /// Demands a fresh proof of the device before a sensitive operation, however recent the sign-in.
    ///
    /// Returns `true` if the session is bound and its last proof is older than `span`, or if there was none since the
    /// sign-in. Then respond with a 307 to the same page. That response removes the proof, and the browser makes a new
    /// one before it follows the redirect.
    ///
    /// Returns `false` for a session that is not bound, because it has nothing to prove. Check
    /// [`authenticated_within`](Self::authenticated_within) as well.
    ///
    /// # Errors
    /// [`Error::CrossSite`] if a proof is due and another site caused the request. Browsers limit how often they sign,
    /// and links on that site would exhaust the limit.
    pub fn demand_proof(&self, span: Duration) -> Result<bool, Error> {
        let mut state = self.lock()?;
        let State::Loaded(loaded) = &mut *state else { return state.loaded().map(|_| false) };
        loaded.proves_again = match loaded.device {
            DeviceProof::Proven(at) => self.core().clock().now().since(at) > span,
            // bound, but not proven yet
            DeviceProof::Settling => true,
            DeviceProof::Unbound | DeviceProof::Missing(_) => false,
        };
        if loaded.proves_again && self.0.elsewhere.load(Ordering::Relaxed) {
            loaded.proves_again = false;
            self.0.enter(|| self.core().observe(&Event::CrossSite));
            return Err(Error::CrossSite);
        }
        Ok(loaded.proves_again)
    }

    /// Replaces the cookie, for any change of privilege other than a login. The old cookie stops working at once. Does
    /// nothing without a session.
    ///
    /// # Errors
    /// On an error, or if the future is dropped, the old cookie may still be valid: retry.
    pub async fn rotate(&self) -> Result<(), Error> {
        self.0.follow(View::new(self.core(), self.lock()?.loaded()?, ThreadRng).rotate()).await
    }

    /// Ends the session. No concurrent request can revive it. Does nothing without a session.
    ///
    /// # Errors
    /// On an error, or if the future is dropped, the session may still be valid: retry.
    pub async fn logout(&self) -> Result<(), Error> {
        let mut state = self.lock()?;
        if View::new(self.core(), state.loaded()?, ThreadRng).exists() {
            // this request has created another session than the one to sign out of
            self.end_unproven(&mut state).await?;
        }
        self.0.follow(View::new(self.core(), state.loaded()?, ThreadRng).logout()).await
    }

    /// Ends the session of a cookie that came without the proof of its device.
    async fn end_unproven(&self, state: &mut State) -> Result<(), Error> {
        if let State::Loaded(Loaded { device: device @ DeviceProof::Missing(_), .. }) = state
            && let DeviceProof::Missing(unproven) = *device
        {
            self.0.follow(self.core().end_unproven(unproven)).await?;
            *device = DeviceProof::Unbound;
        }
        Ok(())
    }

    // ---- the subject's sessions -----------------------------------------------------------------------------------

    /// Returns the sessions of the signed-in subject, the oldest login first.
    ///
    /// # Errors
    /// [`Error::NotSignedIn`] (401) without a subject, [`Error::Unsupported`] (501) if the store cannot list.
    pub async fn list(&self) -> Result<Vec<SessionInfo>, Error> {
        let mut list = Vec::new();
        let mut state = self.lock()?;
        let mut session = View::new(self.core(), state.loaded()?, ThreadRng);
        self.0.follow(session.list(|info| list.push(info.map_label(str::to_owned)))).await?;
        Ok(list)
    }

    /// Ends the subject's session that a list named `id`. Returns `false` if the subject has no such session. If `id`
    /// is the current session, this is [`logout`](Self::logout).
    ///
    /// # Errors
    /// As for [`list`](Self::list). On another error, or if the future is dropped, the session may still be valid:
    /// retry.
    pub async fn revoke(&self, id: &str) -> Result<bool, Error> {
        self.0.follow(View::new(self.core(), self.lock()?.loaded()?, ThreadRng).revoke(id)).await
    }

    /// Ends all of the subject's sessions except this one, including sessions whose login has begun and is not
    /// complete. Call it after a change of password. Returns the number of sessions ended.
    ///
    /// # Errors
    /// As for [`list`](Self::list). On another error, or if the future is dropped, some sessions may still be valid:
    /// retry.
    pub async fn revoke_others(&self) -> Result<usize, Error> {
        self.0.follow(View::new(self.core(), self.lock()?.loaded()?, ThreadRng).revoke_others()).await
    }

    /// Ends all of the subject's sessions, including this one ("sign out everywhere"). Returns the number of sessions
    /// ended.
    ///
    /// # Errors
    /// As for [`revoke_others`](Self::revoke_others).
    pub async fn revoke_all(&self) -> Result<usize, Error> {
        self.0.follow(View::new(self.core(), self.lock()?.loaded()?, ThreadRng).revoke_all()).await
    }

    // ---- messages and forms --------------------------------------------------------------------------------------

    /// Stores a message for the next page, which takes it once. A later message replaces it.
    ///
    /// # Errors
    /// As for [`set`](Self::set).
    pub fn flash_message(&self, message: &str) -> Result<(), Error> {
        self.view(|session| session.flash_message(message))
    }

    /// Removes the flash message and returns it. With sealed sessions, every request with the same cookie takes the
    /// same message.
    ///
    /// # Errors
    /// As for [`take`](Self::take), except [`Error::Unsupported`].
    pub async fn take_flash_message(&self) -> Result<Option<String>, Error> {
        self.0.follow(View::new(self.core(), self.lock()?.loaded()?, ThreadRng).take_flash_message(str::to_owned)).await
    }

    /// Creates a CSRF token for a form of this session. Each call returns a different text. Creates a session if there
    /// is none.
    ///
    /// # Errors
    /// [`Error::Entropy`] if the random number generator is not ready.
    pub fn csrf_token(&self) -> Result<csrf::Token, Error> {
        self.view(|session| session.csrf_token())
    }

    /// Returns whether `token` was created for this session since its last login. A rejected token is reported as an
    /// event.
    pub fn csrf_ok(&self, token: &str) -> Result<bool, Error> {
        self.view(|session| Ok(session.csrf_ok(token)))
    }

    /// Checks that the store answers, for a health page.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store fails.
    pub async fn check(&self) -> Result<(), Error> {
        self.0.core.check().await
    }
}

impl std::fmt::Debug for Session {
    /// Prints nothing of the session.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session")
    }
}

#[cfg(test)]
mod tests {
    use session_core::policy::Policy;
    use session_core::testing::run;
    use session_store_memory::MemoryStore;

    use super::*;
    use crate::keys;

    #[test]
    fn nothing_of_a_request_stays_in_its_place_lc15() {
        let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
        let visit = |write: bool| {
            let request = Request::new(sessions.clone());
            let session = run(request.session(std::iter::empty(), true)).unwrap();
            let keys = session.keys().unwrap();
            if write {
                session.set("n", &"a value".repeat(99)).unwrap();
            }
            (keys, run(request.finish()))
        };
        assert!(visit(true).1.cookie.is_some());
        assert_eq!(buffer_pool::kept(), 1, "the place waits for the next request");
        assert_eq!(visit(false), (Vec::new(), Finished { varies: true, ..Finished::default() }));
        assert_eq!(buffer_pool::kept(), 1);
    }

    /// Without a future where nothing waits, and otherwise not at all.
    #[test]
    fn a_session_is_there_at_once_unless_it_is_being_loaded() {
        let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
        let first = Request::new(sessions.clone());
        run(first.session(std::iter::empty(), true)).unwrap().set("n", &1).unwrap();
        let cookie = run(first.finish()).cookie.unwrap();
        let line = cookie.split(';').next().unwrap().as_bytes();
        let request = Request::new(sessions.clone());
        let loading = request.0.state.try_lock().unwrap();
        assert!(request.extract_at_once::<Session>(std::iter::once(line)).is_none());
        drop(loading);
        let session: Session = request.extract_at_once(std::iter::once(line)).unwrap().unwrap();
        assert_eq!(session.get("n"), Ok(Some(1)));
        assert_eq!(run(request.finish()), Finished { varies: true, ..Finished::default() });
        assert!(matches!(request.extract_at_once::<Session>(std::iter::once(line)), Some(Err(Error::AnswerSent))));
        let sealed = sessions.sealed_at_rest();
        assert!(Request::new(sealed).extract_at_once::<Session>(std::iter::empty()).is_none(), "it may wait");
    }

    /// The first call may end, or be dropped, just when the next one begins on another thread.
    #[test]
    fn a_load_that_ends_leaves_the_sign_of_the_next_one() {
        let count = AtomicU8::new(0);
        let (first, next) = (Loading::begin(&count), Loading::begin(&count));
        drop(first);
        assert_eq!(count.load(Ordering::Relaxed), 1);
        drop(next);
        assert_eq!(count.load(Ordering::Relaxed), 0);
    }
}
