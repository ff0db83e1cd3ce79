//! For tests of an application: signs a user in with one line, and steps a clock. Do not use this in a program.
//!
//! ```
//! use session_std::testing::TestClock;
//! use session_std::{MemoryStore, Sessions, keys};
//! use std::time::Duration;
//!
//! # async fn test() -> Result<(), session_std::Error> {
//! let clock = TestClock::new();
//! let sessions = Sessions::new(MemoryStore::new(), keys::generated()).clock(clock.clone());
//! let ann = sessions.cookie_for("ann").await?; // for the `Cookie` header of a request
//! let bob = sessions.cookie_for("bob").with("cart", ["tea"]).labelled("a phone").signed_in_ago(Duration::from_secs(3600)).await?;
//! clock.step(Duration::from_secs(1800));
//! # Ok(())
//! # }
//! # session_core::testing::run(test()).unwrap();
//! ```

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use session_core::Error;
use session_core::environment::{Clock, Time};
use session_core::testing::ManualClock;

use crate::environment::SystemClock;
use crate::session::{Request, Session};
use crate::sessions::Sessions;

/// A clock that only a test steps. All clones show the same time.
#[derive(Clone, Debug)]
pub struct TestClock(Arc<ManualClock>);

impl TestClock {
    /// Creates a clock that shows the current time.
    #[must_use]
    pub fn new() -> Self {
        Self::at(SystemClock.now())
    }

    fn at(time: Time) -> Self {
        Self(Arc::new(ManualClock::at(time)))
    }

    /// Moves the clock forward by `span`.
    pub fn step(&self, span: Duration) {
        self.0.advance(span);
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Time {
        self.0.now()
    }
}

impl Sessions {
    /// Signs `subject` in without a request. Await the result to get the value of the `Cookie` header, or of the header
    /// of [`in_header`](Self::in_header), for the test's requests.
    ///
    /// # Errors
    /// Those of [`Session::login`](crate::Session::login) and [`Session::set`](crate::Session::set).
    pub fn cookie_for<'s>(&self, subject: &'s str) -> CookieFor<'s> {
        CookieFor { sessions: self.clone(), subject, age: Duration::ZERO, set: Vec::new() }
    }
}

/// A sign-in that a test performs. See [`Sessions::cookie_for`].
#[must_use = "nobody is signed in until it is awaited"]
pub struct CookieFor<'s> {
    sessions: Sessions,
    subject: &'s str,
    age: Duration,
    set: Vec<Box<Set>>,
}

type Set = dyn FnOnce(&Session) -> Result<(), Error> + Send;

impl fmt::Debug for CookieFor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookieFor").field("subject", &self.subject).field("age", &self.age).finish_non_exhaustive()
    }
}

impl CookieFor<'_> {
    /// Sets `value` under `key` in the session.
    pub fn with<T: Serialize + Send + 'static>(self, key: &str, value: T) -> Self {
        let key = key.to_owned();
        self.and(move |session| session.set(&key, &value))
    }

    /// Sets the session's label.
    pub fn labelled(self, label: &str) -> Self {
        let label = label.to_owned();
        self.and(move |session| session.set_label(&label))
    }

    /// Dates the sign-in back by `age`, with activity since. If `age` exceeds the absolute lifetime, the session has
    /// expired.
    pub fn signed_in_ago(self, age: Duration) -> Self {
        Self { age, ..self }
    }

    fn and(mut self, set: impl FnOnce(&Session) -> Result<(), Error> + Send + 'static) -> Self {
        self.set.push(Box::new(set));
        self
    }

    async fn sign_in(self) -> Result<String, Error> {
        let Self { sessions, subject, age, set } = self;
        let now = sessions.now();
        let began = Time::from_millis(now.millis().saturating_sub(age.as_millis().try_into().unwrap_or(u64::MAX)));
        let clock = TestClock::at(began);
        let sessions = sessions.clock(clock.clone());

        let request = Request::new(sessions.clone());
        let session = request.session(std::iter::empty(), true).await?;
        let attempt = session.begin_login(subject).await?;
        session.login(attempt).await?;
        set.into_iter().try_for_each(|set| set(&session))?;
        let mut left = session.expires_in()?;
        let mut cookie = sent(&request, None).await?;
        // one visit after the other until now, each well before the session would expire
        while let rest @ 1.. = now.since(clock.now()).as_millis() {
            let rest = Duration::from_millis(rest.try_into().unwrap_or(u64::MAX));
            clock.step(left.map_or(rest, |left| (left / 2).max(Duration::from_secs(1)).min(rest)));
            let request = Request::new(sessions.clone());
            let session = request.session([cookie.as_bytes()].into_iter(), true).await?;
            left = session.exists()?.then(|| session.expires_in()).transpose()?.flatten();
            cookie = sent(&request, Some(cookie)).await?;
        }
        Ok(cookie)
    }
}

/// Finishes the request. Returns the cookies that its client sends next, after `before`.
async fn sent(request: &Request, before: Option<String>) -> Result<String, Error> {
    let finished = request.finish().await;
    if let Some(error) = finished.error {
        return Err(error);
    }
    let given = finished.cookie.map(|given| given.split(';').next().unwrap_or_default().to_owned());
    Ok(given.or(before).unwrap_or_default())
}

impl<'s> IntoFuture for CookieFor<'s> {
    type Output = Result<String, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<String, Error>> + Send + 's>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.sign_in())
    }
}
