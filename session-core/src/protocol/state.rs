//! What one request knows of its session: the record, its changes, and the cookie that goes out.

use super::expiry::{self, Verdict};
use super::operation::Rules;
use serde::{Deserialize, Serialize};

use crate::base::bytes::number;
use crate::base::codec::Codec;
use crate::base::environment::{Buffer, Time};
use crate::base::error::Error;
use crate::base::events::{Event, LogId, Observer};
use crate::base::followed::Kind;
use crate::base::names::{Handle, Verifier, Version};
use crate::base::policy::{Policy, UNTIL_BROWSER_CLOSES};
use crate::record::changes::Changes;
use crate::record::layout::Record;
use crate::record::values;
use crate::store::contract::Found;
use crate::store::index::IndexEntry;
use crate::wire::token::{Token, Value};

/// What the session of the request is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SessionState {
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
pub(crate) enum Outgoing {
    Nothing,
    Set(Value),
    Remove,
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

/// One request's session and what became of it. The small fields come first: a small processor reaches only what is
/// near the start in one instruction.
#[repr(C)]
pub struct RequestState<B: Buffer> {
    pub(super) session: SessionState,
    pub(super) carried: bool,
    pub(super) handle_shown: bool,
    pub(super) active: bool,
    pub(super) looked: bool,
    /// The session is bound to another fingerprint than the request's.
    pub(super) doubted: bool,
    /// This request has signed in.
    pub(super) signed_in_now: bool,
    /// This request has signed out, whatever it did after that.
    signed_out: bool,
    /// A write was sent to the store and its answer has not come.
    pub(super) in_flight: bool,
    /// The answer's cookie has to carry the record.
    reseal: bool,
    /// What came already and is told once in a request: an attacker sends eight at a time.
    forged: bool,
    unknown: bool,
    pub(super) fresh_handle: Option<Handle>,
    pub(super) seen: Version,
    /// The record's own version as loaded.
    pub(super) base: Version,
    /// The cookie under which the session was accepted. Without one, a genuine cookie that came: what is to end its session
    /// goes by no clock and no policy.
    pub(super) token: Option<Token>,
    pub(super) outgoing: Outgoing,
    pub(super) mine: Record<B>,
    pub(super) other: Record<B>,
    pub(crate) changes: Changes<B>,
    /// The hash of a key whose value could not be read, or 0.
    pub(super) unreadable: u64,
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
            signed_in_now: false,
            signed_out: false,
            in_flight: false,
            reseal: false,
            forged: false,
            unknown: false,
            unreadable: 0,
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
    pub(crate) fn candidate(&mut self, value: &[u8], rules: &Rules<'_, impl Observer>) -> Option<Token> {
        self.carried = true;
        let token = Token::open(value, rules.ring);
        if token.is_none() {
            self.tell_forged(rules.observer);
        }
        token
    }

    /// Reports the first value of this request that none of the keys signed.
    pub(crate) fn tell_forged(&mut self, observer: &impl Observer) {
        if !observer.ignores() && !core::mem::replace(&mut self.forged, true) {
            observer.observe(&Event::Forged);
        }
    }

    /// Reports the first session of this request that is not there any more.
    pub(crate) fn tell_unknown(&mut self, id: LogId, observer: &impl Observer) {
        if !observer.ignores() && !core::mem::replace(&mut self.unknown, true) {
            observer.observe(&Event::Unknown(id));
        }
    }

    /// A value of our cookie's name came.
    pub(crate) fn cookie_came(&mut self) {
        self.carried = true;
    }

    /// Takes the first `len` bytes of [`place`](Self::place) as the record of `handle`.
    pub(crate) fn adopt(&mut self, handle: Handle, len: usize) -> Option<Token> {
        self.mine.adopt(len).ok()?;
        Some(Token::sealed(handle, *self.mine.verifier()))
    }

    /// Takes the record that was loaded as a session to look at, if it is of this login.
    pub(crate) fn reopen(&mut self, handle: Handle, login: u32) -> bool {
        let same = self.mine.login() == login;
        if same {
            (self.session, self.token) = (SessionState::Live, Some(Token::sealed(handle, *self.mine.verifier())));
        }
        same
    }

    /// Whose session the record is.
    pub(crate) fn owner(&self) -> Option<&str> {
        self.mine.subject().map(|(subject, _)| subject)
    }

    /// The driver loads a candidate's record into this.
    pub(crate) fn place(&mut self) -> &mut Record<B> {
        &mut self.mine
    }

