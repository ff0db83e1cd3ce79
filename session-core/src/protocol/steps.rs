//! Decides the next step: load, create, update, touch, delete, or nothing.

use super::expiry::{self, Verdict};
use super::operation::{FLASH, Intent, Next, Operation, Phase, Rules, StoreRequest};
use super::state::{RequestState, SessionState};
use crate::base::environment::{Buffer, Time};
use crate::base::error::Error;
use crate::base::events::Observer;
use crate::base::names::Handle;
use crate::store::contract::DeleteCondition;
use crate::wire::token::Token;

impl<B: Buffer> RequestState<B> {
    pub(super) fn step(
        &mut self,
        operation: &mut Operation<'_>,
        rules: &Rules<'_, impl Observer>,
    ) -> Result<Next, Error> {
        let intent = operation.intent;
        match operation.phase {
            Phase::Finished => return Ok(Next::Done),
            Phase::Reloading => {
                return Ok(self.token.map_or(Next::Done, |token| operation.ask(StoreRequest::Load, token.handle())));
            }
            Phase::DeletingOld => {
                let old = operation.replaces;
                return Ok(
                    old.map_or(Next::Done, |(handle, login)| operation.delete(handle, DeleteCondition::Login(login)))
                );
            }
            Phase::Indexing => return Ok(operation.ask(StoreRequest::Index, operation.handle)),
            // only the version that was written: if another login has joined it, it belongs to that login
            Phase::Withdrawing => return Ok(operation.delete(operation.handle, DeleteCondition::Version(self.seen))),
            _ => {}
        }
        if let SessionState::Failed(error) = self.session {
            return if matches!(intent, Intent::Commit) { Ok(Next::Done) } else { Err(error) };
        }
        match intent {
            Intent::Logout => Ok(self.logout_step(operation)),
            Intent::Rotate | Intent::Update if matches!(self.session, SessionState::Stale) => {
                Err(Error::CookieReplaced)
            }
            Intent::Login { .. } | Intent::Rotate if !self.is_live() && self.token.is_some() => {
                // perhaps a login of the same subject has just replaced the cookie, or the session has expired by this
                // clock only and must end
                operation.phase = Phase::Reloading;
                self.step(operation, rules)
            }
            Intent::Login { subject, .. } if self.is_live() && self.may_sign_in(subject) => {
                self.update_step(operation, rules)
            }
            Intent::Login { .. } => self.login_step(operation, rules),
            Intent::Update if matches!(self.session, SessionState::None) => self.create_step(operation, rules),
            Intent::Commit | Intent::Update if matches!(self.session, SessionState::New) => {
                self.create_step(operation, rules)
            }
            Intent::Commit | Intent::Rotate if !self.is_live() => Ok(Next::Done),
            Intent::Commit if !self.changes.dirty() && (!self.active || self.unreadable != 0) => Ok(Next::Done),
            Intent::Commit | Intent::Update | Intent::Rotate => self.update_step(operation, rules),
        }
    }

    /// Deletes by login number, so that writers cannot starve a logout. A PastGrace cookie is the session's own here.
    fn logout_step(&mut self, operation: &mut Operation<'_>) -> Next {
        let Some(token) = &self.token else {
            self.end();
            return Next::Done;
        };
        if expiry::worth(token, &self.mine, operation.now) == Verdict::Replaced {
            operation.phase = Phase::Reloading;
            return operation.ask(StoreRequest::Load, token.handle());
        }
        operation.phase = Phase::Deleting;
        operation.attempted = true;
        operation.delete(token.handle(), DeleteCondition::Login(self.mine.login()))
    }

    /// A handle has one subject for life (protocol rule 5).
    fn may_sign_in(&self, subject: &str) -> bool {
        self.mine.subject().is_none_or(|(before, _)| before == subject)
    }

    /// Whether a login needs a new session, because there is none or it belongs to another subject.
    fn login_step(&mut self, operation: &mut Operation<'_>, rules: &Rules<'_, impl Observer>) -> Result<Next, Error> {
        // that of a session that is not accepted was handled above
        if let Some(token) = self.token.take() {
            operation.replaces = Some((token.handle(), self.mine.login()));
        }
        self.create_step(operation, rules)
    }

    fn create_step(&mut self, operation: &mut Operation<'_>, rules: &Rules<'_, impl Observer>) -> Result<Next, Error> {
        let Operation { intent, now, .. } = *operation;
        if !matches!(self.session, SessionState::New) {
            self.begin()?;
        }
        if self.mine.data().is_empty()
            && matches!(intent, Intent::Commit)
            && !self.handle_shown
            && !self.changes.dirty()
        {
            return Ok(Next::Done);
        }
        let Some(fresh) = &operation.fresh else {
            return Ok(Next::Random);
        };
        if matches!(intent, Intent::Update) && !operation.edited {
            return Ok(Next::Edit);
        }
        let handle = *self.fresh_handle.get_or_insert(fresh.handle());
        operation.attempted = true;
        self.mine.set_created(now);
        if matches!(intent, Intent::Login { .. }) {
            self.sign_in(operation, 1, rules)?;
        }
        self.write(operation, handle, true, rules)
    }

