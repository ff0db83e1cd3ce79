//! Sessions that travel in their cookies: this file gives the answers that a store would. The store keeps *marks* only
//! (LC11): one for each subject that has signed in, and one for everybody. A session carries a proof of the marks under
//! which it was sealed, and is valid while they exist. A sign-out replaces a mark. No clock is involved, and a lost
//! mark ends sessions instead of reviving them (SE7).

use super::context::Context;
use super::mode::{Abilities, Closed, Mode};
use crate::base::bytes::{number, part};
use crate::base::environment::{Buffer, Clock, Time};
use crate::base::error::Error;
use crate::base::events::{Event, LogId, Observer};
use crate::base::hmac::{Hmac, sha256};
use crate::base::keys::Ring;
use crate::base::names::{Handle, Verifier, Version};
use crate::base::policy::Policy;
use crate::protocol::operation::{Intent, Operation, Reply, Rules, StoreRequest};
use crate::protocol::state::{Candidate, Outgoing, RequestState};
use crate::record::layout::{MIN_LEN, MarkNonce, Record};
use crate::store::contract::{Found, Load, Outcome, Store};
use crate::store::index::{Added, Epoch};
use crate::wire::sealed;
use crate::wire::set_cookie::{self, LONGEST_PAIR};
use crate::wire::token::{Token, same};

/// How many marks are loaded before other writers, who are always faster, are given way.
const LOADS: u8 = 12;
/// Nothing to do.
const APPLIED: Reply = Reply::Wrote(Ok(Outcome::Applied(Version(0))));

/// Sessions in their cookies. See [`Sessions::sealed`](crate::Sessions::sealed).
#[derive(Clone, Copy, Debug)]
pub struct Sealed;

impl Closed for Sealed {}

impl Sealed {
    /// Returns whether `store` holds the marks of an application with sealed sessions in which a subject has signed in.
    /// A program that ends sessions in stores must not treat such a store as a store of sessions: without the marks it
    /// is unknown which sessions have ended.
    ///
    /// # Errors
    /// The store's error.
    pub async fn is_used_in<S: Store>(store: &S, now: Time) -> Result<bool, S::Error> {
        Ok(store.load(&everybody(), now, &mut [0; MIN_LEN]).await? != Load::Missing)
    }
}

impl Mode for Sealed {
    /// Each change makes another cookie, and the last one does not lead to it.
    fn abilities(self) -> Abilities {
        Abilities { renews: false, lives_in_cookie: true }
    }

    fn index<S: Store>(self, _: &S) -> Option<&S::Index> {
        None
    }

