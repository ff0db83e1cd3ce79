//! The only code that calls a store: it does what the exchange says and brings the answers back.

mod overflow;
mod sealed;
mod stored;
mod subjects;

use rand_core::TryCryptoRng;

use crate::cookie_header::{MAX_CANDIDATES, candidates};
use crate::environment::{Buffer, Clock};
use crate::error::Error;
use crate::events::{Event, Observer};
use crate::exchange::{Intent, Operation, Reply, RequestState, Rules, Step};
use crate::keys::{Keys, Ring};
use crate::mode::{Either, Mode, Overflowing, Sealed, Stored};
use crate::policy::Policy;
use crate::record::Record;
use crate::store::{Found, Handle, Load, Store};
pub use subjects::SessionInfo;

/// What all requests of an application share.
pub struct Sessions<S, C, O = (), M = Stored> {
    pub(crate) store: S,
    pub(crate) clock: C,
    pub(crate) policy: Policy,
    pub(crate) ring: Ring,
    observer: O,
    pub(crate) mode: M,
}

impl<S: Store, C: Clock> Sessions<S, C> {
    /// Sessions in `store`, by the time of `clock`, signed by `keys`, as `policy` says.
    #[must_use]
    pub fn new(store: S, clock: C, keys: &Keys, policy: Policy) -> Self {
        Self::of(store, clock, keys, policy, Stored)
    }
}

impl<S: Store, C: Clock> Sessions<S, C, (), Sealed> {
    /// Sessions that travel in their cookies, sealed by `keys`: encrypted, authenticated, and kept nowhere. `cut_offs` is
    /// any store, which ends sessions before their time (LC11): in memory until this program ends, a durable one for
    /// longer and for all nodes. Each request asks it once, and once more for a session that is signed in. The same limits
    /// hold, and the same handlers do. What a session without a store cannot do:
    ///
    /// - of two requests that change it at the same time, the browser keeps the last answer;
    /// - login, `rotate` and the logout of an anonymous session replace the cookie, and a copy of the old one works on
    ///   until its limits; nothing is renewed;
    /// - the logout of a subject, and a mismatch of its binding that is to end the session, end all sessions of that
    ///   subject;
    /// - sessions are not listed or ended one by one, and a cap is refused ([`Error::Unsupported`]);
    /// - record and name take 4096 characters at most (SE6).
    #[must_use]
    pub fn sealed(cut_offs: S, clock: C, keys: &Keys, policy: Policy) -> Self {
        Self::of(cut_offs, clock, keys, policy, Sealed)
    }
}

impl<S: Store, C: Clock> Sessions<S, C, (), Overflowing> {
    /// Sessions that travel in their cookies as [`sealed`](Self::sealed) ones do while they fit, and are kept in `store` while
    /// they do not; handlers do not notice when one moves. What is stored cannot be lost to an old copy: where `store` has a
    /// record, it is the session, but for copies sealed after it had moved back. `store` has a record of
    ///
    /// - sessions that do not fit into a cookie; of two requests that change one at the same time none is lost, as with
    ///   [`new`](Self::new);
    /// - sessions that once did not fit, or signed in, or were rotated: so a cookie from before that is void;
    /// - sessions that were logged out, until they would be over by themselves: only the one that logs out ends.
    ///
    /// Visitors with little data, and what signed-in sessions read and write while they are small, cost no write. Each
    /// request asks `store` for its session and for the cut-offs of all and of its subject. Nothing is renewed, sessions are
    /// not listed or ended one by one, and a cap is refused ([`Error::Unsupported`]).
    #[must_use]
    pub fn overflowing(store: S, clock: C, keys: &Keys, policy: Policy) -> Self {
        Self::of(store, clock, keys, policy, Overflowing)
    }
}

impl<S: Store, C: Clock> Sessions<S, C, (), Either> {
    /// As [`new`](Self::new), [`sealed`](Self::sealed) or [`overflowing`](Self::overflowing) would make them.
    #[must_use]
    pub fn either(store: S, clock: C, keys: &Keys, policy: Policy, mode: Either) -> Self {
        Self::of(store, clock, keys, policy, mode)
    }
}

impl<S: Store, C: Clock, M: Mode> Sessions<S, C, (), M> {
    fn of(store: S, clock: C, keys: &Keys, policy: Policy, mode: M) -> Self {
        let policy = if mode.is_sealed() { policy.without_renewal() } else { policy };
        Self { ring: Ring::new(keys, policy.cookie_name()), store, clock, policy, observer: (), mode }
    }
}

