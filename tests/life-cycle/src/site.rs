//! A server over a store in memory, which can list.

use session_core::environment::Time;
use session_core::policy::{Policy, SET_COOKIE_LEN};
use session_core::testing::{ManualClock, ScriptedRng, run};
use session_core::{Error, Exchange, Session, Sessions};
use session_store_memory::MemoryStore;
use std::cell::Cell;
use std::time::Duration;

/// The server.
pub struct Site {
    sessions: Sessions<MemoryStore, &'static ManualClock>,
    clock: &'static ManualClock,
    seed: Cell<u64>,
}

/// The session of a request.
pub type Visit<'a> = Session<'a, MemoryStore, &'static ManualClock, ScriptedRng, [u8; 512]>;

impl Site {
    /// Sessions in memory.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        let clock: &'static ManualClock = Box::leak(Box::new(ManualClock::at(Time::from_millis(1_000_000))));
        let sessions = Sessions::new(MemoryStore::new(), clock, &crate::keys(), policy);
        Self { sessions, clock, seed: Cell::new(1) }
    }

    /// What an administrator holds.
    pub const fn sessions(&self) -> &Sessions<MemoryStore, &'static ManualClock> {
        &self.sessions
    }

    /// Moves the clock by milliseconds.
    pub fn wait(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }

    /// A request with the cookie in `jar`, which then holds what the answer sets. A commit that fails is the answer.
    pub fn visit<T>(
        &self,
        jar: &mut Option<String>,
        handler: impl FnOnce(&mut Visit<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.seed.set(self.seed.get() + 1);
        let mut exchange = Exchange::new([0; 512], [0; 512]);
        let mut session = Session::new(&self.sessions, &mut exchange, ScriptedRng::new(self.seed.get()));
        session.activity();
        let line = jar.clone().unwrap_or_default();
        run(session.load(core::iter::once(line.as_bytes())))?;
        let answer = handler(&mut session);
        let committed = run(session.commit());
        let mut buffer = [0; SET_COOKIE_LEN];
        if let Some(cookie) = session.set_cookie(&mut buffer)? {
            let pair = cookie.split(';').next().unwrap_or_default();
            *jar = (!pair.ends_with('=')).then(|| pair.to_owned());
        }
        committed.and(answer)
    }

    /// Signs in.
    pub fn sign_in(&self, jar: &mut Option<String>, subject: &str) -> Result<(), Error> {
        self.visit(jar, |session| {
            let ticket = run(session.begin_login(subject))?;
            run(session.login(ticket))
        })
    }

    /// Who is signed in.
    pub fn who(&self, jar: &Option<String>) -> Option<String> {
        self.visit(&mut jar.clone(), |session| Ok(session.subject().map(str::to_owned))).unwrap_or_default()
    }
}
