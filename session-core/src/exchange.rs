//! The life of a session within one request: every transition is here, and nothing else is. Pure: no await, no clock,
//! no random numbers of its own; [`crate::driver`] does what [`Step`] says and brings the answer back.
//!
//! ```text
//!  cookie ──open──▶ load ──accept──▶ Live ──changes──▶ update ─▶ Applied ─▶ cookie out, if it is another
//!     │                │  Unknown, Expired ▶ None            ├─▶ Conflict ▶ (load) ▶ accept again [1] ▶ merge ▶ update
//!     └─ forged ▶ None │  Late, Superseded ▶ Stale           ├─▶ Missing ─▶ Ended: nothing is created
//!                                                            └─▶ answer lost ▶ load: mine? the old one? unknown [11]
//!  None ──first write──▶ New ──▶ create (at most three handles)
//! ```
//! The numbers are the rules of the protocol, in docs/design.md.

use crate::changes::{Changes, Kind};
use crate::environment::{Buffer, Time, millis};
use crate::error::Error;
use crate::events::{Event, Id, Observer};
use crate::expiry::{self, Verdict};
use crate::keys::Ring;
use crate::policy::Policy;
use crate::record::{Previous, Record};
use crate::store::{Found, Handle, Load, Only, Outcome, Version};
use crate::token::Token;

/// Data that is shown once: kept under a key that no handler can name.
pub(crate) const FLASH: &str = "\0flash";
/// How long conflicts are answered by trying again, in milliseconds.
const PATIENCE: u128 = 2_000;
/// How often one verb survives a lost answer.
const LOST: u8 = 2;
/// How many handles are tried for a new session (ID4).
const HANDLES: u8 = 3;

/// What holds for every request of an application.
pub(crate) struct Rules<'r> {
    pub(crate) policy: &'r Policy,
    pub(crate) ring: &'r Ring,
    pub(crate) observer: &'r dyn Observer,
    pub(crate) touch_is_free: bool,
}

/// What the request has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    /// No session: reads are empty, a write makes one.
    None,
    /// A session that is not stored yet.
    New,
    /// An accepted session.
    Live,
    /// The cookie was replaced a moment ago: reads are empty, writes are refused.
    Stale,
    /// A verb failed half-way; what is in the buffer is not what is stored.
    Failed(Error),
}

/// The cookie that the answer carries.
enum Outgoing {
    Nothing,
    Set(Token),
    Remove,
}

/// What a verb is about to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intent<'i> {
    /// Store what the handler changed, renew, touch.
    Commit,
    /// Store what a function makes of the newest data.
    Update,
    /// The subject has proven who it is.
    Login { subject: &'i str, remember: bool, keep_data: bool },
    /// A new cookie value.
    Rotate,
    /// The end.
    Logout,
}

/// What the driver does next. Records stand in the exchange's buffers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Bring 32 random bytes.
    Draw,
    /// Load into the other buffer.
    Load(Handle),
    Create(Handle),
    /// Update; a record found instead goes into the other buffer.
    Update(Handle, Version),
    Touch(Handle),
    Delete(Handle, Only),
    Done,
}

/// The store's answer; its error was reported already.
pub(crate) enum Reply {
    Random([u8; 32]),
    NoRandom,
    Loaded(Result<Load, ()>),
    Wrote(Result<Outcome, ()>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Ready,
    Creating,
    Updating,
    Touching,
    Deleting,
    /// Login over another subject's session: the new one is stored, the old one goes.
    DeletingOld(Handle, u32),
    /// After a conflict without the record, or after a lost answer.
    Reloading,
    Finished,
}

/// How far one verb has come.
pub(crate) struct Work {
    phase: Phase,
    /// What was under way when the answer was lost.
    wrote: Phase,
    started: Time,
    fresh: Option<[u8; 32]>,
    lost: u8,
    handles: u8,
    /// The cookie that is valid once the write has landed.
    next: Option<Token>,
    renews: bool,
    attempted: bool,
    edited: bool,
    replaces: Option<(Handle, u32)>,
}

impl Work {
    pub(crate) const fn new(started: Time) -> Self {
        Self {
            phase: Phase::Ready,
            wrote: Phase::Ready,
            started,
            fresh: None,
            lost: 0,
            handles: 0,
            next: None,
            renews: false,
            attempted: false,
            edited: false,
            replaces: None,
        }
    }
}

/// One request's session and what became of it.
pub struct Exchange<B> {
    mine: Record<B>,
    other: Record<B>,
    standing: Standing,
    /// The cookie under which the session was accepted, or is Late.
    token: Option<Token>,
    /// The value that the request's cookie had, if it was one of ours.
    presented: Option<Token>,
    carried: bool,
    seen: Version,
    /// The record's own version as loaded.
    base: Version,
    pub(crate) changes: Changes,
    outgoing: Outgoing,
    pub(crate) fresh_handle: Option<Handle>,
    handle_shown: bool,
    active: bool,
    looked: bool,
}

impl<B: Buffer> Exchange<B> {
    /// A request of which nothing is known yet, with room for two records.
    #[must_use]
    pub const fn new(one: B, two: B) -> Self {
        Self {
            mine: Record::new(one),
            other: Record::new(two),
            standing: Standing::None,
            token: None,
            presented: None,
            carried: false,
            seen: Version(0),
            base: Version(0),
            changes: Changes::new(),
            outgoing: Outgoing::Nothing,
            fresh_handle: None,
            handle_shown: false,
            active: false,
            looked: false,
        }
    }

