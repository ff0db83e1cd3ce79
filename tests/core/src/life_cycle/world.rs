//! Clock, random numbers, store and log, and a server among them.

use super::browser::Browser;
use super::scripted::Scripted;
use base64ct::{Base64UrlUnpadded, Encoding};
use rand_core::{TryCryptoRng, TryRng};
use session_core::environment::{Clock, Time};
use session_core::events::{Event, Observer};
use session_core::policy::{Policy, SET_COOKIE_LEN};
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store};
use session_core::testing::{ManualClock, ScriptedRng, run};
use session_core::{Error, Keys, RequestState, Session, Sessions};
use session_store_memory::MemoryStore;
use std::cell::RefCell;
use std::time::Duration;

/// Everything around the servers. Lives as long as the test's process, so that a hook of the store can refer to it.
pub struct World<S: 'static = MemoryStore> {
    /// Stands until it is moved.
    pub clock: ManualClock,
    /// Every server's.
    pub rng: RefCell<ScriptedRng>,
    /// Every server's.
    pub store: Scripted<S>,
    /// What all servers reported.
    pub log: Log,
}

impl World {
    /// With a store in memory, where touching is free.
    #[must_use]
    pub fn new() -> &'static Self {
        Self::over(Scripted::new(MemoryStore::new()))
    }

    /// With a store in memory where touching costs a write.
    #[must_use]
    pub fn touch_costs() -> &'static Self {
        Self::over(Scripted::new(MemoryStore::new()).touch_costs())
    }
}

impl<S: Store> World<S> {
    /// Over any store.
    #[must_use]
    pub fn over(store: Scripted<S>) -> &'static Self {
        let clock = ManualClock::at(Time::from_millis(1_000_000));
        let rng = RefCell::new(ScriptedRng::new(1));
        Box::leak(Box::new(Self { clock, rng, store, log: Log::default() }))
    }

    /// A server with this policy.
    #[must_use]
    pub fn server(&'static self, policy: Policy) -> Server<S> {
        self.server_with(&keys(), policy)
    }

    /// A server with this policy and these keys.
    #[must_use]
    pub fn server_with(&'static self, keys: &Keys, policy: Policy) -> Server<S> {
        Server { world: self, sessions: Sessions::new(&self.store, &self.clock, keys, policy).observed(&self.log) }
    }

    /// What the store keeps under the handle of a cookie, asked past the script.
    ///
    /// # Panics
    /// If the store does not answer.
    pub fn record(&self, cookie: &str) -> Option<Vec<u8>> {
        let mut bytes = vec![0; 4_096];
        match run(self.store.inner().load(&handle(cookie), self.clock.now(), &mut bytes)).expect("works") {
            Load::Found(found) => bytes.get(..found.len).map(<[u8]>::to_vec),
            _ => None,
        }
    }

    /// Puts bytes into the store, instead of what is there.
    ///
    /// # Panics
    /// If the store does not take them.
    pub fn plant(&self, cookie: &str, bytes: &[u8]) {
        let (store, key, now) = (self.store.inner(), handle(cookie), self.clock.now());
        run(store.delete(&key, DeleteCondition::Any, now)).expect("works");
        assert!(matches!(run(store.create(&key, bytes, now)), Ok(Outcome::Applied(_))));
    }

    /// Moves the clock by milliseconds.
    pub fn wait(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }
}

/// Signs in: the credentials are taken for proven.
pub fn sign_in<S: Store>(session: &mut Request<'_, S>, subject: &str) -> Result<(), Error> {
    let attempt = run(session.begin_login(subject))?;
    run(session.login(attempt))
}

/// Adds one to what is under `n` and stores it at once.
pub fn increment<S: Store>(session: &mut Request<'_, S>) -> Result<u32, Error> {
    run(session.update_with("n", |n: Option<u32>| n.unwrap_or(0) + 1))
}

/// The 32 bytes of a `NAME=VALUE`: handle, secret, tag.
///
/// # Panics
/// If it is not one of ours.
#[must_use]
pub fn parts(cookie: &str) -> ([u8; 8], [u8; 16], [u8; 8]) {
    let value = cookie.split_once('=').map_or(cookie, |(_, value)| value);
    let raw = Base64UrlUnpadded::decode_vec(value).expect("base64url");
    let (handle, rest) = raw.split_first_chunk().expect("32 bytes");
    let (secret, tag) = rest.split_first_chunk().expect("32 bytes");
    (*handle, *secret, *tag.first_chunk().expect("32 bytes"))
}

fn handle(cookie: &str) -> Handle {
    Handle::from_bytes(parts(cookie).0)
}

