//! What all requests of an application share, and the loop that runs one operation of a request: the driver does what
//! the state machine demands and returns the answers to it.

use core::fmt;

use rand_core::TryCryptoRng;

use super::context::Context;
use super::dynamic::DynamicMode;
use super::mode::Mode;
use super::sealed::Sealed;
use super::stored::Stored;
use super::subjects::{self, SessionInfo, Subjects};
use crate::base::codec::Codec;
use crate::base::environment::{Buffer, Clock, Time};
use crate::base::error::Error;
use crate::base::events::{Event, LogId, Observer};
use crate::base::keys::{Keys, Ring};
use crate::base::names::Fresh;
use crate::base::policy::Policy;
use crate::protocol::operation::{Next, Operation, Reply, Rules};
use crate::protocol::state::RequestState;
use crate::record::layout::Record;
use crate::record::values;
use crate::store::contract::{Outcome, Store};
use crate::store::index::check_subject;
use crate::wire::cookie_header::{MAX_CANDIDATES, candidates};

/// What all requests of an application share: the store, the clock, the keys and the policy. Create it once. It is also
/// the interface for administrators: [`list`](Self::list), [`revoke`](Self::revoke), [`revoke_all`](Self::revoke_all)
/// and [`end_all`](Self::end_all).
pub struct Sessions<S, C, O = (), M = Stored> {
    pub(crate) context: Context<S, C, O>,
    pub(crate) mode: M,
}

impl<S: Store, C: Clock> Sessions<S, C> {
    /// Creates sessions that are kept in `store`.
    #[must_use]
    pub fn new(store: S, clock: C, keys: &Keys, policy: Policy) -> Self {
        Self::of(store, clock, keys, policy, Stored)
    }
}

impl<S: Store, C: Clock> Sessions<S, C, (), Sealed> {
    /// Creates sessions that travel in their cookies, encrypted and authenticated by `keys`. No store keeps them.
    ///
    /// `marks` is any store that all nodes share. It holds one small record for each subject that signs in, which a
    /// sign-out replaces, and one for all subjects. A store that loses marks by a restart or by eviction ends the
    /// sessions of those subjects and revives none. Visitors who are not signed in keep their sessions. Each request
    /// asks the store once, and once more if its session is signed in.
    ///
    /// Limits and handlers are the same as with a store. The differences:
    ///
    /// - If two requests change a session at the same time, the browser keeps the last response, and the other change
    ///   is lost.
    /// - Login, `rotate` and the logout of an anonymous session replace the cookie, but a copy of the old one works
    ///   until its limits. Cookies are not renewed.
    /// - The logout of a subject, and a binding mismatch that ends the session, end all sessions of that subject.
    /// - Sessions cannot be listed, ended one by one or capped ([`Error::Unsupported`]).
    /// - The cookie takes at most [`Policy::max_cookie`] bytes.
    #[must_use]
    pub fn sealed(marks: S, clock: C, keys: &Keys, policy: Policy) -> Self {
        Self::of(marks, clock, keys, policy, Sealed)
    }
}

impl<S: Store, C: Clock> Sessions<S, C, (), DynamicMode> {
    /// Creates sessions in a mode that is chosen at run time, as [`new`](Self::new) or [`sealed`](Self::sealed) would.
    #[must_use]
    pub fn dynamic(store: S, clock: C, keys: &Keys, policy: Policy, mode: DynamicMode) -> Self {
        Self::of(store, clock, keys, policy, mode)
    }
}

impl<S: Store, C: Clock, M: Mode> Sessions<S, C, (), M> {
    fn of(store: S, clock: C, keys: &Keys, policy: Policy, mode: M) -> Self {
        let policy = if mode.abilities().renews { policy } else { policy.without_renewal() };
        let ring = Ring::new(keys, policy.cookie_name());
        Self { context: Context { store, clock, policy, ring, observer: () }, mode }
    }
}

impl<S: Store, C: Clock, O: Observer, M: Mode> Sessions<S, C, O, M> {
    /// Sets the observer, which receives every event.
    #[must_use]
    pub fn observed<P: Observer>(self, observer: P) -> Sessions<S, C, P, M> {
        let Context { store, clock, policy, ring, .. } = self.context;
        Sessions { context: Context { store, clock, policy, ring, observer }, mode: self.mode }
    }