    /// Instead of the index, a login asks the marks.
    fn rules<S: Store, C: Clock, O: Observer>(self, context: &Context<S, C, O>) -> Rules<'_, O> {
        let Context { policy, ring, observer, .. } = context;
        Rules { policy, ring, observer, touch_is_free: false, has_index: true }
    }

    async fn lookup<S: Store, C: Clock, O: Observer, B: Buffer>(
        self,
        context: &Context<S, C, O>,
        request: &mut RequestState<B>,
        value: &[u8],
    ) -> Result<bool, Error> {
        let Some((token, len)) = open(context, request, value) else {
            return Ok(false);
        };
        // whatever the reason for rejecting a genuine value, the store was called before in the same way
        if !context.marks(Ask::Look, request.owner()).await?.stand(&token.verifier) {
            request.tell_unknown(LogId(token.handle()), &context.observer);
            return Ok(false);
        }
        // the marks under which it was sealed are the version that an update must find unchanged
        let found = Found { len, version: Version(epoch(&token.verifier)) };
        Ok(request.loaded(&token, Some(found), &self.rules(context), context.now()) == Candidate::Accepted)
    }

    /// Answers like a store: the record is as the request has made it, and is sent with the cookie.
    async fn apply<S: Store, C: Clock, O: Observer, B: Buffer>(
        self,
        context: &Context<S, C, O>,
        request: &mut RequestState<B>,
        step: StoreRequest,
        operation: &Operation<'_>,
    ) -> Reply {
        let changes = matches!(step, StoreRequest::Create | StoreRequest::Update);
        if let (true, Err(error)) = (changes, fits(context, request)) {
            return Reply::Refused(error);
        }
        let (ask, subject) = match (step, operation.intent) {
            (StoreRequest::Load, _) => return Reply::Loaded(Ok(Load::Missing)),
            // the marks are asked when the login is added to the substitute for the index
            (StoreRequest::Create | StoreRequest::Update, Intent::Login { .. }) => return APPLIED,
            (StoreRequest::Create | StoreRequest::Update | StoreRequest::Touch, _) => (Ask::Look, request.owner()),
            (StoreRequest::Index, Intent::Login { subject, epoch, .. }) => {
                (Ask::Admit { seen: epoch, ends: request.ends(), random: request.version() }, Some(subject))
            }
            (StoreRequest::Delete, Intent::Logout) if request.owner().is_some() => (Ask::Replace, request.owner()),
            (StoreRequest::Index | StoreRequest::Delete, _) => return APPLIED,
        };
        let marks = context.marks(ask, subject).await;
        match (step, marks) {
            (StoreRequest::Index, marks) => Reply::Indexed(marks.map_err(|_| ()).map(|marks| match marks.proof() {
                Some(proof) => {
                    request.seal_record(proof);
                    Added::Applied
                }
                None => Added::Moved,
            })),
            (StoreRequest::Delete, Ok(_)) => APPLIED,
            (StoreRequest::Delete, Err(Error::Full)) => Reply::Refused(Error::Full),
            (StoreRequest::Delete | StoreRequest::Touch, Err(_)) => Reply::Wrote(Err(())),
            (_, Err(error)) => Reply::Refused(error),
            // the record goes into the answer, unless a sign-out has replaced a mark
            (_, Ok(marks)) => match marks.proof() {
                Some(proof) if matches!(step, StoreRequest::Create) || Version(epoch(proof)) == request.seen() => {
                    request.seal_record(proof);
                    Reply::Wrote(Ok(Outcome::Applied(request.seen())))
                }
                _ => Reply::Wrote(Ok(Outcome::Missing)),
            },
        }
    }

    /// A login that overlaps a sign-out is rejected, and there are no entries for a cap to count.
    async fn epoch<S: Store, C: Clock, O: Observer>(
        self,
        context: &Context<S, C, O>,
        subject: &str,
    ) -> Result<(Epoch, bool), Error> {
        if context.policy.insists_on_cap() {
            return Err(Error::Unsupported);
        }
        Ok((context.marks(Ask::Begin, Some(subject)).await?.epoch(), false))
    }

    /// No login reaches this, because `begin_login` fails where there is a cap.
    async fn cap<S: Store, C: Clock, O: Observer, B: Buffer>(
        self,
        _: &Context<S, C, O>,
        _: &mut RequestState<B>,
        _: &str,
    ) -> Result<(), Error> {
        Err(Error::Unsupported)
    }

    async fn end<S: Store, C: Clock, O: Observer>(
        self,
        context: &Context<S, C, O>,
        subject: Option<&str>,
    ) -> Result<usize, Error> {
        context.marks(Ask::Replace, subject).await.map(|_| 0)
    }

    /// Ends all of the subject's sessions, because a mark does not distinguish them.
    async fn end_others<S: Store, C: Clock, O: Observer, B: Buffer>(
        self,
        context: &Context<S, C, O>,
        request: &mut RequestState<B>,
    ) -> Result<usize, Error> {
        let (subject, ..) = request.signed_in()?;
        self.end(context, Some(subject)).await
    }

    fn set_cookie<'b, S: Store, C: Clock, O: Observer, B: Buffer>(
        self,
        context: &Context<S, C, O>,
        request: &RequestState<B>,
        into: &'b mut [u8],
    ) -> Result<Option<&'b str>, Error> {
        let Context { policy, ring, .. } = context;
        let removed = matches!(request.outgoing_cookie(), Outgoing::Remove);
        let sealed = request.record_to_seal().filter(|_| !removed);
        let (len, max_age) = match sealed {
            Some((_, record)) => (sealed::text_len(record.len()), request.max_age(policy, context.now())),
            None if removed => (0, 0),
            None => return Ok(None),
        };
        // one call for both: each closure makes a copy of the writer
        let fill = |place: &mut [u8]| {
            sealed.map_or(Some(()), |(handle, record)| sealed::seal(handle, record, ring, place).ok())
        };
        set_cookie::issue_with(policy, len, max_age, into, fill).map(Some)
    }

    fn cookie_value_len<B: Buffer>(self, request: &RequestState<B>) -> Option<usize> {
        match request.outgoing_cookie() {
            Outgoing::Remove => Some(0),
            _ => request.record_to_seal().map(|(_, record)| sealed::text_len(record.len())),
        }
    }
}

