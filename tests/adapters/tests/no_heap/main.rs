//! EM5: a sign-in and the request after it, while the allocator refuses everything. One connection of a small application,
//! served from memory to memory: core, fixed store and an adapter. A harness would allocate in its own threads, so there is
//! none.
#![allow(unsafe_code)] // an allocator is an unsafe trait

mod edge_http;
mod picoserve;
mod wire;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use session_core::testing::ManualClock;

const KEY: [u8; 32] =
    *b"\x8e\x1f\x0a\x93kd\xc5\x11q\x99\xfe\x02\x5b\xa0\xd7\x3cN\x60\x18\xe9\x77\xb2\x44\x05\x9a\xcd\x31\xf6\x88\x2e\x53\xbf";

/// Ends the program at any allocation while it is told to refuse.
struct Refusing;

static REFUSE: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged, or answered with null, which the trait allows
unsafe impl GlobalAlloc for Refusing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        if REFUSE.load(Ordering::Relaxed) {
            std::ptr::null_mut()
        } else {
            // SAFETY: the caller keeps the promises of this method, which are those of the system's
            unsafe { System.alloc(layout) }
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the promises of this method, and the pointer is the system's
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Refusing = Refusing;

/// Serves the requests on connections to one application, and says how many bytes it answered.
type Serve = fn(&ManualClock, &[&[u8]], &mut [u8]) -> Option<usize>;

fn main() {
    for (adapter, serve) in [("picoserve", picoserve::serve as Serve), ("edge-http", edge_http::serve)] {
        sign_in_and_read(serve);
        println!("{adapter}: signed in and read the session with 0 allocations");
    }
}

fn sign_in_and_read(serve: Serve) {
    let clock = ManualClock::new();
    let login: &[u8] = b"POST /login HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let text = refusing(|answers| serve(&clock, &[login], answers));
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("signed in"), "{text}");
    assert!(text.contains("Set-Cookie: id="), "{text}");

    // the same sign-in again (the generator is scripted), and the request after it with its cookie
    let cookie = text.split("Set-Cookie: ").nth(1).and_then(|rest| rest.split(';').next()).expect("a cookie");
    let visits = format!("GET /visits HTTP/1.1\r\nHost: d\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n");
    let text = refusing(|answers| serve(&clock, &[login, visits.as_bytes()], answers));
    assert!(text.ends_with("one visit"), "{text}");
}

/// What is answered while nothing can be allocated.
fn refusing(serve: impl FnOnce(&mut [u8]) -> Option<usize>) -> String {
    let mut answers = [0; 2048];
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    REFUSE.store(true, Ordering::Relaxed);
    let written = serve(&mut answers);
    REFUSE.store(false, Ordering::Relaxed);
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed), before, "something tried to allocate");
    String::from_utf8_lossy(&answers[..written.expect("served")]).into_owned()
}