    /// What a candidate's load found.
    pub(crate) fn loaded(
        &mut self,
        token: &Token,
        found: Option<Found>,
        rules: &Rules<'_, impl Observer>,
        now: Time,
    ) -> Candidate {
        let id = LogId(token.handle());
        if !matches!(self.session, SessionState::Stale) {
            self.token = Some(*token);
        }
        let Some(found) = found else {
            self.tell_unknown(id, rules.observer);
            return Candidate::Refused;
        };
        if self.mine.adopt(found.len).is_err() {
            rules.observer.observe(&Event::Corrupt(id));
            return Candidate::Refused;
        }
        (self.seen, self.base) = (found.version, self.mine.version());
        let verdict = expiry::accept(token, &self.mine, rules.policy, now);
        let who = if rules.observer.ignores() { None } else { self.owner() };
        match verdict {
            Verdict::Current | Verdict::Grace => {
                (self.session, self.token) = (SessionState::Live, Some(*token));
                if verdict == Verdict::Grace {
                    self.hand_out_current(rules);
                }
                return Candidate::Accepted;
            }
            Verdict::Expired => rules.observer.observe(&Event::Expired(id, who)),
            Verdict::PastGrace => rules.observer.observe(&Event::PastGrace(id, who)),
            Verdict::Replaced => rules.observer.observe(&Event::Replaced(id, who)),
        }
        if matches!(verdict, Verdict::PastGrace | Verdict::Replaced) {
            if expiry::unsettled(&self.mine, now) {
                self.session = SessionState::Stale;
            }
            if rules.policy.reuse_ends && !matches!(self.session, SessionState::Stale) {
                return Candidate::Reused(self.mine.login());
            }
        }
        Candidate::Refused
    }

    /// Makes room for a record of `need` bytes, if the buffer can.
    pub(crate) fn make_room(&mut self, need: usize) -> bool {
        need <= self.mine.capacity() || self.mine.grow(need)
    }