/// Opens a value that may be a sealed record into the request's place for it.
fn open<S: Store, C: Clock, O: Observer, B: Buffer>(
    context: &Context<S, C, O>,
    request: &mut RequestState<B>,
    value: &[u8],
) -> Option<(Token, usize)> {
    request.cookie_came();
    let fits = value.len() <= LONGEST_PAIR && request.make_room(sealed::record_len(value.len()));
    let opened = if fits { sealed::open(value, &context.ring, request.place().buffer()) } else { None };
    let Some((handle, len)) = opened else {
        request.tell_forged(&context.observer);
        return None;
    };
    let adopted = request.adopt(handle, len);
    if adopted.is_none() {
        context.observer.observe(&Event::Corrupt(LogId(handle)));
    }
    adopted.map(|token| (token, len))
}

/// Whether the record fits into a cookie.
fn fits<S, C, O, B: Buffer>(context: &Context<S, C, O>, request: &mut RequestState<B>) -> Result<(), Error> {
    let policy = &context.policy;
    let value = sealed::text_len(request.outgoing().0.len());
    let (pair, need) = (policy.cookie_name().len() + value, policy.set_cookie_len(value));
    match policy.max_cookie {
        have if need > have => Err(Error::TooLarge { need, have }),
        _ if pair > LONGEST_PAIR => Err(Error::TooLarge { need: pair, have: LONGEST_PAIR }),
        _ => Ok(()),
    }
}

/// What is asked of the marks of a subject, or of everybody's alone.
#[derive(Clone, Copy)]
pub(super) enum Ask {
    /// Which ones there are.
    Look,
    /// The same before a login, which needs everybody's: if there is none, nothing was signed out, and it is created.
    Begin,
    /// To end every session that was sealed before.
    Replace,
    /// To accept a login that began at `seen` until `ends`, unless the subject was signed out in the meantime. Without
    /// the subject's mark among the answer, it was.
    Admit { seen: Epoch, ends: u64, random: Version },
}

/// What the marks say about the sessions of a subject, or about anonymous ones.
pub(super) struct Marks {
    proof: Verifier,
    /// All marks that such a session needs exist.
    complete: bool,
}

impl Marks {
    /// Of everybody's nonce, which is zero without a mark, and the subject's.
    fn of(all: &MarkNonce, own: &[u8], complete: bool) -> Self {
        let proof = sha256(&[b"session-core/2 marks\0", all, own]).first_chunk().copied().unwrap_or_default();
        Self { proof, complete }
    }

    /// The proof of a session that is valid now; `None` if no session of that subject can be valid.
    fn proof(&self) -> Option<&Verifier> {
        self.complete.then_some(&self.proof)
    }