    // ---- the cookie comes in -------------------------------------------------------------------------------------

    /// The request asked for its session, so the answer depends on the cookie.
    pub(crate) fn look(&mut self) {
        self.looked = true;
    }

    pub(crate) fn looked(&self) -> bool {
        self.looked
    }

    /// The request counts as activity; one that only peeks does not (LC16).
    pub(crate) fn activity(&mut self) {
        self.active = true;
    }

    /// Takes a value of our cookie's name; `Some` is worth a load.
    pub(crate) fn candidate(&mut self, value: &[u8], rules: &Rules<'_>) -> Option<Token> {
        self.carried = true;
        let token = Token::open(value, rules.ring);
        if token.is_none() {
            rules.observer.observe(&Event::Forged);
        }
        token
    }

    /// The driver loads a candidate's record into this.
    pub(crate) fn place(&mut self) -> &mut [u8] {
        self.mine.buffer()
    }

    /// What a candidate's load found; `true` if the session is accepted and no further candidate is to be tried.
    pub(crate) fn loaded(&mut self, token: Token, found: Option<Found>, rules: &Rules<'_>, now: Time) -> bool {
        let id = Id(token.handle);
        self.presented.get_or_insert(token);
        let Some(found) = found else {
            rules.observer.observe(&Event::Unknown(id));
            return false;
        };
        if self.mine.adopt(found.len).is_err() {
            rules.observer.observe(&Event::Garbled(id));
            return false;
        }
        (self.seen, self.base) = (found.version, self.mine.stamp().version);
        let verdict = expiry::accept(&token, &self.mine, rules.policy, now);
        match verdict {
            Verdict::Current | Verdict::Grace => {
                (self.standing, self.token, self.presented) = (Standing::Live, Some(token), Some(token));
                if verdict == Verdict::Grace {
                    self.hand_out_current(rules);
                }
                return true;
            }
            Verdict::Expired => rules.observer.observe(&Event::Expired(id)),
            Verdict::Late => rules.observer.observe(&Event::Late(id)),
            Verdict::Superseded => rules.observer.observe(&Event::Superseded(id)),
        }
        if matches!(verdict, Verdict::Late | Verdict::Superseded) {
            if expiry::unsettled(&self.mine, now) {
                self.standing = Standing::Stale;
            }
            self.token = Some(token);
        }
        false
    }

    pub(crate) fn grow(&mut self, size: usize) -> Result<(), Error> {
        let have = self.mine.capacity();
        if size > have && self.mine.grow(size) { Ok(()) } else { Err(Error::TooLarge { need: size, have }) }
    }

    /// In the grace, every answer carries the cookie that the renewal made (LC8).
    fn hand_out_current(&mut self, rules: &Rules<'_>) {
        let previous = self.mine.previous();
        let next = previous
            .zip(self.token)
            .and_then(|(previous, token)| token.next(&previous.sealed_next, &self.mine.verifier(), rules.ring));
        if let Some(next) = next {
            self.outgoing = Outgoing::Set(next);
        }
    }

    // ---- what the handler sees and does --------------------------------------------------------------------------

    /// The record of a session that exists or is about to; nothing otherwise, also for a stale cookie.
    pub(crate) fn record(&self) -> Option<&Record<B>> {
        matches!(self.standing, Standing::Live | Standing::New).then_some(&self.mine)
    }

    pub(crate) fn is_live(&self) -> bool {
        self.standing == Standing::Live
    }

