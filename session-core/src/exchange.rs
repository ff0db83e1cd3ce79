//! The life of a session within one request: every transition is here (what to do next: steps.rs; what an answer means: replies.rs), and nothing else is. Pure: no await, no clock,
//! no random numbers of its own; [`crate::driver`] does what [`Step`] says and brings the answer back.
//!
//! ```text
//!  cookie ──open──▶ load ──accept──▶ Live ──changes──▶ update ─▶ Applied ─▶ cookie out, if it is another
//!     │                │  Unknown, Expired ▶ None            ├─▶ Conflict ▶ (load) ▶ accept again [1] ▶ merge ▶ update
//!     └─ forged ▶ None │  PastGrace, Replaced ▶ Stale           ├─▶ Missing ─▶ Ended: nothing is created
//!                                                            └─▶ answer lost ▶ load: mine? the old one? unknown [11]
//!  None ──first write──▶ New ──▶ create (at most three handles)
//!  login: record ──▶ index [6] ─▶ Applied ─▶ cookie out
//!                          └─▶ the epoch moved [7] ▶ delete the own record ▶ SignInAgain
//! ```
//! The numbers are the rules of the protocol, in docs/design.md.

mod overflow;
mod replies;
mod steps;

use crate::changes::{Changes, Kind};
use crate::environment::{Buffer, Time};
use crate::error::Error;
use crate::events::{Event, LogId, Observer};
use crate::expiry::{self, Verdict};
use crate::keys::Ring;
use crate::policy::Policy;
use crate::record::Record;
use crate::sealed;
use crate::set_cookie::LONGEST_PAIR;
use crate::store::{DeleteCondition, Found, Handle, Load, Outcome, Version};
use crate::subject::{Added, Epoch, IndexEntry};
use crate::token::Token;
use crate::values;

/// Data that is shown once: kept under a key that no handler can name.
pub(crate) const FLASH: &str = "\0flash";
/// How long conflicts are answered by trying again, in milliseconds.
const PATIENCE: u64 = 2_000;
/// How often one verb survives a lost answer.
pub(crate) const LOST: u8 = 2;
/// How many handles are tried for a new session (ID4).
const HANDLES: u8 = 3;

/// What holds for every request of an application.
pub(crate) struct Rules<'r> {
    pub(crate) policy: &'r Policy,
    pub(crate) ring: &'r Ring,
    pub(crate) observer: &'r dyn Observer,
    pub(crate) touch_is_free: bool,
    pub(crate) has_index: bool,
}

/// What the request has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SessionState {
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
pub enum Intent<'i> {
    /// Store what the handler changed, renew, touch.
    Commit,
    /// Store what a function makes of the newest data.
    Update,
    /// The subject has proven who it is.
    Login { subject: &'i str, epoch: Epoch, remember: bool, keep_data: bool },
    /// A new cookie value.
    Rotate,
    /// The end.
    Logout,
}

/// What the driver does next. Records stand in the exchange's buffers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Bring 32 random bytes.
    Draw,
    /// Let the function of `update_with` change the data, anew for each state of it.
    Edit,
    /// Load into the other buffer.
    Load(Handle),
    Create(Handle),
    /// Update; a record found instead goes into the other buffer.
    Update(Handle, Version),
    Touch(Handle),
    Delete(Handle, DeleteCondition),
    /// Add this to the index of the subject that signs in.
    Index(IndexEntry),
    Done,
}

/// What a cookie of our name comes to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Candidate {
    /// Its session is the request's; no further cookie is tried.
    Accepted,
    Refused,
    /// Refused, and the session of this login number is to end, for its cookie was used again.
    Reused(u32),
}

