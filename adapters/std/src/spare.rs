//! Places for requests' sessions that are used again: they are so large that an allocator takes the long way for them.

use std::cell::RefCell;

use session_core::RequestState;
use session_store_shared::RecordBuffer;

/// What a thread keeps.
const MOST: usize = 16;

thread_local! {
    #[allow(clippy::vec_box)] // the boxes are what is kept
    static SPARE: RefCell<Vec<Box<RequestState<RecordBuffer>>>> = const { RefCell::new(Vec::new()) };
}

/// A place of which nothing is known.
pub(crate) fn take() -> Box<RequestState<RecordBuffer>> {
    let spare = SPARE.try_with(|spare| spare.borrow_mut().pop());
    spare.ok().flatten().unwrap_or_else(|| Box::new(RequestState::new(RecordBuffer::NEW, RecordBuffer::NEW)))
}

/// A request is over: nothing of its session stays.
pub(crate) fn give(mut place: Box<RequestState<RecordBuffer>>) {
    *place = RequestState::new(RecordBuffer::NEW, RecordBuffer::NEW);
    // without a thread's storage, at its end, it is freed
    let _ = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        if spare.len() < MOST {
            spare.push(place);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Finished, MemoryStore, Policy, Request, Sessions, keys};
    use session_core::testing::run;

    #[test]
    fn nothing_of_a_request_stays_in_its_place_lc15() {
        let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
        let visit = |write: bool| {
            let request = Request::new(sessions.clone());
            let session = run(request.session(std::iter::empty(), true)).unwrap();
            let keys = session.keys().unwrap();
            if write {
                session.set("n", &"a value".repeat(99)).unwrap();
            }
            (keys, run(request.finish()))
        };
        assert!(visit(true).1.cookie.is_some());
        assert_eq!(SPARE.with_borrow(Vec::len), 1, "the place waits for the next request");
        assert_eq!(visit(false), (Vec::new(), Finished { error: None, cookie: None, varies: true }));
        assert_eq!(SPARE.with_borrow(Vec::len), 1);
    }

    #[test]
    fn a_thread_keeps_a_few() {
        let taken: Vec<_> = (0..=MOST).map(|_| take()).collect();
        taken.into_iter().for_each(give);
        assert_eq!(SPARE.with_borrow(Vec::len), MOST);
    }
}