    pub(crate) fn handle(&self) -> Option<Handle> {
        match self.standing {
            Standing::Live => self.token.map(|token| token.handle),
            Standing::New => self.fresh_handle,
            _ => None,
        }
    }

    /// The record for a change, begun if there is none.
    pub(crate) fn writable(&mut self) -> Result<(&mut Record<B>, &mut Changes), Error> {
        match self.standing {
            Standing::Stale => return Err(Error::Superseded),
            Standing::Failed(error) => return Err(error),
            Standing::None => self.begin()?,
            Standing::Live | Standing::New => {}
        }
        Ok((&mut self.mine, &mut self.changes))
    }

    /// Whether there is a session whose data could be taken away; refused where a write would be.
    pub(crate) fn has_data(&self) -> Result<bool, Error> {
        match self.standing {
            Standing::Stale => Err(Error::Superseded),
            Standing::Failed(error) => Err(error),
            Standing::None => Ok(false),
            Standing::Live | Standing::New => Ok(true),
        }
    }

    /// A CSRF token of a session not stored yet binds it to this handle.
    pub(crate) fn show_handle(&mut self, drawn: Handle) -> Handle {
        self.handle_shown = true;
        *self.fresh_handle.get_or_insert(drawn)
    }

    fn begin(&mut self) -> Result<(), Error> {
        self.mine.begin()?;
        self.standing = Standing::New;
        self.changes = Changes::new();
        self.fresh_handle = None;
        Ok(())
    }

    // ---- a verb, step by step ------------------------------------------------------------------------------------

    /// What is to be done now. `edit` is the function of `update_with`, called anew for each state of the data.
    pub(crate) fn next(
        &mut self,
        work: &mut Work,
        intent: Intent<'_>,
        rules: &Rules<'_>,
        now: Time,
        edit: &mut impl FnMut(&mut Record<B>, &mut Changes) -> Result<(), Error>,
    ) -> Result<Step, Error> {
        let step = self.step(work, intent, rules, now, edit);
        self.settle_failure(work, step)
    }

    /// Takes the answer to the last step.
    pub(crate) fn reply(
        &mut self,
        work: &mut Work,
        intent: Intent<'_>,
        reply: Reply,
        rules: &Rules<'_>,
        now: Time,
    ) -> Result<(), Error> {
        let done = match reply {
            Reply::Random(bytes) => {
                work.fresh = Some(bytes);
                Ok(())
            }
            Reply::NoRandom => Err(Error::Entropy),
            Reply::Loaded(load) => self.reloaded(work, intent, load, rules, now),
            Reply::Wrote(outcome) => self.wrote(work, intent, outcome, rules, now),
        };
        if let (Err(Error::Conflict), Some(token)) = (done, self.token) {
            rules.observer.observe(&Event::Conflict(Id(token.handle)));
        }
        self.settle_failure(work, done)
    }

    /// The other buffer, for a load.
    pub(crate) fn spare(&mut self) -> &mut [u8] {
        self.other.buffer()
    }

    /// The record to be written, and the other buffer.
    pub(crate) fn outgoing(&mut self) -> (&[u8], &mut [u8]) {
        (self.mine.bytes(), self.other.buffer())
    }

    fn settle_failure<T>(&mut self, work: &Work, done: Result<T, Error>) -> Result<T, Error> {
        if let (Err(error), true) = (&done, work.attempted) {
            self.standing = Standing::Failed(*error);
        }
        done
    }

    fn step(
        &mut self,
        work: &mut Work,
        intent: Intent<'_>,
        rules: &Rules<'_>,
        now: Time,
        edit: &mut impl FnMut(&mut Record<B>, &mut Changes) -> Result<(), Error>,
    ) -> Result<Step, Error> {
        match work.phase {
            Phase::Finished => return Ok(Step::Done),
            Phase::Reloading => return Ok(self.target(work).map_or(Step::Done, Step::Load)),
            Phase::DeletingOld(handle, login) => return Ok(Step::Delete(handle, Only::Login(login))),
            _ => {}
        }
        if let Standing::Failed(error) = self.standing {
            return if intent == Intent::Commit { Ok(Step::Done) } else { Err(error) };
        }
        match intent {
            Intent::Logout => Ok(self.logout_step(work)),
            Intent::Login { subject, .. } if self.is_live() && self.may_sign_in(subject) => {
                self.update_step(work, intent, rules, now, edit)
            }
            Intent::Login { .. } => self.login_step(work, intent, rules, now, edit),
            Intent::Rotate if !self.is_live() => Ok(Step::Done),
            Intent::Update if self.standing == Standing::Stale => Err(Error::Superseded),
            Intent::Update if self.standing == Standing::None => {
                self.begin()?;
                self.create_step(work, intent, rules, now, edit)
            }
            Intent::Commit | Intent::Update if self.standing == Standing::New => {
                self.create_step(work, intent, rules, now, edit)
            }
            Intent::Commit if !self.is_live() => Ok(Step::Done),
            Intent::Commit if !self.changes.dirty() => {
                if !self.active || expiry::expired(&self.mine, rules.policy, now) {
                    Ok(Step::Done)
                } else if expiry::renewal_due(&self.mine, rules.policy, now) {
                    self.update_step(work, intent, rules, now, edit)
                } else {
                    Ok(self.touch_step(work, rules, now))
                }
            }
            Intent::Commit | Intent::Update | Intent::Rotate => self.update_step(work, intent, rules, now, edit),
        }
    }

