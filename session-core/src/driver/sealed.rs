//! Sessions that travel in their cookies: what takes the place of the store's answers. The store keeps cut-offs only
//! (LC11), one record each, for a subject and for everybody: a session that began by then is over.

use super::Sessions;
use crate::environment::{Buffer, Clock, Time};
use crate::error::Error;
use crate::events::{Event, LogId, Observer};
use crate::exchange::{Candidate, Intent, Reply, RequestState, Step};
use crate::mode::Mode;
use crate::record::{MIN_LEN, Record};
use crate::sealed;
use crate::set_cookie::LONGEST_PAIR;
use crate::store::{Found, Handle, Load, Outcome, Store, Version};
use crate::subject::{Added, Epoch, SubjectId};
use crate::token::Token;

/// Whose cut-off is everybody's: nobody can sign in as this.
const EVERYBODY: &str = "";
/// How far the clock that a cookie was written by may be ahead of this one, in milliseconds.
const AHEAD: u64 = 60_000;
/// How often a cut-off is tried against others of the same subject.
pub(super) const TRIES: u8 = 4;
/// There is nothing to do.
pub(super) const APPLIED: Reply = Reply::Wrote(Ok(Outcome::Applied(Version(0))));

impl<S: Store, C: Clock, O: Observer, M: Mode> Sessions<S, C, O, M> {
    /// Whether a value of our cookie's name is the request's session.
    pub(crate) async fn accept_sealed<B: Buffer>(
        &self,
        exchange: &mut RequestState<B>,
        value: &[u8],
    ) -> Result<bool, Error> {
        // bound first, as in `perform`
        let opened = exchange.unseal(value, &self.rules());
        match opened {
            Some((token, found)) => self.admit(exchange, token, found).await,
            None => Ok(false),
        }
    }

    /// Whether a session holds whose record is in its place.
    pub(super) async fn admit<B: Buffer>(
        &self,
        exchange: &mut RequestState<B>,
        token: Token,
        found: Found,
    ) -> Result<bool, Error> {
        // whatever a genuine value is refused for, the store was asked the same before
        let (subject, created, seen) = exchange.owner();
        let over = self.is_cut_off(subject, created).await? || exchange.is_pointer();
        let now = self.clock.now();
        if over || created.max(seen).millis_since(now) > AHEAD {
            let id = LogId(token.handle());
            self.observer.observe(&if over { Event::Unknown(id) } else { Event::Expired(id) });
            return Ok(false);
        }
        Ok(exchange.loaded(token, Some(found), &self.rules(), now) == Candidate::Accepted)
    }

    /// What a store would answer: the record is as the exchange has made it, and goes out with the cookie.
    pub(crate) async fn carry_out_sealed<B: Buffer>(
        &self,
        exchange: &mut RequestState<B>,
        step: Step,
        intent: Intent<'_>,
        _: Time,
    ) -> Reply {
        let (need, have) = (self.cookie_len(exchange), LONGEST_PAIR);
        match (step, intent) {
            (Step::Create(_) | Step::Update(..), _) if need > have => Reply::Refused(Error::TooLarge { need, have }),
            (Step::Create(_), _) => sealed_anew(exchange),
            (Step::Update(..) | Step::Touch(_), _) => self.seal_anew(exchange, step).await,
            (Step::Index(_), Intent::Login { subject, epoch, .. }) => self.admit_login(subject, epoch).await,
            (Step::Delete(..), Intent::Logout) => match exchange.owner() {
                (Some(subject), ..) => match self.cut_off(subject).await {
                    Ok(()) => APPLIED,
                    Err(Error::Full) => Reply::Refused(Error::Full),
                    Err(_) => Reply::Wrote(Err(())),
                },
                _ => APPLIED,
            },
            (Step::Load(_), _) => Reply::Loaded(Ok(Load::Missing)),
            _ => APPLIED,
        }
    }

    /// The answer carries the record, unless it was cut off meanwhile: nobody would accept it.
    pub(super) async fn seal_anew<B: Buffer>(&self, exchange: &mut RequestState<B>, step: Step) -> Reply {
        let (subject, created, _) = exchange.owner();
        match self.is_cut_off(subject, created).await {
            Ok(false) => sealed_anew(exchange),
            Ok(true) => Reply::Wrote(Ok(Outcome::Missing)),
            Err(_) if matches!(step, Step::Touch(_)) => Reply::Wrote(Err(())),
            Err(error) => Reply::Refused(error),
        }
    }

    /// A login that overlaps a cut-off is refused.
    pub(super) async fn admit_login(&self, subject: &str, seen: Epoch) -> Reply {
        let now = self.cut_offs(Some(subject)).await.map_err(|_| ());
        Reply::Indexed(now.map(|now| if now == seen { Added::Applied } else { Added::Moved }))
    }

