//! Sessions in a store: the cookie names the session, and the store keeps its record.

use super::context::Context;
use super::mode::{Abilities, Closed, Mode};
use super::subjects::Subjects;
use crate::base::environment::{Buffer, Clock, Time};
use crate::base::error::Error;
use crate::base::events::{Cause, Event, LogId, Observer};
use crate::protocol::operation::{Intent, Operation, Reply, Rules, StoreRequest};
use crate::protocol::state::{Candidate, Outgoing, RequestState};
use crate::store::contract::{DeleteCondition, Load, Outcome, Store};
use crate::store::index::{Added, Epoch, SubjectId, SubjectIndex};
use crate::wire::{base64url, set_cookie};

/// Sessions in a store. See [`Sessions::new`](crate::Sessions::new).
#[derive(Clone, Copy, Debug)]
pub struct Stored;

impl Closed for Stored {}

impl Mode for Stored {
    fn abilities(self) -> Abilities {
        Abilities { renews: true, lives_in_cookie: false }
    }

    fn index<S: Store>(self, store: &S) -> Option<&S::Index> {
        store.index()
    }

    fn rules<S: Store, C: Clock, O: Observer>(self, context: &Context<S, C, O>) -> Rules<'_, O> {
        let Context { store, policy, ring, observer, .. } = context;
        Rules { policy, ring, observer, touch_is_free: store.touch_is_free(), has_index: store.index().is_some() }
    }

    /// A forged value costs no store call.
    async fn lookup<S: Store, C: Clock, O: Observer, B: Buffer>(
        self,
        context: &Context<S, C, O>,
        request: &mut RequestState<B>,
        value: &[u8],
    ) -> Result<bool, Error> {
        let Some(token) = request.candidate(value, &self.rules(context)) else {
            return Ok(false);
        };
        let mut now = context.now();
        let found = loop {
            let answer = context.store.load(&token.handle(), now, request.place().buffer()).await;
            now = context.now_after(now);
            match context.heard(answer)? {
                Load::TooLarge { size } => request.place().make_room(size)?,
                Load::Found(found) => break Some(found),
                Load::Missing => break None,
            }
        };
        // bound first: the rules must not live across an await, so that the future can be Send
        let candidate = request.loaded(&token, found, &self.rules(context), now);
        if candidate == Candidate::Refused {
            // the store may know why
            context.warned();
        }
        if let Candidate::Reused(login) = candidate {
            let condition = DeleteCondition::Login(login);
            let ended = context.store.delete(&token.handle(), condition, now).await;
            if matches!(context.heard(ended)?, Outcome::Applied(_)) && !context.observer.ignores() {
                let id = LogId(token.handle());
                context.observer.observe(&Event::Revoked(id, request.owner(), Cause::Reuse));
            }
        }
        Ok(candidate == Candidate::Accepted)
    }

    async fn apply<S: Store, C: Clock, O: Observer, B: Buffer>(
        self,
        context: &Context<S, C, O>,
        request: &mut RequestState<B>,
        step: StoreRequest,
        operation: &Operation<'_>,
    ) -> Reply {
        let Operation { handle, .. } = operation;
        let (store, now) = (&context.store, operation.now);
        let wrote = match step {
            StoreRequest::Load => {
                // the record decides whether it has expired: a store that used the clock would hide a session that must
                // end
                let answer = store.load(handle, Time::ZERO, request.other_place()).await;
                return Reply::Loaded(context.reported(answer));
            }
            StoreRequest::Index => {
                let added = match (operation.intent, store.index()) {
                    (Intent::Login { subject, epoch, .. }, Some(index)) => {
                        let entry = request.entry(*handle);
                        context.reported(index.add(&SubjectId::of(subject), epoch, &entry, now).await)
                    }
                    _ => Ok(Added::Applied),
                };
                return Reply::Indexed(added);
            }
            StoreRequest::Create => store.create(handle, request.outgoing().0, now).await,
            StoreRequest::Update => {
                let (record, seen, there) = request.outgoing();
                store.update(handle, seen, record, now, there).await
            }
            StoreRequest::Touch => store.touch(handle, now).await,
            StoreRequest::Delete => store.delete(handle, operation.condition, now).await,
        };
        Reply::Wrote(context.reported(wrote))
    }

    /// A store without an index has epoch 0 for every subject.
    async fn epoch<S: Store, C: Clock, O: Observer>(
        self,
        context: &Context<S, C, O>,
        subject: &str,
    ) -> Result<(Epoch, bool), Error> {
        match Subjects::of(self, context) {
            Ok(subjects) => subjects.epoch(subject).await,
            Err(_) if context.policy.insists_on_cap() => Err(Error::Unsupported),
            Err(_) => Ok((Epoch(0), false)),
        }
    }

    async fn cap<S: Store, C: Clock, O: Observer, B: Buffer>(
        self,
        context: &Context<S, C, O>,
        request: &mut RequestState<B>,
        subject: &str,
    ) -> Result<(), Error> {
        let subjects = Subjects::of(self, context)?;
        let (_, own, room) = request.signed_in()?;
        subjects.cap(subject, &own, room).await
    }

    async fn end<S: Store, C: Clock, O: Observer>(
        self,
        context: &Context<S, C, O>,
        subject: Option<&str>,
    ) -> Result<usize, Error> {
        if let Some(subject) = subject {
            return Subjects::of(self, context)?.end_all_of(subject).await;
        }
        let ended = context.store.end_all(context.now()).await;
        if context.heard(ended)? { Ok(0) } else { Err(Error::Unsupported) }
    }

    async fn end_others<S: Store, C: Clock, O: Observer, B: Buffer>(
        self,
        context: &Context<S, C, O>,
        request: &mut RequestState<B>,
    ) -> Result<usize, Error> {
        let subjects = Subjects::of(self, context)?;
        let (subject, own, room) = request.signed_in()?;
        subjects.end_others(subject, &own, room).await
    }

    fn set_cookie<'b, S: Store, C: Clock, O: Observer, B: Buffer>(
        self,
        context: &Context<S, C, O>,
        request: &RequestState<B>,
        into: &'b mut [u8],
    ) -> Result<Option<&'b str>, Error> {
        let policy = &context.policy;
        match request.outgoing_cookie() {
            Outgoing::Nothing => Ok(None),
            Outgoing::Remove => set_cookie::remove(policy, into).map(Some),
            Outgoing::Set(value) => {
                let max_age = request.max_age(policy, context.now());
                set_cookie::issue(policy, &value.text(), max_age, into).map(Some)
            }
        }
    }

    fn cookie_value_len<B: Buffer>(self, request: &RequestState<B>) -> Option<usize> {
        match request.outgoing_cookie() {
            Outgoing::Nothing => None,
            Outgoing::Remove => Some(0),
            Outgoing::Set(_) => Some(base64url::TEXT),
        }
    }
}
