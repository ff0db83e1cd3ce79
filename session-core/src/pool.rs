//! The requests that are under way on one executor: a fixed number of places, one lent to each, and the handle that a
//! handler gets. For frameworks whose handlers take no borrowed arguments; no heap, no `Send`.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::time::Duration;

use rand_core::{TryCryptoRng, TryRng};
use serde::{Serialize, de::DeserializeOwned};

use crate::base::environment::{Buffer, Clock};
use crate::base::error::Error;
use crate::base::events::Observer;
use crate::base::policy::SET_COOKIE_LEN;
use crate::driver::mode::Mode;
use crate::driver::sessions::Sessions;
use crate::driver::stored::Stored;
use crate::driver::subjects::SessionInfo;
use crate::protocol::state::RequestState;
use crate::session::view::{LoginAttempt, Session};
use crate::store::contract::Store;
use crate::wire::csrf;

/// The sessions of an application and room for `REQUESTS` requests at once (as many as there are connections), each with
/// two records of at most `BYTES` bytes. A `Set-Cookie` value takes at most `COOKIE` characters: as they stand, enough for
/// sessions in a store; one that travels in its cookie takes four thirds of its record and some 150 more.
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
    places: [Place<[u8; BYTES]>; REQUESTS],
}

/// Room for one request.
pub struct Place<B: Buffer> {
    /// Counts the requests that had this place; odd while one has it.
    turn: Cell<u32>,
    loaded: Cell<bool>,
    exchange: RefCell<RequestState<B>>,
}

impl<S, C, R, O, M, const REQUESTS: usize, const BYTES: usize, const COOKIE: usize>
    Pool<S, C, R, O, REQUESTS, BYTES, COOKIE, M>
{
    /// Room for requests of these sessions; `rng` must be cryptographic, and may say that it is not ready.
    pub fn new(sessions: Sessions<S, C, O, M>, rng: R) -> Self {
        let places = core::array::from_fn(|_| Place {
            turn: Cell::new(0),
            loaded: Cell::new(false),
            exchange: RefCell::new(RequestState::new([0; BYTES], [0; BYTES])),
        });
        Self { sessions, rng: RefCell::new(rng), places }
    }
}

/// What a [`Pool`] is made of, so that handles name one type and not six. Implemented by it alone.
pub trait Requests: sealed::Sealed {
    /// Where records are kept.
    type Store: Store;
    /// What tells the time.
    type Clock: Clock;
    /// Where random bytes come from.
    type Rng: TryCryptoRng;
    /// Who is told what happens.
    type Observer: Observer;
    /// Room for a record.
    type Buffer: Buffer;
    /// Where sessions are kept.
    type Mode: Mode;
    /// Room for a `Set-Cookie` value.
    type Line: AsMut<[u8]>;

    /// What all requests share.
    fn sessions(&self) -> &Sessions<Self::Store, Self::Clock, Self::Observer, Self::Mode>;
    #[doc(hidden)]
    fn rng(&self) -> &RefCell<Self::Rng>;
    #[doc(hidden)]
    fn places(&self) -> &[Place<Self::Buffer>];
    #[doc(hidden)]
    fn fresh(&self) -> RequestState<Self::Buffer>;
    #[doc(hidden)]
    fn line(&self) -> Self::Line;

    /// Room for a request until the lease is dropped; `None` if all places are taken.
    fn lease(&self) -> Option<Lease<'_, Self>>
    where
        Self: Sized,
    {
        let (place, free) = self.places().iter().enumerate().find(|(_, place)| place.turn.get() % 2 == 0)?;
        // a place is free when nobody holds its exchange; whoever still does keeps an old turn and is refused
        *free.exchange.try_borrow_mut().ok()? = self.fresh();
        free.loaded.set(false);
        free.turn.set(free.turn.get().wrapping_add(1));
        Some(Lease(Handle { pool: self, place, turn: free.turn.get() }))
    }
}

mod sealed {
    pub trait Sealed {}
}

impl<S, C, R, O, M, const REQUESTS: usize, const BYTES: usize, const COOKIE: usize> sealed::Sealed
    for Pool<S, C, R, O, REQUESTS, BYTES, COOKIE, M>
{
}

