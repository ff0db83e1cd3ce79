//! Decides what the store's answer means: stored, gone, changed by another writer, or lost on the way.

use super::expiry::{self, Verdict};
use super::operation::{HANDLES, Intent, LOST, Operation, PATIENCE, Phase, Rules};
use super::state::{Outgoing, RequestState, SessionState};
use crate::base::environment::Buffer;
use crate::base::error::Error;
use crate::base::events::{Cause, Event, LogId, Observer};
use crate::base::names::Version;
use crate::base::policy::Mismatch;
use crate::store::contract::{Found, Load, Outcome};
use crate::store::index::Added;

impl<B: Buffer> RequestState<B> {
    pub(super) fn wrote(
        &mut self,
        operation: &mut Operation<'_>,
        outcome: Result<Outcome, ()>,
        rules: &Rules<'_, impl Observer>,
    ) -> Result<(), Error> {
        let Operation { intent, phase, .. } = *operation;
        match phase {
            Phase::Creating | Phase::Updating => match outcome {
                Ok(Outcome::Applied(version)) => {
                    self.landed(operation, version, rules);
                    return Ok(());
                }
                Err(()) | Ok(Outcome::Full | Outcome::TooLarge { .. })
                    if matches!(phase, Phase::Updating) && self.only_renews(intent) =>
                {
                    operation.phase = Phase::Finished;
                }
                Ok(Outcome::Full) => return Err(Error::Full),
                Ok(Outcome::TooLarge { need, have }) => return Err(Error::TooLarge { need, have }),
                // in use, or abandoned: a create that executes later makes a record with an unknown secret (rule 13)
                _ if matches!(phase, Phase::Creating) => {
                    operation.handles += 1;
                    if operation.handles >= HANDLES || self.handle_shown {
                        return Err(outcome.map_or(Error::Indeterminate, |_| Error::Unavailable));
                    }
                    (operation.fresh, self.fresh_handle, operation.phase) = (None, None, Phase::Ready);
                }
                Err(()) => {
                    operation.pending = true;
                    return self.lost(operation);
                }
                Ok(Outcome::Missing) => return self.gone(operation, Error::Ended),
                Ok(Outcome::Conflict(found)) => {
                    operation.phase = Phase::Reloading;
                    if let Some(found) = found {
                        return self.reloaded(operation, Ok(Load::Found(found)), rules);
                    }
                }
            },
            Phase::Deleting | Phase::DeletingOld | Phase::Withdrawing => match (phase, outcome) {
                (_, Err(()) | Ok(Outcome::Full | Outcome::TooLarge { .. })) => {
                    operation.lost += 1;
                    if operation.lost > LOST {
                        if !matches!(phase, Phase::Deleting) {
                            self.outgoing = Outgoing::Nothing;
                        }
                        return Err(Error::Indeterminate);
                    }
                }
                (Phase::Deleting, Ok(Outcome::Conflict(_))) => {
                    operation.phase = Phase::Reloading;
                }
                (Phase::Deleting, Ok(_)) => {
                    if let (Some(token), false) = (&self.token, rules.observer.ignores()) {
                        let (id, who) = (LogId(token.handle()), self.owner());
                        // only a mismatch that ends the session leads here while the binding is in doubt
                        rules.observer.observe(&match rules.policy.mismatch {
                            Mismatch::End if self.doubted => Event::Revoked(id, who, Cause::Mismatch),
                            _ => Event::Ended(id, who),
                        });
                    }
                    return self.ended(operation);
                }
                (Phase::Withdrawing, Ok(_)) => return Err(operation.refused),
                // a slower login of another subject must not end a newer one, so a conflict is ignored
                (_, Ok(outcome)) => {
                    if matches!(outcome, Outcome::Applied(_)) {
                        let event = Event::Revoked(LogId(operation.handle), None, Cause::AnotherLogin);
                        rules.observer.observe(&event);
                    }
                    operation.phase = Phase::Finished;
                }
            },
            Phase::Finished => {
                // a touch, whose answer ends the commit whatever it is
                if let Ok(Outcome::Applied(_)) = outcome {
                    self.mine.saw(operation.now);
                }
            }
            Phase::Ready | Phase::Reloading | Phase::Indexing => return Err(Error::Indeterminate),
        }
        Ok(())
    }