/// A key for tests.
pub const KEY: [u8; 32] = *b"\x11\x9c\x3e\xd0\x47\xa5\x68\xfb\x02\x7d\xb1\x26\x94\x5f\xe8\x33 a test key of 1";
/// Another one.
pub const OTHER_KEY: [u8; 32] = *b"\xb7\x04\x5d\x92\xef\x38\x21\xca\x60\x8e\x13\xf9\x4b\xd6\x7a\x05 a test key of 2";

/// A ring of one key.
///
/// # Panics
/// Not for [`KEY`].
#[must_use]
pub fn keys() -> Keys {
    Keys::new(&KEY).expect("random enough")
}

/// Everything that was reported, as text.
#[derive(Default)]
pub struct Log(RefCell<Vec<String>>);

impl Log {
    /// What was reported since the last time this was asked.
    pub fn take(&self) -> Vec<String> {
        self.0.take()
    }
}

impl Observer for Log {
    fn observe(&self, event: &Event<'_>) {
        self.0.borrow_mut().push(event.to_string());
    }
}

/// The world's random numbers.
#[derive(Clone, Copy)]
pub struct Rng(&'static RefCell<ScriptedRng>);

impl TryRng for Rng {
    type Error = session_core::testing::Scripted;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.0.borrow_mut().try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0.borrow_mut().try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.borrow_mut().try_fill_bytes(bytes)
    }
}

impl TryCryptoRng for Rng {}

/// What a handler gets.
pub type Request<'a, S = MemoryStore> =
    Session<'a, &'static Scripted<S>, &'static ManualClock, Rng, &'a mut RequestState<[u8; 512]>, &'static Log>;

/// One node.
pub struct Server<S: 'static = MemoryStore> {
    world: &'static World<S>,
    sessions: Sessions<&'static Scripted<S>, &'static ManualClock, &'static Log>,
}

/// What came of a request.
#[derive(Debug)]
pub struct Answer<T> {
    /// What the handler returned, or why it got no session.
    pub handler: Result<T, Error>,
    /// What came of the commit.
    pub commit: Result<(), Error>,
    /// The answer's `Set-Cookie`.
    pub set_cookie: Option<String>,
}

impl<T> Answer<T> {
    /// The handler's result of a request that went well.
    ///
    /// # Panics
    /// If it did not.
    #[track_caller]
    pub fn ok(self) -> T {
        self.commit.expect("commit");
        self.handler.expect("load")
    }

    /// `NAME=VALUE` of the cookie that was set.
    #[must_use]
    pub fn cookie(&self) -> Option<&str> {
        self.set_cookie.as_deref()?.split(';').next()
    }
}

impl<S: Store> Server<S> {
    /// A request that counts as activity, its answer received.
    pub fn request<T>(&self, browser: &mut Browser, handler: impl FnOnce(&mut Request<'_, S>) -> T) -> Answer<T> {
        let answer = self.lost(browser, handler);
        if let Some(set_cookie) = &answer.set_cookie {
            browser.receive(set_cookie, self.now());
        }
        answer
    }

    /// The same, but the answer never reaches the browser.
    pub fn lost<T>(&self, browser: &Browser, handler: impl FnOnce(&mut Request<'_, S>) -> T) -> Answer<T> {
        let cookie = browser.cookie(self.now()).map(str::to_owned);
        self.send(cookie.as_deref(), true, handler)
    }

    /// A request that does not count as activity.
    pub fn peek<T>(&self, browser: &Browser, handler: impl FnOnce(&mut Request<'_, S>) -> T) -> Answer<T> {
        self.send(browser.cookie(self.now()), false, handler)
    }

    /// A request with this Cookie header, if any.
    pub fn send<T>(
        &self,
        cookie: Option<&str>,
        active: bool,
        handler: impl FnOnce(&mut Request<'_, S>) -> T,
    ) -> Answer<T> {
        let mut exchange = RequestState::new([0; 512], [0; 512]);
        let mut session = Session::new(&self.sessions, &mut exchange, Rng(&self.world.rng));
        if let Err(error) = run(session.load(cookie.map(str::as_bytes).into_iter())) {
            return Answer { handler: Err(error), commit: Ok(()), set_cookie: None };
        }
        if active {
            session.activity();
        }
        let result = handler(&mut session);
        let commit = run(session.commit());
        let set_cookie = session.set_cookie(&mut [0; SET_COOKIE_LEN]).expect("room").map(str::to_owned);
        Answer { handler: Ok(result), commit, set_cookie }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.world.clock.now()
    }
}
