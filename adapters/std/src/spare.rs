//! Places for requests' sessions that are used again: they are so large that an allocator takes the long way for them.

use std::cell::RefCell;

use session_core::Exchange;

use crate::space::Space;

/// What a thread keeps.
const MOST: usize = 16;

thread_local! {
    static SPARE: RefCell<Vec<Box<Exchange<Space>>>> = const { RefCell::new(Vec::new()) };
}

/// A place of which nothing is known.
pub(crate) fn take() -> Box<Exchange<Space>> {
    let spare = SPARE.try_with(|spare| spare.borrow_mut().pop());
    spare.ok().flatten().unwrap_or_else(|| Box::new(Exchange::new(Space::NEW, Space::NEW)))
}

/// A request is over: nothing of its session stays.
pub(crate) fn give(mut place: Box<Exchange<Space>>) {
    *place = Exchange::new(Space::NEW, Space::NEW);
    // without a thread's storage, at its end, it is freed
    let _ = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        if spare.len() < MOST {
            spare.push(place);
        }
    });
}
