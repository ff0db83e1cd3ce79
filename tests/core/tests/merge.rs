//! Two requests at once, the round trips of each verb, and a store that is away.

use core_tests::life_cycle::{Browser, Calls, KEY, Request, Server, World, increment, sign_in};
use session_core::policy::Policy;
use session_core::testing::{ManualClock, ScriptedRng, run};
use session_core::{Error, Keys, RequestState, Session, Sessions};
use session_store_memory::MemoryStore;

type Verb = fn(&mut Request<'_>) -> Result<(), Error>;

fn begin(server: &Server) -> Browser {
    let mut browser = Browser::new();
    let values = [("a", 1_u32), ("b", 1), ("n", 1)];
    server.request(&mut browser, |session| values.map(|(key, value)| session.set(key, &value).unwrap())).ok();
    browser
}

fn value(server: &Server, browser: &Browser, key: &str) -> Option<u32> {
    server.peek(browser, |session| session.get(key).unwrap()).ok()
}

fn values(server: &Server, browser: &Browser) -> [Option<u32>; 3] {
    ["a", "b", "n"].map(|key| value(server, browser, key))
}

/// The slower one has loaded, then the faster one comes and goes, then the slower one changes and commits.
fn race(quick: Verb, slow: Verb) -> ([Option<u32>; 3], Result<(), Error>) {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let browser = begin(&server);
    let answer = server.lost(&browser, |session| {
        server.lost(&browser, quick).ok().unwrap();
        slow(session)
    });
    let result = answer.handler.flatten().and(answer.commit);
    if result == Err(Error::Conflict) {
        assert!(world.log.take().pop().unwrap().ends_with("conflicting change rejected"));
    }
    (values(&server, &browser), result)
}

#[test]
fn different_keys_are_both_kept_st3() {
    let quick: [(Verb, [Option<u32>; 3]); 4] = [
        (|s| s.set("a", &2_u32), [Some(2), Some(1), Some(1)]),
        (|s| s.remove("a"), [None, Some(1), Some(1)]),
        (|s| s.set("x", &2_u32), [Some(1), Some(1), Some(1)]),
        (|s| s.set_label("phone"), [Some(1), Some(1), Some(1)]),
    ];
    for (quick, [a, _, n]) in quick {
        assert_eq!(race(quick, |s| s.set("b", &3_u32)), ([a, Some(3), n], Ok(())));
        assert_eq!(race(quick, |s| s.remove("b")), ([a, None, n], Ok(())));
        assert_eq!(race(quick, |s| s.set_label("tablet")), ([a, Some(1), n], Ok(())));
        assert_eq!(race(quick, |s| s.flash_message("x")), ([a, Some(1), n], Ok(())));
        assert_eq!(race(quick, |s| increment(s).map(drop)), ([a, Some(1), Some(2)], Ok(())));
    }
}

#[test]
fn a_label_is_merged_st3() {
    let cases: [(Verb, Verb, &str); 3] = [
        (|s| s.set("a", &2_u32), |s| s.set_label("tablet"), "tablet"),
        (|s| s.set_label("phone"), |s| s.set("a", &2_u32), "phone"),
        (|s| s.set_label("phone"), |s| s.set_label("tablet"), "tablet"),
    ];
    for (quick, slow, label) in cases {
        let world = World::new();
        let server = world.server(Policy::SECURE);
        let browser = begin(&server);
        let answer = server.lost(&browser, |session| {
            server.lost(&browser, quick).ok().unwrap();
            slow(session)
        });
        answer.ok().unwrap();
        server.peek(&browser, |session| assert_eq!(session.label(), Some(label))).ok();
    }
}

#[test]
fn the_same_key_is_told_st3() {
    let quick: [(Verb, Option<u32>); 3] =
        [(|s| s.set("a", &2_u32), Some(2)), (|s| s.remove("a"), None), (|s| s.clear(), None)];
    for (quick, left) in quick {
        let told = |slow: Verb| assert_eq!((race(quick, slow).0[0], race(quick, slow).1), (left, Err(Error::Conflict)));
        told(|s| s.set("a", &3_u32));
        told(|s| s.remove("a"));
        // two that come to the same new value are told too
        told(|s| s.get("a").and_then(|a: Option<u32>| s.set("a", &a.map_or(9, |a| a + 1))));
        // what was decided by a value that is no longer true
        told(|s| s.get::<u32>("a").and_then(|_| s.set("b", &7_u32)));
    }
    // nobody else's key is lost by it
    assert_eq!(
        race(|s| s.set("a", &2_u32), |s| s.set("a", &3_u32).and(s.set("b", &3_u32))).0,
        [Some(2), Some(1), Some(1)]
    );
}

/// What was read before a rotation, a login or a label that another request overtook counts for what is written after it
/// (protocol rule 10): of two acknowledged increments none is lost.
#[test]
fn what_was_read_before_a_rotation_or_login_still_counts_st3() {
    fn after(session: &mut Request<'_>, verb: Verb, key: &str) -> Result<(), Error> {
        let n: u32 = session.get("n")?.unwrap();
        verb(session)?;
        session.set(key, &(n + 1))
    }
    let rotate: Verb = |s| run(s.rotate());
    let login: Verb = |s| sign_in(s, "ann");
    let quick: Verb = |s| s.set("n", &2_u32);
    let conflict = Err(Error::Conflict);
    // the same value as the other one, and what was made of it under another key
    assert_eq!(race(quick, |s| after(s, |s| run(s.rotate()), "n")).1, conflict);
    assert_eq!(race(quick, |s| after(s, |s| sign_in(s, "ann"), "n")).1, conflict);
    assert_eq!(race(quick, |s| after(s, |s| run(s.rotate()), "b")).1, conflict);
    assert_eq!(race(quick, |s| after(s, |s| run(s.rotate()), "n").and_then(|()| increment(s).map(drop))).1, conflict);
    // undisturbed, or if nothing that was read has changed, there is no conflict
    for verb in [rotate, login] {
        for quick in [|_: &mut Request<'_>| Ok(()), |s: &mut Request<'_>| s.set("a", &9_u32)] as [Verb; 2] {
            let world = World::new();
            let server = world.server(Policy::SECURE);
            let browser = begin(&server);
            let answer = server.lost(&browser, |session| {
                server.lost(&browser, quick).ok().unwrap();
                let n: u32 = session.get("n")?.unwrap();
                verb(session)?;
                session.set("n", &(n + 1))
            });
            assert_eq!((answer.handler.flatten(), answer.commit), (Ok(()), Ok(())));
        }
    }
}

/// A login that drops the visitor's data, and a clear, leave nothing that was read before to count.
#[test]
fn what_was_dropped_does_not_count_st3() {
    let without_data: Verb = |session| {
        let n: u32 = session.get("n")?.unwrap();
        let attempt = run(session.begin_login("ann"))?.without_data();
        run(session.login(attempt))?;
        session.set("n", &(n + 1))
    };
    let cleared: Verb = |session| {
        let n: u32 = session.get("n")?.unwrap();
        session.clear()?;
        increment(session)?;
        session.set("n", &(n + 1))
    };
    for verb in [without_data, cleared] {
        let world = World::new();
        let server = world.server(Policy::SECURE);
        let mut browser = begin(&server);
        server.request(&mut browser, verb).ok().unwrap();
        assert_eq!(value(&server, &browser, "n"), Some(2));
    }
}

#[test]
fn who_says_that_the_last_one_wins_is_not_told_st3() {
    assert_eq!(race(|s| s.set("a", &2_u32), |s| s.overwrite("a", &3_u32)), ([Some(3), Some(1), Some(1)], Ok(())));
    assert_eq!(race(|s| s.set("a", &2_u32), |s| s.clear()), ([None; 3], Ok(())));
    assert_eq!(race(|s| s.clear(), |s| s.overwrite("a", &3_u32)), ([Some(3), None, None], Ok(())));
    // reading alone is no reason for a conflict, and sees one state
    assert_eq!(race(|s| s.set("a", &2_u32), |s| s.get::<u32>("a").map(|a| assert_eq!(a, Some(1)))).1, Ok(()));
}

/// More keys than a device follows one by one.
#[test]
fn many_keys_st3() {
    fn many(session: &mut Request<'_>, range: std::ops::Range<u32>) -> Result<(), Error> {
        range.into_iter().try_for_each(|key| session.set(&format!("k{key}"), &key))
    }
    for (quick, expected) in
        [(0_u32..1, Err(Error::Conflict)), (19..20, Err(Error::Conflict)), (40..41, Err(Error::Conflict))]
    {
        let world = World::new();
        let server = world.server(Policy::SECURE);
        let mut browser = begin(&server);
        let answer = server.lost(&browser.clone(), |session| {
            server.request(&mut browser, |session| many(session, quick.clone())).ok().unwrap();
            many(session, 0..20)
        });
        // beyond the list a difference anywhere is a conflict: refused rather than lost
        assert_eq!(answer.handler.flatten().and(answer.commit), expected);
        assert_eq!(value(&server, &browser, &format!("k{}", quick.start)), Some(quick.start));
    }
}

/// What was only read is not written, even if it is more than a device follows.
#[test]
fn a_rotation_after_reading_many_keys_keeps_a_concurrent_change_st3() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let mut browser = begin(&server);
    let other = browser.clone();
    let answer = server.request(&mut browser, |session| {
        (0..20).for_each(|key| assert_eq!(session.get::<u32>(&format!("k{key}")), Ok(None)));
        server.lost(&other, |session| session.set("a", &2_u32)).ok().unwrap();
        run(session.rotate())
    });
    assert_eq!(answer.handler.flatten().and(answer.commit), Ok(()));
    assert_eq!(value(&server, &browser, "a"), Some(2));
}

