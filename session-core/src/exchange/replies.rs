//! Decides what the store's answer means: stored, gone, changed by somebody else, or lost on the way.

use super::{Exchange, HANDLES, Intent, LOST, Outgoing, PATIENCE, Phase, Rules, Standing, Work};
use crate::environment::{Buffer, Time};
use crate::error::Error;
use crate::events::{Event, Id};
use crate::expiry::{self, Verdict};
use crate::store::{Found, Handle, Load, Outcome, Version};
use crate::subject::Added;

impl<B: Buffer> Exchange<B> {
    pub(super) fn wrote(
        &mut self,
        work: &mut Work,
        intent: Intent<'_>,
        outcome: Result<Outcome, ()>,
        rules: &Rules<'_>,
        now: Time,
    ) -> Result<(), Error> {
        match (work.phase, outcome) {
            (Phase::Updating | Phase::Creating, Ok(Outcome::Applied(version))) => {
                self.landed(work, intent, version, rules);
                Ok(())
            }
            (Phase::Updating | Phase::Creating, Ok(Outcome::Full)) => Err(Error::Full),
            (Phase::Updating, Ok(Outcome::Missing)) => self.gone(work, intent),
            (Phase::Updating, Ok(Outcome::Conflict(Some(found)))) => {
                work.phase = Phase::Reloading;
                self.reloaded(work, intent, Ok(Load::Found(found)), rules, now)
            }
            (Phase::Updating, Ok(Outcome::Conflict(None))) => {
                work.phase = Phase::Reloading;
                Ok(())
            }
            (Phase::Updating, Err(())) if self.only_renews(intent) => {
                work.phase = Phase::Finished;
                Ok(())
            }
            (Phase::Updating | Phase::Creating, Err(())) => self.lost(work),
            (Phase::Creating, Ok(_)) => {
                work.handles += 1;
                if work.handles >= HANDLES || self.handle_shown {
                    return Err(Error::Unavailable);
                }
                (work.fresh, self.fresh_handle, work.phase) = (None, None, Phase::Ready);
                Ok(())
            }
            (Phase::Touching, outcome) => {
                if matches!(outcome, Ok(Outcome::Applied(_))) {
                    self.mine.saw(now);
                }
                work.phase = Phase::Finished;
                Ok(())
            }
            (Phase::Deleting, Ok(Outcome::Conflict(_))) => {
                (work.phase, work.wrote) = (Phase::Reloading, Phase::Deleting);
                Ok(())
            }
            (Phase::Deleting, Ok(Outcome::Applied(_) | Outcome::Missing)) => {
                if let Some(token) = &self.token {
                    rules.observer.observe(&Event::Ended(Id(token.handle())));
                }
                self.end();
                work.phase = Phase::Finished;
                Ok(())
            }
            // a slower login of somebody else must not end a newer one: a conflict is left alone
            (Phase::DeletingOld(..), Ok(Outcome::Applied(_) | Outcome::Missing | Outcome::Conflict(_))) => {
                work.phase = Phase::Finished;
                Ok(())
            }
            (Phase::Withdrawing(why), Ok(Outcome::Applied(_) | Outcome::Missing | Outcome::Conflict(_))) => Err(why),
            (Phase::Deleting | Phase::DeletingOld(..) | Phase::Withdrawing(_), _) => {
                work.lost += 1;
                if work.lost <= LOST {
                    return Ok(());
                }
                if !matches!(work.phase, Phase::Deleting) {
                    self.outgoing = Outgoing::Nothing;
                }
                Err(Error::Unknown)
            }
            (Phase::Ready | Phase::Reloading | Phase::Indexing | Phase::Finished, _) => Err(Error::Unknown),
        }
    }

    /// The write is stored: what was about to be is. A login is in force only when the index has it too, and until then
    /// no answer carries its cookie (protocol rule 6).
    fn landed(&mut self, work: &mut Work, intent: Intent<'_>, version: Version, rules: &Rules<'_>) {
        (self.seen, self.base) = (version, self.mine.version());
        self.changes.settle();
        if rules.has_index && matches!(intent, Intent::Login { .. }) {
            (work.phase, work.lost, self.outgoing) = (Phase::Indexing, 0, Outgoing::Nothing);
        } else {
            self.in_force(work, intent, rules);
        }
    }

    /// The index has a login, or will not have it: then its record goes, and nobody has seen its cookie (rule 7).
    pub(super) fn indexed(
        &mut self,
        work: &mut Work,
        intent: Intent<'_>,
        added: Result<Added, ()>,
        rules: &Rules<'_>,
    ) -> Result<(), Error> {
        let why = match added {
            Ok(Added::Applied) => {
                self.in_force(work, intent, rules);
                return Ok(());
            }
            Ok(Added::Moved) => Error::SignInAgain,
            Ok(Added::Full) => Error::Full,
            Err(()) if work.lost < LOST => {
                work.lost += 1;
                return Ok(());
            }
            Err(()) => Error::Unknown,
        };
        (work.phase, work.lost) = (Phase::Withdrawing(why), 0);
        Ok(())
    }