    /// Whether a session with this proof is valid.
    pub(super) fn stand(&self, carried: &Verifier) -> bool {
        self.proof().is_some_and(|proof| same(proof, carried))
    }

    /// Shows whether a mark has been replaced. A subject without a mark has an epoch as well.
    fn epoch(&self) -> Epoch {
        Epoch(epoch(&self.proof))
    }
}

fn epoch(proof: &Verifier) -> u64 {
    number(proof.first_chunk::<8>().unwrap_or(&[0; 8]))
}

/// The place of everybody's mark. Its name is the key of the names of subjects' marks, which therefore cannot be
/// guessed and survive a change of signing keys.
fn everybody() -> Handle {
    Handle::from_bytes(sha256(&[b"session-core/2 everybody"]).first_chunk().copied().unwrap_or_default())
}

/// The place of a subject's mark, and its name of 128 bits.
fn name(key: &Verifier, subject: &str) -> (Handle, Verifier) {
    let mut long = [0; 32];
    long.iter_mut().zip(key).for_each(|(place, byte)| *place = *byte);
    let mac = Hmac::new(&long).mac(&[subject.as_bytes()]);
    let (at, name) = mac.split_at(Handle::LEN);
    let handle = Handle::from_bytes(at.first_chunk().copied().unwrap_or_default());
    (handle, name.first_chunk().copied().unwrap_or_default())
}

/// What follows from a mark, or from its absence.
enum Step {
    /// The subject's mark is next.
    Load,
    /// The record is stored.
    Write,
    Done,
}

/// A question to the marks, and what is known so far.
struct Inquiry<'a> {
    ask: Ask,
    subject: Option<&'a str>,
    now: Time,
    /// The place and the name of the subject's mark, which follow from everybody's.
    own: Option<(Handle, Verifier)>,
    /// The mark that was loaded or is to be stored, and its version in the store.
    mark: Record<[u8; MIN_LEN]>,
    version: Option<Version>,
    /// Everybody's nonce.
    all: MarkNonce,
    marks: Marks,
}

impl Inquiry<'_> {
    fn at(&self) -> Handle {
        self.own.map_or_else(everybody, |(at, _)| at)
    }

    /// Decides what follows from the mark that was found, or from its absence.
    fn step(&mut self, ring: &Ring, policy: &Policy) -> Result<Step, Error> {
        let (is_new, nonce) = (self.version.is_none(), *self.mark.mark_nonce());
        let Some((_, own_name)) = self.own else {
            self.all = if is_new { MarkNonce::default() } else { nonce };
            self.marks = Marks::of(&self.all, &[], self.subject.is_none());
            return match (self.ask, self.subject) {
                (Ask::Look, _) if is_new => Ok(Step::Done),
                _ if is_new => {
                    self.mark.begin()?;
                    self.mark.set_verifier(part(&self.fresh(ring, b"names", &[]), 0));
                    self.write(1, 0)
                }
                (_, Some(subject)) => {
                    self.own = Some(name(self.mark.verifier(), subject));
                    Ok(Step::Load)
                }
                (Ask::Replace, None) => self.replace(ring, 0),
                (_, None) => Ok(Step::Done),
            };
        };
        // another subject's mark is there if two names share 64 bits by chance
        let is_own = !is_new && *self.mark.verifier() == own_name;
        let with = Marks::of(&self.all, if is_own { &nonce } else { &[] }, is_own);
        if let Ask::Look | Ask::Begin = self.ask {
            self.marks = with;
            return Ok(Step::Done);
        }
        if is_new {
            self.mark.begin()?;
            self.mark.set_verifier(&own_name);
        } else if !is_own {
            return Err(Error::Unavailable);
        }
        let (login, until) = (self.mark.login(), self.mark.ends());
        let Ask::Admit { seen, ends, random } = self.ask else {
            return self.replace(ring, later(until, policy.last_end(self.now)));
        };
        // the mark of another first login is not a sign-out
        if with.epoch() != seen && (login != 1 || self.marks.epoch() != seen) {
            return Ok(Step::Done);
        }
        let later = if is_new { ends } else { later(until, ends) };
        let unused = login % 2 == 0;
        if unused {
            // random like the login's own record, so that after a loss even a stopped clock gives another nonce
            self.mark.set_mark_nonce(part(&self.fresh(ring, b"nonce", &random.0.to_le_bytes()), 0));
        }
        self.marks = Marks::of(&self.all, self.mark.mark_nonce(), true);
        if unused || later != until { self.write(login | 1, later) } else { Ok(Step::Done) }
    }

    /// Ends what was sealed under this mark.
    fn replace(&mut self, ring: &Ring, ends: u64) -> Result<Step, Error> {
        self.mark.set_mark_nonce(part(&self.fresh(ring, b"nonce", self.mark.mark_nonce()), 0));
        self.write(self.mark.login().wrapping_add(2), ends)
    }

    /// Stores the mark with a login number, so that a full store does not evict it.
    fn write(&mut self, login: u32, ends: u64) -> Result<Step, Error> {
        self.mark.set_login(login);
        self.mark.saw(self.now);
        self.mark.set_lifetimes(0, ends, true);
        Ok(Step::Write)
    }

    /// Bytes that no earlier mark had: a MAC of the old ones and the time.
    fn fresh(&self, ring: &Ring, purpose: &[u8], old: &[u8]) -> [u8; 32] {
        let now = self.now.millis().to_le_bytes();
        ring.signing().seal().mac(&[b"mark", purpose, self.at().as_bytes(), old, &now])
    }
}

