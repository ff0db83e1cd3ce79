//! Where sessions are kept: in a store, or sealed in their cookies. A type and not a setting, because a setting would
//! bring the futures of both into every program. Users of [`Sessions::new`] and [`Sessions::sealed`] need not name one.

use rand_core::TryCryptoRng;

use crate::driver::Sessions;
use crate::environment::{Buffer, Clock};
use crate::error::Error;
use crate::events::Observer;
use crate::exchange::{Exchange, Intent, Work};
use crate::store::Store;
use crate::subject::Epoch;

/// One of [`Stored`], [`Sealed`] and [`Either`].
pub trait Mode: Copy + closed::Closed {
    /// The sessions travel in their cookies.
    fn is_sealed(self) -> bool;

    /// Finds the request's session.
    #[doc(hidden)]
    fn begin<'h, S: Store, C: Clock, O: Observer, B: Buffer>(
        sessions: &Sessions<S, C, O, Self>,
        exchange: &mut Exchange<B>,
        cookie_lines: impl Iterator<Item = &'h [u8]>,
    ) -> impl Future<Output = Result<(), Error>>;

    /// Carries one verb through.
    #[doc(hidden)]
    fn perform<S: Store, C: Clock, O: Observer, B: Buffer>(
        sessions: &Sessions<S, C, O, Self>,
        exchange: &mut Exchange<B>,
        rng: &mut impl TryCryptoRng,
        intent: Intent<'_>,
        work: &mut Work,
    ) -> impl Future<Output = Result<bool, Error>>;

    /// What a login ticket keeps.
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
    impl Closed for super::Either {}
}

/// In a store.
#[derive(Clone, Copy, Debug)]
pub struct Stored;

/// In their cookies: see [`Sessions::sealed`].
#[derive(Clone, Copy, Debug)]
pub struct Sealed;

/// Known when the program runs, for programs in which a few kilobytes of code do not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Either {
    /// As [`Stored`](struct@Stored).
    Stored,
    /// As [`Sealed`](struct@Sealed).
    Sealed,
}

impl Mode for Stored {
    fn is_sealed(self) -> bool {
        false
    }

    fn begin<'h, S: Store, C: Clock, O: Observer, B: Buffer>(
        sessions: &Sessions<S, C, O, Self>,
        exchange: &mut Exchange<B>,
        cookie_lines: impl Iterator<Item = &'h [u8]>,
    ) -> impl Future<Output = Result<(), Error>> {
        sessions.begin_stored(exchange, cookie_lines)
    }

    fn perform<S: Store, C: Clock, O: Observer, B: Buffer>(
        sessions: &Sessions<S, C, O, Self>,
        exchange: &mut Exchange<B>,
        rng: &mut impl TryCryptoRng,
        intent: Intent<'_>,
        work: &mut Work,
    ) -> impl Future<Output = Result<bool, Error>> {
        sessions.perform_stored(exchange, rng, intent, work)
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

    fn begin<'h, S: Store, C: Clock, O: Observer, B: Buffer>(
        sessions: &Sessions<S, C, O, Self>,
        exchange: &mut Exchange<B>,
        cookie_lines: impl Iterator<Item = &'h [u8]>,
    ) -> impl Future<Output = Result<(), Error>> {
        sessions.begin_sealed(exchange, cookie_lines)
    }

    fn perform<S: Store, C: Clock, O: Observer, B: Buffer>(
        sessions: &Sessions<S, C, O, Self>,
        exchange: &mut Exchange<B>,
        rng: &mut impl TryCryptoRng,
        intent: Intent<'_>,
        work: &mut Work,
    ) -> impl Future<Output = Result<bool, Error>> {
        sessions.perform_sealed(exchange, rng, intent, work)
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
        self == Self::Sealed
    }

    async fn begin<'h, S: Store, C: Clock, O: Observer, B: Buffer>(
        sessions: &Sessions<S, C, O, Self>,
        exchange: &mut Exchange<B>,
        cookie_lines: impl Iterator<Item = &'h [u8]>,
    ) -> Result<(), Error> {
        match sessions.mode {
            Self::Stored => sessions.begin_stored(exchange, cookie_lines).await,
            Self::Sealed => sessions.begin_sealed(exchange, cookie_lines).await,
        }
    }

    async fn perform<S: Store, C: Clock, O: Observer, B: Buffer>(
        sessions: &Sessions<S, C, O, Self>,
        exchange: &mut Exchange<B>,
        rng: &mut impl TryCryptoRng,
        intent: Intent<'_>,
        work: &mut Work,
    ) -> Result<bool, Error> {
        match sessions.mode {
            Self::Stored => sessions.perform_stored(exchange, rng, intent, work).await,
            Self::Sealed => sessions.perform_sealed(exchange, rng, intent, work).await,
        }
    }

    async fn epoch<S: Store, C: Clock, O: Observer>(
        sessions: &Sessions<S, C, O, Self>,
        subject: &str,
    ) -> Result<Epoch, Error> {
        match sessions.mode {
            Self::Stored => sessions.epoch_stored(subject).await,
            Self::Sealed => sessions.epoch_sealed(subject).await,
        }
    }

    async fn end<S: Store, C: Clock, O: Observer>(
        sessions: &Sessions<S, C, O, Self>,
        subject: Option<&str>,
    ) -> Result<usize, Error> {
        match sessions.mode {
            Self::Stored => sessions.end_stored(subject).await,
            Self::Sealed => sessions.end_sealed(subject).await,
        }
    }
}
