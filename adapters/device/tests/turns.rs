//! A flash that another task holds across an await: what needs it waits, and is told after a limit.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Mutex as Alone;
use std::task::{Context, Poll, Waker};

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::Mutex;
use embassy_time::{Duration, MockDriver};
use session_device::{Held, PATIENCE, while_free};

/// There is one clock for all tests.
static CLOCK: Alone<()> = Alone::new(());

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn step() {
    MockDriver::get().advance(Duration::from_millis(100));
}

/// EM8: an update that holds the flash while it waits for its next piece does not stop the device.
#[test]
fn a_request_waits_for_a_flash_that_is_held_em8() {
    let _alone = CLOCK.lock().unwrap();
    let (chip, polled) = (Mutex::<NoopRawMutex, ()>::new(()), Cell::new(0));
    let mut request = pin!(while_free(&chip, || poll_fn(|_| {
        polled.set(polled.get() + 1);
        assert!(chip.try_lock().is_ok(), "it has the flash to itself");
        if polled.get() < 3 { Poll::Pending } else { Poll::Ready("served") }
    })));
    assert!(poll(request.as_mut()).is_pending());
    for held in 1..=20 {
        let update = chip.try_lock().unwrap();
        assert!(poll(request.as_mut()).is_pending());
        step();
        assert!(poll(request.as_mut()).is_pending());
        drop(update);
        assert_eq!(polled.get(), 1, "not while it is held, {held}");
    }
    // held again and again, each time for less than the limit, and not yet asked in between
    assert!(poll(request.as_mut()).is_pending());
    assert_eq!(poll(request.as_mut()), Poll::Ready(Ok("served")));
}

/// EM8: after the limit it is told.
#[test]
fn a_flash_that_is_held_for_too_long_is_told_em8() {
    let _alone = CLOCK.lock().unwrap();
    let chip = Mutex::<NoopRawMutex, ()>::new(());
    let _update = chip.try_lock().unwrap();
    let mut request = pin!(while_free(&chip, || async { unreachable!("the flash is held") }));
    let mut waited = Duration::from_ticks(0);
    let result: Result<(), Held> = loop {
        match poll(request.as_mut()) {
            Poll::Ready(result) => break result,
            Poll::Pending => step(),
        }
        waited += Duration::from_millis(100);
        assert!(waited <= PATIENCE, "it waits for longer than it says");
    };
    assert_eq!((result, waited), (Err(Held), PATIENCE));
}
