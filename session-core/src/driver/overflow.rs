//! Sessions that travel in their cookies while they fit. What the store has under a session's handle is the session, and
//! beats every sealed copy but those that were sealed since: `rotated_at` moves on whenever a session moves, in both.
//!
//! ```text
//!  sealed ──too large, login or rotate──▶ create or update: the record ──fits again──▶ update: the record, and sealed
//!     ▲                                        │ does not fit: the cookie is a pointer             │
//!     └───────────────── writes and touches: the cookie alone ◀────────────────────────────────────┘
//!  logout ──▶ a cut-off under the handle
//! ```

use super::Sessions;
use super::sealed::{APPLIED, TRIES, sealed_anew};
use crate::environment::{Buffer, Clock, Time};
use crate::error::Error;
use crate::events::{Event, LogId, Observer};
use crate::exchange::{Intent, Reply, RequestState, Step};
use crate::mode::Mode;
use crate::record::Record;
use crate::set_cookie::LONGEST_PAIR;
use crate::store::{DeleteCondition, Found, Handle, Load, Outcome, Store};

/// What the store has under a session's handle.
enum Beneath {
    Nothing,
    /// The cut-off of a session that was logged out.
    CutOff,
    /// No record.
    Corrupt,
    Record(Found),
}

impl<S: Store, C: Clock, O: Observer, M: Mode> Sessions<S, C, O, M> {
    /// Whether a value of our cookie's name is the request's session.
    pub(crate) async fn accept_overflowing<B: Buffer>(
        &self,
        exchange: &mut RequestState<B>,
        value: &[u8],
    ) -> Result<bool, Error> {
        let Some((token, sealed)) = exchange.unseal(value, &self.rules()) else {
            return Ok(false);
        };
        let id = LogId(token.handle());
        let found = match self.beneath(&token.handle(), exchange.other()).await? {
            Beneath::Nothing => exchange.choose(sealed, None),
            Beneath::Record(stored) => exchange.choose(sealed, Some(stored)),
            Beneath::CutOff => {
                self.observer.observe(&Event::Unknown(id));
                return Ok(false);
            }
            Beneath::Corrupt => {
                self.observer.observe(&Event::Corrupt(id));
                return Ok(false);
            }
        };
        self.admit(exchange, token, found).await
    }

    /// Does what a step says to the session's record.
    pub(crate) async fn carry_out_overflowing<B: Buffer>(
        &self,
        exchange: &mut RequestState<B>,
        step: Step,
        intent: Intent<'_>,
        now: Time,
    ) -> Reply {
        let fits = self.cookie_len(exchange) <= LONGEST_PAIR;
        let another = matches!(intent, Intent::Login { .. } | Intent::Rotate);
        match step {
            Step::Create(_) if fits && !another => {
                exchange.nothing_beneath();
                sealed_anew(exchange)
            }
            Step::Create(handle) => {
                exchange.nothing_beneath();
                self.put(exchange, &handle, fits, now, true).await
            }
            Step::Update(handle, _) if exchange.stored || another || !fits => {
                let (subject, created, _) = exchange.owner();
                match self.is_cut_off(subject, created).await {
                    Ok(true) => return Reply::Wrote(Ok(Outcome::Missing)),
                    Err(error) => return Reply::Refused(error),
                    Ok(false) => {}
                }
                self.put(exchange, &handle, fits, now, another).await
            }
            Step::Update(handle, _) => match self.news(exchange, &handle).await {
                Ok(None) => self.seal_anew(exchange, step).await,
                Ok(Some(there)) => Reply::Wrote(Ok(there)),
                Err(error) => Reply::Refused(error),
            },
            Step::Touch(handle) if exchange.stored => {
                let touched = self.store.touch(&handle, now).await;
                Reply::Wrote(self.reported(touched))
            }
            Step::Touch(_) => self.seal_anew(exchange, step).await,
            Step::Load(handle) => self.look_again(exchange, &handle, fits).await,
            Step::Index(_) => match intent {
                Intent::Login { subject, epoch, .. } => self.admit_login(subject, epoch).await,
                _ => APPLIED,
            },
            Step::Delete(handle, condition) => match self.end_one(exchange, &handle, condition).await {
                Ok(Outcome::Full) => Reply::Refused(Error::Full),
                outcome => Reply::Wrote(outcome.map_err(|_| ())),
            },
            Step::Draw | Step::Edit | Step::Done => Reply::Refused(Error::Indeterminate),
        }
    }