impl<
    S: Store,
    C: Clock,
    R: TryCryptoRng,
    O: Observer,
    M: Mode,
    const REQUESTS: usize,
    const BYTES: usize,
    const COOKIE: usize,
> Requests for Pool<S, C, R, O, REQUESTS, BYTES, COOKIE, M>
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

    fn places(&self) -> &[Place<[u8; BYTES]>] {
        &self.places
    }

    fn fresh(&self) -> RequestState<[u8; BYTES]> {
        RequestState::new([0; BYTES], [0; BYTES])
    }

    fn line(&self) -> [u8; COOKIE] {
        [0; COOKIE]
    }
}

/// A request's place, given back when dropped. For adapters.
pub struct Lease<'p, P: Requests>(Handle<'p, P>);

impl<'p, P: Requests> Lease<'p, P> {
    /// The handle to pass on to the handler.
    #[must_use]
    pub fn handle(&self) -> Handle<'p, P> {
        self.0.clone()
    }

    /// Stores what has to be stored; call it before the first byte of the answer. An error replaces the answer.
    #[allow(clippy::await_holding_refcell_ref)] // the request's own; a second use of it at once is told Busy
    pub async fn commit(&self) -> Result<(), Error> {
        let (mut exchange, rng) = self.0.borrow()?;
        Session::new(self.0.pool.sessions(), &mut exchange, rng).commit().await
    }

    /// Room for [`set_cookie`](Self::set_cookie).
    #[must_use]
    pub fn line(&self) -> P::Line {
        self.0.pool.line()
    }

    /// The answer's `Set-Cookie` value; see [`Session::set_cookie`].
    pub fn set_cookie<'b>(&self, into: &'b mut [u8]) -> Result<Option<&'b str>, Error> {
        let (mut exchange, rng) = self.0.borrow()?;
        Session::new(self.0.pool.sessions(), &mut exchange, rng).set_cookie(into)
    }

    /// Whether the answer says `Vary: Cookie`.
    #[must_use]
    pub fn varies(&self) -> bool {
        self.0.view(|session| session.varies()).unwrap_or(true)
    }
}

impl<P: Requests> Drop for Lease<'_, P> {
    fn drop(&mut self) {
        if let Some(place) = self.0.pool.places().get(self.0.place) {
            place.turn.set(self.0.turn.wrapping_add(1));
        }
    }
}

/// The session of one request, as a handler gets it. Loaded once; then reading and `set` do not wait, and what was set
/// is stored before the first byte of the answer. After the answer every call says [`Error::NotMounted`].
pub struct Handle<'p, P: ?Sized> {
    pool: &'p P,
    place: usize,
    turn: u32,
}

impl<P: ?Sized> Clone for Handle<'_, P> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

type View<'v, P> = Session<
    'v,
    <P as Requests>::Store,
    <P as Requests>::Clock,
    SharedRng<'v, <P as Requests>::Rng>,
    <P as Requests>::Buffer,
    <P as Requests>::Observer,
    <P as Requests>::Mode,
>;

type Borrowed<'p, P> =
    (core::cell::RefMut<'p, RequestState<<P as Requests>::Buffer>>, SharedRng<'p, <P as Requests>::Rng>);

