//! Sessions that travel in their cookies: what takes the place of the store's answers. The store keeps cut-offs only
//! (LC11): one record for each subject that was signed out, and one for everybody. A session that began by the time of
//! its cut-off has ended.

use super::context::Context;
use super::mode::{Abilities, Closed, Mode};
use crate::base::environment::{Buffer, Clock, Time};
use crate::base::error::Error;
use crate::base::events::{Event, LogId, Observer};
use crate::base::names::{Handle, Version};
use crate::protocol::operation::{Intent, Operation, Reply, Rules, StoreRequest};
use crate::protocol::state::{Candidate, Outgoing, RequestState};
use crate::record::layout::{MIN_LEN, Record};
use crate::store::contract::{Found, Load, Outcome, Store};
use crate::store::index::{Added, Epoch, SubjectId};
use crate::wire::set_cookie::{self, LONGEST_PAIR};
use crate::wire::token::Token;
use crate::wire::{base64url, sealed};

/// Whose cut-off is everybody's: nobody can sign in as this.
const EVERYBODY: &str = "";
/// How far the clock that a cookie was written by may be ahead of this one, in milliseconds.
const AHEAD: u64 = 60_000;
/// How often a cut-off is tried against others of the same subject.
const TRIES: u8 = 4;
/// There is nothing to do.
const APPLIED: Reply = Reply::Wrote(Ok(Outcome::Applied(Version(0))));

/// Sessions in their cookies: see [`Sessions::sealed`](crate::Sessions::sealed).
#[derive(Clone, Copy, Debug)]
pub struct Sealed;

impl Closed for Sealed {}

impl Mode for Sealed {
    /// Each change makes another cookie, and nothing leads to it from the last.
    fn abilities(self) -> Abilities {
        Abilities { renews: false, lives_in_cookie: true }
    }

    fn index<S: Store>(self, _: &S) -> Option<&S::Index> {
        None
    }

    /// In the place of the index, a login asks the cut-offs.
    fn rules<S: Store, C: Clock, O: Observer>(self, context: &Context<S, C, O>) -> Rules<'_> {
        let Context { policy, ring, observer, .. } = context;
        Rules { policy, ring, observer, touch_is_free: false, has_index: true }
    }

    /// A login takes place after the cut-off that it saw, even if that is of this millisecond or was written by a node
    /// whose clock is ahead.
    fn time<S: Store, C: Clock, O: Observer>(self, context: &Context<S, C, O>, intent: Intent<'_>) -> Time {
        let now = context.now();
        match intent {
            Intent::Login { epoch: Epoch(seen), .. } if seen > 0 => now.max(Time::from_millis(seen.saturating_add(1))),
            _ => now,
        }
    }

    async fn lookup<S: Store, C: Clock, O: Observer, B: Buffer>(
        self,
        context: &Context<S, C, O>,
        request: &mut RequestState<B>,
        value: &[u8],
    ) -> Result<bool, Error> {
        let Some((token, found)) = open(context, request, value) else {
            return Ok(false);
        };
        // whatever a genuine value is refused for, the store was asked the same before
        let (subject, created, seen) = request.owner();
        let ended = is_cut_off(created, context.cut_offs(subject).await?);
        let now = context.now();
        if ended || created.max(seen).millis_since(now) > AHEAD {
            let id = LogId(token.handle());
            context.observer.observe(&if ended { Event::Unknown(id) } else { Event::Expired(id) });
            return Ok(false);
        }
        Ok(request.loaded(&token, Some(found), &self.rules(context), now) == Candidate::Accepted)
    }

    /// What a store would answer: the record is as the request has made it, and goes out with the cookie, if it fits into
    /// one.
    async fn apply<S: Store, C: Clock, O: Observer, B: Buffer>(
        self,
        context: &Context<S, C, O>,
        request: &mut RequestState<B>,
        step: StoreRequest,
        operation: &Operation<'_>,
    ) -> Reply {
        let (need, have) =
            (context.policy.cookie_name().len() + sealed::text_len(request.outgoing().0.len()), LONGEST_PAIR);
        if need > have && matches!(step, StoreRequest::Create | StoreRequest::Update) {
            return Reply::Refused(Error::TooLarge { need, have });
        }
        let (subject, created, _) = request.owner();
        // nobody would accept what was cut off meanwhile, and a login that overlaps a cut-off is refused
        let last = match step {
            StoreRequest::Update | StoreRequest::Touch | StoreRequest::Index => context.cut_offs(subject).await,
            StoreRequest::Load | StoreRequest::Create | StoreRequest::Delete => Ok(Epoch(0)),
        };
        match (step, last) {
            (StoreRequest::Load, _) => Reply::Loaded(Ok(Load::Missing)),
            (StoreRequest::Index, last) => Reply::Indexed(match (last, operation.intent) {
                (Ok(last), Intent::Login { epoch, .. }) if last != epoch => Ok(Added::Moved),
                (last, _) => last.map(|_| Added::Applied).map_err(|_| ()),
            }),
            (StoreRequest::Delete, _) => match (&operation.intent, subject) {
                (Intent::Logout, Some(subject)) => match context.cut_off(subject).await {
                    Ok(()) => APPLIED,
                    Err(Error::Full) => Reply::Refused(Error::Full),
                    Err(_) => Reply::Wrote(Err(())),
                },
                _ => APPLIED,
            },
            (StoreRequest::Touch, Err(_)) => Reply::Wrote(Err(())),
            (_, Err(error)) => Reply::Refused(error),
            (_, Ok(last)) if is_cut_off(created, last) => Reply::Wrote(Ok(Outcome::Missing)),
            (_, Ok(_)) => Reply::Wrote(Ok(Outcome::Applied(request.seal_record()))),
        }
    }

    /// A login that overlaps a cut-off is refused, and there is nothing that a cap could count.
    async fn epoch<S: Store, C: Clock, O: Observer>(
        self,
        context: &Context<S, C, O>,
        subject: &str,
    ) -> Result<Epoch, Error> {
        if context.policy.max_sessions > 0 { Err(Error::Unsupported) } else { context.cut_offs(Some(subject)).await }
    }

    /// No login gets here: its epoch is refused where there is a cap.
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
        context.cut_off(subject.unwrap_or(EVERYBODY)).await.map(|()| 0)
    }

    /// All of the subject's sessions end, for the cut-off does not tell them apart.
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
            Some((_, record)) => (sealed::text_len(record.len()), policy.max_age(request.ends(), context.now())),
            None if removed => (0, 0),
            None => return Ok(None),
        };
        // one call for both, because each closure makes a copy of the writer
        let write = |place: &mut [u8]| match sealed {
            Some((handle, record)) => sealed::seal(handle, record, ring, place).ok(),
            None => Some(()),
        };
        set_cookie::issue_with(policy, len, max_age, into, write).map(Some)
    }

    fn cookie_value_len<B: Buffer>(self, request: &RequestState<B>) -> usize {
        request.record_to_seal().map_or(base64url::TEXT, |(_, record)| sealed::text_len(record.len()))
    }
}