/// The function of `update_with` runs again for as long as others are faster, but not for ever.
#[test]
fn update_with_gives_up_after_two_seconds_st3() {
    for (step, expected) in [(100, Ok(2 + 18)), (1_000, Err(Error::Conflict))] {
        let world = World::new();
        let server = world.server(Policy::SECURE);
        let browser = begin(&server);
        let mut others = 0;
        let answer = server.lost(&browser, |session| {
            run(session.update_with("n", |n: Option<u32>| {
                if others < 18 {
                    others += 1;
                    world.wait(step);
                    server.lost(&browser, increment).ok().unwrap();
                }
                n.unwrap() + 1
            }))
        });
        assert_eq!(answer.handler.flatten(), expected);
        assert_eq!(value(&server, &browser, "n"), Some(expected.unwrap_or(1 + others)));
    }
}

/// A function runs once on what its own request set before, also if another request was faster in between.
#[test]
fn a_function_runs_once_on_what_its_own_request_set_st3() {
    let quick: Verb = |s| s.set("a", &2_u32);
    let before: [(Verb, [Option<u32>; 2], u32); 5] = [
        (|s| s.set("n", &5_u32), [Some(2), Some(1)], 5),
        (|s| s.overwrite("n", &5_u32), [Some(2), Some(1)], 5),
        (|s| s.clear().and(s.set("n", &5_u32)), [None, None], 5),
        (|s| s.clear(), [None, None], 0),
        (|s| s.get::<u32>("n").and(s.clear()), [None, None], 0),
    ];
    for (before, [a, b], n) in before {
        let raced = |verb: Verb| {
            let world = World::new();
            let server = world.server(Policy::SECURE);
            let browser = begin(&server);
            let answer = server.lost(&browser, |session| {
                server.lost(&browser, quick).ok().unwrap();
                before(session).and_then(|()| verb(session))
            });
            assert_eq!(answer.handler.flatten().and(answer.commit), Ok(()));
            values(&server, &browser)
        };
        assert_eq!(raced(|s| increment(s).map(drop)), [a, b, Some(n + 1)]);
        if n > 0 {
            assert_eq!(raced(|s| run(s.take("n")).map(|n| assert_eq!(n, Some(5_u32)))), [a, b, None]);
        }
    }
}