    fn touch_step(&mut self, work: &mut Work, rules: &Rules<'_>, now: Time) -> Step {
        let due = rules.touch_is_free || expiry::touch_due(&self.mine, rules.policy, now);
        match self.token.filter(|_| due) {
            Some(token) => {
                work.phase = Phase::Touching;
                Step::Touch(token.handle)
            }
            None => Step::Done,
        }
    }

    /// Deletes by login number, so that writers cannot starve a logout. A Late cookie is the session's own here.
    fn logout_step(&mut self, work: &mut Work) -> Step {
        match (self.standing, self.token) {
            (Standing::Live | Standing::Stale | Standing::None, Some(token)) => {
                if self.standing != Standing::Live && !self.is_late(&token) {
                    work.phase = Phase::Reloading;
                    work.wrote = Phase::Deleting;
                    return Step::Load(token.handle);
                }
                work.phase = Phase::Deleting;
                work.attempted = true;
                Step::Delete(token.handle, Only::Login(self.mine.stamp().login))
            }
            _ => {
                self.end();
                Step::Done
            }
        }
    }

    fn is_late(&self, token: &Token) -> bool {
        use subtle::ConstantTimeEq;
        self.mine.previous().is_some_and(|previous| previous.verifier.ct_eq(&token.verifier).into())
    }

    /// The session is over for this request; its cookie is taken back (only here: protocol rule 12).
    fn end(&mut self) {
        if self.carried || self.token.is_some() {
            self.outgoing = Outgoing::Remove;
        } else {
            self.outgoing = Outgoing::Nothing;
        }
        self.become_nothing();
    }

    fn become_nothing(&mut self) {
        self.standing = Standing::None;
        self.token = None;
        self.changes = Changes::new();
        self.fresh_handle = None;
    }

    /// A handle has one subject for life (protocol rule 5).
    fn may_sign_in(&self, subject: &str) -> bool {
        self.mine.subject().is_none_or(|(before, _)| before == subject)
    }

    /// A login that needs a new session: there is none, or it is another subject's.
    fn login_step(
        &mut self,
        work: &mut Work,
        intent: Intent<'_>,
        rules: &Rules<'_>,
        now: Time,
        edit: &mut impl FnMut(&mut Record<B>, &mut Changes) -> Result<(), Error>,
    ) -> Result<Step, Error> {
        if let (Standing::Live, Some(token)) = (self.standing, self.token) {
            work.replaces = Some((token.handle, self.mine.stamp().login));
        }
        if self.standing != Standing::New {
            self.become_nothing();
            self.begin()?;
        }
        self.create_step(work, intent, rules, now, edit)
    }

    fn create_step(
        &mut self,
        work: &mut Work,
        intent: Intent<'_>,
        rules: &Rules<'_>,
        now: Time,
        edit: &mut impl FnMut(&mut Record<B>, &mut Changes) -> Result<(), Error>,
    ) -> Result<Step, Error> {
        let Some((drawn, secret, version)) = split(work.fresh) else {
            return Ok(Step::Draw);
        };
        if intent == Intent::Update && !work.edited {
            edit(&mut self.mine, &mut self.changes)?;
            work.edited = true;
        }
        if self.mine.data().is_empty() && intent == Intent::Commit && !self.handle_shown && !self.changes.dirty() {
            return Ok(Step::Done);
        }
        let handle = *self.fresh_handle.get_or_insert(drawn);
        let token = Token::mint(handle, &secret, rules.ring).ok_or(Error::Entropy)?;
        work.attempted = true;
        self.mine.set_created(now);
        self.limit(rules, now, false);
        if let Intent::Login { subject, remember, keep_data } = intent {
            self.sign_in(subject, remember, keep_data, rules, now)?;
            self.mine.set_login(1);
        }
        self.mine.set_rotated_at(now);
        self.mine.set_verifier(&token.verifier);
        self.mine.set_version(version);
        self.mine.saw(now);
        (work.next, work.phase, work.wrote) = (Some(token), Phase::Creating, Phase::Creating);
        Ok(Step::Create(handle))
    }

