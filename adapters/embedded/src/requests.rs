//! What a pool is made of, behind one name.

use core::cell::{Cell, RefCell};

use rand_core::TryCryptoRng;
use session_core::environment::{Buffer, Clock};
use session_core::events::Observer;
use session_core::mode::Mode;
use session_core::store::Store;
use session_core::{Error, RequestState, Sessions};

/// What a [`Pool`](crate::Pool) is made of, so that handlers name one type and not its eight parameters. Implemented by
/// `Pool` alone.
pub trait Requests: sealed::Sealed {
    /// Keeps the records.
    type Store: Store;
    /// Tells the time.
    type Clock: Clock;
    /// Makes random bytes.
    type Rng: TryCryptoRng;
    /// Is told what happens.
    type Observer: Observer;
    /// Holds one record of a request.
    type Buffer: Buffer;
    /// Says where sessions are kept.
    type Mode: Mode;
    /// Holds a `Set-Cookie` value.
    type Line: AsMut<[u8]>;

    /// Returns what all requests share.
    fn sessions(&self) -> &Sessions<Self::Store, Self::Clock, Self::Observer, Self::Mode>;
    /// Returns the generator that all requests share.
    #[doc(hidden)]
    fn rng(&self) -> &RefCell<Self::Rng>;
    /// Returns all slots.
    #[doc(hidden)]
    fn slots(&self) -> &[Slot<Self::Buffer>];
    /// Returns the state of a request of which nothing is known.
    #[doc(hidden)]
    fn state(&self) -> RequestState<Self::Buffer>;
    /// Returns room for a `Set-Cookie` value.
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
    /// The result of loading the session, once a handler has asked for it.
    pub(crate) loaded: Cell<Option<Result<(), Error>>>,
    pub(crate) state: RefCell<RequestState<B>>,
}
