//! Decides what is to be done next: load, create, update, touch, delete, or nothing.

use super::expiry;
use super::operation::{FLASH, Intent, Next, Operation, Phase, Rules, StoreRequest};
use super::state::{RequestState, SessionState};
use crate::base::environment::{Buffer, Time};
use crate::base::error::Error;
use crate::base::names::Handle;
use crate::store::contract::DeleteCondition;
use crate::store::index::IndexEntry;
use crate::wire::token::Token;

impl<B: Buffer> RequestState<B> {
    pub(super) fn step(
        &mut self,
        operation: &mut Operation,
        intent: Intent<'_>,
        rules: &Rules<'_>,
        now: Time,
    ) -> Result<Next, Error> {
        match operation.phase {
            Phase::Finished => return Ok(Next::Done),
            Phase::Reloading => {
                return Ok(self.token.map_or(Next::Done, |token| StoreRequest::Load(token.handle()).into()));
            }
            Phase::DeletingOld(handle, login) => {
                return Ok(StoreRequest::Delete(handle, DeleteCondition::Login(login)).into());
            }
            Phase::Indexing => {
                return Ok(self.entry(operation).map_or(Next::Done, |entry| StoreRequest::Index(entry).into()));
            }
            Phase::Withdrawing(_) => {
                let own = operation
                    .next
                    .as_ref()
                    .map(|own| StoreRequest::Delete(own.handle(), DeleteCondition::Login(self.mine.login())).into());
                return Ok(own.unwrap_or(Next::Done));
            }
            _ => {}
        }
        if let SessionState::Failed(error) = self.session {
            return if matches!(intent, Intent::Commit) { Ok(Next::Done) } else { Err(error) };
        }
        match intent {
            Intent::Logout => Ok(self.logout_step(operation)),
            Intent::Login { subject, .. } if self.is_live() && self.may_sign_in(subject) => {
                self.update_step(operation, intent, rules, now)
            }
            Intent::Login { .. } => self.login_step(operation, intent, rules, now),
            Intent::Rotate | Intent::Update if matches!(self.session, SessionState::Stale) => {
                Err(Error::CookieReplaced)
            }
            Intent::Rotate if !self.is_live() => Ok(Next::Done),
            Intent::Update if matches!(self.session, SessionState::None) => {
                self.begin()?;
                self.create_step(operation, intent, rules, now)
            }
            Intent::Commit | Intent::Update if matches!(self.session, SessionState::New) => {
                self.create_step(operation, intent, rules, now)
            }
            Intent::Commit if !self.is_live() => Ok(Next::Done),
            Intent::Commit if !self.changes.dirty() => {
                if !self.active || expiry::expired(&self.mine, rules.policy, now) {
                    Ok(Next::Done)
                } else if self
                    .token
                    .as_ref()
                    .is_some_and(|token| expiry::renewal_due(token, &self.mine, rules.policy, now))
                {
                    self.update_step(operation, intent, rules, now)
                } else {
                    Ok(self.touch_step(operation, rules, now))
                }
            }
            Intent::Commit | Intent::Update | Intent::Rotate => self.update_step(operation, intent, rules, now),
        }
    }

    /// The index's entry for the login that has just been stored.
    fn entry(&self, operation: &Operation) -> Option<IndexEntry> {
        let ends = if self.mine.ends() == 0 { Time::MAX } else { Time::from_millis(self.mine.ends()) };
        Some(IndexEntry { handle: operation.next.as_ref()?.handle(), login: self.mine.login(), ends, order: 0 })
    }

    fn touch_step(&mut self, operation: &mut Operation, rules: &Rules<'_>, now: Time) -> Next {
        let due = rules.touch_is_free || expiry::touch_due(&self.mine, rules.policy, now);
        match &self.token {
            Some(token) if due => {
                operation.phase = Phase::Touching;
                StoreRequest::Touch(token.handle()).into()
            }
            _ => Next::Done,
        }
    }

    /// Deletes by login number, so that writers cannot starve a logout. A PastGrace cookie is the session's own here.
    fn logout_step(&mut self, operation: &mut Operation) -> Next {
        match (self.session, &self.token) {
            (SessionState::Live | SessionState::Stale | SessionState::None, Some(token)) => {
                if !matches!(self.session, SessionState::Live) && !self.is_late(token) {
                    operation.phase = Phase::Reloading;
                    return StoreRequest::Load(token.handle()).into();
                }
                operation.phase = Phase::Deleting;
                operation.attempted = true;
                StoreRequest::Delete(token.handle(), DeleteCondition::Login(self.mine.login())).into()
            }
            _ => {
                self.end();
                Next::Done
            }
        }
    }

    fn is_late(&self, token: &Token) -> bool {
        use subtle::ConstantTimeEq;
        self.mine.previous().is_some_and(|previous| previous.verifier.ct_eq(&token.verifier).into())
    }

    /// A handle has one subject for life (protocol rule 5).
    fn may_sign_in(&self, subject: &str) -> bool {
        self.mine.subject().is_none_or(|(before, _)| before == subject)
    }