/// Opens a value that may be a sealed record into the request's place for it.
fn open<S: Store, C: Clock, O: Observer, B: Buffer>(
    context: &Context<S, C, O>,
    request: &mut RequestState<B>,
    value: &[u8],
) -> Option<(Token, Found)> {
    request.cookie_came();
    let fits = value.len() <= LONGEST_PAIR && request.make_room(sealed::record_len(value.len()));
    let opened = if fits { sealed::open(value, &context.ring, request.place().buffer()) } else { None };
    let Some((handle, len)) = opened else {
        context.observer.observe(&Event::Forged);
        return None;
    };
    let adopted = request.adopt(handle, len);
    if adopted.is_none() {
        context.observer.observe(&Event::Corrupt(LogId(handle)));
    }
    adopted
}

// the cut-offs
impl<S: Store, C: Clock, O: Observer> Context<S, C, O> {
    /// Ends every session of `subject` that has begun by now.
    async fn cut_off(&self, subject: &str) -> Result<(), Error> {
        let key = key(subject);
        for _ in 0..TRIES {
            let (before, seen) = self.cut_off_of(subject).await?;
            let at = Time::from_millis(before.next(self.now()).0);
            match self.put_cut_off(&key, at, seen).await? {
                Outcome::Applied(_) => return Ok(()),
                Outcome::Full => return Err(Error::Full),
                Outcome::Missing | Outcome::Conflict(_) => {}
            }
        }
        Err(Error::Unavailable)
    }

    /// Puts a cut-off in the place of the version that was seen there, or where nothing was.
    async fn put_cut_off(&self, key: &Handle, at: Time, seen: Option<Version>) -> Result<Outcome, Error> {
        let now = self.now();
        let mut record = Record::new([0; MIN_LEN]);
        record.begin()?;
        record.set_version(&at.millis().to_le_bytes());
        // as of a subject that is signed in: a store that is full does not evict it
        record.set_login(1);
        record.set_created(at);
        record.saw(now);
        record.set_lifetimes(0, self.policy.last_end(at), true);
        let outcome = match seen {
            None => self.store.create(key, record.bytes(), now).await,
            Some(version) => self.store.update(key, version, record.bytes(), now, &mut []).await,
        };
        self.heard(outcome)
    }

    /// The later one of everybody's cut-off and the subject's; 0 without any.
    async fn cut_offs(&self, subject: Option<&str>) -> Result<Epoch, Error> {
        let (Epoch(all), _) = self.cut_off_of(EVERYBODY).await?;
        let (Epoch(own), _) = match subject {
            Some(subject) => self.cut_off_of(subject).await?,
            None => (Epoch(0), None),
        };
        Ok(Epoch(all.max(own)))
    }

    async fn cut_off_of(&self, subject: &str) -> Result<(Epoch, Option<Version>), Error> {
        let mut record = Record::new([0; MIN_LEN]);
        let load = self.store.load(&key(subject), self.now(), record.buffer()).await;
        match self.heard(load)? {
            Load::Found(found) if record.adopt(found.len).is_ok() => {
                Ok((Epoch(record.created().millis()), Some(found.version)))
            }
            Load::Missing => Ok((Epoch(0), None)),
            // something else stands there, and what has ended is not known
            Load::Found(_) | Load::TooLarge { .. } => Err(Error::Unavailable),
        }
    }
}

/// Whether a session that began then ended with this cut-off; without one, none did.
const fn is_cut_off(created: Time, Epoch(last): Epoch) -> bool {
    last > 0 && created.millis() <= last
}

/// Where the cut-off of a subject stands.
fn key(subject: &str) -> Handle {
    Handle::from_bytes(SubjectId::of(subject).as_bytes().first_chunk().copied().unwrap_or_default())
}