impl<S: Store, C: Clock, O: Observer> Context<S, C, O> {
    /// Asks everybody's mark and the subject's. If another writer was faster than this one, asks again.
    pub(super) async fn marks(&self, ask: Ask, subject: Option<&str>) -> Result<Marks, Error> {
        let mut asked = Inquiry {
            ask,
            subject,
            now: Time::ZERO,
            own: None,
            mark: Record::new([0; MIN_LEN]),
            version: None,
            all: MarkNonce::default(),
            marks: Marks { proof: Verifier::default(), complete: false },
        };
        for _ in 0..LOADS {
            let at = asked.at();
            let load = self.store.load(&at, self.now(), asked.mark.buffer()).await;
            asked.version = match self.heard(load)? {
                Load::Found(found) if asked.mark.adopt(found.len).is_ok() => Some(found.version),
                Load::Missing => None,
                // another record is there, so it is unknown what has ended
                Load::Found(_) | Load::TooLarge { .. } => return Err(Error::Unavailable),
            };
            asked.now = self.now();
            match asked.step(&self.ring, &self.policy)? {
                Step::Done => return Ok(asked.marks),
                Step::Load => continue,
                Step::Write => {}
            }
            asked.mark.set_version(part(&asked.fresh(&self.ring, b"version", asked.mark.mark_nonce()), 0));
            let outcome = match asked.version {
                None => self.store.create(&at, asked.mark.bytes(), asked.now).await,
                Some(seen) => self.store.update(&at, seen, asked.mark.bytes(), asked.now, &mut []).await,
            };
            match self.heard(outcome)? {
                Outcome::Applied(_) if asked.own.is_some() || asked.version.is_some() => return Ok(asked.marks),
                Outcome::Full => return Err(Error::Full),
                Outcome::TooLarge { need, have } => return Err(Error::TooLarge { need, have }),
                // everybody's mark was created, or another writer was faster
                Outcome::Applied(_) | Outcome::Missing | Outcome::Conflict(_) => asked.own = None,
            }
        }
        Err(Error::Unavailable)
    }
}

/// The later one of two ends, of which 0 is never.
const fn later(one: u64, two: u64) -> u64 {
    if one == 0 || two == 0 {
        0
    } else if one < two {
        two
    } else {
        one
    }
}
