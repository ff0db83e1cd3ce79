//! The types of a pool, behind one name.

use core::cell::{Cell, RefCell};

use rand_core::TryCryptoRng;
use session_core::environment::{Buffer, Clock};
use session_core::events::Observer;
use session_core::mode::Mode;
use session_core::store::Store;
use session_core::{Error, RequestState, Sessions};

/// The type parameters of a [`Pool`](crate::Pool) behind one name, so that a handler needs one type parameter instead
/// of eight. Only `Pool` implements it.
pub trait Requests: sealed::Sealed {
    /// The store of the records.
    type Store: Store;
    /// The clock.
    type Clock: Clock;
    /// The random number generator.
    type Rng: TryCryptoRng;
    /// The observer of events.
    type Observer: Observer;
    /// The buffer for one record of a request.
    type Buffer: Buffer;
    /// Where sessions are kept.
    type Mode: Mode;
    /// The buffer for a `Set-Cookie` value.
    type Line: AsMut<[u8]>;

    /// Returns what all requests share.
    fn sessions(&self) -> &Sessions<Self::Store, Self::Clock, Self::Observer, Self::Mode>;
    /// Returns the random number generator that all requests share.
    #[doc(hidden)]
    fn rng(&self) -> &RefCell<Self::Rng>;
    /// Returns all slots.
    #[doc(hidden)]
    fn slots(&self) -> &[Slot<Self::Buffer>];
    /// Returns the initial state of a request.
    #[doc(hidden)]
    fn state(&self) -> RequestState<Self::Buffer>;
    /// Returns a buffer for a `Set-Cookie` value.
    #[doc(hidden)]
    fn line(&self) -> Self::Line;
}

/// Keeps other crates from implementing [`Requests`].
pub(crate) mod sealed {
    pub trait Sealed {}
}

/// Room for one request.
pub struct Slot<B: Buffer> {
    /// Counts the requests that had this slot; odd while one has it.
    pub(crate) turn: Cell<u32>,
    /// The result of loading the session, once a handler has requested it.
    pub(crate) loaded: Cell<Option<Result<(), Error>>>,
    pub(crate) state: RefCell<RequestState<B>>,
}
