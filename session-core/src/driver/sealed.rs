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

/// How often a mark is written against other writers.
const TRIES: u8 = 4;
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
        if !context.marks(request.owner()).await?.stand(&token.verifier) {
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
        match (step, operation.intent) {
            (StoreRequest::Load, _) => Reply::Loaded(Ok(Load::Missing)),
            // the marks are asked when the login is added to the substitute for the index
            (StoreRequest::Create | StoreRequest::Update, Intent::Login { .. }) => {
                fits(context, request).map_or_else(Reply::Refused, |()| APPLIED)
            }
            (StoreRequest::Create | StoreRequest::Update | StoreRequest::Touch, _) => {
                seal(context, request, step).await
            }
            (StoreRequest::Index, Intent::Login { subject, epoch, .. }) => {
                let admitted = context.admit(subject, epoch, request.ends(), request.version()).await;
                Reply::Indexed(admitted.map_err(|_| ()).map(|proof| match proof {
                    Some(proof) => {
                        request.seal_record(&proof);
                        Added::Applied
                    }
                    None => Added::Moved,
                }))
            }
            (StoreRequest::Delete, Intent::Logout) => match request.owner() {
                Some(subject) => match context.replace_mark(Some(subject)).await {
                    Ok(()) => APPLIED,
                    Err(Error::Full) => Reply::Refused(Error::Full),
                    Err(_) => Reply::Wrote(Err(())),
                },
                _ => APPLIED,
            },
            (StoreRequest::Index | StoreRequest::Delete, _) => APPLIED,
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
        context.register().await?;
        Ok((context.marks(Some(subject)).await?.epoch(), false))
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
        context.replace_mark(subject).await.map(|()| 0)
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

/// Puts the record into the answer, unless it does not fit into a cookie or a sign-out has replaced a mark.
async fn seal<S: Store, C: Clock, O: Observer, B: Buffer>(
    context: &Context<S, C, O>,
    request: &mut RequestState<B>,
    step: StoreRequest,
) -> Reply {
    let touch = matches!(step, StoreRequest::Touch);
    if let (false, Err(error)) = (touch, fits(context, request)) {
        return Reply::Refused(error);
    }
    let marks = match context.marks(request.owner()).await {
        Ok(marks) => marks,
        Err(_) if touch => return Reply::Wrote(Err(())),
        Err(error) => return Reply::Refused(error),
    };
    let is_new = matches!(step, StoreRequest::Create);
    match marks.proof() {
        Some(proof) if is_new || Version(epoch(&proof)) == request.seen() => {
            request.seal_record(&proof);
            Reply::Wrote(Ok(Outcome::Applied(request.seen())))
        }
        _ => Reply::Wrote(Ok(Outcome::Missing)),
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
    /// The mark at a handle.
    async fn mark(&self, at: &Handle) -> Result<Option<Mark>, Error> {
        let mut record = Record::new([0; MIN_LEN]);
        let load = self.store.load(at, self.now(), record.buffer()).await;
        match self.heard(load)? {
            Load::Found(found) if record.adopt(found.len).is_ok() => Ok(Some(record.mark(found.version))),
            Load::Missing => Ok(None),
            // another record is there, so it is unknown what has ended
            Load::Found(_) | Load::TooLarge { .. } => Err(Error::Unavailable),
        }
    }

    /// The marks of a session of `subject`.
    pub(super) async fn marks(&self, subject: Option<&str>) -> Result<Marks, Error> {
        let Some(Mark { name: key, nonce, .. }) = self.mark(&everybody()).await? else {
            return Ok(Marks { everybody: None, subject: subject.map(|_| None) });
        };
        let own = match subject {
            None => None,
            Some(subject) => {
                let (at, name) = name(&key, subject);
                // another subject's mark: two names share 64 bits by chance
                Some(self.mark(&at).await?.filter(|mark| mark.name == name).map(|mark| mark.nonce))
            }
        };
        Ok(Marks { everybody: Some(nonce), subject: own })
    }

    /// Everybody's mark. If there is none, nothing was signed out, and it is created.
    async fn register(&self) -> Result<Mark, Error> {
        for _ in 0..TRIES {
            if let Some(mark) = self.mark(&everybody()).await? {
                return Ok(mark);
            }
            let mark = Mark { name: *part(&self.fresh(&everybody(), b"names", &[]), 0), ..Mark::NONE };
            self.put_mark(&everybody(), &mark).await?;
        }
        Err(Error::Unavailable)
    }

    /// Bytes that no earlier mark had: a MAC of the old ones and the time.
    fn fresh(&self, at: &Handle, purpose: &[u8], old: &[u8]) -> [u8; 32] {
        let now = self.now().millis().to_le_bytes();
        self.ring.signing().seal().mac(&[b"mark", purpose, at.as_bytes(), old, &now])
    }

    /// Writes a mark over the version that it was loaded as, or where none was; `false` if another writer was faster.
    async fn put_mark(&self, at: &Handle, mark: &Mark) -> Result<bool, Error> {
        let now = self.now();
        let mut record = Record::new([0; MIN_LEN]);
        record.begin()?;
        record.set_mark(mark, part(&self.fresh(at, b"version", &mark.nonce), 0), now);
        let outcome = match mark.version {
            None => self.store.create(at, record.bytes(), now).await,
            Some(seen) => self.store.update(at, seen, record.bytes(), now, &mut []).await,
        };
        match self.heard(outcome)? {
            Outcome::Applied(_) => Ok(true),
            Outcome::Full => Err(Error::Full),
            Outcome::TooLarge { need, have } => Err(Error::TooLarge { need, have }),
            Outcome::Missing | Outcome::Conflict(_) => Ok(false),
        }
    }

    /// Ends every session of `subject`, or everybody's, that was sealed before.
    async fn replace_mark(&self, subject: Option<&str>) -> Result<(), Error> {
        for _ in 0..TRIES {
            let all = self.register().await?;
            let (at, before) = match subject {
                None => (everybody(), all),
                Some(subject) => {
                    let (at, name) = name(&all.name, subject);
                    let mark = self.mark(&at).await?.unwrap_or(Mark { name, replaced: UNUSED, ..Mark::NONE });
                    if mark.name != name {
                        return Err(Error::Unavailable);
                    }
                    (at, mark)
                }
            };
            let nonce = *part(&self.fresh(&at, b"nonce", &before.nonce), 0);
            let ends = if subject.is_none() { 0 } else { later(before.ends, self.policy.last_end(self.now())) };
            let mark = Mark { nonce, replaced: before.replaced.wrapping_add(2), ends, ..before };
            if self.put_mark(&at, &mark).await? {
                return Ok(());
            }
        }
        Err(Error::Unavailable)
    }

    /// Accepts a login that began at `seen`, unless the subject was signed out in the meantime. Returns its session's
    /// proof.
    async fn admit(
        &self,
        subject: &str,
        Epoch(seen): Epoch,
        ends: u64,
        Version(random): Version,
    ) -> Result<Option<Verifier>, Error> {
        for _ in 0..TRIES {
            let (at, name, nonce) = {
                // values that live across an await enlarge the futures around it
                let all = self.register().await?;
                let (at, name) = name(&all.name, subject);
                (at, name, all.nonce)
            };
            let mut marks = Marks { everybody: Some(nonce), subject: Some(None) };
            let without = epoch(&marks.proof_with(&[]));
            let mut mark = match self.mark(&at).await? {
                Some(mark) if mark.name != name => return Err(Error::Unavailable),
                Some(mark) => mark,
                None if without != seen => return Ok(None),
                None => Mark { name, replaced: UNUSED, ends, ..Mark::NONE },
            };
            // the mark of another first login is not a sign-out
            let unchanged = epoch(&marks.proof_with(&mark.nonce)) == seen || mark.replaced == 0 && without == seen;
            if mark.version.is_some() && !unchanged {
                return Ok(None);
            }
            let until = mark.ends;
            mark.ends = later(until, ends);
            let unused = mark.replaced % 2 == UNUSED % 2;
            if unused {
                // random like the login's own record, so that after a loss even a stopped clock gives another nonce
                mark.nonce = *part(&self.fresh(&at, b"nonce", &random.to_le_bytes()), 0);
                mark.replaced = mark.replaced.wrapping_add(1);
            }
            marks.subject = Some(Some(mark.nonce));
            if !unused && mark.ends == until || self.put_mark(&at, &mark).await? {
                return Ok(marks.proof());
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
