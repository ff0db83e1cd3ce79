use core::cell::UnsafeCell;
use core::convert::Infallible;
use core::hint::black_box;
use core::mem::MaybeUninit;
use core::panic::PanicInfo;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use rand_core::{TryCryptoRng, TryRng};
use session_core::environment::{Clock, Time};
use session_core::mode::{Mode, Sealed, Stored};
use session_core::policy::{Lifetimes, Policy, SecureCookie};
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_core::subject::NoIndex;
use session_core::{Error, Keys, RequestState, Session, Sessions};

/// Bytes of a record in these programs.
const RECORD: usize = 512;

pub struct Outside;

impl Store for Outside {
    type Error = u8;
    type Index = NoIndex;

    fn index(&self) -> Option<&NoIndex> {
        None
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, u8> {
        black_box((key, now, into));
        black_box(Ok(Load::Missing))
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, u8> {
        black_box((key, record, now));
        black_box(Ok(Outcome::Missing))
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, u8> {
        black_box((key, seen, record, now, there));
        black_box(Ok(Outcome::Missing))
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, u8> {
        black_box((key, now));
        black_box(Ok(Outcome::Missing))
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, u8> {
        black_box((key, condition, now));
        black_box(Ok(Outcome::Missing))
    }
}

impl Clock for Outside {
    fn now(&self) -> Time {
        Time::from_millis(black_box(0))
    }
}

impl TryRng for Outside {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(black_box(0))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(black_box(0))
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), Infallible> {
        black_box(into);
        Ok(())
    }
}

impl TryCryptoRng for Outside {}

pub type Request<M = Stored> =
    Session<'static, Outside, Outside, Outside, &'static mut RequestState<[u8; RECORD]>, (), M>;

/// RAM that the program sets aside, weighed by the names of its statics.
pub struct Slot<T>(UnsafeCell<MaybeUninit<T>>);

// SAFETY: these programs have one thread
unsafe impl<T> Sync for Slot<T> {}

impl<T> Slot<T> {
    const EMPTY: Self = Self(UnsafeCell::new(MaybeUninit::uninit()));

    fn put(&'static self, value: T) -> &'static mut T {
        // SAFETY: each slot is filled once, at the start
        unsafe { (*self.0.get()).write(value) }
    }
}

#[unsafe(no_mangle)]
static SHARED_RAM: Slot<Made<Stored>> = Slot::EMPTY;
#[unsafe(no_mangle)]
static SEALED_SHARED_RAM: Slot<Made<Sealed>> = Slot::EMPTY;
#[unsafe(no_mangle)]
static REQUEST_RAM: Slot<RequestState<[u8; RECORD]>> = Slot::EMPTY;

/// Everything that a request needs.
pub fn request() -> Option<Request> {
    place(&SHARED_RAM, Sessions::new)
}

/// The same of a session that travels in its cookie.
pub fn sealed_request() -> Option<Request<Sealed>> {
    place(&SEALED_SHARED_RAM, Sessions::sealed)
}

type Made<M> = Sessions<Outside, Outside, (), M>;

fn place<M: Mode>(
    shared: &'static Slot<Made<M>>,
    make: impl FnOnce(Outside, Outside, &Keys, Policy) -> Made<M>,
) -> Option<Request<M>> {
    let keys = Keys::new(black_box(&[0; 32])).ok()?;
    let policy = black_box(Policy::secure(SecureCookie::host(), Lifetimes::default()).ok()?);
    let sessions = shared.put(make(Outside, Outside, &keys, policy));
    let exchange = REQUEST_RAM.put(RequestState::new([0; RECORD], [0; RECORD]));
    Some(Session::new(sessions, exchange, Outside))
}

/// A request that reads, and then sets, increments, signs in, rotates or signs out; `cookie` is room for the answer's.
pub async fn any_verb<M: Mode>(session: &mut Request<M>, cookie: &mut [u8]) -> Result<usize, Error> {
    let line: &[u8] = black_box(b"id=x");
    session.load(core::iter::once(line)).await?;
    session.activity();
    let visits = session.get::<u32>("visits")?.unwrap_or(0);
    match black_box(0) {
        0 => session.set("visits", &visits.wrapping_add(1))?,
        1 => drop(session.update_with("visits", |visits: Option<u32>| visits.unwrap_or(0).wrapping_add(1)).await?),
        2 => {
            let attempt = session.begin_login(black_box("ada")).await?;
            session.login(attempt).await?;
        }
        3 => session.rotate().await?,
        _ => session.logout().await?,
    }
    session.commit().await?;
    Ok(black_box(session.set_cookie(cookie)?).map_or(0, str::len))
}

/// Polls until it is done.
pub fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

/// Ends here, whatever it was: cargo xtask test-all --only no-panic looks for ways that lead here.
#[panic_handler]
#[inline(never)]
fn panic(_: &PanicInfo) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