    /// Characters of the cookie's name and of the record as it is, sealed.
    pub(super) fn cookie_len<B: Buffer>(&self, exchange: &mut RequestState<B>) -> usize {
        self.policy.cookie_name().len() + sealed::text_len(exchange.outgoing().0.len())
    }

    /// Ends every session of `subject` that has begun by now.
    async fn cut_off(&self, subject: &str) -> Result<(), Error> {
        let key = key(subject);
        for _ in 0..TRIES {
            let (before, seen) = self.cut_off_of(subject).await?;
            let at = Time::from_millis(before.next(self.clock.now()).0);
            // as one that is signed in: a store that is full does not give it up
            match self.put_cut_off(&key, at, 1, seen).await? {
                Outcome::Applied(_) => return Ok(()),
                Outcome::Full => return Err(Error::Full),
                Outcome::Missing | Outcome::Conflict(_) => {}
            }
        }
        Err(Error::Unavailable)
    }

    /// Puts a cut-off in the place of the version that was seen there, or where nothing was.
    pub(super) async fn put_cut_off(
        &self,
        key: &Handle,
        at: Time,
        login: u32,
        seen: Option<Version>,
    ) -> Result<Outcome, Error> {
        let now = self.clock.now();
        let mut record = Record::new([0; MIN_LEN]);
        record.begin()?;
        record.set_version(&at.millis().to_le_bytes());
        record.set_login(login);
        record.set_created(at);
        record.saw(now);
        record.set_lifetimes(0, self.policy.last_end(at), true);
        let outcome = match seen {
            None => self.store.create(key, record.bytes(), now).await,
            Some(version) => self.store.update(key, version, record.bytes(), now, &mut []).await,
        };
        self.heard(outcome)
    }

    pub(crate) async fn end_sealed(&self, subject: Option<&str>) -> Result<usize, Error> {
        self.cut_off(subject.unwrap_or(EVERYBODY)).await.map(|()| 0)
    }

    /// A login that overlaps a cut-off is refused, and there is nothing that a cap could count.
    pub(crate) async fn epoch_sealed(&self, subject: &str) -> Result<Epoch, Error> {
        if self.policy.max_sessions > 0 { Err(Error::Unsupported) } else { self.cut_offs(Some(subject)).await }
    }

    /// When a verb takes place: a login after the cut-off that it saw, though that be of this millisecond, or of a node
    /// whose clock is ahead.
    pub(super) fn time_of(&self, intent: Intent<'_>) -> Time {
        let now = self.clock.now();
        match intent {
            Intent::Login { epoch: Epoch(seen), .. } if self.mode.is_sealed() && seen > 0 => {
                now.max(Time::from_millis(seen.saturating_add(1)))
            }
            _ => now,
        }
    }

    /// The later one of everybody's cut-off and the subject's; 0 without any.
    async fn cut_offs(&self, subject: Option<&str>) -> Result<Epoch, Error> {
        let (Epoch(all), _) = self.cut_off_of(EVERYBODY).await?;
        let (Epoch(own), _) = match subject {
            Some(subject) => self.cut_off_of(subject).await?,
            None => (Epoch(0), None),
        };
        Ok(Epoch(all.max(own)))
    }

    pub(super) async fn is_cut_off(&self, subject: Option<&str>, created: Time) -> Result<bool, Error> {
        let Epoch(last) = self.cut_offs(subject).await?;
        Ok(last > 0 && created.millis() <= last)
    }

    async fn cut_off_of(&self, subject: &str) -> Result<(Epoch, Option<Version>), Error> {
        let mut record = Record::new([0; MIN_LEN]);
        let load = self.store.load(&key(subject), self.clock.now(), record.buffer()).await;
        match self.heard(load)? {
            Load::Found(found) if record.adopt(found.len).is_ok() => {
                Ok((Epoch(record.created().millis()), Some(found.version)))
            }
            Load::Missing => Ok((Epoch(0), None)),
            // something else stands there, and what has ended is not known
            Load::Found(_) | Load::TooLarge { .. } => Err(Error::Unavailable),
        }
    }
}

/// The answer's cookie carries the record as it is.
pub(super) fn sealed_anew<B: Buffer>(exchange: &mut RequestState<B>) -> Reply {
    exchange.rewritten = true;
    Reply::Wrote(Ok(Outcome::Applied(exchange.seen())))
}

/// Where the cut-off of a subject stands.
fn key(subject: &str) -> Handle {
    Handle::from_bytes(SubjectId::of(subject).as_bytes().first_chunk().copied().unwrap_or_default())
}