    fn update_step(
        &mut self,
        work: &mut Work,
        intent: Intent<'_>,
        rules: &Rules<'_>,
        now: Time,
        edit: &mut impl FnMut(&mut Record<B>, &mut Changes) -> Result<(), Error>,
    ) -> Result<Step, Error> {
        if expiry::expired(&self.mine, rules.policy, now) {
            return self.gone(work, intent).map(|()| Step::Draw);
        }
        let Some((_, secret, version)) = split(work.fresh) else {
            return Ok(Step::Draw);
        };
        let Some(token) = self.token else { return Ok(Step::Done) };
        if intent == Intent::Update {
            edit(&mut self.mine, &mut self.changes)?;
        }
        work.attempted = true;
        let mint = || Token::mint(token.handle, &secret, rules.ring).ok_or(Error::Entropy);
        (work.next, work.renews) = (None, false);
        match intent {
            Intent::Login { subject, remember, keep_data } => {
                let login = self.mine.stamp().login.saturating_add(1);
                self.mine.set_created(now);
                self.sign_in(subject, remember, keep_data, rules, now)?;
                self.mine.set_login(login);
                work.next = Some(self.replace_secret(mint()?, now)?);
            }
            Intent::Rotate => work.next = Some(self.replace_secret(mint()?, now)?),
            _ if self.active && expiry::renewal_due(&self.mine, rules.policy, now) => {
                work.next = self.renew(&token, mint()?, &secret, rules, now);
                work.renews = work.next.is_some();
            }
            _ => self.forget_sealed(now),
        }
        if !self.mine.own_lifetimes() {
            self.limit(rules, self.mine.created(), false);
        }
        if self.active {
            self.mine.saw(now);
        }
        self.mine.set_version(version);
        (work.phase, work.wrote) = (Phase::Updating, Phase::Updating);
        Ok(Step::Update(token.handle, self.seen))
    }

