//! A mode that is chosen at run time, for programs in which a few kilobytes of code do not matter.

use super::context::Context;
use super::mode::{Abilities, Closed, Mode};
use super::sealed::Sealed;
use super::stored::Stored;
use crate::base::environment::{Buffer, Clock};
use crate::base::error::Error;
use crate::base::events::Observer;
use crate::protocol::operation::{Operation, Reply, Rules, StoreRequest};
use crate::protocol::state::RequestState;
use crate::store::contract::Store;
use crate::store::index::Epoch;

/// A mode chosen at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DynamicMode {
    /// Sessions in a store, as [`Stored`](struct@Stored).
    Stored,
    /// Sessions in their cookies, as [`Sealed`](struct@Sealed).
    Sealed,
}

impl Closed for DynamicMode {}

impl Mode for DynamicMode {
    fn abilities(self) -> Abilities {
        match self {
            Self::Stored => Stored.abilities(),
            Self::Sealed => Sealed.abilities(),
        }
    }

    fn index<S: Store>(self, store: &S) -> Option<&S::Index> {
        match self {
            Self::Stored => Stored.index(store),
            Self::Sealed => Sealed.index(store),
        }
    }

    fn rules<S: Store, C: Clock, O: Observer>(self, context: &Context<S, C, O>) -> Rules<'_, O> {
        match self {
            Self::Stored => Stored.rules(context),
            Self::Sealed => Sealed.rules(context),
        }
    }

    async fn lookup<S: Store, C: Clock, O: Observer, B: Buffer>(
        self,
        context: &Context<S, C, O>,
        request: &mut RequestState<B>,
        value: &[u8],
    ) -> Result<bool, Error> {
        match self {
            Self::Stored => Stored.lookup(context, request, value).await,
            Self::Sealed => Sealed.lookup(context, request, value).await,
        }
    }

    async fn apply<S: Store, C: Clock, O: Observer, B: Buffer>(
        self,
        context: &Context<S, C, O>,
        request: &mut RequestState<B>,
        step: StoreRequest,
        operation: &Operation<'_>,
    ) -> Reply {
        match self {
            Self::Stored => Stored.apply(context, request, step, operation).await,
            Self::Sealed => Sealed.apply(context, request, step, operation).await,
        }
    }

    async fn epoch<S: Store, C: Clock, O: Observer>(
        self,
        context: &Context<S, C, O>,
        subject: &str,
    ) -> Result<(Epoch, bool), Error> {
        match self {
            Self::Stored => Stored.epoch(context, subject).await,
            Self::Sealed => Sealed.epoch(context, subject).await,
        }
    }

    async fn cap<S: Store, C: Clock, O: Observer, B: Buffer>(
        self,
        context: &Context<S, C, O>,
        request: &mut RequestState<B>,
        subject: &str,
    ) -> Result<(), Error> {
        match self {
            Self::Stored => Stored.cap(context, request, subject).await,
            Self::Sealed => Sealed.cap(context, request, subject).await,
        }
    }

    async fn end<S: Store, C: Clock, O: Observer>(
        self,
        context: &Context<S, C, O>,
        subject: Option<&str>,
    ) -> Result<usize, Error> {
        match self {
            Self::Stored => Stored.end(context, subject).await,
            Self::Sealed => Sealed.end(context, subject).await,
        }
    }

    async fn end_others<S: Store, C: Clock, O: Observer, B: Buffer>(
        self,
        context: &Context<S, C, O>,
        request: &mut RequestState<B>,
    ) -> Result<usize, Error> {
        match self {
            Self::Stored => Stored.end_others(context, request).await,
            Self::Sealed => Sealed.end_others(context, request).await,
        }
    }

    fn set_cookie<'b, S: Store, C: Clock, O: Observer, B: Buffer>(
        self,
        context: &Context<S, C, O>,
        request: &RequestState<B>,
        into: &'b mut [u8],
    ) -> Result<Option<&'b str>, Error> {
        match self {
            Self::Stored => Stored.set_cookie(context, request, into),
            Self::Sealed => Sealed.set_cookie(context, request, into),
        }
    }

    fn cookie_value_len<B: Buffer>(self, request: &RequestState<B>) -> Option<usize> {
        match self {
            Self::Stored => Stored.cookie_value_len(request),
            Self::Sealed => Sealed.cookie_value_len(request),
        }
    }
}
