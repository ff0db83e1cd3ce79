//! No allocation in the core and the store of fixed size. (That none is possible is shown by tests/adapters; this shows
//! it where an allocator is there to be used.)

use core_tests::life_cycle::keys;
use session_core::mode::Mode;
use session_core::policy::Policy;
use session_core::testing::{ManualClock, ScriptedRng, run};
use session_core::{Error, Keys, RequestState, Session, Sessions};
use session_store_memory::FixedStore;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

type App<M> = Sessions<FixedStore<4, 256>, ManualClock, (), M>;
type Make<M> = fn(FixedStore<4, 256>, ManualClock, &Keys, Policy) -> App<M>;
type Request<'a, M> = Session<'a, FixedStore<4, 256>, ManualClock, ScriptedRng, &'a mut RequestState<[u8; 256]>, (), M>;

type Verb<M> = fn(&mut Request<'_, M>) -> Result<(), Error>;

/// One request from the Cookie header to the `Set-Cookie`; gives its allocations.
fn request<M: Mode>(app: &App<M>, seed: u64, cookie: &mut [u8; 512], verb: Verb<M>) -> usize {
    let region = Region::new(COUNTING);
    let mut exchange = RequestState::new([0; 256], [0; 256]);
    let mut session = Session::new(app, &mut exchange, ScriptedRng::new(seed));
    let line = cookie.split(|byte| *byte == 0).next().filter(|line| !line.is_empty());
    run(session.load(line.into_iter())).unwrap();
    session.activity();
    verb(&mut session).unwrap();
    run(session.commit()).unwrap();
    let mut into = [0; 1024];
    if let Some(set_cookie) = session.set_cookie(&mut into).unwrap() {
        let value = set_cookie.split(';').next().unwrap();
        cookie.fill(0);
        cookie[..value.len()].copy_from_slice(value.as_bytes());
    }
    region.change().allocations
}

#[test]
fn requests_allocate_nothing_em5() {
    assert_no_allocation(Sessions::new);
    assert_no_allocation(Sessions::sealed);
    let control = Region::new(COUNTING);
    assert!(std::hint::black_box(vec![1_u8; 10]).len() == 10 && control.change().allocations > 0);
}

fn assert_no_allocation<M: Mode>(make: Make<M>) {
    let verbs: [(&str, Verb<M>); 8] = [
        ("no session", |s| s.get::<u32>("n").map(drop)),
        ("create", |s| s.set("n", &1_u32)),
        ("read", |s| s.get::<u32>("n").map(|n| assert_eq!(n, Some(1)))),
        ("increment", |s| run(s.update_with("n", |n: Option<u32>| n.unwrap_or(0) + 1)).map(drop)),
        ("login", |s| run(s.begin_login("ann")).and_then(|attempt| run(s.login(attempt)))),
        ("forms", |s| {
            s.csrf_token()
                .map(drop)
                .and_then(|()| s.flash_message("saved"))
                .and_then(|()| run(s.take_flash_message(str::len)).map(drop))
        }),
        ("rotate", |s| run(s.rotate())),
        ("logout", |s| run(s.logout())),
    ];
    // the test's own threads may allocate meanwhile: at least one of several rounds is undisturbed
    let mut least = [usize::MAX; 8];
    for round in 0..5 {
        let app = make(FixedStore::new(), ManualClock::new(), &keys(), Policy::SECURE);
        let mut cookie = [0; 512];
        for ((at, least), (_, verb)) in least.iter_mut().enumerate().zip(verbs) {
            *least = request(&app, round * 100 + at as u64, &mut cookie, verb).min(*least);
        }
    }
    let names = verbs.map(|(name, _)| name);
    assert_eq!(names.into_iter().zip(least).filter(|(_, count)| *count > 0).collect::<Vec<_>>(), []);
}
