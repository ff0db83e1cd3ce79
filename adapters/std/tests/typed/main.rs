//! VA2, VA3, VA4, VA5: the session's data as one struct, kept field by field.

mod defaults;
mod deployments;
mod sessions;
mod shapes;
mod unreadable;

use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use session_core::environment::{Clock, Time};
use session_core::testing::{ManualClock, run};
use session_std::events::{Event, Observer};
use session_std::{Error, Finished, MemoryStore, Policy, Request, Session, Sessions, Typed, UnreadableField, keys};

/// All that was told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Observer for Told {
    fn observe(&self, event: &Event<'_>) {
        if event.name() == "unreadable" {
            let mut line = String::new();
            write!(line, "{}", event.reason().unwrap()).unwrap();
            self.0.lock().unwrap().push(line);
        }
    }
}

/// A site with one browser.
struct Site {
    sessions: Sessions,
    clock: &'static ManualClock,
    told: Told,
    cookie: Mutex<String>,
}

impl Site {
    fn new() -> Self {
        let clock: &'static ManualClock = Box::leak(Box::new(ManualClock::at(Time::from_millis(1_000_000))));
        let told = Told::default();
        let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
        let sessions = sessions.clock(clock).observed(told.clone());
        Self { sessions, clock, told, cookie: Mutex::default() }
    }

    fn resetting(self) -> Self {
        Self { sessions: self.sessions.unreadable_fields(UnreadableField::Resets), ..self }
    }

    fn wait(&self, span: Duration) {
        self.clock.set(self.clock.now().after(span));
    }

    /// A request whose session is loaded.
    fn begin(&self) -> (Request, Session) {
        let request = Request::new(self.sessions.clone());
        let line = format!("id={}", self.cookie.lock().unwrap());
        let session = run(request.session([line.as_bytes()].into_iter(), true)).unwrap();
        (request, session)
    }

    fn end(&self, request: &Request) -> Result<(), Error> {
        let Finished { error, cookie, .. } = run(request.finish());
        if let Some(set) = cookie {
            *self.cookie.lock().unwrap() = set.split([';', '=']).nth(1).unwrap().to_owned();
        }
        error.map_or(Ok(()), Err)
    }

    fn visit<R>(&self, with: impl FnOnce(&Session) -> R) -> R {
        let (request, session) = self.begin();
        let result = with(&session);
        self.end(&request).unwrap();
        result
    }

    /// A request that reads the data, and saves it if it was changed.
    fn change<T: Serialize + DeserializeOwned + Default>(&self, change: impl FnOnce(&mut T)) {
        self.visit(|session| {
            let mut data = Typed::<T>::of(session.clone()).unwrap();
            change(&mut data);
            data.save().unwrap();
        });
    }

    fn read<T: Serialize + DeserializeOwned + Default + Clone>(&self) -> Result<T, Error> {
        self.visit(|session| Typed::<T>::of(session.clone()).map(|data| data.clone()))
    }

    fn keys(&self) -> Vec<String> {
        self.visit(|session| session.keys().unwrap())
    }

    /// Two requests that read before the other one writes; what becomes of the second one.
    fn both<T: Serialize + DeserializeOwned + Default>(
        &self,
        one: impl FnOnce(&mut T),
        other: impl FnOnce(&mut T),
    ) -> Result<(), Error> {
        let ((first, one_session), (second, other_session)) = (self.begin(), self.begin());
        let (mut a, mut b) = (Typed::<T>::of(one_session).unwrap(), Typed::<T>::of(other_session).unwrap());
        one(&mut a);
        other(&mut b);
        a.save().unwrap();
        b.save().unwrap();
        self.end(&first).unwrap();
        self.end(&second)
    }
}