#[allow(clippy::await_holding_refcell_ref)] // the request's own; a second use of it at once is told Busy
impl<'p, P: Requests> Handle<'p, P> {
    fn own_place(&self) -> Result<&'p Place<P::Buffer>, Error> {
        let place = self.pool.places().get(self.place).filter(|place| place.turn.get() == self.turn);
        place.ok_or(Error::NotMounted)
    }

    fn borrow(&self) -> Result<Borrowed<'p, P>, Error> {
        let exchange = self.own_place()?.exchange.try_borrow_mut().map_err(|_| Error::Busy)?;
        Ok((exchange, SharedRng(self.pool.rng())))
    }

    /// Finds the session that the request's Cookie header lines name, at the first call only. For adapters, which call it
    /// when a handler asks for its session.
    pub async fn load<'h>(&self, cookie_lines: impl Iterator<Item = &'h [u8]>, activity: bool) -> Result<(), Error> {
        let place = self.own_place()?;
        let (mut exchange, rng) = self.borrow()?;
        let mut session = Session::new(self.pool.sessions(), &mut exchange, rng);
        if activity {
            session.activity();
        }
        if place.loaded.replace(true) { Ok(()) } else { session.load(cookie_lines).await }
    }

    /// Everything that [`Session`] offers without waiting, also what borrows from it.
    pub fn view<T>(&self, with: impl FnOnce(&mut View<'_, P>) -> T) -> Result<T, Error> {
        let (mut exchange, rng) = self.borrow()?;
        Ok(with(&mut Session::new(self.pool.sessions(), &mut exchange, rng)))
    }

    /// See [`Session::get`].
    pub fn get<T: Serialize + DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        self.view(|session| session.get(key))?
    }

    /// See [`Session::set`].
    pub fn set<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), Error> {
        self.view(|session| session.set(key, value))?
    }

    /// See [`Session::overwrite`].
    pub fn overwrite<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), Error> {
        self.view(|session| session.overwrite(key, value))?
    }

    /// See [`Session::remove`].
    pub fn remove(&self, key: &str) -> Result<(), Error> {
        self.view(|session| session.remove(key))?
    }

    /// See [`Session::clear`].
    pub fn clear(&self) -> Result<(), Error> {
        self.view(|session| session.clear())?
    }

    /// See [`Session::update_with`].
    pub async fn update_with<T, F>(&self, key: &str, change: F) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(Option<T>) -> T,
    {
        let (mut exchange, rng) = self.borrow()?;
        Session::new(self.pool.sessions(), &mut exchange, rng).update_with(key, change).await
    }

    /// See [`Session::begin_login`].
    pub async fn begin_login<'s>(&self, subject: &'s str) -> Result<LoginAttempt<'s>, Error> {
        let (mut exchange, rng) = self.borrow()?;
        Session::new(self.pool.sessions(), &mut exchange, rng).begin_login(subject).await
    }

    /// See [`Session::login`].
    pub async fn login(&self, attempt: LoginAttempt<'_>) -> Result<(), Error> {
        let (mut exchange, rng) = self.borrow()?;
        Session::new(self.pool.sessions(), &mut exchange, rng).login(attempt).await
    }

    /// See [`Session::rotate`].
    pub async fn rotate(&self) -> Result<(), Error> {
        let (mut exchange, rng) = self.borrow()?;
        Session::new(self.pool.sessions(), &mut exchange, rng).rotate().await
    }

    /// See [`Session::logout`].
    pub async fn logout(&self) -> Result<(), Error> {
        let (mut exchange, rng) = self.borrow()?;
        Session::new(self.pool.sessions(), &mut exchange, rng).logout().await
    }

    /// See [`Session::list`].
    pub async fn list(&self, each: impl FnMut(&SessionInfo<'_>)) -> Result<(), Error> {
        let (mut exchange, rng) = self.borrow()?;
        Session::new(self.pool.sessions(), &mut exchange, rng).list(each).await
    }

    /// See [`Session::revoke`].
    pub async fn revoke(&self, id: &str) -> Result<bool, Error> {
        let (mut exchange, rng) = self.borrow()?;
        Session::new(self.pool.sessions(), &mut exchange, rng).revoke(id).await
    }

    /// See [`Session::revoke_others`].
    pub async fn revoke_others(&self) -> Result<usize, Error> {
        let (mut exchange, rng) = self.borrow()?;
        Session::new(self.pool.sessions(), &mut exchange, rng).revoke_others().await
    }

    /// See [`Session::revoke_all`].
    pub async fn revoke_all(&self) -> Result<usize, Error> {
        let (mut exchange, rng) = self.borrow()?;
        Session::new(self.pool.sessions(), &mut exchange, rng).revoke_all().await
    }

    /// Passes the subject to `with`; see [`Session::subject`].
    pub fn subject<T>(&self, with: impl FnOnce(Option<&str>) -> T) -> Result<T, Error> {
        self.view(|session| with(session.subject()))
    }

    /// See [`Session::set_label`].
    pub fn set_label(&self, label: &str) -> Result<(), Error> {
        self.view(|session| session.set_label(label))?
    }

    /// See [`Session::bind`].
    pub async fn bind(&self, fingerprint: &[u8]) -> Result<(), Error> {
        let (mut exchange, rng) = self.borrow()?;
        Session::new(self.pool.sessions(), &mut exchange, rng).bind(fingerprint).await
    }

    /// See [`Session::check_binding`].
    pub async fn check_binding(&self, fingerprint: &[u8]) -> Result<bool, Error> {
        let (mut exchange, rng) = self.borrow()?;
        Session::new(self.pool.sessions(), &mut exchange, rng).check_binding(fingerprint).await
    }

    /// See [`Session::authenticated_within`].
    pub fn authenticated_within(&self, span: Duration) -> Result<bool, Error> {
        self.view(|session| session.authenticated_within(span))
    }

    /// See [`Session::expires_in`].
    pub fn expires_in(&self) -> Result<Option<Duration>, Error> {
        self.view(|session| session.expires_in())
    }

    /// See [`Session::flash_message`].
    pub fn flash_message(&self, message: &str) -> Result<(), Error> {
        self.view(|session| session.flash_message(message))?
    }

    /// See [`Session::take_flash_message`].
    pub fn take_flash_message<T>(&self, show: impl FnOnce(&str) -> T) -> Result<Option<T>, Error> {
        self.view(|session| session.take_flash_message(show))?
    }

    /// See [`Session::csrf_token`].
    pub fn csrf_token(&self) -> Result<csrf::Token, Error> {
        self.view(|session| session.csrf_token())?
    }

    /// See [`Session::csrf_ok`].
    pub fn csrf_ok(&self, token: &str) -> Result<bool, Error> {
        self.view(|session| session.csrf_ok(token))
    }

    /// See [`Sessions::check`].
    pub async fn check(&self) -> Result<(), Error> {
        self.pool.sessions().check().await
    }

    /// Only a look, which is no activity: the request must ask for nothing more of its session.
    #[must_use]
    pub const fn peek(self) -> Peek<'p, P> {
        Peek(self)
    }
}