    fn limit(&mut self, rules: &Rules<'_>, created: Time, remember: bool) {
        if remember {
            let span = millis(rules.policy.remember());
            self.mine.set_lifetimes(span, created.millis().saturating_add(span), true);
        } else {
            self.mine.set_lifetimes(rules.policy.idle_millis(), rules.policy.ends(created), false);
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
        self.mine.edit(|table| {
            if keep_data {
                table.remove(FLASH);
            } else {
                table.clear();
            }
            Ok(())
        })
    }

    /// Another secret, and nothing leads from the old cookie to it.
    fn replace_secret(&mut self, next: Token, now: Time) -> Result<Token, Error> {
        self.mine.set_previous(None)?;
        self.mine.set_verifier(&next.verifier);
        self.mine.set_rotated_at(now);
        Ok(next)
    }

    /// Another secret, to which the old cookie leads for the grace, from now on; none if there is no room for that.
    fn renew(&mut self, token: &Token, next: Token, secret: &[u8; 16], rules: &Rules<'_>, now: Time) -> Option<Token> {
        let sealed_next = token.seal(secret, rules.ring)?;
        let grace_until = now.after(rules.policy.grace());
        let previous = Previous { verifier: self.mine.verifier(), grace_until, sealed_next };
        self.mine.set_previous(Some(&previous)).ok()?;
        self.mine.set_verifier(&next.verifier);
        self.mine.set_rotated_at(now);
        Some(next)
    }

    /// After the grace only the verifier of the previous cookie stays, to tell Late from Superseded.
    fn forget_sealed(&mut self, now: Time) {
        if let Some(previous) = self.mine.previous().filter(|previous| now >= previous.grace_until) {
            // the section is there already, so that this cannot fail for want of room
            self.mine.set_previous(Some(&Previous { sealed_next: [0; 16], ..previous })).unwrap_or_default();
        }
    }

    // ---- the store answers ---------------------------------------------------------------------------------------

    fn wrote(
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
                if let Some(token) = self.token {
                    rules.observer.observe(&Event::Ended(Id(token.handle)));
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
            (Phase::Deleting | Phase::DeletingOld(..), _) => {
                work.lost += 1;
                if work.lost <= LOST {
                    return Ok(());
                }
                if work.phase != Phase::Deleting {
                    self.outgoing = Outgoing::Nothing;
                }
                Err(Error::Unknown)
            }
            (Phase::Ready | Phase::Reloading | Phase::Finished, _) => Err(Error::Unknown),
        }
    }

    /// The write is stored: what was about to be is.
    fn landed(&mut self, work: &mut Work, intent: Intent<'_>, version: Version, rules: &Rules<'_>) {
        (self.seen, self.base) = (version, self.mine.stamp().version);
        let created = self.standing == Standing::New;
        self.standing = Standing::Live;
        self.changes.settle();
        if let Some(next) = work.next.take() {
            self.token = Some(next);
            self.outgoing = Outgoing::Set(next);
            let id = Id(next.handle);
            if created {
                rules.observer.observe(&Event::Created(id));
            }
            match intent {
                Intent::Login { .. } => rules.observer.observe(&Event::LoggedIn(id)),
                Intent::Rotate => rules.observer.observe(&Event::Rotated(id)),
                _ if work.renews => rules.observer.observe(&Event::Renewed(id)),
                _ => {}
            }
        }
        work.phase = match work.replaces.take() {
            Some((handle, login)) => Phase::DeletingOld(handle, login),
            None => Phase::Finished,
        };
    }

    fn only_renews(&self, intent: Intent<'_>) -> bool {
        intent == Intent::Commit && !self.changes.dirty()
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
    fn gone(&mut self, work: &mut Work, intent: Intent<'_>) -> Result<(), Error> {
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

    fn target(&self, work: &Work) -> Option<Handle> {
        if work.wrote == Phase::Creating { self.fresh_handle } else { self.token.map(|token| token.handle) }
    }

    fn reloaded(
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
        if work.wrote == Phase::Deleting {
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
        let there = self.other.stamp().version;
        if there == self.mine.stamp().version {
            self.landed(work, intent, found.version, rules);
            return Ok(());
        }
        if work.wrote == Phase::Creating || lost && there != self.base {
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
        let Some(token) = self.token else {
            return Err(Error::Unknown);
        };
        match expiry::accept(&token, &self.other, rules.policy, now) {
            verdict @ (Verdict::Current | Verdict::Grace) => {
                let heed_reads = self.changes.dirty() || intent == Intent::Update;
                self.changes.merge(&self.mine, &mut self.other, heed_reads)?;
                core::mem::swap(&mut self.mine, &mut self.other);
                (self.seen, self.base) = (found.version, self.mine.stamp().version);
                if verdict == Verdict::Grace {
                    self.hand_out_current(rules);
                }
                if now.since(work.started).as_millis() >= PATIENCE {
                    return Err(Error::Conflict);
                }
                (work.phase, work.next) = (Phase::Ready, None);
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
        let verdict = self.token.zip(found).map(|(token, _)| expiry::accept(&token, &self.other, rules.policy, now));
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

    // ---- the cookie goes out -------------------------------------------------------------------------------------

    /// The cookie for the answer; nothing if the browser has that value already (CK11).
    pub(crate) fn answer(&self) -> Option<Answer<'_>> {
        match &self.outgoing {
            Outgoing::Set(token) if self.presented.is_some_and(|presented| presented.same(token)) => None,
            Outgoing::Set(token) => Some(Answer::Set(token, self.mine.stamp().ends)),
            Outgoing::Remove => Some(Answer::Remove),
            Outgoing::Nothing => None,
        }
    }

    pub(crate) fn follow(&mut self, key: &str, kind: Kind) {
        self.changes.follow(key, kind, self.mine.data());
    }
}

/// What the answer tells the browser.
pub(crate) enum Answer<'a> {
    /// The cookie's value, and the end of the session's absolute lifetime.
    Set(&'a Token, u64),
    Remove,
}

/// Handle, secret and version out of 32 random bytes.
fn split(fresh: Option<[u8; 32]>) -> Option<(Handle, [u8; 16], Version)> {
    let fresh = fresh?;
    let (handle, rest) = fresh.split_first_chunk()?;
    let (secret, rest) = rest.split_first_chunk()?;
    Some((Handle::from_bytes(*handle), *secret, Version(u64::from_le_bytes(*rest.first_chunk()?))))
}