    fn update_step(&mut self, operation: &mut Operation<'_>, rules: &Rules<'_, impl Observer>) -> Result<Next, Error> {
        let Operation { intent, now, .. } = *operation;
        if self.changes.dirty() && operation.fresh.is_none() {
            // always drawn, so that the following step is evaluated once
            return Ok(Next::Random);
        }
        if expiry::expired(&self.mine, rules.policy, now) {
            return self.gone(operation, Error::Ended).and_then(|()| self.step(operation, rules));
        }
        let Some(token) = &self.token else { return Ok(Next::Done) };
        let handle = token.handle();
        let renews = self.active && expiry::renewal_due(token, &self.mine, rules.policy, now);
        if self.only_renews(intent) && !renews {
            if !rules.touch_is_free && !expiry::touch_due(&self.mine, rules.policy, now) {
                return Ok(Next::Done);
            }
            operation.phase = Phase::Finished;
            return Ok(operation.ask(StoreRequest::Touch, handle));
        }
        if operation.joined {
            // another version, so that the joined login can no longer be withdrawn
            return self.write(operation, handle, false, rules);
        }
        let Some(fresh) = &operation.fresh else {
            return Ok(Next::Random);
        };
        if matches!(intent, Intent::Update) && !operation.edited {
            return Ok(Next::Edit);
        }
        operation.attempted = true;
        operation.next = None;
        let signs = matches!(intent, Intent::Login { .. } | Intent::Rotate);
        let mut another = signs;
        if signs || renews {
            let (verifier, sealed) = (token.verifier, token.seal(fresh.secret(), rules.ring));
            let mut leads_until = Time::from_millis(now.millis() + rules.policy.limits.grace);
            if signs {
                leads_until = Time::ZERO;
                self.sign_in(operation, self.mine.login().saturating_add(1), rules)?;
                self.mine.drop_previous()?;
            }
            if let (false, Some(sealed)) = (matches!(intent, Intent::Rotate), sealed) {
                // the old cookie leads to the new one, for the grace or for another login. Without room for that there
                // is no renewal, and a second login creates its own session
                another |= self.mine.keep_previous(&verifier, leads_until, &sealed).is_ok();
            }
        } else {
            match self.mine.previous().map(|previous| previous.grace_until) {
                // the browser has the login's answer, so no other login needs to find the session
                Some(Time::ZERO) if !self.signed_in_now => self.mine.drop_previous()?,
                // after the grace only the verifier of the previous cookie stays, to distinguish PastGrace from
                // Replaced
                Some(until) if until > Time::ZERO && now >= until => self.mine.forget_sealed(),
                _ => {}
            }
        }
        self.write(operation, handle, another, rules)
    }

    /// Writes the record as a new version, with or without another cookie, unless its data was changed and is too
    /// large.
    fn write(
        &mut self,
        operation: &mut Operation<'_>,
        handle: Handle,
        another: bool,
        rules: &Rules<'_, impl Observer>,
    ) -> Result<Next, Error> {
        let Some(fresh) = &operation.fresh else { return Ok(Next::Random) };
        if another {
            let next = operation.next.insert(Token::mint(handle, fresh.secret(), rules.ring));
            self.mine.set_verifier(&next.verifier);
            self.mine.set_rotated_at(operation.now);
        }
        let login = self.mine.login();
        if !self.mine.own_lifetimes() {
            let (before, ends) = (self.mine.ends(), rules.policy.ends(self.mine.created()));
            // an index lists a login until its original end, so that end must not move, or a revocation would miss the
            // session
            let listed = login > 0 && before != 0 && (ends == 0 || ends > before);
            self.mine.set_lifetimes(rules.policy.limits.idle_of(login), if listed { before } else { ends }, false);
        }
        let created = matches!(self.session, SessionState::New);
        if self.active || created {
            self.mine.saw(operation.now);
        }
        if self.changes.dirty() {
            let (need, have) = (self.mine.bytes().len(), rules.policy.max_bytes);
            if need > have {
                return Err(Error::TooLarge { need, have });
            }
            if self.changes.stale() {
                return Err(Error::Conflict);
            }
        }
        self.mine.set_version(fresh.version());
        let request = if created { StoreRequest::Create } else { StoreRequest::Update };
        operation.phase = if created { Phase::Creating } else { Phase::Updating };
        Ok(operation.ask(request, handle))
    }

    /// Sets another salt for a login or a rotation, and for a login its number, subject, time and lifetimes. Kept data
    /// may have been planted, so nothing that confers trust survives.
    fn sign_in(
        &mut self,
        operation: &Operation<'_>,
        login: u32,
        rules: &Rules<'_, impl Observer>,
    ) -> Result<(), Error> {
        if let Some(fresh) = &operation.fresh {
            self.mine.set_salt(fresh.version())?;
        }
        let Operation { intent: Intent::Login { subject, remember, keep_data, .. }, now, .. } = *operation else {
            return Ok(());
        };
        self.mine.set_login(login);
        self.mine.set_created(now);
        self.mine.set_subject(subject, now)?;
        // the browser may have lost the previous key, so it is asked for another one
        self.mine.drop_device()?;
        let limits = &rules.policy.limits;
        // the policy's are set when the record is written
        let ends = if remember { now.millis() + limits.remember } else { 0 };
        self.mine.set_lifetimes(limits.remember_idle, ends, remember);
        if keep_data {
            self.mine.table().remove(FLASH);
        } else {
            self.mine.table().clear();
            self.mine.set_label("")?;
            self.mine.set_binding(None)?;
        }
        Ok(())
    }
}
