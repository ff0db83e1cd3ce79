//! Futures that never wait.

use core::pin::pin;
use core::task::{Context, Poll, Waker};

use session_core::Error;

/// Runs a method of the session, such as `login`, to its end. The core waits only where its store waits, and a store in
/// memory, or in the flash behind a lock, answers at the first poll.
///
/// # Errors
/// Those of the method, and [`Error::Indeterminate`] if the store waits: there is no executor that would wake it.
pub fn at_once<T>(method: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    // a loop would block the server's only thread forever
    match pin!(method).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(Error::Indeterminate),
    }
}