    /// Returns the store.
    pub const fn store(&self) -> &S {
        &self.context.store
    }

    /// Returns the clock.
    pub const fn clock(&self) -> &C {
        &self.context.clock
    }

    /// Returns the policy.
    pub const fn policy(&self) -> &Policy {
        &self.context.policy
    }

    /// The keys.
    pub(crate) const fn ring(&self) -> &Ring {
        &self.context.ring
    }

    /// Reports a sign-in that the application rejected: the account, if it exists, and the reason.
    ///
    /// Pass the name of an existing account only. Visitors sometimes type their password into the field for the name,
    /// and the observer may log it.
    pub fn login_failed(&self, account: Option<&str>, why: &dyn core::fmt::Display) {
        self.observe(&Event::LoginFailed(account, why));
    }

    /// Reports an event to the observer. Adapters call it for requests that their layer rejects.
    pub fn observe(&self, event: &Event<'_>) {
        self.context.observer.observe(event);
    }

    /// Checks that the store answers, for a health check.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it does not.
    pub async fn check(&self) -> Result<(), Error> {
        let answer = self.context.store.check(self.context.now()).await;
        self.context.heard(answer)
    }

    // ---- for an administrator ------------------------------------------------------------------------------------

    /// Calls `each` for every session of `subject`, the oldest login first. `room` is a buffer for one record, which
    /// may grow. Calls the store once per session.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the store cannot list, [`Error::TooLarge`] if a record does not fit into `room`.
    pub async fn list(
        &self,
        subject: &str,
        room: impl Buffer,
        mut each: impl FnMut(&SessionInfo<&str>),
    ) -> Result<(), Error> {
        check_subject(subject)?;
        self.subjects()?.list(subject, None, &mut Record::new(room), &mut each).await
    }

    /// Ends every session of `subject`, including sessions whose login has begun and is not complete. Returns their
    /// number, or 0 for sealed sessions, which are not counted.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the store cannot list. On another error, or if the future is dropped, some sessions
    /// may still be valid: retry.
    pub async fn revoke_all(&self, subject: &str) -> Result<usize, Error> {
        check_subject(subject)?;
        let ended = self.mode.end(&self.context, Some(subject)).await?;
        self.observe(&Event::AllRevoked(subject));
        Ok(ended)
    }

    /// Ends the session of `subject` that a list named `id`. Returns `false` if the subject has no such session, or if
    /// it ended meanwhile.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the store cannot list. On another error, or if the future is dropped, the session may
    /// still be valid: retry.
    pub async fn revoke(&self, subject: &str, id: &str) -> Result<bool, Error> {
        check_subject(subject)?;
        let subjects = self.subjects()?;
        match subjects.named(subject, id).await? {
            Some(entry) => subjects.end(subject, &entry).await,
            None => Ok(false),
        }
    }

    /// Calls `each` for every value of the session of `subject` that a list named `id`, with its key and its bytes in
    /// the format of `docs/spec.md`. Returns `false` if the subject has no such session. `room` is a buffer for one
    /// record, which may grow.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the store cannot list, [`Error::TooLarge`] if the record does not fit into `room`.
    pub async fn values(
        &self,
        subject: &str,
        id: &str,
        room: impl Buffer,
        mut each: impl FnMut(&str, &[u8]),
    ) -> Result<bool, Error> {
        check_subject(subject)?;
        let mut room = Record::new(room);
        if !self.subjects()?.load_named(subject, id, &mut room).await? {
            return Ok(false);
        }
        let entries = values::entries(room.data()).filter(|entry| !entry.key.starts_with('\0'));
        entries.for_each(|entry| each(entry.key, entry.bytes));
        Ok(true)
    }

    /// Ends the sessions of all subjects and visitors that began before this call, including sessions whose login has
    /// begun and is not complete. The clocks of the nodes do not matter.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the store cannot do it. On another error, or if the future is dropped, some sessions
    /// may still be valid: retry.
    pub async fn end_all(&self) -> Result<(), Error> {
        self.mode.end(&self.context, None).await?;
        self.observe(&Event::EverybodyRevoked);
        Ok(())
    }

