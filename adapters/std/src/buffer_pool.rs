//! Reuses the states of requests, which are so large that an allocator takes its slow path for them.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

use session_core::RequestState;

use session_store_shared::RecordBuffer;

/// The most states that a thread keeps.
const MOST: usize = 16;

thread_local! {
    static POOL: RefCell<Vec<Place>> = const { RefCell::new(Vec::new()) };
}

/// The state of a request. Dropping it removes every cookie from its memory.
pub(crate) struct Place(Box<RequestState<RecordBuffer>>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.wipe(RecordBuffer::wipe);
    }
}

impl Deref for Place {
    type Target = RequestState<RecordBuffer>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Place {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

/// Takes a blank state.
pub(crate) fn take() -> Place {
    let kept = POOL.try_with(|pool| pool.borrow_mut().pop());
    kept.ok().flatten().unwrap_or_else(|| Place(Box::new(RequestState::new(RecordBuffer::NEW, RecordBuffer::NEW))))
}

/// Takes a state back after its request, and erases the session.
pub(crate) fn give(mut state: Place) {
    state.wipe(RecordBuffer::wipe);
    // when the thread's storage has ended, the state is freed
    let _ = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        if pool.len() < MOST {
            pool.push(state);
        }
    });
}

/// Returns how many states this thread keeps.
#[cfg(test)]
pub(crate) fn kept() -> usize {
    POOL.with_borrow(Vec::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_keeps_a_few() {
        let taken: Vec<_> = (0..=MOST).map(|_| take()).collect();
        taken.into_iter().for_each(give);
        assert_eq!(kept(), MOST);
    }
}