/// The store's answer; its error was reported already.
pub enum Reply {
    Random([u8; 32]),
    /// It cannot be done.
    Refused(Error),
    Loaded(Result<Load, ()>),
    Wrote(Result<Outcome, ()>),
    Indexed(Result<Added, ()>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Ready,
    Creating,
    Updating,
    Touching,
    Deleting,
    /// A login's record is stored, and goes into the index.
    Indexing,
    /// It may not go there: its record is deleted again, and this is said.
    Withdrawing(Error),
    /// Login over another subject's session: the new one is stored, the old one goes.
    DeletingOld(Handle, u32),
    /// After a conflict without the record, or after a lost answer.
    Reloading,
    Finished,
}

/// How far one verb has come.
pub(crate) struct Operation {
    phase: Phase,
    /// What was under way when the answer was lost.
    wrote: Phase,
    /// When its first step was asked for.
    started: Option<Time>,
    fresh: Option<[u8; 32]>,
    lost: u8,
    handles: u8,
    /// The cookie that is valid once the write has landed.
    next: Option<Token>,
    attempted: bool,
    /// The function of `update_with` has seen the data as it is.
    edited: bool,
    replaces: Option<(Handle, u32)>,
}

impl Operation {
    pub(crate) const fn new() -> Self {
        Self {
            phase: Phase::Ready,
            wrote: Phase::Ready,
            started: None,
            fresh: None,
            lost: 0,
            handles: 0,
            next: None,
            attempted: false,
            edited: false,
            replaces: None,
        }
    }
}

/// One request's session and what became of it. The small fields come first: a small processor reaches only what is
/// near the start in one instruction.
#[repr(C)]
pub struct RequestState<B> {
    session: SessionState,
    carried: bool,
    handle_shown: bool,
    active: bool,
    looked: bool,
    /// The session is bound to another fingerprint than the request's.
    doubted: bool,
    /// A write was sent to the store and its answer has not come.
    in_flight: bool,
    /// The session is another than the one that came in its cookie; of sealed ones only.
    pub(crate) rewritten: bool,
    /// The store has the session; the browser's cookie only points to it. Of overflowing ones only.
    pub(crate) stored: bool,
    pub(crate) pointed: bool,
    pub(crate) fresh_handle: Option<Handle>,
    seen: Version,
    /// The record's own version as loaded.
    base: Version,
    /// The cookie under which the session was accepted, or is PastGrace.
    token: Option<Token>,
    outgoing: Outgoing,
    mine: Record<B>,
    other: Record<B>,
    pub(crate) changes: Changes,
    /// The record's own version of what the store has under the session's handle, and the session's place in time before
    /// this request moves it; of overflowing ones only.
    pub(crate) beneath: Option<Version>,
    moved_at: Time,
}

impl<B: Buffer> RequestState<B> {
    /// A request of which nothing is known yet, with room for two records.
    #[must_use]
    pub const fn new(one: B, two: B) -> Self {
        Self {
            mine: Record::new(one),
            other: Record::new(two),
            session: SessionState::None,
            token: None,
            carried: false,
            seen: Version(0),
            base: Version(0),
            changes: Changes::new(),
            outgoing: Outgoing::Nothing,
            fresh_handle: None,
            handle_shown: false,
            active: false,
            looked: false,
            doubted: false,
            in_flight: false,
            rewritten: false,
            stored: false,
            pointed: false,
            beneath: None,
            moved_at: Time::ZERO,
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

    /// Takes a value of our cookie's name that may be a sealed record, and puts the record into its place.
    pub(crate) fn unseal(&mut self, value: &[u8], rules: &Rules<'_>) -> Option<(Token, Found)> {
        self.carried = true;
        let need = sealed::record_len(value.len());
        let fits = value.len() <= LONGEST_PAIR && (need <= self.mine.capacity() || self.mine.grow(need));
        let opened = if fits { sealed::open(value, rules.ring, self.mine.buffer()) } else { None };
        let Some((handle, len)) = opened else {
            rules.observer.observe(&Event::Forged);
            return None;
        };
        if self.mine.adopt(len).is_err() {
            rules.observer.observe(&Event::Corrupt(LogId(handle)));
            return None;
        }
        Some((Token::sealed(handle, *self.mine.verifier()), Found { len, version: self.mine.version() }))
    }

    /// Whose session the record is, when it began and when it was last seen.
    pub(crate) fn owner(&self) -> (Option<&str>, Time, Time) {
        (self.mine.subject().map(|(subject, _)| subject), self.mine.created(), self.mine.last_seen())
    }

    /// The driver loads a candidate's record into this.
    pub(crate) fn place(&mut self) -> &mut [u8] {
        self.mine.buffer()
    }

    /// What a candidate's load found.
    pub(crate) fn loaded(&mut self, token: Token, found: Option<Found>, rules: &Rules<'_>, now: Time) -> Candidate {
        let id = LogId(token.handle());
        let Some(found) = found else {
            rules.observer.observe(&Event::Unknown(id));
            return Candidate::Refused;
        };
        if self.mine.adopt(found.len).is_err() {
            rules.observer.observe(&Event::Corrupt(id));
            return Candidate::Refused;
        }
        (self.seen, self.base) = (found.version, self.mine.version());
        let verdict = expiry::accept(&token, &self.mine, rules.policy, now);
        match verdict {
            Verdict::Current | Verdict::Grace => {
                (self.session, self.token) = (SessionState::Live, Some(token));
                if verdict == Verdict::Grace {
                    self.hand_out_current(rules);
                }
                return Candidate::Accepted;
            }
            Verdict::Expired => rules.observer.observe(&Event::Expired(id)),
            Verdict::PastGrace => rules.observer.observe(&Event::PastGrace(id)),
            Verdict::Replaced => rules.observer.observe(&Event::Replaced(id)),
        }
        if matches!(verdict, Verdict::PastGrace | Verdict::Replaced) {
            if expiry::unsettled(&self.mine, now) {
                self.session = SessionState::Stale;
            }
            if verdict == Verdict::PastGrace || matches!(self.session, SessionState::Stale) {
                self.token = Some(token);
            }
            if rules.policy.reuse_ends && !matches!(self.session, SessionState::Stale) {
                return Candidate::Reused(self.mine.login());
            }
        }
        Candidate::Refused
    }

    pub(crate) fn grow(&mut self, size: usize) -> Result<(), Error> {
        let have = self.mine.capacity();
        if size > have && self.mine.grow(size) { Ok(()) } else { Err(Error::TooLarge { need: size, have }) }
    }

    /// In the grace, every answer carries the cookie that the renewal made (LC8).
    fn hand_out_current(&mut self, rules: &Rules<'_>) {
        if let (Some(previous), Some(token)) = (self.mine.previous(), &self.token)
            && let Some(next) = token.next(previous.sealed_next, self.mine.verifier(), rules.ring)
        {
            self.outgoing = Outgoing::Set(next);
        }
    }

    // ---- what the handler sees and does --------------------------------------------------------------------------

    /// The record of a session that exists or is about to; nothing otherwise, also for a stale cookie.
    pub(crate) fn record(&self) -> Option<&Record<B>> {
        matches!(self.session, SessionState::Live | SessionState::New).then_some(&self.mine)
    }

    pub(crate) fn is_live(&self) -> bool {
        matches!(self.session, SessionState::Live)
    }

    pub(crate) fn handle(&self) -> Option<Handle> {
        match self.session {
            SessionState::Live => self.token.map(|token| token.handle()),
            SessionState::New => self.fresh_handle,
            _ => None,
        }
    }

    /// The record for a change, begun if there is none.
    pub(crate) fn writable(&mut self) -> Result<(&mut Record<B>, &mut Changes), Error> {
        match self.session {
            SessionState::Stale => return Err(Error::CookieReplaced),
            SessionState::Failed(error) => return Err(error),
            SessionState::None => self.begin()?,
            SessionState::Live | SessionState::New => {}
        }
        Ok((&mut self.mine, &mut self.changes))
    }

    /// Whether there is a session whose data could be taken away; refused where a write would be.
    pub(crate) fn has_data(&self) -> Result<bool, Error> {
        match self.session {
            SessionState::Stale => Err(Error::CookieReplaced),
            SessionState::Failed(error) => Err(error),
            SessionState::None => Ok(false),
            SessionState::Live | SessionState::New => Ok(true),
        }
    }

    /// A CSRF token of a session not stored yet binds it to this handle.
    pub(crate) fn show_handle(&mut self, drawn: Handle) -> Handle {
        self.handle_shown = true;
        *self.fresh_handle.get_or_insert(drawn)
    }

    fn begin(&mut self) -> Result<(), Error> {
        self.mine.begin()?;
        self.session = SessionState::New;
        self.changes.reset();
        self.fresh_handle = None;
        Ok(())
    }

    /// The request does not count as one of who signed in, as far as a step-up goes.
    pub(crate) fn doubt(&mut self) {
        self.doubted = true;
    }

    pub(crate) fn doubted(&self) -> bool {
        self.doubted
    }

    /// The browser keeps its cookie, which opens nothing any more: a removal could overtake a login (protocol rule 12).
    pub(crate) fn keep_cookie(&mut self) {
        self.outgoing = Outgoing::Nothing;
    }

    // ---- a verb, step by step ------------------------------------------------------------------------------------

    /// What is to be done now.
    #[inline(never)]
    pub(crate) fn next(
        &mut self,
        operation: &mut Operation,
        intent: Intent<'_>,
        rules: &Rules<'_>,
        now: Time,
    ) -> Result<Step, Error> {
        operation.started.get_or_insert(now);
        if self.in_flight {
            // a verb was given up in the middle: nobody knows what is stored
            self.session = SessionState::Failed(Error::Indeterminate);
        }
        let step = self.step(operation, intent, rules, now);
        self.in_flight = matches!(step, Ok(Step::Create(_) | Step::Update(..) | Step::Delete(..) | Step::Index(_)));
        self.settle_failure(operation, step)
    }

    /// Takes the answer to the last step.
    pub(crate) fn reply(
        &mut self,
        operation: &mut Operation,
        intent: Intent<'_>,
        reply: Reply,
        rules: &Rules<'_>,
        now: Time,
    ) -> Result<(), Error> {
        self.in_flight = false;
        let done = match reply {
            Reply::Random(bytes) => {
                operation.fresh = Some(bytes);
                Ok(())
            }
            Reply::Refused(error) => Err(error),
            Reply::Loaded(load) => self.reloaded(operation, intent, load, rules, now),
            Reply::Wrote(outcome) => self.wrote(operation, intent, outcome, rules, now),
            Reply::Indexed(added) => self.indexed(operation, intent, added, rules),
        };
        if let (Err(Error::Conflict), Some(token)) = (done, &self.token) {
            rules.observer.observe(&Event::Conflict(LogId(token.handle())));
        }
        self.settle_failure(operation, done)
    }

    /// The data was edited, or could not be.
    pub(crate) fn edited(&mut self, operation: &mut Operation, edited: Result<(), Error>) -> Result<(), Error> {
        operation.edited = true;
        self.settle_failure(operation, edited)
    }

    /// Who is signed in under which cookie, and the other place for a record.
    pub(crate) fn signed_in(&mut self) -> Result<(&str, Token, &mut Record<B>), Error> {
        let token = match self.session {
            SessionState::Live => self.token,
            SessionState::Failed(error) => return Err(error),
            SessionState::Stale => return Err(Error::CookieReplaced),
            SessionState::None | SessionState::New => None,
        };
        let subject = self.mine.subject().map(|(subject, _)| subject);
        Ok((subject.ok_or(Error::NotSignedIn)?, token.ok_or(Error::NotSignedIn)?, &mut self.other))
    }

    /// The other buffer, for a load.
    pub(crate) fn spare(&mut self) -> &mut [u8] {
        self.other.buffer()
    }

    /// The record to be written, and the other buffer.
    pub(crate) fn outgoing(&mut self) -> (&[u8], &mut [u8]) {
        (self.mine.bytes(), self.other.buffer())
    }

    fn settle_failure<T>(&mut self, operation: &Operation, done: Result<T, Error>) -> Result<T, Error> {
        if let (Err(error), true) = (&done, operation.attempted) {
            self.session = SessionState::Failed(*error);
        }
        done
    }

    // ---- the cookie goes out -------------------------------------------------------------------------------------

    /// The cookie for the answer: always another value than the one that came (CK11).
    pub(crate) fn answer(&self, sealed: bool) -> Option<Answer<'_>> {
        let ends = self.mine.ends();
        match &self.outgoing {
            Outgoing::Remove => Some(Answer::Remove),
            _ if sealed => {
                let token = self.token.filter(|_| self.rewritten && self.is_live())?;
                Some(Answer::Seal(token.handle(), self.mine.bytes(), ends))
            }
            Outgoing::Set(token) => Some(Answer::Set(token, ends)),
            Outgoing::Nothing => None,
        }
    }

    pub(crate) fn follow(&mut self, key: &str, kind: Kind) {
        self.changes.follow(key, kind, None, self.mine.data());
    }

    /// Follows a key that is read, and gives its value.
    pub(crate) fn read<'k>(&mut self, key: &'k str) -> Option<values::Entry<'_, &'k str>> {
        let data = self.mine.data();
        let entry = values::find(data, key);
        self.changes.follow(key, Kind::Read, entry, data);
        entry
    }
}

/// What the answer tells the browser.
pub(crate) enum Answer<'a> {
    /// The cookie's value, and the end of the session's absolute lifetime.
    Set(&'a Token, u64),
    /// The session's handle, its record, which is to be sealed, and the same end.
    Seal(Handle, &'a [u8], u64),
    Remove,
}