/// What was read before a clear that is stored does not count for what is written after it.
#[test]
fn what_was_read_before_a_stored_clear_does_not_count_st3() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let browser = begin(&server);
    let answer = server.lost(&browser, |session| {
        session.get::<u32>("n")?;
        session.clear()?;
        run(session.update_with("b", |_: Option<u32>| 7))?;
        server.lost(&browser, |s| s.set("a", &2_u32)).ok().unwrap();
        session.set("b", &8_u32)
    });
    assert_eq!(answer.handler.flatten().and(answer.commit), Ok(()));
    assert_eq!(values(&server, &browser), [Some(2), Some(8), None]);
}

/// A key that an update could not be made of and that was then read counts like any other.
#[test]
fn what_is_read_after_a_failed_update_counts_st3() {
    let slow: Verb = |s| {
        assert_eq!(run(s.update_with("n", |_: Option<String>| String::new())), Err(Error::Unreadable));
        let n: u32 = s.get("n")?.unwrap();
        s.set("b", &(n + 1))
    };
    assert_eq!(race(|s| s.set("n", &2_u32), slow).1, Err(Error::Conflict));
}

/// Ten requests have loaded the session before the first of them takes the value.
#[test]
fn a_value_is_taken_by_one_request_lc17() {
    fn take(server: &Server, browser: &Browser, others: usize, taken: &mut Vec<(Option<u32>, Option<String>)>) {
        let took = server.lost(browser, |session| {
            if others > 0 {
                take(server, browser, others - 1, taken);
            }
            let took = run(session.take::<u32>("n")).unwrap();
            assert_eq!((session.get::<u32>("n"), session.get::<u32>("a")), (Ok(None), Ok(Some(1))));
            (took, run(session.take_flash_message(str::to_owned)).unwrap())
        });
        taken.push(took.ok());
    }
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let browser = begin(&server);
    server.lost(&browser, |session| session.flash_message("saved").unwrap()).ok();
    let mut taken = Vec::new();
    take(&server, &browser, 9, &mut taken);
    let (first, rest) = taken.split_first().unwrap();
    assert_eq!((first, rest.len()), (&(Some(1), Some("saved".to_owned())), 9));
    assert!(rest.iter().all(|took| *took == (None, None)), "{rest:?}");
    // what is not there costs no store call but what a read costs, and makes no session
    world.store.calls();
    assert_eq!(server.lost(&browser, |session| run(session.take::<u32>("n"))).ok(), Ok(None));
    assert_eq!(server.lost(&Browser::new(), |session| run(session.take::<u32>("n"))).ok(), Ok(None));
    assert_eq!(world.store.calls(), Calls { load: 1, touch: 1, ..Calls::default() });
    // a value of another type stays
    let again = server.lost(&browser, |session| {
        session.set("n", &7_u32).unwrap();
        (run(session.take::<String>("n")), run(session.take::<u32>("n")))
    });
    assert_eq!(again.ok(), (Err(Error::Unreadable), Ok(Some(7))));
}

