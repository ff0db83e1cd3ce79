//! Where sessions are kept: in a store, sealed in their cookies, or in the cookie while they are small. A type and not a
//! setting, because a setting would bring the futures of all into every program. Users of [`Sessions::new`],
//! [`Sessions::sealed`] and [`Sessions::overflowing`] need not name one.

use crate::driver::Sessions;
use crate::environment::{Buffer, Clock, Time};
use crate::error::Error;
use crate::events::Observer;
use crate::exchange::{Intent, Reply, RequestState, Step};
use crate::store::Store;
use crate::subject::Epoch;

/// One of [`Stored`], [`Sealed`], [`Overflowing`] and [`Either`].
pub trait Mode: Copy + closed::Closed {
    /// Cookies are sealed records, or stand for one that is in the store.
    fn is_sealed(self) -> bool;

    /// Whether a value of our cookie's name is the request's session.
    #[doc(hidden)]
    fn accept<S: Store, C: Clock, O: Observer, B: Buffer>(
        sessions: &Sessions<S, C, O, Self>,
        exchange: &mut RequestState<B>,
        value: &[u8],
    ) -> impl Future<Output = Result<bool, Error>>;

    /// Does what a step says to the session's record, at `now`.
    #[doc(hidden)]
    fn carry_out<S: Store, C: Clock, O: Observer, B: Buffer>(
        sessions: &Sessions<S, C, O, Self>,
        exchange: &mut RequestState<B>,
        step: Step,
        intent: Intent<'_>,
        now: Time,
    ) -> impl Future<Output = Reply>;

    /// What a login attempt keeps.
    #[doc(hidden)]
    fn epoch<S: Store, C: Clock, O: Observer>(
        sessions: &Sessions<S, C, O, Self>,
        subject: &str,
    ) -> impl Future<Output = Result<Epoch, Error>>;

    /// Ends the sessions of a subject, or everybody's; the number of those that were there, where somebody counts.
    #[doc(hidden)]
    fn end<S: Store, C: Clock, O: Observer>(
        sessions: &Sessions<S, C, O, Self>,
        subject: Option<&str>,
    ) -> impl Future<Output = Result<usize, Error>>;
}

mod closed {
    pub trait Closed {}
    impl Closed for super::Stored {}
    impl Closed for super::Sealed {}
    impl Closed for super::Overflowing {}
    impl Closed for super::Either {}
}

/// In a store.
#[derive(Clone, Copy, Debug)]
pub struct Stored;

/// In their cookies: see [`Sessions::sealed`].
#[derive(Clone, Copy, Debug)]
pub struct Sealed;

/// In their cookies while they fit, else in a store: see [`Sessions::overflowing`].
#[derive(Clone, Copy, Debug)]
pub struct Overflowing;

/// Known when the program runs, for programs in which a few kilobytes of code do not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Either {
    /// As [`Stored`](struct@Stored).
    Stored,
    /// As [`Sealed`](struct@Sealed).
    Sealed,
    /// As [`Overflowing`](struct@Overflowing).
    Overflowing,
}

impl Mode for Stored {
    fn is_sealed(self) -> bool {
        false
    }

    fn accept<S: Store, C: Clock, O: Observer, B: Buffer>(
        sessions: &Sessions<S, C, O, Self>,
        exchange: &mut RequestState<B>,
        value: &[u8],
    ) -> impl Future<Output = Result<bool, Error>> {
        sessions.accept_stored(exchange, value)
    }

    fn carry_out<S: Store, C: Clock, O: Observer, B: Buffer>(
        sessions: &Sessions<S, C, O, Self>,
        exchange: &mut RequestState<B>,
        step: Step,
        intent: Intent<'_>,
        now: Time,
    ) -> impl Future<Output = Reply> {
        sessions.carry_out_stored(exchange, step, intent, now)
    }

    fn epoch<S: Store, C: Clock, O: Observer>(
        sessions: &Sessions<S, C, O, Self>,
        subject: &str,
    ) -> impl Future<Output = Result<Epoch, Error>> {
        sessions.epoch_stored(subject)
    }

    fn end<S: Store, C: Clock, O: Observer>(
        sessions: &Sessions<S, C, O, Self>,
        subject: Option<&str>,
    ) -> impl Future<Output = Result<usize, Error>> {
        sessions.end_stored(subject)
    }
}

impl Mode for Sealed {
    fn is_sealed(self) -> bool {
        true
    }

