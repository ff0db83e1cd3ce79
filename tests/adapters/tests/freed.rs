//! LC15: the state of a request holds no secret of a cookie when its memory is freed. The allocator looks through each block
//! that is as large. Smaller ones are futures, into which a move can copy what the stack had there before.
#![allow(unsafe_code)] // an allocator is an unsafe trait

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use base64ct::{Base64UrlUnpadded, Encoding};
use session_core::policy::Policy;
use session_core::testing::run;
use session_std::{Request, Sessions, keys};
use session_store_memory::MemoryStore;

/// The first eight bytes of the secret that is searched for; 0 = none.
static SECRET: AtomicU64 = AtomicU64::new(0);
/// Blocks that held it when they were freed.
static FOUND: AtomicUsize = AtomicUsize::new(0);

/// The smallest block that is searched.
const LARGE: usize = 512;

struct Searching;

// SAFETY: every call is passed on to the system's allocator unchanged
unsafe impl GlobalAlloc for Searching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // zeroed, so that each byte can be read; SAFETY: the caller keeps the promises of this method
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let secret = SECRET.load(Ordering::Relaxed);
        if layout.size() >= LARGE && secret != 0 {
            for at in 0..layout.size() - 7 {
                // SAFETY: all eight bytes lie in the block, which is still the caller's
                let bytes = unsafe { pointer.add(at).cast::<u64>().read_unaligned() };
                FOUND.fetch_add(usize::from(bytes == secret), Ordering::Relaxed);
            }
        }
        // SAFETY: the caller keeps the promises of this method, and the pointer is the system's
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Searching = Searching;

/// One test, because the other one's blocks would be searched as well.
#[test]
fn no_freed_memory_has_the_secret_of_a_cookie_lc15() {
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
    let made = {
        let request = Request::new(sessions.clone());
        run(request.session(std::iter::empty(), true)).unwrap().set("n", &1).unwrap();
        run(request.finish()).cookie.unwrap()
    };
    let (pair, _) = made.split_once(';').unwrap();
    let raw = Base64UrlUnpadded::decode_vec(pair.split_once('=').unwrap().1).unwrap();
    let secret = u64::from_ne_bytes(*raw[8..].first_chunk().unwrap());
    for finishes in [true, false] {
        let (sessions, line) = (sessions.clone(), pair.as_bytes().to_vec());
        // the thread's end frees what it keeps for other requests
        let visit = move || {
            SECRET.store(secret, Ordering::Relaxed);
            let request = Request::new(sessions);
            let session = run(request.session(std::iter::once(&line[..]), true)).unwrap();
            assert_eq!(session.get("n").unwrap(), Some(1));
            session.set("n", &1).unwrap();
            if finishes {
                assert_eq!(run(request.finish()).error, None);
            }
        };
        std::thread::spawn(visit).join().unwrap();
        SECRET.store(0, Ordering::Relaxed);
        assert_eq!(FOUND.swap(0, Ordering::Relaxed), 0, "finishes: {finishes}");
    }
    // the search finds what is there
    SECRET.store(secret, Ordering::Relaxed);
    drop(std::hint::black_box(raw.repeat(LARGE / raw.len())));
    SECRET.store(0, Ordering::Relaxed);
    assert_eq!(FOUND.load(Ordering::Relaxed), LARGE / raw.len());
}
