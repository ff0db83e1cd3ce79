//! Requests' states that are used again: they are so large that an allocator takes the long way for them.

use std::cell::RefCell;

use session_core::RequestState;

use session_store_shared::RecordBuffer;

/// States that a thread keeps at most.
const MOST: usize = 16;

thread_local! {
    #[allow(clippy::vec_box)] // the boxes are what is kept
    static POOL: RefCell<Vec<Box<RequestState<RecordBuffer>>>> = const { RefCell::new(Vec::new()) };
}

/// Takes a state of which nothing is known.
pub(crate) fn take() -> Box<RequestState<RecordBuffer>> {
    let kept = POOL.try_with(|pool| pool.borrow_mut().pop());
    kept.ok().flatten().unwrap_or_else(|| Box::new(RequestState::new(RecordBuffer::NEW, RecordBuffer::NEW)))
}

/// Takes a state back after its request. Nothing of the session stays.
pub(crate) fn give(mut state: Box<RequestState<RecordBuffer>>) {
    *state = RequestState::new(RecordBuffer::NEW, RecordBuffer::NEW);
    // without a thread's storage, at its end, it is freed
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