    fn accept<S: Store, C: Clock, O: Observer, B: Buffer>(
        sessions: &Sessions<S, C, O, Self>,
        exchange: &mut RequestState<B>,
        value: &[u8],
    ) -> impl Future<Output = Result<bool, Error>> {
        sessions.accept_sealed(exchange, value)
    }

    fn carry_out<S: Store, C: Clock, O: Observer, B: Buffer>(
        sessions: &Sessions<S, C, O, Self>,
        exchange: &mut RequestState<B>,
        step: Step,
        intent: Intent<'_>,
        now: Time,
    ) -> impl Future<Output = Reply> {
        sessions.carry_out_sealed(exchange, step, intent, now)
    }

    fn epoch<S: Store, C: Clock, O: Observer>(
        sessions: &Sessions<S, C, O, Self>,
        subject: &str,
    ) -> impl Future<Output = Result<Epoch, Error>> {
        sessions.epoch_sealed(subject)
    }

    fn end<S: Store, C: Clock, O: Observer>(
        sessions: &Sessions<S, C, O, Self>,
        subject: Option<&str>,
    ) -> impl Future<Output = Result<usize, Error>> {
        sessions.end_sealed(subject)
    }
}

impl Mode for Overflowing {
    fn is_sealed(self) -> bool {
        true
    }

    fn accept<S: Store, C: Clock, O: Observer, B: Buffer>(
        sessions: &Sessions<S, C, O, Self>,
        exchange: &mut RequestState<B>,
        value: &[u8],
    ) -> impl Future<Output = Result<bool, Error>> {
        sessions.accept_overflowing(exchange, value)
    }

    fn carry_out<S: Store, C: Clock, O: Observer, B: Buffer>(
        sessions: &Sessions<S, C, O, Self>,
        exchange: &mut RequestState<B>,
        step: Step,
        intent: Intent<'_>,
        now: Time,
    ) -> impl Future<Output = Reply> {
        sessions.carry_out_overflowing(exchange, step, intent, now)
    }

    fn epoch<S: Store, C: Clock, O: Observer>(
        sessions: &Sessions<S, C, O, Self>,
        subject: &str,
    ) -> impl Future<Output = Result<Epoch, Error>> {
        sessions.epoch_sealed(subject)
    }

    fn end<S: Store, C: Clock, O: Observer>(
        sessions: &Sessions<S, C, O, Self>,
        subject: Option<&str>,
    ) -> impl Future<Output = Result<usize, Error>> {
        sessions.end_sealed(subject)
    }
}

impl Mode for Either {
    fn is_sealed(self) -> bool {
        self != Self::Stored
    }

    async fn accept<S: Store, C: Clock, O: Observer, B: Buffer>(
        sessions: &Sessions<S, C, O, Self>,
        exchange: &mut RequestState<B>,
        value: &[u8],
    ) -> Result<bool, Error> {
        match sessions.mode {
            Self::Stored => sessions.accept_stored(exchange, value).await,
            Self::Sealed => sessions.accept_sealed(exchange, value).await,
            Self::Overflowing => sessions.accept_overflowing(exchange, value).await,
        }
    }

    async fn carry_out<S: Store, C: Clock, O: Observer, B: Buffer>(
        sessions: &Sessions<S, C, O, Self>,
        exchange: &mut RequestState<B>,
        step: Step,
        intent: Intent<'_>,
        now: Time,
    ) -> Reply {
        match sessions.mode {
            Self::Stored => sessions.carry_out_stored(exchange, step, intent, now).await,
            Self::Sealed => sessions.carry_out_sealed(exchange, step, intent, now).await,
            Self::Overflowing => sessions.carry_out_overflowing(exchange, step, intent, now).await,
        }
    }

    async fn epoch<S: Store, C: Clock, O: Observer>(
        sessions: &Sessions<S, C, O, Self>,
        subject: &str,
    ) -> Result<Epoch, Error> {
        match sessions.mode {
            Self::Stored => sessions.epoch_stored(subject).await,
            Self::Sealed | Self::Overflowing => sessions.epoch_sealed(subject).await,
        }
    }

    async fn end<S: Store, C: Clock, O: Observer>(
        sessions: &Sessions<S, C, O, Self>,
        subject: Option<&str>,
    ) -> Result<usize, Error> {
        match sessions.mode {
            Self::Stored => sessions.end_stored(subject).await,
            Self::Sealed | Self::Overflowing => sessions.end_sealed(subject).await,
        }
    }
}