    /// The write is stored. A login takes effect only when the index has it as well, and until then no answer carries
    /// its cookie (protocol rule 6).
    fn landed(&mut self, operation: &mut Operation<'_>, version: Version, rules: &Rules<'_, impl Observer>) {
        (self.seen, self.base, operation.pending) = (version, self.mine.version(), false);
        self.changes.settle();
        if rules.has_index && matches!(operation.intent, Intent::Login { .. }) && !operation.joined {
            (operation.phase, operation.lost, self.outgoing) = (Phase::Indexing, 0, Outgoing::Nothing);
        } else {
            self.in_force(operation, rules);
        }
    }

    /// Handles the index's answer to a login. If the index rejects it, the record is deleted, and no browser has its cookie (rule 7).
    pub(super) fn indexed(
        &mut self,
        operation: &mut Operation<'_>,
        added: Result<Added, ()>,
        rules: &Rules<'_, impl Observer>,
    ) -> Result<(), Error> {
        operation.refused = match added {
            Ok(Added::Applied) => {
                if operation.joined {
                    operation.phase = Phase::Ready;
                } else {
                    self.in_force(operation, rules);
                }
                return Ok(());
            }
            Ok(Added::Moved) => Error::SignInAgain,
            Ok(Added::Full) => Error::Full,
            Err(()) if operation.lost < LOST => {
                operation.lost += 1;
                return Ok(());
            }
            Err(()) => Error::Indeterminate,
        };
        if operation.joined {
            // the record belongs to another login, which may be valid
            return Err(operation.refused);
        }
        (operation.phase, operation.lost) = (Phase::Withdrawing, 0);
        Ok(())
    }

    /// The session and its cookie are as the verb requires.
    fn in_force(&mut self, operation: &mut Operation<'_>, rules: &Rules<'_, impl Observer>) {
        let Operation { intent, .. } = *operation;
        let created = matches!(self.session, SessionState::New);
        self.session = SessionState::Live;
        if let Some(next) = &operation.next {
            (self.token, self.outgoing) = (Some(*next), Outgoing::Set(next.value()));
            let id = LogId(next.handle());
            if created {
                rules.observer.observe(&Event::Created(id));
            }
            let who = if rules.observer.ignores() { None } else { self.owner() };
            match intent {
                Intent::Login { subject, .. } => {
                    (self.doubted, self.signed_in_now) = (false, true);
                    rules.observer.observe(&Event::LoggedIn(id, subject));
                }
                Intent::Rotate => rules.observer.observe(&Event::Rotated(id, who)),
                _ if !created => rules.observer.observe(&Event::Renewed(id, who)),
                _ => {}
            }
        }
        operation.phase = if operation.replaces.is_some() { Phase::DeletingOld } else { Phase::Finished };
    }

    pub(super) fn only_renews(&self, intent: Intent<'_>) -> bool {
        matches!(intent, Intent::Commit) && !self.changes.dirty()
    }

    fn lost(&mut self, operation: &mut Operation<'_>) -> Result<(), Error> {
        operation.lost += 1;
        if operation.lost > LOST {
            return Err(Error::Indeterminate);
        }
        operation.phase = Phase::Reloading;
        Ok(())
    }

    /// The session ended during this request. Only a login may create another, because its subject was authenticated.
    /// Every other verb ends with this error.
    pub(super) fn gone(&mut self, operation: &mut Operation<'_>, error: Error) -> Result<(), Error> {
        let intent = operation.intent;
        match intent {
            Intent::Login { .. } if !operation.pending => {
                if self.is_live() {
                    self.session = SessionState::None;
                }
                self.token = None;
                (operation.phase, operation.joined) = (Phase::Ready, false);
                Ok(())
            }
            Intent::Logout => self.ended(operation),
            Intent::Rotate if !self.is_live() => {
                operation.phase = Phase::DeletingOld;
                Ok(())
            }
            _ if self.only_renews(intent) => {
                operation.phase = Phase::Finished;
                Ok(())
            }
            _ => {
                operation.attempted = true;
                Err(error)
            }
        }
    }