    /// Stores the record, with a place in time after every sealed copy. If it `fits`, the cookie carries it, too.
    /// A cookie that points there already goes on doing so, but for `another` cookie.
    async fn put<B: Buffer>(
        &self,
        exchange: &mut RequestState<B>,
        handle: &Handle,
        fits: bool,
        now: Time,
        another: bool,
    ) -> Reply {
        exchange.move_on(now);
        for _ in 0..TRIES {
            let seen = exchange.beneath.map(|_| exchange.seen());
            let (record, there) = exchange.outgoing();
            let outcome = match seen {
                None => self.store.create(handle, record, now).await,
                Some(seen) => self.store.update(handle, seen, record, now, there).await,
            };
            match self.reported(outcome) {
                Ok(Outcome::Applied(version)) => {
                    exchange.landed_beneath(!fits);
                    exchange.rewritten |= fits || another || !exchange.pointed;
                    return Reply::Wrote(Ok(Outcome::Applied(version)));
                }
                Ok(Outcome::Conflict(_) | Outcome::Missing) => {}
                outcome => return Reply::Wrote(outcome),
            }
            match self.news(exchange, handle).await {
                Ok(None) => {}
                Ok(Some(there)) => return Reply::Wrote(Ok(there)),
                Err(_) => return Reply::Wrote(Err(())),
            }
        }
        Reply::Refused(Error::Unavailable)
    }

    /// What another request has made of the session in the store meanwhile. `None`: nothing; a store may count touches as
    /// versions, or have forgotten the record of a session that is sealed, too.
    async fn news<B: Buffer>(&self, exchange: &mut RequestState<B>, handle: &Handle) -> Result<Option<Outcome>, Error> {
        Ok(match self.beneath(handle, exchange.other()).await? {
            Beneath::Record(found) if exchange.is_news() => {
                exchange.news();
                Some(Outcome::Conflict(Some(found)))
            }
            Beneath::Record(found) => {
                exchange.unchanged(found.version);
                None
            }
            Beneath::Nothing if !exchange.stored => {
                exchange.nothing_beneath();
                None
            }
            Beneath::Nothing | Beneath::CutOff => Some(Outcome::Missing),
            Beneath::Corrupt => return Err(Error::Unavailable),
        })
    }

    /// After a conflict or a lost answer: what is there now, and whether it is the own record.
    async fn look_again<B: Buffer>(&self, exchange: &mut RequestState<B>, handle: &Handle, fits: bool) -> Reply {
        match self.beneath(handle, exchange.other()).await {
            Ok(Beneath::Record(found)) => {
                if exchange.other().version() == exchange.version() {
                    exchange.landed_beneath(!fits);
                    exchange.rewritten = true;
                } else {
                    exchange.news();
                }
                Reply::Loaded(Ok(Load::Found(found)))
            }
            Ok(_) => Reply::Loaded(Ok(Load::Missing)),
            Err(_) => Reply::Loaded(Err(())),
        }
    }

    /// Puts a cut-off under the handle of a session, unless somebody has signed in there since.
    async fn end_one<B: Buffer>(
        &self,
        exchange: &mut RequestState<B>,
        handle: &Handle,
        condition: DeleteCondition,
    ) -> Result<Outcome, Error> {
        let mut login = match condition {
            DeleteCondition::Login(login) => login,
            DeleteCondition::Any | DeleteCondition::Version(_) => 0,
        };
        for _ in 0..TRIES {
            let seen = match self.beneath(handle, exchange.other()).await? {
                Beneath::CutOff => return Ok(Outcome::Missing),
                Beneath::Record(found) => {
                    let stamp = exchange.other().stamp();
                    if !condition.matches(&stamp) {
                        return Ok(Outcome::Conflict(None));
                    }
                    login = stamp.login;
                    Some(found.version)
                }
                Beneath::Nothing => None,
                Beneath::Corrupt => return Err(Error::Unavailable),
            };
            match self.put_cut_off(handle, self.clock.now(), login, seen).await? {
                Outcome::Missing | Outcome::Conflict(_) => {}
                outcome => return Ok(outcome),
            }
        }
        Err(Error::Unavailable)
    }

    /// Looks at what the store has under a handle; a record goes into `room`.
    async fn beneath<B: Buffer>(&self, handle: &Handle, room: &mut Record<B>) -> Result<Beneath, Error> {
        Ok(match self.load_into(handle, room).await? {
            None => Beneath::Nothing,
            Some(found) if room.adopt(found.len).is_err() => Beneath::Corrupt,
            Some(_) if *room.verifier() == [0; 16] => Beneath::CutOff,
            Some(found) => Beneath::Record(found),
        })
    }
}
