//! What `events::Defmt` sends, byte by byte: the session's name, and nothing of its handle (LC13).

use core::cell::RefCell;

use cortex_m::interrupt::{Mutex, free};

use crate::events::{Defmt, Event, LogId, Observer};
use crate::store::Handle;
use std::vec::Vec;

static FRAME: Mutex<RefCell<Vec<u8>>> = Mutex::new(RefCell::new(Vec::new()));

#[defmt::global_logger]
struct Collects;

// SAFETY: one core, no interrupts: a frame is over before another begins
unsafe impl defmt::Logger for Collects {
    fn acquire() {}

    unsafe fn flush() {}

    unsafe fn release() {}

    unsafe fn write(bytes: &[u8]) {
        free(|token| FRAME.borrow(token).borrow_mut().extend_from_slice(bytes));
    }
}

fn frame(event: &Event<'_>) -> Vec<u8> {
    Defmt.observe(event);
    free(|token| FRAME.borrow(token).take())
}

pub fn check() {
    let handle = *b"a handle";
    let id = LogId(Handle::from_bytes(handle));
    let hash = u32::from_str_radix(&std::format!("{id}"), 16).expect("hex digits");
    for event in [Event::Created(id), Event::LoggedIn(id, "ann"), Event::Replaced(id, None)] {
        let frame = frame(&event);
        // the numbers of five texts, and the values; a zero ends what a value of its own format wrote
        let name = event.name().as_bytes();
        let values = [&hash.to_le_bytes()[..], &[0; 2], &(name.len() as u32).to_le_bytes(), name, &[0; 2]].concat();
        assert!(frame.ends_with(&values) && frame.len() == 10 + values.len(), "{frame:?}");
        assert!(!frame.windows(2).any(|two| handle.windows(2).any(|other| two == other)));
    }
    let why = frame(&Event::StoreFailed(&"flash: no page"));
    assert!(why.windows(14).any(|part| part == b"flash: no page"), "{why:?}");
    assert!(frame(&Event::Forged).ends_with(b"forged\0\0"));
}
