//! A handle on a session that outlives the answer.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use serde::{Serialize, de::DeserializeOwned};
use session_core::device::DeviceProof;
use session_core::environment::Time;
use session_core::{Error, Watched};

use crate::buffer_pool;
use crate::environment::ThreadRng;
use crate::session::{Session, View};
use crate::sessions::Sessions;
use crate::watches::Place;

/// How long a watch continues while the store fails.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it asks a store that fails, at least.
const RETRY: Duration = Duration::from_secs(15);

/// A handle on a session that outlives the response, for WebSockets, server-sent events and long polls. Get one from
/// [`Session::watch`](crate::Session::watch) or [`Peek::watch`](crate::Peek::watch). It reads the session, changes
/// nothing and does not keep the session alive. It contains no part of the cookie.
///
/// ```
/// use std::time::Duration;
/// use session_std::{Error, Watch};
///
/// /// Counts as long as the session lasts. `sleep` is `tokio::time::sleep`, or that of another runtime.
/// async fn count<S: Future<Output = ()>>(mut watch: Watch, sleep: fn(Duration) -> S) -> Result<u32, Error> {
///     let mut seconds = 0;
///     let counting = async {
///         loop {
///             sleep(Duration::from_secs(1)).await;
///             seconds += 1; // here the application sends something
///         }
///     };
///     let ended = watch.ended(sleep);
///     futures_util::future::select(std::pin::pin!(ended), std::pin::pin!(counting)).await;
///     Ok(seconds)
/// }
/// ```
///
/// # When it ends
///
/// A watch ends with its session: by a logout, a revocation, or a limit of its lifetime. It also ends when a user signs
/// in over the session, because that changes its rights. The page then opens its stream again.
///
/// A watch survives renewed cookies and [`rotate`](crate::Session::rotate), even if its stream was opened with the
/// cookie from before. After a change of rights that has to end streams, call [`login`](crate::Session::login) instead
/// of `rotate`.
///
/// A watch of a request without a stored session has ended from the beginning. A session that a request creates is
/// stored with the response, so it can be watched from the next request on.
///
/// An end that this process causes, through these [`Sessions`] or a clone of them, is noticed at once, and so is a
/// limit of the lifetime. An end that another process causes is noticed at the next check of the store. The interval is
/// [`look_every`](Self::look_every), by default 15 seconds.
///
/// The watch of a device-bound session ends when the proof that its request carried expires. The browser proves again
/// when it opens the stream again.
///
/// # When the store fails
///
/// The watch continues for a minute, so that a short outage closes no stream. After a minute without an answer
/// [`ended`](Self::ended) returns the error, because a session that may have ended must not be shown any longer.
///
/// # Sealed sessions
///
/// A sealed session travels in its cookie and has no record to check. Its watch keeps the values and limits of its
/// request. It therefore ends at the idle limit of that time, even if the browser has received a newer cookie.
///
/// It notices cut-offs: the logout of the subject, and the end of all sessions of the subject or of all users. It does
/// not notice that an anonymous session was signed out, or that its subject has signed in again.
#[derive(Clone, Debug)]
pub struct Watch {
    sessions: Sessions,
    /// `None` when the session has ended.
    target: Option<Target>,
    every: Duration,
    next_look: Time,
    /// When the store began to fail.
    failing: Option<Time>,
}

#[derive(Clone, Debug)]
struct Target {
    watched: Watched,
    /// The record of a sealed session.
    sealed: Sealed,
    /// When its device has proven its key, according to its request's cookies.
    proven: Option<Time>,
    place: Place,
}

/// A record, of which nothing is printed.
#[derive(Clone)]
struct Sealed(Arc<[u8]>);

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("..")
    }
}

impl Session {
    /// Returns a handle on the session that outlives the response, for WebSockets, server-sent events and long polls.
    /// See [`Watch`].
    pub fn watch(&self) -> Result<Watch, Error> {
        self.named(|sessions, view, proven| Watch::new(sessions, view.watched(), view.subject(), proven))
    }
}