    /// A login that needs a new session: there is none, or it is another subject's.
    fn login_step(
        &mut self,
        operation: &mut Operation,
        intent: Intent<'_>,
        rules: &Rules<'_>,
        now: Time,
    ) -> Result<Next, Error> {
        if let (SessionState::Live, Some(token)) = (self.session, &self.token) {
            operation.replaces = Some((token.handle(), self.mine.login()));
        }
        if !matches!(self.session, SessionState::New) {
            self.become_nothing();
            self.begin()?;
        }
        self.create_step(operation, intent, rules, now)
    }

    fn create_step(
        &mut self,
        operation: &mut Operation,
        intent: Intent<'_>,
        rules: &Rules<'_>,
        now: Time,
    ) -> Result<Next, Error> {
        if self.mine.data().is_empty()
            && matches!(intent, Intent::Commit)
            && !self.handle_shown
            && !self.changes.dirty()
        {
            return Ok(Next::Done);
        }
        let Some((drawn, secret, version)) = split(&operation.fresh) else {
            return Ok(Next::Random);
        };
        if matches!(intent, Intent::Update) && !operation.edited {
            return Ok(Next::Edit);
        }
        let handle = *self.fresh_handle.get_or_insert(drawn);
        operation.attempted = true;
        self.mine.set_created(now);
        self.limit(rules, now, false);
        if let Intent::Login { subject, remember, keep_data, .. } = intent {
            self.sign_in(subject, remember, keep_data, rules, now)?;
            self.mine.set_login(1);
        }
        self.mine.set_version(version);
        self.mine.saw(now);
        let next = Token::mint(handle, secret, rules.ring);
        self.change_cookie(operation.next.insert(next), now);
        operation.phase = Phase::Creating;
        Ok(StoreRequest::Create(handle).into())
    }

    fn update_step(
        &mut self,
        operation: &mut Operation,
        intent: Intent<'_>,
        rules: &Rules<'_>,
        now: Time,
    ) -> Result<Next, Error> {
        if expiry::expired(&self.mine, rules.policy, now) {
            return self.gone(operation, intent).map(|()| Next::Random);
        }
        let Some((_, secret, version)) = split(&operation.fresh) else {
            return Ok(Next::Random);
        };
        let Some(token) = &self.token else { return Ok(Next::Done) };
        if matches!(intent, Intent::Update) && !operation.edited {
            return Ok(Next::Edit);
        }
        operation.attempted = true;
        operation.next = None;
        let handle = token.handle();
        let another = match intent {
            Intent::Login { subject, remember, keep_data, .. } => {
                self.mine.set_login(self.mine.login().saturating_add(1));
                self.mine.set_created(now);
                self.sign_in(subject, remember, keep_data, rules, now)?;
                self.mine.drop_previous()?;
                true
            }
            Intent::Rotate => {
                self.mine.drop_previous()?;
                true
            }
            _ if self.active && expiry::renewal_due(token, &self.mine, rules.policy, now) => {
                // for the grace, from now on, the old cookie leads to the new one; no renewal if there is no room for that
                let grace_until = Time::from_millis(now.millis() + rules.policy.limits.grace);
                let sealed = token.seal(secret, rules.ring);
                sealed.is_some_and(|sealed| self.mine.keep_previous(grace_until, &sealed).is_ok())
            }
            _ => {
                // after the grace only the verifier of the previous cookie stays, to tell PastGrace from Replaced
                if self.mine.previous().is_some_and(|previous| now >= previous.grace_until) {
                    self.mine.forget_sealed();
                }
                false
            }
        };
        if another {
            let next = Token::mint(handle, secret, rules.ring);
            self.change_cookie(operation.next.insert(next), now);
        }
        if !self.mine.own_lifetimes() {
            self.limit(rules, self.mine.created(), false);
        }
        if self.active {
            self.mine.saw(now);
        }
        self.mine.set_version(version);
        operation.phase = Phase::Updating;
        Ok(StoreRequest::Update(handle, self.seen).into())
    }

    fn change_cookie(&mut self, next: &Token, now: Time) {
        self.mine.set_verifier(&next.verifier);
        self.mine.set_rotated_at(now);
    }

    fn limit(&mut self, rules: &Rules<'_>, created: Time, remember: bool) {
        if remember {
            let span = rules.policy.limits.remember;
            self.mine.set_lifetimes(span, created.millis() + span, true);
        } else {
            self.mine.set_lifetimes(rules.policy.limits.idle, rules.policy.ends(created), false);
        }
    }

    /// Subject, time of authentication, lifetimes; kept data may have been planted, so that nothing of trust survives.
    fn sign_in(
        &mut self,
        subject: &str,
        remember: bool,
        keep_data: bool,
        rules: &Rules<'_>,
        now: Time,
    ) -> Result<(), Error> {
        self.mine.set_subject(subject, now)?;
        self.limit(rules, now, remember);
        if keep_data {
            self.mine.table().remove(FLASH);
        } else {
            self.mine.table().clear();
        }
        Ok(())
    }
}

/// Handle, secret and version out of 32 random bytes.
fn split(fresh: &Option<[u8; 32]>) -> Option<(Handle, &[u8; 16], &[u8; 8])> {
    let (handle, rest) = fresh.as_ref()?.split_first_chunk()?;
    let (secret, rest) = rest.split_first_chunk()?;
    Some((Handle::from_bytes(*handle), secret, rest.first_chunk()?))
}
