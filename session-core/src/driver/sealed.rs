//! Sessions that travel in their cookies: what takes the place of the store's answers. The store keeps cut-offs only
//! (LC11), one record each, for a subject and for everybody: a session that began by then is over.

use rand_core::TryCryptoRng;

use super::Sessions;
use crate::cookie_header::{MAX_CANDIDATES, candidates};
use crate::environment::{Buffer, Clock, Time};
use crate::error::Error;
use crate::events::{Event, Id, Observer};
use crate::exchange::{Candidate, Exchange, Intent, Reply, Step, Work};
use crate::mode::Mode;
use crate::record::{MIN_LEN, Record, Stamp};
use crate::sealed;
use crate::set_cookie::LONGEST_PAIR;
use crate::store::{Handle, Load, Outcome, Store, Version};
use crate::subject::{Added, Epoch, SubjectId};

/// Whose cut-off is everybody's: nobody can sign in as this.
const EVERYBODY: &str = "";
/// How far the clock that a cookie was written by may be ahead of this one, in milliseconds.
const AHEAD: u64 = 60_000;
/// How often a cut-off is tried against others of the same subject.
const TRIES: u8 = 4;

impl<S: Store, C: Clock, O: Observer, M: Mode> Sessions<S, C, O, M> {
    /// Finds the request's session, as [`begin_stored`](Self::begin_stored) does.
    pub(crate) async fn begin_sealed<'h, B: Buffer>(
        &self,
        exchange: &mut Exchange<B>,
        cookie_lines: impl Iterator<Item = &'h [u8]>,
    ) -> Result<(), Error> {
        exchange.look();
        let (name, mut left) = (self.policy.cookie_name(), MAX_CANDIDATES);
        for line in cookie_lines {
            for value in candidates(line, name).take(left) {
                left -= 1;
                let Some((token, found)) = exchange.unseal(value, &self.rules()) else {
                    continue;
                };
                // whatever a genuine value is refused for, the store was asked the same before
                let (subject, created, seen) = exchange.owner();
                let over = self.is_cut_off(subject, created).await?;
                let now = self.clock.now();
                if over || created.max(seen).millis_since(now) > AHEAD {
                    let id = Id(token.handle());
                    self.observer.observe(&if over { Event::Unknown(id) } else { Event::Expired(id) });
                } else if exchange.loaded(token, Some(found), &self.rules(), now) == Candidate::Accepted {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Carries one verb through, as [`perform_stored`](Self::perform_stored) does.
    pub(crate) async fn perform_sealed<B: Buffer>(
        &self,
        exchange: &mut Exchange<B>,
        rng: &mut impl TryCryptoRng,
        intent: Intent<'_>,
        work: &mut Work,
    ) -> Result<bool, Error> {
        loop {
            let now = self.time_of(intent);
            let step = exchange.next(work, intent, &self.rules(), now)?;
            let reply = match step {
                Step::Done => return Ok(false),
                Step::Edit => return Ok(true),
                Step::Draw => self.draw(rng),
                _ => self.answer_sealed(exchange, step, intent).await,
            };
            exchange.reply(work, intent, reply, &self.rules(), self.clock.now())?;
        }
    }

    /// What a store would answer: the record is as the exchange has made it, and goes out with the cookie.
    async fn answer_sealed<B: Buffer>(&self, exchange: &mut Exchange<B>, step: Step, intent: Intent<'_>) -> Reply {
        let record = exchange.outgoing().0;
        let version = Stamp::of(record).map_or(Version(0), |stamp| stamp.version);
        let need = self.policy.cookie_name().len() + sealed::text_len(record.len());
        match (step, intent) {
            (Step::Create(_) | Step::Update(..), _) if need > LONGEST_PAIR => {
                return Reply::Refused(Error::TooLarge { need, have: LONGEST_PAIR });
            }
            (Step::Create(_), _) => exchange.rewritten = true,
            // after a cut-off that came meanwhile nobody would accept the cookie
            (Step::Update(..) | Step::Touch(_), _) => {
                let (subject, created, _) = exchange.owner();
                match self.is_cut_off(subject, created).await {
                    Ok(false) => exchange.rewritten = true,
                    Ok(true) => return Reply::Wrote(Ok(Outcome::Missing)),
                    Err(_) if matches!(step, Step::Touch(_)) => return Reply::Wrote(Err(())),
                    Err(error) => return Reply::Refused(error),
                }
            }
            (Step::Index(_), Intent::Login { subject, epoch, .. }) => {
                let now = self.cut_offs(Some(subject)).await.map_err(|_| ());
                return Reply::Indexed(now.map(|now| if now == epoch { Added::Applied } else { Added::Moved }));
            }
            (Step::Delete(..), Intent::Logout) => {
                if let (Some(subject), ..) = exchange.owner() {
                    match self.cut_off(subject).await {
                        Ok(()) => {}
                        Err(Error::Full) => return Reply::Refused(Error::Full),
                        Err(_) => return Reply::Wrote(Err(())),
                    }
                }
            }
            (Step::Load(_), _) => return Reply::Loaded(Ok(Load::Missing)),
            _ => {}
        }
        Reply::Wrote(Ok(Outcome::Applied(version)))
    }

    /// Ends every session of `subject` that has begun by now.
    async fn cut_off(&self, subject: &str) -> Result<(), Error> {
        let key = key(subject);
        for _ in 0..TRIES {
            let (before, seen) = self.cut_off_of(subject).await?;
            let now = self.clock.now();
            let moved = Time::from_millis(before.next(now).0);
            let mut record = Record::new([0; MIN_LEN]);
            record.begin()?;
            record.set_version(&moved.millis().to_le_bytes());
            // as one that is signed in: a store that is full does not give it up
            record.set_login(1);
            record.set_created(moved);
            record.saw(now);
            record.set_lifetimes(0, self.policy.last_end(moved), true);
            let outcome = match seen {
                None => self.store.create(&key, record.bytes(), now).await,
                Some(version) => self.store.update(&key, version, record.bytes(), now, &mut []).await,
            };
            match self.heard(outcome)? {
                Outcome::Applied(_) => return Ok(()),
                Outcome::Full => return Err(Error::Full),
                Outcome::Missing | Outcome::Conflict(_) => {}
            }
        }
        Err(Error::Unavailable)
    }

    pub(crate) async fn end_sealed(&self, subject: Option<&str>) -> Result<usize, Error> {
        self.cut_off(subject.unwrap_or(EVERYBODY)).await.map(|()| 0)
    }

    /// A login that overlaps a cut-off is refused, and there is nothing that a cap could count.
    pub(crate) async fn epoch_sealed(&self, subject: &str) -> Result<Epoch, Error> {
        if self.policy.max_sessions > 0 { Err(Error::CannotList) } else { self.cut_offs(Some(subject)).await }
    }

    /// When a verb takes place: a login after the cut-off that it saw, though that be of this millisecond, or of a node
    /// whose clock is ahead.
    fn time_of(&self, intent: Intent<'_>) -> Time {
        let now = self.clock.now();
        match intent {
            Intent::Login { epoch: Epoch(seen), .. } if seen > 0 => now.max(Time::from_millis(seen.saturating_add(1))),
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

    async fn is_cut_off(&self, subject: Option<&str>, created: Time) -> Result<bool, Error> {
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

/// Where the cut-off of a subject stands.
fn key(subject: &str) -> Handle {
    Handle::from_bytes(SubjectId::of(subject).as_bytes().first_chunk().copied().unwrap_or_default())
}