impl<S: Store, C: Clock, O: Observer, M: Mode> Sessions<S, C, O, M> {
    /// Tells `observer` what happens.
    #[must_use]
    pub fn observed<P: Observer>(self, observer: P) -> Sessions<S, C, P, M> {
        let Self { store, clock, policy, ring, mode, .. } = self;
        Sessions { store, clock, policy, ring, observer, mode }
    }

    /// The store.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// The clock.
    pub const fn clock(&self) -> &C {
        &self.clock
    }

    /// The policy.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Whether the store answers, for a health page.
    pub async fn check(&self) -> Result<(), Error> {
        let answer = self.store.check(self.clock.now()).await;
        self.reported(answer).map_err(|()| Error::Unavailable)
    }

    pub(crate) fn rules(&self) -> Rules<'_> {
        Rules {
            policy: &self.policy,
            ring: &self.ring,
            observer: &self.observer,
            touch_is_free: self.store.touch_is_free() && !self.mode.is_sealed(),
            has_index: self.store.index().is_some() || self.mode.is_sealed(),
        }
    }

    fn reported<T>(&self, answer: Result<T, S::Error>) -> Result<T, ()> {
        answer.map_err(|why| self.observer.observe(&Event::StoreFailed(&why)))
    }

    pub(super) fn heard<T, E: core::fmt::Display>(&self, answer: Result<T, E>) -> Result<T, Error> {
        answer.map_err(|why| {
            self.observer.observe(&Event::StoreFailed(&why));
            Error::Unavailable
        })
    }

    /// Loads what the store has under `key` into `room`, which may grow; nothing is known of the bytes.
    async fn load_into<B: Buffer>(&self, key: &Handle, room: &mut Record<B>) -> Result<Option<Found>, Error> {
        loop {
            let load = self.store.load(key, self.clock.now(), room.buffer()).await;
            match self.heard(load)? {
                Load::Found(found) => return Ok(Some(found)),
                Load::Missing => return Ok(None),
                Load::TooLarge { size } => {
                    let have = room.capacity();
                    if size <= have || !room.grow(size) {
                        return Err(Error::TooLarge { need: size, have });
                    }
                }
            }
        }
    }

    /// Finds the request's session: of all cookies of our name, at most eight, the first accepted one in the order of the
    /// header lines (CP2).
    pub(crate) async fn begin<'h, B: Buffer>(
        &self,
        exchange: &mut RequestState<B>,
        cookie_lines: impl Iterator<Item = &'h [u8]>,
    ) -> Result<(), Error> {
        exchange.look();
        let (name, mut left) = (self.policy.cookie_name(), MAX_CANDIDATES);
        for line in cookie_lines {
            for value in candidates(line, name).take(left) {
                left -= 1;
                if M::accept(self, exchange, value).await? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Carries one verb through: to its end, or to an error after which nothing is half done without being told. `true`:
    /// the data has to be edited first, and then the verb goes on.
    pub(crate) async fn perform<B: Buffer>(
        &self,
        exchange: &mut RequestState<B>,
        rng: &mut impl TryCryptoRng,
        intent: Intent<'_>,
        operation: &mut Operation,
    ) -> Result<bool, Error> {
        // read anew only after an await: what comes between takes no time
        let mut now = self.time_of(intent);
        loop {
            // bound first: the rules must not live across an await, so that the future can be Send
            let step = exchange.next(operation, intent, &self.rules(), now)?;
            let reply = match step {
                Step::Done => return Ok(false),
                Step::Edit => return Ok(true),
                Step::Draw => self.draw(rng),
                _ => M::carry_out(self, exchange, step, intent, now).await,
            };
            now = self.time_of(intent);
            exchange.reply(operation, intent, reply, &self.rules(), now)?;
        }
    }

    /// Random bytes, or the word that there are none: nothing weaker is used (ID2, EM4).
    pub(crate) fn draw(&self, rng: &mut impl TryCryptoRng) -> Reply {
        let mut bytes = [0; 32];
        match rng.try_fill_bytes(&mut bytes) {
            Ok(()) => Reply::Random(bytes),
            Err(_) => {
                self.observer.observe(&Event::EntropyFailed);
                Reply::Refused(Error::Entropy)
            }
        }
    }
}
