//! What a mode is: a type that determines where sessions are kept and carries out the verbs there. It is a type and not
//! a setting, so that a program contains only the code of its own mode.

use super::context::Context;
use crate::base::environment::{Buffer, Clock};
use crate::base::error::Error;
use crate::base::events::Observer;
use crate::protocol::operation::{Operation, Reply, Rules, StoreRequest};
use crate::protocol::state::RequestState;
use crate::store::contract::Store;
use crate::store::index::Epoch;

/// Where sessions are kept: [`Stored`](super::stored::Stored), [`Sealed`](super::sealed::Sealed) or
/// [`DynamicMode`](super::dynamic::DynamicMode). The trait cannot be implemented outside this crate.
pub trait Mode: Copy + Closed {
    /// Returns what this mode can do.
    #[doc(hidden)]
    fn abilities(self) -> Abilities;

    /// Returns the store's index of subjects, if this mode keeps one.
    #[doc(hidden)]
    fn index<S: Store>(self, store: &S) -> Option<&S::Index>;

    /// Returns the rules that apply to every request.
    #[doc(hidden)]
    fn rules<S: Store, C: Clock, O: Observer>(self, context: &Context<S, C, O>) -> Rules<'_, O>;

    /// Looks up whether a cookie value of our name identifies the request's session.
    #[doc(hidden)]
    fn lookup<S: Store, C: Clock, O: Observer, B: Buffer>(
        self,
        context: &Context<S, C, O>,
        request: &mut RequestState<B>,
        value: &[u8],
    ) -> impl Future<Output = Result<bool, Error>>;

    /// Applies one step of an operation to the session's record.
    #[doc(hidden)]
    fn apply<S: Store, C: Clock, O: Observer, B: Buffer>(
        self,
        context: &Context<S, C, O>,
        request: &mut RequestState<B>,
        step: StoreRequest,
        operation: &Operation<'_>,
    ) -> impl Future<Output = Reply>;

    /// Returns the subject's epoch for a login attempt, and whether the login has to enforce the cap.
    #[doc(hidden)]
    fn epoch<S: Store, C: Clock, O: Observer>(
        self,
        context: &Context<S, C, O>,
        subject: &str,
    ) -> impl Future<Output = Result<(Epoch, bool), Error>>;

    /// Ends the oldest sessions of a subject that has just signed in, beyond the policy's limit.
    #[doc(hidden)]
    fn cap<S: Store, C: Clock, O: Observer, B: Buffer>(
        self,
        context: &Context<S, C, O>,
        request: &mut RequestState<B>,
        subject: &str,
    ) -> impl Future<Output = Result<(), Error>>;

    /// Ends the sessions of a subject, or of all subjects. Returns their number where they are counted.
    #[doc(hidden)]
    fn end<S: Store, C: Clock, O: Observer>(
        self,
        context: &Context<S, C, O>,
        subject: Option<&str>,
    ) -> impl Future<Output = Result<usize, Error>>;

    /// Ends the signed-in subject's other sessions, if this mode can distinguish them from the request's own.
    #[doc(hidden)]
    fn end_others<S: Store, C: Clock, O: Observer, B: Buffer>(
        self,
        context: &Context<S, C, O>,
        request: &mut RequestState<B>,
    ) -> impl Future<Output = Result<usize, Error>>;

    /// Writes the `Set-Cookie` value of the response.
    #[doc(hidden)]
    fn set_cookie<'b, S: Store, C: Clock, O: Observer, B: Buffer>(
        self,
        context: &Context<S, C, O>,
        request: &RequestState<B>,
        into: &'b mut [u8],
    ) -> Result<Option<&'b str>, Error>;

    /// Returns the length of the cookie's value, or `None` if the response has no cookie.
    #[doc(hidden)]
    fn cookie_value_len<B: Buffer>(self, request: &RequestState<B>) -> Option<usize>;
}

/// Implemented by the modes of this crate.
pub trait Closed {}

/// What a mode can do; a constant of each.
#[derive(Clone, Copy, Debug)]
pub struct Abilities {
    /// The cookie is renewed at an age, and the old value leads to the new one during the grace period.
    pub renews: bool,
    /// The cookie is the session: the session ends in this browser only if the cookie is removed.
    pub lives_in_cookie: bool,
}