/// A look at a session that does not keep it alive (LC16).
pub struct Peek<'p, P: ?Sized>(Handle<'p, P>);

impl<P: Requests> Peek<'_, P> {
    /// See [`Session::get`].
    pub fn get<T: Serialize + DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        self.0.get(key)
    }

    /// Passes the subject to `with`; see [`Session::subject`].
    pub fn subject<T>(&self, with: impl FnOnce(Option<&str>) -> T) -> Result<T, Error> {
        self.0.subject(with)
    }

    /// See [`Session::authenticated_within`].
    pub fn authenticated_within(&self, span: Duration) -> Result<bool, Error> {
        self.0.authenticated_within(span)
    }

    /// See [`Session::expires_in`].
    pub fn expires_in(&self) -> Result<Option<Duration>, Error> {
        self.0.expires_in()
    }

    /// A CSRF token of a session that exists; a look makes none.
    pub fn csrf_token(&self) -> Result<Option<csrf::Token>, Error> {
        self.0.view(|session| session.exists().then(|| session.csrf_token()).transpose())?
    }

    /// Everything that [`Session`] shows without changing.
    pub fn view<T>(&self, with: impl FnOnce(&View<'_, P>) -> T) -> Result<T, Error> {
        self.0.view(|session| with(session))
    }
}

/// One generator for all requests of an executor.
pub struct SharedRng<'r, R>(&'r RefCell<R>);

/// The generator is not ready, or in use.
#[derive(Clone, Copy, Debug)]
pub struct NoEntropy;

impl fmt::Display for NoEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the random number generator is not ready")
    }
}

impl core::error::Error for NoEntropy {}

impl<R: TryCryptoRng> TryRng for SharedRng<'_, R> {
    type Error = NoEntropy;

    fn try_next_u32(&mut self) -> Result<u32, NoEntropy> {
        self.0.try_borrow_mut().map_err(|_| NoEntropy)?.try_next_u32().map_err(|_| NoEntropy)
    }

    fn try_next_u64(&mut self) -> Result<u64, NoEntropy> {
        self.0.try_borrow_mut().map_err(|_| NoEntropy)?.try_next_u64().map_err(|_| NoEntropy)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        self.0.try_borrow_mut().map_err(|_| NoEntropy)?.try_fill_bytes(bytes).map_err(|_| NoEntropy)
    }
}

impl<R: TryCryptoRng> TryCryptoRng for SharedRng<'_, R> {}
