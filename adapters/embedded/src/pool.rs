//! The active requests of one executor: a fixed number of slots, one per request.

use core::array;
use core::cell::{Cell, RefCell};

use rand_core::TryCryptoRng;
use session_core::environment::Clock;
use session_core::events::Observer;
use session_core::mode::{Mode, Sealed, Stored};
use session_core::policy::SET_COOKIE_LEN;
use session_core::store::Store;
use session_core::{RequestState, Sessions};

use crate::requests::{Requests, Slot, sealed};

/// Sessions in a store, with slots for `REQUESTS` concurrent requests. Use as many slots as there are connections. Each
/// slot holds two records of at most `BYTES` bytes. A `Set-Cookie` value has at most `COOKIE` characters.
pub struct Pool<
    S,
    C,
    R,
    O = (),
    const REQUESTS: usize = 6,
    const BYTES: usize = 512,
    const COOKIE: usize = SET_COOKIE_LEN,
    M = Stored,
> {
    sessions: Sessions<S, C, O, M>,
    rng: RefCell<R>,
    slots: [Slot<[u8; BYTES]>; REQUESTS],
}

/// A [`Pool`] of sessions that travel in their cookies, see [`Sessions::sealed`](Sessions#method.sealed). A cookie has
/// about four thirds of its record's length and 150 characters, so set `COOKIE` together with `BYTES`.
pub type SealedPool<S, C, R, O = (), const REQUESTS: usize = 6, const BYTES: usize = 512, const COOKIE: usize = 1024> =
    Pool<S, C, R, O, REQUESTS, BYTES, COOKIE, Sealed>;

impl<S, C, R, O, M, const REQUESTS: usize, const BYTES: usize, const COOKIE: usize>
    Pool<S, C, R, O, REQUESTS, BYTES, COOKIE, M>
{
    /// Creates a pool. `rng` must be a cryptographic generator, and may return an error until it is ready.
    pub fn new(sessions: Sessions<S, C, O, M>, rng: R) -> Self {
        let slots = array::from_fn(|_| Slot {
            turn: Cell::new(0),
            loaded: Cell::new(None),
            state: RefCell::new(RequestState::new([0; BYTES], [0; BYTES])),
        });
        Self { sessions, rng: RefCell::new(rng), slots }
    }
}

impl<S, C, R, O, M, const REQUESTS: usize, const BYTES: usize, const COOKIE: usize> sealed::Sealed
    for Pool<S, C, R, O, REQUESTS, BYTES, COOKIE, M>
{
}

impl<S, C, R, O, M, const REQUESTS: usize, const BYTES: usize, const COOKIE: usize> Requests
    for Pool<S, C, R, O, REQUESTS, BYTES, COOKIE, M>
where
    S: Store,
    C: Clock,
    R: TryCryptoRng,
    O: Observer,
    M: Mode,
{
    type Store = S;
    type Clock = C;
    type Rng = R;
    type Observer = O;
    type Buffer = [u8; BYTES];
    type Mode = M;
    type Line = [u8; COOKIE];

    fn sessions(&self) -> &Sessions<S, C, O, M> {
        &self.sessions
    }

    fn rng(&self) -> &RefCell<R> {
        &self.rng
    }

    fn slots(&self) -> &[Slot<[u8; BYTES]>] {
        &self.slots
    }

    fn state(&self) -> RequestState<[u8; BYTES]> {
        RequestState::new([0; BYTES], [0; BYTES])
    }

    fn line(&self) -> [u8; COOKIE] {
        [0; COOKIE]
    }
}