    /// The session is as the verb wanted it, and so is its cookie.
    fn in_force(&mut self, work: &mut Work, intent: Intent<'_>, rules: &Rules<'_>) {
        let created = matches!(self.standing, Standing::New);
        self.standing = Standing::Live;
        if let Some(next) = &work.next {
            (self.token, self.outgoing) = (Some(*next), Outgoing::Set(*next));
            let id = Id(next.handle());
            if created {
                rules.observer.observe(&Event::Created(id));
            }
            match intent {
                Intent::Login { .. } => {
                    self.doubted = false;
                    rules.observer.observe(&Event::LoggedIn(id));
                }
                Intent::Rotate => rules.observer.observe(&Event::Rotated(id)),
                _ if !created => rules.observer.observe(&Event::Renewed(id)),
                _ => {}
            }
        }
        work.phase = match work.replaces.take() {
            Some((handle, login)) => Phase::DeletingOld(handle, login),
            None => Phase::Finished,
        };
    }

    fn only_renews(&self, intent: Intent<'_>) -> bool {
        matches!(intent, Intent::Commit) && !self.changes.dirty()
    }

    fn lost(&mut self, work: &mut Work) -> Result<(), Error> {
        work.lost += 1;
        if work.lost > LOST {
            return Err(Error::Unknown);
        }
        work.phase = Phase::Reloading;
        Ok(())
    }

    /// The session ended while this request was under way: nothing is created, but a login has proven who it is.
    pub(super) fn gone(&mut self, work: &mut Work, intent: Intent<'_>) -> Result<(), Error> {
        match intent {
            Intent::Login { .. } => {
                self.become_nothing();
                (work.phase, work.next) = (Phase::Ready, None);
                Ok(())
            }
            _ if self.only_renews(intent) => {
                work.phase = Phase::Finished;
                Ok(())
            }
            _ => {
                work.attempted = true;
                Err(Error::Ended)
            }
        }
    }

    pub(super) fn target(&self, work: &Work) -> Option<Handle> {
        if matches!(work.wrote, Phase::Creating) { self.fresh_handle } else { self.token.map(|token| token.handle()) }
    }

    pub(super) fn reloaded(
        &mut self,
        work: &mut Work,
        intent: Intent<'_>,
        load: Result<Load, ()>,
        rules: &Rules<'_>,
        now: Time,
    ) -> Result<(), Error> {
        let lost = work.lost > 0;
        let found = match load {
            Err(()) if self.only_renews(intent) => {
                work.phase = Phase::Finished;
                return Ok(());
            }
            Err(()) => return self.lost(work),
            Ok(Load::TooLarge { size }) => {
                let have = self.other.capacity();
                return if size > have && self.other.grow(size) {
                    Ok(())
                } else {
                    Err(Error::TooLarge { need: size, have })
                };
            }
            Ok(Load::Found(found)) if self.other.adopt(found.len).is_ok() => Some(found),
            Ok(_) => None,
        };
        if matches!(work.wrote, Phase::Deleting) {
            return self.logout_again(work, found, rules, now);
        }
        let Some(found) = found else {
            return match work.wrote {
                Phase::Creating => {
                    work.phase = Phase::Ready;
                    Ok(())
                }
                _ if lost => Err(Error::Unknown),
                _ => self.gone(work, intent),
            };
        };
        let there = self.other.version();
        if there == self.mine.version() {
            self.landed(work, intent, found.version, rules);
            return Ok(());
        }
        if matches!(work.wrote, Phase::Creating) || lost && there != self.base {
            return Err(Error::Unknown);
        }
        self.resume(work, intent, found, rules, now)
    }

    /// A newer record: is the cookie still good for it, and do the changes go together with it?
    fn resume(
        &mut self,
        work: &mut Work,
        intent: Intent<'_>,
        found: Found,
        rules: &Rules<'_>,
        now: Time,
    ) -> Result<(), Error> {
        let Some(token) = &self.token else {
            return Err(Error::Unknown);
        };
        match expiry::accept(token, &self.other, rules.policy, now) {
            verdict @ (Verdict::Current | Verdict::Grace) => {
                let heed_reads = self.changes.dirty() || matches!(intent, Intent::Update);
                self.changes.merge(&self.mine, &mut self.other, heed_reads)?;
                core::mem::swap(&mut self.mine, &mut self.other);
                (self.seen, self.base) = (found.version, self.mine.version());
                if verdict == Verdict::Grace {
                    self.hand_out_current(rules);
                }
                if work.started.is_none_or(|started| now.past(started, PATIENCE)) {
                    return Err(Error::Conflict);
                }
                (work.phase, work.next, work.edited) = (Phase::Ready, None, false);
                Ok(())
            }
            Verdict::Late | Verdict::Superseded if !matches!(intent, Intent::Login { .. }) => {
                if self.only_renews(intent) {
                    work.phase = Phase::Finished;
                    return Ok(());
                }
                Err(Error::Superseded)
            }
            Verdict::Expired | Verdict::Late | Verdict::Superseded => self.gone(work, intent),
        }
    }

    /// The record has another login number than the one that was loaded, or the cookie is a superseded one.
    fn logout_again(
        &mut self,
        work: &mut Work,
        found: Option<Found>,
        rules: &Rules<'_>,
        now: Time,
    ) -> Result<(), Error> {
        let verdict = match &self.token {
            Some(token) if found.is_some() => Some(expiry::accept(token, &self.other, rules.policy, now)),
            _ => None,
        };
        match verdict {
            None | Some(Verdict::Expired) => {
                self.end();
                work.phase = Phase::Finished;
                Ok(())
            }
            Some(Verdict::Superseded) => Err(Error::Superseded),
            Some(Verdict::Current | Verdict::Grace | Verdict::Late) => {
                core::mem::swap(&mut self.mine, &mut self.other);
                self.standing = Standing::Live;
                work.phase = Phase::Ready;
                Ok(())
            }
        }
    }
}
