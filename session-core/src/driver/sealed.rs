//! Sessions that travel in their cookies: this file gives the answers that a store would. The store keeps *marks* only
//! (LC11): one for each subject that has signed in, and one for everybody. A session carries a proof of the marks under
//! which it was sealed, and is valid while they exist. A sign-out replaces a mark. No clock is involved, and a lost
//! mark ends sessions instead of reviving them (SE7).

use subtle::ConstantTimeEq;

use super::context::Context;
use super::mode::{Abilities, Closed, Mode};
use crate::base::bytes::{number, part};
use crate::base::environment::{Buffer, Clock, Time};
use crate::base::error::Error;
use crate::base::events::{Event, LogId, Observer};
use crate::base::hmac::{Hmac, sha256};
use crate::base::names::{Handle, Verifier, Version};
use crate::protocol::operation::{Intent, Operation, Reply, Rules, StoreRequest};
use crate::protocol::state::{Candidate, Outgoing, RequestState};
use crate::record::layout::{MIN_LEN, Mark, Record};
use crate::store::contract::{Found, Load, Outcome, Store};
use crate::store::index::{Added, Epoch};
use crate::wire::sealed;
use crate::wire::set_cookie::{self, LONGEST_PAIR};
use crate::wire::token::Token;

/// How often a mark is written against other writers, everybody's included.
const TRIES: u8 = 6;
/// Odd: a mark under which no session was sealed. Its nonce was made without random numbers, and a login replaces it.
const UNUSED: u32 = u32::MAX;
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
                    request.seal_record(&proof);
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
                Some(proof) if matches!(step, StoreRequest::Create) || Version(epoch(&proof)) == request.seen() => {
                    request.seal_record(&proof);
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

/// What follows from a mark, or from its absence.
enum Step {
    /// The subject's mark is next.
    Load,
    /// This mark is stored where the other one was loaded.
    Write(Mark),
    Done,
}

/// The place of a mark.
struct Place {
    at: Handle,
    /// The mark's name; `None` for everybody's.
    name: Option<Verifier>,
}

impl Place {
    fn everybody() -> Self {
        Self { at: everybody(), name: None }
    }
}

/// See [`Mark`].
type Nonce = [u8; Mark::NONCE];

/// The nonces of the marks that a session needs: everybody's, and its subject's if it is signed in.
pub(super) struct Marks {
    everybody: Option<Nonce>,
    subject: Option<Option<Nonce>>,
}

impl Marks {
    /// The proof of a session that is valid now; `None` if no session of that subject can be valid.
    fn proof(&self) -> Option<Verifier> {
        let own = match &self.subject {
            None => [].as_slice(),
            Some(nonce) => nonce.as_ref()?,
        };
        Some(self.proof_with(own))
    }

    /// Whether a session with this proof is valid.
    pub(super) fn stand(&self, carried: &Verifier) -> bool {
        self.proof().is_some_and(|proof| bool::from(proof.ct_eq(carried)))
    }

    fn proof_with(&self, own: &[u8]) -> Verifier {
        let all = self.everybody.unwrap_or_default();
        sha256(&[b"session-core/2 marks\0", &all, own]).first_chunk().copied().unwrap_or_default()
    }

    /// Shows whether a mark has been replaced. A subject without a mark has an epoch as well.
    fn epoch(&self) -> Epoch {
        let own = self.subject.as_ref().and_then(|nonce| nonce.as_ref());
        Epoch(epoch(&self.proof_with(own.map(|nonce| nonce.as_slice()).unwrap_or_default())))
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

impl<S: Store, C: Clock, O: Observer> Context<S, C, O> {
    /// Asks everybody's mark and the subject's. What is written over another writer's mark is asked again.
    pub(super) async fn marks(&self, ask: Ask, subject: Option<&str>) -> Result<Marks, Error> {
        let (mut place, mut record) = (Place::everybody(), Record::new([0; MIN_LEN]));
        let (mut marks, mut tries) = (Marks { everybody: None, subject: subject.map(|_| None) }, TRIES);
        loop {
            let load = self.store.load(&place.at, self.now(), record.buffer()).await;
            let found = match self.heard(load)? {
                Load::Found(found) if record.adopt(found.len).is_ok() => Some(record.mark(found.version)),
                Load::Missing => None,
                // another record is there, so it is unknown what has ended
                Load::Found(_) | Load::TooLarge { .. } => return Err(Error::Unavailable),
            };
            let now = self.now();
            let version = match self.step(ask, subject, &mut place, &mut marks, found)? {
                Step::Done => return Ok(marks),
                Step::Load => continue,
                Step::Write(mark) => {
                    record.begin()?;
                    record.set_mark(&mark, part(&self.fresh(&place.at, b"version", &mark.nonce), 0), now);
                    mark.version
                }
            };
            let outcome = match version {
                None => self.store.create(&place.at, record.bytes(), now).await,
                Some(seen) => self.store.update(&place.at, seen, record.bytes(), now, &mut []).await,
            };
            match self.heard(outcome)? {
                Outcome::Applied(_) if place.name.is_some() || version.is_some() => return Ok(marks),
                Outcome::Full => return Err(Error::Full),
                Outcome::TooLarge { need, have } => return Err(Error::TooLarge { need, have }),
                // everybody's mark was created, or another writer was faster
                _ => {}
            }
            place = Place::everybody();
            tries -= 1;
            if tries == 0 {
                return Err(Error::Unavailable);
            }
        }
    }

    /// Decides what follows from what was found at a place.
    fn step(
        &self,
        ask: Ask,
        subject: Option<&str>,
        place: &mut Place,
        marks: &mut Marks,
        found: Option<Mark>,
    ) -> Result<Step, Error> {
        let Some(name) = place.name else {
            return Ok(match (found, subject) {
                (None, _) if matches!(ask, Ask::Look) => Step::Done,
                (None, _) => Step::Write(Mark { name: *part(&self.fresh(&place.at, b"names", &[]), 0), ..Mark::NONE }),
                (Some(all), Some(subject)) => {
                    let (at, name) = name(&all.name, subject);
                    (*place, marks.everybody) = (Place { at, name: Some(name) }, Some(all.nonce));
                    Step::Load
                }
                (Some(all), None) if matches!(ask, Ask::Replace) => Step::Write(self.replaced(place, all)),
                (Some(all), None) => {
                    marks.everybody = Some(all.nonce);
                    Step::Done
                }
            });
        };
        // another subject's mark: two names share 64 bits by chance
        let others = found.is_some_and(|mark| mark.name != name);
        let own = found.filter(|_| !others);
        let nonce = own.map(|mark| mark.nonce);
        marks.subject = Some(None);
        let without = marks.epoch();
        marks.subject = Some(nonce);
        let mut mark = own.unwrap_or(Mark { name, replaced: UNUSED, ..Mark::NONE });
        match ask {
            Ask::Look | Ask::Begin => Ok(Step::Done),
            _ if others => Err(Error::Unavailable),
            Ask::Replace => Ok(Step::Write(self.replaced(place, mark))),
            Ask::Admit { seen, ends, random } => {
                // the mark of another first login is not a sign-out
                if marks.epoch() != seen && (mark.replaced != 0 || without != seen) {
                    marks.subject = Some(None);
                    return Ok(Step::Done);
                }
                let until = if nonce.is_some() { mark.ends } else { ends };
                mark.ends = later(until, ends);
                let unused = mark.replaced % 2 == UNUSED % 2;
                if unused {
                    // random like the login's own record, so that after a loss even a stopped clock gives another nonce
                    mark.nonce = *part(&self.fresh(&place.at, b"nonce", &random.0.to_le_bytes()), 0);
                    mark.replaced = mark.replaced.wrapping_add(1);
                }
                marks.subject = Some(Some(mark.nonce));
                Ok(if unused || mark.ends != until { Step::Write(mark) } else { Step::Done })
            }
        }
    }

    /// The mark that ends what was sealed under this one.
    fn replaced(&self, place: &Place, mark: Mark) -> Mark {
        let nonce = *part(&self.fresh(&place.at, b"nonce", &mark.nonce), 0);
        // everybody's is needed for ever
        let ends = if place.name.is_none() { 0 } else { later(mark.ends, self.policy.last_end(self.now())) };
        Mark { nonce, replaced: mark.replaced.wrapping_add(2), ends, ..mark }
    }

    /// Bytes that no earlier mark had: a MAC of the old ones and the time.
    fn fresh(&self, at: &Handle, purpose: &[u8], old: &[u8]) -> [u8; 32] {
        let now = self.now().millis().to_le_bytes();
        self.ring.signing().seal().mac(&[b"mark", purpose, at.as_bytes(), old, &now])
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