impl Watch {
    fn new(sessions: Sessions, named: Option<(Watched, &[u8])>, subject: Option<&str>, proven: Option<Time>) -> Self {
        let target = named.map(|(watched, sealed)| {
            let place = Place::new(sessions.watches(), watched.log_id(), subject.map(Into::into));
            Target { watched, sealed: Sealed(sealed.into()), proven, place }
        });
        // the first check is at the first call, because an end between the request's check and this was not signaled
        Self { sessions, target, every: RETRY, next_look: Time::ZERO, failing: None }
    }

    /// Sets how often the store is checked for an end that another process caused, at least every millisecond. The
    /// default is 15 seconds. A check costs as much as loading the session of a request.
    #[must_use]
    pub fn look_every(self, every: Duration) -> Self {
        Self { every: every.max(Duration::from_millis(1)), ..self }
    }

    /// Returns the signed-in subject, or `None` if the session has ended. It never changes, because another sign-in
    /// makes another session.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.target.as_ref()?.place.subject()
    }

    /// Loads the session and returns its value under `key`, or `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Ended`] if the session has ended, [`Error::Unreadable`] if the value is not a `T`,
    /// [`Error::Unavailable`] if the store fails.
    pub async fn get<T: Serialize + DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        self.look(|view| view.get(key)).await?.unwrap_or(Err(Error::Ended))
    }

    /// Loads the session and returns whether it still exists.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store fails.
    pub async fn exists(&mut self) -> Result<bool, Error> {
        let seen = self.look(|view| view.expires_in()).await;
        let now = self.sessions.now();
        match seen {
            Ok(Some(left)) => {
                self.failing = None;
                // a moment after its last one
                let over = left.map_or(self.every, |left| left.saturating_add(Duration::from_millis(1)));
                self.next_look = now.after(self.every.min(over));
                Ok(true)
            }
            Ok(None) => {
                self.target = None;
                Ok(false)
            }
            Err(error) => {
                self.failing.get_or_insert(now);
                self.next_look = now.after(self.every.min(RETRY));
                Err(error)
            }
        }
    }

    /// Waits until the session has ended. Returns at once if it has ended already. `sleep` waits for a span of time as
    /// the runtime does: pass `tokio::time::sleep`.
    ///
    /// If the future is dropped, the next call continues where it stopped, so it can be a branch of a `select!` in a
    /// loop.
    ///
    /// # Errors
    /// The store's error after it has failed for a minute. It is then unknown whether the session has ended.
    pub async fn ended<S: Future>(&mut self, sleep: impl Fn(Duration) -> S) -> Result<(), Error> {
        while let Some(target) = &self.target {
            if target.place.was_told() {
                // stored there, because this future may be dropped
                self.next_look = Time::ZERO;
            }
            let now = self.sessions.now();
            // at most the time between two checks, even if the clock was set back
            let wait = self.next_look.since(now).min(self.every);
            if wait > Duration::ZERO {
                let told = pin!(poll_fn(|context| target.place.poll_told(context)));
                if let Either::Left(_) = select(told, pin!(sleep(wait))).await {
                    continue;
                }
            }
            if let Err(error) = self.exists().await
                && self.failing.is_some_and(|since| self.sessions.now().since(since) >= PATIENCE)
            {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Checks the session under the current keys; `None` if it has ended.
    async fn look<T>(&self, with: impl FnOnce(&mut View<'_>) -> T) -> Result<Option<T>, Error> {
        let Some(Target { watched, sealed, proven, .. }) = &self.target else { return Ok(None) };
        let (core, mut place) = (self.sessions.core(), buffer_pool::take());
        let live = core.look(&mut place, *watched, &sealed.0).await?;
        let mut view = View::new(&core, &mut place, ThreadRng);
        let proof = core.device.as_ref().map(|device| view.device_proof(&device.keys, *proven));
        let open = live && !matches!(proof, Some(DeviceProof::Missing(_)));
        let seen = open.then(|| with(&mut view));
        buffer_pool::give(place);
        Ok(seen)
    }
}