    // ---- for a request -------------------------------------------------------------------------------------------

    /// Whether the observer ignores every event, so that nothing has to be computed for one.
    pub(crate) fn ignores(&self) -> bool {
        self.context.observer.ignores()
    }

    /// Reports that a value cannot be read as a `T`.
    pub(crate) fn unreadable<E: Codec, T: ?Sized>(
        &self,
        id: Option<LogId>,
        key: &str,
        why: &impl fmt::Display,
    ) -> Error {
        if E::TELLS {
            let wanted = core::any::type_name::<T>();
            let id = id.unwrap_or(LogId::NONE);
            self.observe(&Event::Unreadable(id, Some(&format_args!("`{key}` as {wanted}: {why}"))));
        } else if let Some(id) = id {
            self.observe(&Event::Unreadable(id, None));
        }
        Error::Unreadable
    }

    /// The sessions of subjects; [`Error::Unsupported`] where mode or store cannot list them.
    pub(crate) fn subjects(&self) -> Result<Subjects<'_, S, C, O>, Error> {
        Subjects::of(self.mode, &self.context)
    }

    pub(crate) fn rules(&self) -> Rules<'_, O> {
        self.mode.rules(&self.context)
    }

    pub(crate) fn now(&self) -> Time {
        self.context.now()
    }

    /// Whether a login that began at this time may still be completed.
    pub(crate) fn in_time(&self, begun: Time) -> bool {
        !self.now().past(begun, subjects::LONGEST_LOGIN)
    }

    /// Finds the request's session: of all cookies of our name, at most eight, the first accepted one in the order of the
    /// header lines (CP2).
    pub(crate) async fn begin<'h, B: Buffer>(
        &self,
        request: &mut RequestState<B>,
        cookie_lines: impl Iterator<Item = &'h [u8]>,
    ) -> Result<(), Error> {
        request.look();
        let (name, mut left) = (self.policy().cookie_name(), MAX_CANDIDATES);
        for line in cookie_lines {
            for value in candidates(line, name) {
                if left == 0 {
                    self.observe(&Event::CookiesIgnored);
                    return Ok(());
                }
                left -= 1;
                if self.mode.lookup(&self.context, request, value).await? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Runs one verb to its end, or to an error that reports everything that is incomplete. Returns `true` if the data
    /// must be edited before the verb continues.
    pub(crate) async fn perform<B: Buffer>(
        &self,
        request: &mut RequestState<B>,
        rng: &mut impl TryCryptoRng,
        operation: &mut Operation<'_>,
    ) -> Result<bool, Error> {
        let mut reply = Reply::Nothing;
        operation.now = self.now();
        loop {
            // bound first: the rules must not live across an await, so that the future can be Send
            let next = request.next(operation, reply, &self.rules())?;
            reply = match next {
                Next::Done => return Ok(false),
                Next::Edit => return Ok(true),
                Next::Random => match self.draw(rng) {
                    Ok(fresh) => {
                        operation.fresh = Some(fresh);
                        Reply::Nothing
                    }
                    Err(error) => Reply::Refused(error),
                },
                Next::Store(step) => {
                    let reply = self.mode.apply(&self.context, request, step, operation).await;
                    // what was done as it was asked for leaves nothing to judge by a later time
                    if !matches!(reply, Reply::Wrote(Ok(Outcome::Applied(_)))) {
                        operation.now = self.now();
                    }
                    reply
                }
            };
        }
    }

    /// Draws random bytes. There is no weaker fallback (ID2, EM4).
    pub(crate) fn draw(&self, rng: &mut impl TryCryptoRng) -> Result<Fresh, Error> {
        let mut fresh = Fresh([0; Fresh::LEN]);
        match rng.try_fill_bytes(&mut fresh.0) {
            Ok(()) => Ok(fresh),
            Err(_) => {
                self.observe(&Event::EntropyFailed);
                Err(Error::Entropy)
            }
        }
    }
}
