//! What the network and a corrupt store can hand to the core: any bytes as `Cookie` header lines ([`cookie_header`]), any
//! bytes as a stored record under a genuine cookie ([`record`]), any bytes at the endpoint of device-bound sessions
//! ([`device`]). Each is judged by a second parser that was written from the
//! specification and is as simple as possible. `tests/mutated.rs` runs both on random bytes and mutated vectors, and shows
//! that the core allocates nothing; the targets in `fuzz/` run the same two functions under libFuzzer.

mod cookies;
mod devices;
mod records;
mod reference;

pub use cookies::{cookie_header, cookie_seeds};
pub use devices::{device, device_seeds};
pub use records::{record, record_seeds};

use std::cell::Cell;

use crate::vectors::{Shelf, bytes, cases};
use session_core::environment::Time;
use session_core::events::{Event, Observer};
use session_core::policy::Policy;
use session_core::testing::{ManualClock, ScriptedRng};
use session_core::{Keys, RequestState, Session, Sessions};

/// Runs the part that is the core's and may look at it from outside, for instance count allocations.
pub type Watch<'w> = &'w dyn Fn(&mut dyn FnMut());

/// Just runs it.
pub fn unwatched(run: &mut dyn FnMut()) {
    run();
}

/// Bytes that a place for a record holds.
const PLACE: usize = 1024;

type View<'a> = Session<'a, Shelf, ManualClock, ScriptedRng, &'a mut RequestState<[u8; PLACE]>, &'a Seen>;

/// A genuine cookie, the one before it, and the sessions that know its handle.
struct World {
    sessions: Sessions<Shelf, ManualClock, &'static Seen>,
    seen: &'static Seen,
    handle: [u8; 8],
    cookie: String,
    verifier: [u8; 16],
    /// A record that is accepted, from the vectors.
    record: Vec<u8>,
    now: Time,
}

thread_local! {
    static WORLD: World = World::new();
}

impl World {
    fn new() -> Self {
        let case = cases("cookie: accepted").swap_remove(0);
        let keys = Keys::new(&bytes(case.text("keys")).try_into().expect("one key")).expect("random bytes");
        let now = Time::from_millis(case.number("now"));
        let seen: &'static Seen = Box::leak(Box::default());
        let record = case.bytes("record");
        let policy = Policy::PLAIN_HTTP.anonymous_idle(std::time::Duration::from_secs(30 * 60));
        Self {
            sessions: Sessions::new(Shelf::default(), ManualClock::at(now), &keys, policy).observed(seen),
            seen,
            handle: case.array("handle"),
            cookie: case.text("line").strip_prefix("id=").expect("our cookie").to_owned(),
            verifier: *record[32..].first_chunk().expect("a verifier"),
            record,
            now,
        }
    }
}

/// What was observed, without an allocation.
#[derive(Default)]
struct Seen {
    forged: Cell<usize>,
    verdict: Cell<Option<&'static str>>,
}

impl Seen {
    fn forget(&self) {
        self.forged.set(0);
        self.verdict.set(None);
    }
}

impl Observer for Seen {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::Forged => self.forged.set(self.forged.get() + 1),
            Event::Expired(..) => self.verdict.set(Some("expired")),
            Event::Corrupt(..) => self.verdict.set(Some("corrupt")),
            Event::PastGrace(..) => self.verdict.set(Some("past_grace")),
            Event::Replaced(..) => self.verdict.set(Some("replaced")),
            _ => {}
        }
    }
}
