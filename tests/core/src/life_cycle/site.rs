//! A server over a store in memory that can list, or without one.

use session_core::environment::{Clock, Time};
use session_core::mode::{Mode, Sealed, Stored};
use session_core::policy::Policy;
use session_core::testing::{ManualClock, ScriptedRng, run};
use session_core::{Error, Keys, RequestState, Session, Sessions};
use session_store_memory::MemoryStore;
use std::cell::Cell;
use std::time::Duration;

/// The server.
pub struct Site<M = Stored> {
    sessions: Made<M>,
    clock: &'static ManualClock,
    seed: Cell<u64>,
}

/// The session of a request.
pub type Visit<'a, M> =
    Session<'a, &'static MemoryStore, &'static ManualClock, ScriptedRng, &'a mut RequestState<[u8; 4096]>, (), M>;

type Made<M> = Sessions<&'static MemoryStore, &'static ManualClock, (), M>;
type Make<M> = fn(&'static MemoryStore, &'static ManualClock, &Keys, Policy) -> Made<M>;

impl Site {
    /// Sessions in memory.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self::of(policy, Sessions::new)
    }
}

impl Site<Sealed> {
    /// Sessions in their cookies, with cut-offs in memory.
    #[must_use]
    pub fn sealed(policy: Policy) -> Self {
        Self::of(policy, Sessions::sealed)
    }

    /// The same under other keys.
    #[must_use]
    pub fn sealed_by(keys: &Keys, policy: Policy) -> Self {
        Self::over(Box::leak(Box::new(MemoryStore::new())), keys, policy, Sessions::sealed)
    }

    /// Another node over the same store, with a clock of its own at the same time.
    #[must_use]
    pub fn node(&self, keys: &Keys, policy: Policy) -> Self {
        let node = Self::over(self.sessions.store(), keys, policy, Sessions::sealed);
        node.clock.set(self.clock.now());
        node
    }
}

impl<M: Mode> Site<M> {
    fn of(policy: Policy, make: Make<M>) -> Self {
        Self::over(Box::leak(Box::new(MemoryStore::new())), &super::keys(), policy, make)
    }

    fn over(store: &'static MemoryStore, keys: &Keys, policy: Policy, make: Make<M>) -> Self {
        let clock: &'static ManualClock = Box::leak(Box::new(ManualClock::at(Time::from_millis(1_000_000))));
        let sessions = make(store, clock, keys, policy);
        Self { sessions, clock, seed: Cell::new(1) }
    }

    /// What an administrator holds.
    pub const fn sessions(&self) -> &Made<M> {
        &self.sessions
    }

    /// Sets the clock back by milliseconds.
    pub fn set_back(&self, millis: u64) {
        self.clock.set(Time::from_millis(self.clock.now().millis() - millis));
    }

    /// Moves the clock by milliseconds.
    pub fn wait(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }

    /// A request with the cookie in `jar`, which then holds what the answer sets. A commit that fails is the answer.
    pub fn visit<T>(
        &self,
        jar: &mut Option<String>,
        handler: impl FnOnce(&mut Visit<'_, M>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.seed.set(self.seed.get() + 1);
        let mut exchange = RequestState::new([0; 4096], [0; 4096]);
        let mut session = Session::new(&self.sessions, &mut exchange, ScriptedRng::new(self.seed.get()));
        session.activity();
        let line = jar.clone().unwrap_or_default();
        run(session.load(core::iter::once(line.as_bytes())))?;
        let answer = handler(&mut session);
        let committed = run(session.commit());
        let mut buffer = vec![0; session.set_cookie_len()];
        if let Some(cookie) = session.set_cookie(&mut buffer)? {
            let pair = cookie.split(';').next().unwrap_or_default();
            *jar = (!pair.ends_with('=')).then(|| pair.to_owned());
        }
        committed.and(answer)
    }

    /// Signs in.
    pub fn sign_in(&self, jar: &mut Option<String>, subject: &str) -> Result<(), Error> {
        self.visit(jar, |session| {
            let attempt = run(session.begin_login(subject))?;
            run(session.login(attempt))
        })
    }

    /// Who is signed in.
    pub fn who(&self, jar: &Option<String>) -> Option<String> {
        self.visit(&mut jar.clone(), |session| Ok(session.subject().map(str::to_owned))).unwrap_or_default()
    }
}