#[test]
fn a_hundred_increments_from_several_threads_st3() {
    let store = MemoryStore::new();
    let keys = Keys::new(&KEY).unwrap();
    let sessions = Sessions::new(&store, ManualClock::new(), &keys, Policy::SECURE);
    let request = &|seed: u64, cookie: Option<&str>| {
        let mut exchange = RequestState::new([0; 256], [0; 256]);
        let mut session = Session::new(&sessions, &mut exchange, ScriptedRng::new(seed));
        run(session.load(cookie.map(str::as_bytes).into_iter())).unwrap();
        let n = run(session.update_with("n", |n: Option<u32>| n.map_or(0, |n| n + 1))).unwrap();
        run(session.commit()).unwrap();
        let mut into = [0; 512];
        (n, session.set_cookie(&mut into).unwrap().map(|cookie| cookie.split(';').next().unwrap().to_owned()))
    };
    let (first, cookie) = request(1, None);
    let cookie = cookie.as_deref();
    let twenty = &|thread: u64| (1..=20).map(move |at| request(1_000_003 * (thread * 20 + at), cookie).0);
    let mut seen: Vec<u32> = std::thread::scope(|scope| {
        let threads = [0, 1, 2, 3, 4].map(|thread| scope.spawn(move || twenty(thread).collect::<Vec<_>>()));
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    seen.sort_unstable();
    assert_eq!((first, seen), (0, (1..=100).collect()), "each result exactly once");
}

#[test]
fn round_trips_st6() {
    let world = World::touch_costs();
    let server = world.server(Policy::SECURE);
    let none = Calls::default();
    let count = |browser: &mut Browser, verb: Verb| {
        world.store.calls();
        server.request(browser, verb).ok().unwrap();
        world.store.calls()
    };
    let read: Verb = |s| s.get::<u32>("a").map(drop);
    let mut browser = begin(&server);
    assert_eq!(count(&mut browser, read), Calls { load: 1, ..none });
    world.wait(60_000);
    assert_eq!(count(&mut browser, read), Calls { load: 1, touch: 1, ..none }, "once an interval");
    assert_eq!(count(&mut browser, read), Calls { load: 1, ..none });
    world.wait(60_000);
    let write: [Verb; 5] = [
        |s| s.set("a", &7_u32),
        |s| s.set("a", &8_u32).and(s.remove("b")).and(s.flash_message("x")).and(s.set_label("y")),
        |s| increment(s).map(drop),
        |s| s.clear(),
        |s| run(s.rotate()),
    ];
    for verb in write {
        assert_eq!(count(&mut browser, verb), Calls { load: 1, update: 1, ..none }, "the touch is part of it");
    }
    // the same bytes again are no change
    let same: Verb = |s| s.set("c", &1_u32);
    count(&mut browser, same);
    assert_eq!(count(&mut browser, same), Calls { load: 1, ..none });
    let login: Verb = |s| sign_in(s, "ann");
    assert_eq!(count(&mut browser, login), Calls { load: 1, update: 1, ..none });
    assert_eq!(count(&mut browser, login), Calls { load: 1, update: 1, ..none });
    let other: Verb = |s| sign_in(s, "bob");
    assert_eq!(count(&mut browser, other), Calls { load: 1, create: 1, delete: 1, ..none });
    assert_eq!(count(&mut browser, |s| run(s.logout())), Calls { load: 1, delete: 1, ..none });
    assert_eq!(count(&mut Browser::new(), login), Calls { create: 1, ..none });
    assert_eq!(count(&mut Browser::new(), |s| s.set("a", &1)), Calls { create: 1, ..none });
}

/// A store that hands out the record with the conflict, as this one does, saves the load.
#[test]
fn a_conflict_costs_one_round_trip_more_st6() {
    let world = World::touch_costs();
    let server = world.server(Policy::SECURE);
    let browser = begin(&server);
    let answer = server.lost(&browser, |session| {
        server.lost(&browser, |session| session.set("a", &2_u32).unwrap()).ok();
        world.store.calls();
        session.set("b", &2_u32).unwrap();
    });
    answer.ok();
    assert_eq!(world.store.calls(), Calls { update: 2, ..Calls::default() });
}

#[test]
fn a_store_that_is_down_st10() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let browser = begin(&server);
    let before = world.record(browser.cookie(server.now()).unwrap());
    world.log.take();
    world.store.fail(0..usize::MAX);
    // who has no session is served
    let answer = server.lost(&Browser::new(), |session| assert!(!session.exists()));
    assert_eq!((answer.handler, answer.commit), (Ok(()), Ok(())));
    // who has one is told so, and no handler runs
    let answer = server.lost(&browser, |_| panic!("no session to be had"));
    assert_eq!((answer.handler, answer.set_cookie), (Err::<(), _>(Error::Unavailable), None));
    assert_eq!(Error::Unavailable.status(), 503);
    assert_eq!(world.log.take(), ["session store failed: connection refused"]);
    // a new one cannot be made
    let answer = server.lost(&Browser::new(), |session| session.set("a", &2_u32).unwrap());
    assert_eq!((answer.commit, answer.set_cookie), (Err(Error::Indeterminate), None));
    // nothing was overwritten
    world.store.recover();
    assert_eq!(world.record(browser.cookie(server.now()).unwrap()), before);
    assert_eq!((values(&server, &browser), world.store.inner().len()), ([Some(1); 3], 1));
}

/// Going on after the error, as a careless application may, makes no session out of nothing either.
#[test]
fn going_on_without_the_store_overwrites_nothing_st10() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let browser = begin(&server);
    let cookie = browser.cookie(server.now()).unwrap().to_owned();
    let before = world.record(&cookie);
    for down in 1..4 {
        let verbs: [Verb; 5] = [
            |s| s.set("a", &2_u32),
            |s| increment(s).map(drop),
            |s| sign_in(s, "ann"),
            |s| run(s.rotate()),
            |s| run(s.logout()),
        ];
        for verb in verbs {
            world.store.fail(1..down + 9);
            let answer = server.lost(&browser, |session| {
                let first = verb(session);
                world.store.recover();
                // the handler swallows the error and changes more: refused, or lost with the request
                if first.is_err() {
                    assert_eq!(session.set("b", &2_u32), Err(Error::Indeterminate));
                }
                world.store.fail(0..99);
            });
            world.store.recover();
            assert_eq!(answer.set_cookie, None);
            assert_eq!(world.record(&cookie), before);
        }
    }
}