    /// In the grace, every answer carries the cookie that the renewal made (LC8).
    pub(super) fn hand_out_current(&mut self, rules: &Rules<'_, impl Observer>) {
        if let (Some(previous), Some(token)) = (self.mine.previous(), &self.token)
            && let Some(next) = token.next(previous.sealed_next, self.mine.verifier(), rules.ring)
        {
            self.outgoing = Outgoing::Set(next.value());
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

    /// The session that the subject has signed in to in this request, if its cookie goes out: also where what followed the
    /// login could not be stored.
    pub(crate) fn signed_in_here(&self) -> Option<(Handle, &Record<B>)> {
        let goes_out = self.signed_in_now && matches!(self.outgoing, Outgoing::Set(_));
        self.token.filter(|_| goes_out).map(|token| (token.handle(), &self.mine))
    }

    /// Begun by this request, and not stored yet.
    pub(crate) fn is_new(&self) -> bool {
        matches!(self.session, SessionState::New)
    }

    pub(crate) fn handle(&self) -> Option<Handle> {
        match self.session {
            SessionState::Live => self.token.map(|token| token.handle()),
            SessionState::New => self.fresh_handle,
            _ => None,
        }
    }

    /// The record for a change, begun if there is none.
    pub(crate) fn writable(&mut self) -> Result<(&mut Record<B>, &mut Changes<B>), Error> {
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

    pub(super) fn begin(&mut self) -> Result<(), Error> {
        self.mine.begin()?;
        self.become_nothing();
        self.session = SessionState::New;
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
        (self.outgoing, self.signed_out) = (Outgoing::Nothing, false);
    }

    // ---- a verb, step by step ------------------------------------------------------------------------------------

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
    pub(crate) fn other_place(&mut self) -> &mut [u8] {
        self.other.buffer()
    }

    /// The record to be written, the version that it replaces, and the other buffer.
    pub(crate) fn outgoing(&mut self) -> (&[u8], Version, &mut [u8]) {
        (self.mine.bytes(), self.seen, self.other.buffer())
    }

    /// The index's entry for the login that has just been stored.
    pub(crate) fn entry(&self, handle: Handle) -> IndexEntry {
        let ends = if self.mine.ends() == 0 { Time::MAX } else { Time::from_millis(self.mine.ends()) };
        IndexEntry { handle, login: self.mine.login(), ends, order: 0 }
    }

    // ---- the cookie goes out -------------------------------------------------------------------------------------

    /// The cookie that the answer carries: always another value than the one that came (CK11).
    pub(crate) fn outgoing_cookie(&self) -> &Outgoing {
        &self.outgoing
    }

    /// The request has signed out.
    pub(crate) fn signs_out(&self) -> bool {
        self.signed_out
    }

    /// The request had the session of a subject, whatever became of it: a verb may have failed half-way, or a mismatch have
    /// ended it.
    pub(crate) fn is_personal(&self) -> bool {
        let had = self.doubted || !matches!(self.session, SessionState::None | SessionState::Stale);
        had && self.owner().is_some()
    }

    /// The end of the session's absolute lifetime; 0 = none.
    pub(crate) fn ends(&self) -> u64 {
        self.mine.ends()
    }

    /// Seconds that the browser keeps the cookie.
    pub(crate) fn max_age(&self, policy: &Policy, now: Time) -> u32 {
        if policy.until_browser_closes && !self.mine.own_lifetimes() {
            UNTIL_BROWSER_CLOSES
        } else {
            policy.max_age(self.mine.ends(), now)
        }
    }

    /// The session's record, if the answer's cookie has to carry it.
    pub(crate) fn record_to_seal(&self) -> Option<(Handle, &[u8])> {
        let token = self.token.filter(|_| self.reseal && self.is_live())?;
        Some((token.handle(), self.mine.bytes()))
    }

    /// The record goes out with the answer, in its cookie, with this proof that it holds.
    pub(crate) fn seal_record(&mut self, proof: &Verifier) {
        self.mine.set_verifier(proof);
        (self.reseal, self.seen) = (true, Version(number(proof.first_chunk::<8>().unwrap_or(&[0; 8]))));
    }

    /// The version that the last write drew for the record.
    pub(crate) fn version(&self) -> Version {
        self.mine.version()
    }

    /// The version that an update must find unchanged.
    pub(crate) fn seen(&self) -> Version {
        self.seen
    }

    pub(crate) fn follow(&mut self, key: &str, kind: Kind) {
        self.changes.follow(key, kind, None, self.mine.data());
    }

    /// Follows a key that is read, and reads its value.
    pub(crate) fn read<'v, T: Serialize + Deserialize<'v>>(
        &'v mut self,
        key: &str,
    ) -> Result<Option<T>, <B::Codec as Codec>::Unreadable> {
        let data = self.mine.data();
        let entry = values::find(data, key);
        let hash = self.changes.follow(key, Kind::Read, entry, data);
        let Some(entry) = entry else { return Ok(None) };
        let value = entry.read::<B::Codec, T>();
        match &value {
            Ok(value) => {
                if let Some(said) = entry.said::<B::Codec, T>(value) {
                    self.changes.remember(hash, said);
                }
                // it was asked for as another type before
                if self.unreadable == hash {
                    self.unreadable = 0;
                }
            }
            Err(_) => self.unreadable = hash,
        }
        value.map(Some)
    }

    /// A value cannot be read: unless the request writes something, it does not keep the session alive (VA5).
    pub(crate) fn mark_unreadable(&mut self, key: &str) {
        self.unreadable = values::key_hash(key);
    }

    /// Sets the value of a key in the record that is to be written.
    pub(crate) fn set<T: Serialize + ?Sized>(&mut self, key: &str, value: &T, kind: Kind) -> Result<(), Error> {
        self.writable()?;
        let hash = self.changes.follow(key, kind, None, self.mine.data());
        if self.mine.table().set::<B::Codec, T>(key, value, self.changes.as_read(hash))? {
            self.changes.set_dirty();
        }
        Ok(())
    }

    /// Overwrites the cookies that came and go out, for memory that is freed or that another request uses. Nothing of the
    /// session is known afterwards. What a record holds is its buffer's to overwrite, by `overwrite`.
    pub fn wipe(&mut self, overwrite: impl Fn(&mut B)) {
        // taken apart, so that no field is forgotten
        let Self {
            session,
            token,
            outgoing,
            fresh_handle,
            seen,
            base,
            mine,
            other,
            changes,
            unreadable,
            carried,
            handle_shown,
            active,
            looked,
            doubted,
            signed_in_now,
            signed_out,
            in_flight,
            reseal,
            forged,
            unknown,
        } = self;
        (*carried, *handle_shown, *active, *looked, *doubted, *signed_in_now) =
            (false, false, false, false, false, false);
        (*signed_out, *in_flight, *reseal, *forged, *unknown) = (false, false, false, false, false);
        (*seen, *base, *unreadable) = (Version(0), Version(0), 0);
        *changes = const { Changes::new() };
        mine.wipe(&overwrite);
        other.wipe(&overwrite);
        // also where a cookie was that is gone already
        *token = const { Some(Token::BLANK) };
        *outgoing = const { Outgoing::Set(Value::BLANK) };
        // so that the compiler does not leave out writes that nothing reads
        core::hint::black_box((&mut *token, &mut *outgoing));
        // constants: another value brings, in the place of what it has not, whatever the stack had there
        *session = const { SessionState::None };
        *fresh_handle = const { None };
        *token = const { None };
        *outgoing = const { Outgoing::Nothing };
    }

    // ---- the session ends ----------------------------------------------------------------------------------------

    /// The session is over for this request; its cookie is taken back (only here: protocol rule 12).
    pub(super) fn end(&mut self) {
        // a cookie that this request made has not gone out
        self.signed_out = self.carried;
        self.outgoing = if self.signed_out { Outgoing::Remove } else { Outgoing::Nothing };
        self.become_nothing();
        self.token = None;
    }

    /// The request has no session, although its cookie is good; the browser keeps that. A logout still finds the session by it.
    pub(crate) fn disown(&mut self) {
        self.outgoing = Outgoing::Nothing;
        self.become_nothing();
    }

    /// The cookie that came stays known.
    pub(super) fn become_nothing(&mut self) {
        self.session = SessionState::None;
        self.changes.reset();
        self.fresh_handle = None;
    }
}