    pub(super) fn reloaded(
        &mut self,
        operation: &mut Operation<'_>,
        load: Result<Load, ()>,
        rules: &Rules<'_, impl Observer>,
    ) -> Result<(), Error> {
        let intent = operation.intent;
        let found = match load {
            Err(()) if self.only_renews(intent) => {
                operation.phase = Phase::Finished;
                return Ok(());
            }
            Err(()) => return self.lost(operation),
            Ok(Load::TooLarge { size }) => return self.other.make_room(size),
            Ok(Load::Found(found)) if self.other.adopt(found.len).is_ok() => Some(found),
            Ok(_) => None,
        };
        let (Some(token), Some(found)) = (&self.token, found) else {
            return self.gone(operation, Error::Ended);
        };
        let verdict = expiry::worth(token, &self.other, operation.now);
        if matches!(intent, Intent::Logout) {
            return self.logout_again(operation, verdict);
        }
        let there = self.other.version();
        if operation.attempted && there == self.mine.version() {
            self.landed(operation, found.version, rules);
            return Ok(());
        }
        if operation.pending && there != self.base {
            return Err(Error::Indeterminate);
        }
        if expiry::expired(&self.other, rules.policy, operation.now) {
            if verdict != Verdict::Replaced {
                // by another clock or policy it is valid, and its replacement ignores both
                operation.replaces = Some((operation.handle, self.other.login()));
            }
            return self.gone(operation, Error::Ended);
        }
        self.resume(operation, found, verdict, rules)
    }

    /// A newer record: checks whether the cookie is still valid for it, and whether the changes conflict with it.
    fn resume(
        &mut self,
        operation: &mut Operation<'_>,
        found: Found,
        verdict: Verdict,
        rules: &Rules<'_, impl Observer>,
    ) -> Result<(), Error> {
        let Operation { intent, now, .. } = *operation;
        // another login of the subject has just replaced the cookie, as with two clicks on "sign in" (protocol rule 15)
        let joined = match (verdict, intent, &self.token) {
            (Verdict::Replaced, Intent::Login { subject, .. }, Some(token)) => {
                expiry::successor(token, &self.other, subject, now, rules.ring)
            }
            _ => None,
        };
        if joined.is_none() && !(self.is_live() && matches!(verdict, Verdict::Current | Verdict::Grace)) {
            let replaced = matches!(verdict, Verdict::PastGrace | Verdict::Replaced);
            return self.gone(operation, if replaced { Error::CookieReplaced } else { Error::Ended });
        }
        if matches!(intent, Intent::Login { keep_data: false, .. }) {
            self.changes.reset();
        }
        self.changes.merge(&self.mine, &mut self.other)?;
        core::mem::swap(&mut self.mine, &mut self.other);
        (self.seen, self.base) = (found.version, self.mine.version());
        (operation.next, operation.joined) = (joined, joined.is_some());
        if operation.joined {
            // after any failure below, the request has no session. The index comes first: otherwise it could list a
            // session that has ended, and a cap would end another one for it
            (operation.attempted, self.session) = (true, SessionState::Live);
            operation.phase = if rules.has_index { Phase::Indexing } else { Phase::Ready };
            return Ok(());
        }
        if verdict == Verdict::Grace {
            self.hand_out_current(rules);
        }
        if operation.started.is_none_or(|started| now.past(started, PATIENCE)) {
            return Err(Error::Conflict);
        }
        (operation.phase, operation.edited) = (Phase::Ready, false);
        Ok(())
    }

    /// The record is not the loaded one, none was loaded, or the cookie was replaced.
    fn logout_again(&mut self, operation: &mut Operation<'_>, worth: Verdict) -> Result<(), Error> {
        match worth {
            Verdict::Replaced if self.is_live() || expiry::unsettled(&self.other, operation.now) => {
                Err(Error::CookieReplaced)
            }
            Verdict::Replaced => self.ended(operation),
            _ => {
                core::mem::swap(&mut self.mine, &mut self.other);
                operation.phase = Phase::Ready;
                Ok(())
            }
        }
    }

    fn ended(&mut self, operation: &mut Operation<'_>) -> Result<(), Error> {
        self.end();
        operation.phase = Phase::Finished;
        Ok(())
    }
}
