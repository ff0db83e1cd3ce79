//! The cookie that changes by itself, and answers of the store that are lost.

use core_tests::life_cycle::{Browser, Calls, KEY, OTHER_KEY, Request, Server, World, increment, parts, sign_in};
use session_core::policy::{Lifetimes, PlainCookie, Policy};
use session_core::testing::run;
use session_core::{Error, Keys};
use std::time::Duration;

const S: u64 = 1_000;

/// Renewed after 100 s, with a grace of 10 s.
fn policy() -> Policy {
    let (renew_after, grace) = (Some(Duration::from_secs(100)), Duration::from_secs(10));
    Policy::plain_http(PlainCookie::new(), Lifetimes { renew_after, grace, ..Lifetimes::DEFAULT }).unwrap()
}

fn started() -> (&'static World, Server, Browser) {
    let world = World::new();
    let server = world.server(policy());
    let browser = begin(&server);
    (world, server, browser)
}

fn begin(server: &Server) -> Browser {
    let mut browser = Browser::new();
    server.request(&mut browser, |session| session.set("n", &1_u32).unwrap()).ok();
    browser
}

fn n(server: &Server, browser: &Browser) -> Option<u32> {
    server.peek(browser, |session| session.get::<u32>("n").unwrap()).ok()
}

fn read(session: &mut Request<'_>) -> Option<u32> {
    session.get::<u32>("n").unwrap()
}

#[test]
fn the_value_changes_at_its_age_lc8() {
    let (world, server, mut browser) = started();
    let old = browser.cookie(server.now()).unwrap().to_owned();
    world.wait(100 * S - 1);
    assert_eq!(server.request(&mut browser, read).set_cookie, None);
    world.wait(1);
    world.store.calls();
    let answer = server.request(&mut browser, read);
    assert_eq!(world.store.calls(), Calls { load: 1, update: 1, ..Calls::default() });
    let (before, after) = (parts(&old), parts(answer.cookie().unwrap()));
    assert_eq!(before.0, after.0, "the handle stays");
    assert_ne!(before.1, after.1, "the secret is new");
    assert_eq!(n(&server, &browser), Some(1));
    // not again before its time
    assert_eq!(server.request(&mut browser, read).set_cookie, None);
    world.wait(100 * S);
    assert!(server.request(&mut browser, read).set_cookie.is_some());
}

#[test]
fn a_write_renews_too_lc8() {
    let (world, server, mut browser) = started();
    world.wait(100 * S);
    world.store.calls();
    let answer = server.request(&mut browser, |session| session.set("n", &2_u32).unwrap());
    assert_eq!(world.store.calls(), Calls { load: 1, update: 1, ..Calls::default() });
    assert!(answer.set_cookie.is_some());
    assert_eq!(n(&server, &browser), Some(2));
}

#[test]
fn the_old_value_leads_to_the_same_new_one_for_the_grace_lc8() {
    let (world, server, browser) = started();
    world.wait(100 * S);
    // the answer is lost; other requests were under way with the old value
    let new = server.lost(&browser, read).cookie().unwrap().to_owned();
    let old = browser.clone();
    for _ in 0..3 {
        world.wait(3 * S);
        let answer = server.lost(&old, read);
        assert_eq!((answer.cookie(), &answer.handler), (Some(new.as_str()), &Ok(Some(1))));
        let answer = server.peek(&old, read);
        assert_eq!((answer.cookie(), &answer.handler), (Some(new.as_str()), &Ok(Some(1))));
        let answer = server.lost(&old, |session| increment(session).and_then(|n| session.set("n", &(n - 1))));
        assert_eq!(answer.cookie(), Some(new.as_str()));
        answer.ok().unwrap();
    }
    world.wait(S - 1);
    assert_eq!(server.lost(&old, read).cookie(), Some(new.as_str()));
    world.wait(1);
    world.log.take();
    let answer = server.lost(&old, read);
    assert_eq!((answer.cookie(), answer.handler), (None, Ok(None)), "dead to the millisecond");
    assert!(world.log.take().iter().any(|line| line.ends_with("cookie rejected after its grace period")));
    assert_eq!(n(&server, &Browser::with(&new)), Some(1));
}

#[test]
fn after_the_grace_the_old_value_is_refused_and_then_unknown_lc8() {
    let (world, server, old) = started();
    world.wait(100 * S);
    let new = Browser::with(server.lost(&old, read).cookie().unwrap());
    world.wait(10 * S);
    // an answer with the new one may still be under way, which a cookie of another session must not overtake
    world.store.calls();
    let verbs: [Verb; 4] = [|s| s.set("n", &2_u32), |s| increment(s).map(drop), |s| run(s.rotate()), |s| s.clear()];
    for verb in verbs {
        let answer = server.lost(&old, verb);
        assert_eq!((answer.handler, answer.set_cookie), (Ok(Err(Error::CookieReplaced)), None));
        assert_eq!((Error::CookieReplaced.status(), answer.commit), (409, Ok(())));
    }
    let calls = world.store.calls();
    assert_eq!((calls.load, calls.all()), (4, 4));
    // a login makes another session and leaves this one alone
    let mut other = old.clone();
    server.request(&mut other, |session| sign_in(session, "ann").unwrap()).ok();
    assert_eq!((n(&server, &other), n(&server, &new)), (None, Some(1)));
    world.wait(50 * S);
    // a browser that lost the answer is not locked out
    let mut browser = old.clone();
    server.request(&mut browser, |session| session.set("n", &7_u32).unwrap()).ok();
    assert_eq!((n(&server, &browser), n(&server, &new)), (Some(7), Some(1)));
}

/// A value that comes again a minute after it was replaced ends its session, if the policy says so; not before.
#[test]
fn an_old_value_ends_its_session_if_it_is_to_lc8() {
    for (policy, ends) in [(policy(), false), (policy().end_on_reuse(), true)] {
        for login in [false, true] {
            let world = World::new();
            let server = world.server(policy);
            let old = begin(&server);
            world.wait(100 * S);
            let mut new = old.clone();
            let replace = |session: &mut Request<'_>| {
                if login {
                    sign_in(session, "ann").unwrap()
                }
            };
            server.request(&mut new, replace).ok();
            world.wait(60 * S - 1);
            assert_eq!((n(&server, &old), n(&server, &new)), (None, Some(1)), "an answer may still be under way");
            world.wait(1);
            assert_eq!(n(&server, &old), None);
            assert_eq!(n(&server, &new), (!ends).then_some(1), "login: {login}");
            // and it can do so once only
            server.request(&mut new, |session| session.set("n", &2_u32).unwrap()).ok();
            assert_eq!((n(&server, &old), n(&server, &new)), (None, Some(2)));
        }
    }
}

#[test]
fn whoever_has_the_late_value_can_end_the_session_lc8() {
    let (world, server, old) = started();
    world.wait(100 * S);
    let new = Browser::with(server.lost(&old, read).cookie().unwrap());
    world.wait(10 * S);
    let answer = server.lost(&old, |session| run(session.logout()));
    assert_eq!((answer.handler, answer.set_cookie.is_some()), (Ok(Ok(())), true));
    assert_eq!((n(&server, &new), world.store.inner().len()), (None, 0));
}

/// Two renewals later the value is too old for that.
#[test]
fn a_superseded_value_ends_nothing_lc8() {
    let (world, server, mut browser) = started();
    let old = browser.clone();
    for _ in 0..2 {
        world.wait(100 * S);
        server.request(&mut browser, read).ok();
    }
    world.log.take();
    let answer = server.lost(&old, |session| run(session.logout()));
    assert_eq!((answer.handler, answer.set_cookie), (Ok(Err(Error::CookieReplaced)), None));
    assert!(world.log.take()[0].ends_with("a newer one replaced it"));
    assert_eq!(n(&server, &browser), Some(1));
}

/// Two requests with the old value find the renewal due: one renews, both get the same value.
#[test]
fn parallel_renewals_agree_lc8() {
    let (world, server, browser) = started();
    world.wait(100 * S);
    let mut inner = None;
    let outer = server.lost(&browser, |_| inner = server.lost(&browser, read).set_cookie);
    assert!(outer.set_cookie.is_some() && outer.set_cookie == inner);
    outer.ok();
    // also if the slower one writes, and then both changes are kept
    let mut browser = Browser::with(inner.unwrap().split(';').next().unwrap());
    world.wait(100 * S);
    let outer = server.lost(&browser.clone(), |session| {
        session.set("slow", &1_u8).unwrap();
        server.request(&mut browser, |session| session.set("fast", &1_u8).unwrap()).ok();
    });
    assert_eq!(outer.cookie(), browser.cookie(server.now()));
    outer.ok();
    assert_eq!(server.peek(&browser, |session| session.keys().count()).ok(), 3);
}

/// The grace begins when the renewal is written, not when the request began (protocol rule 2).
#[test]
fn a_slow_renewal_has_its_whole_grace_lc8() {
    let world = World::new();
    let second = Duration::from_secs(1);
    let lifetimes = Lifetimes { renew_after: Some(100 * second), grace: second, ..Lifetimes::DEFAULT };
    let policy = Policy::plain_http(PlainCookie::new(), lifetimes).unwrap();
    let server = world.server(policy);
    let old = begin(&server);
    world.wait(100 * S);
    let other = old.clone();
    world.store.before(1, move || {
        world.server(policy).peek(&other, |session| session.set("other", &1_u32).unwrap()).ok();
        world.wait(1_900);
    });
    let renewed = server.lost(&old, read);
    assert!(renewed.set_cookie.is_some());
    assert_eq!(world.store.calls(), Calls { load: 2, update: 3, ..Calls::default() });
    world.wait(999);
    assert_eq!(server.lost(&old, read).cookie(), renewed.cookie());
    world.wait(1);
    assert_eq!(server.lost(&old, read).cookie(), None);
}

/// A rolling change of the key: the nodes sign with different first keys and know each other's.
#[test]
fn nodes_with_different_first_keys_agree_lc8() {
    let world = World::new();
    let ring = |first, second| Keys::new(first).unwrap().and_verify(second).unwrap();
    let one = world.server_with(&ring(&KEY, &OTHER_KEY), policy());
    let two = world.server_with(&ring(&OTHER_KEY, &KEY), policy());
    let mut browser = begin(&one);
    for (renews, other) in [(&two, &one), (&one, &two), (&two, &one)] {
        assert_eq!(n(other, &browser), Some(1));
        world.wait(100 * S);
        let old = browser.clone();
        renews.request(&mut browser, read).ok();
        assert_eq!(other.lost(&old, read).cookie(), browser.cookie(one.now()));
        assert_eq!(renews.lost(&old, read).cookie(), browser.cookie(one.now()));
    }
    // the session is under the second node's first key now: a ring without the first one opens it
    let later = world.server_with(&Keys::new(&OTHER_KEY).unwrap(), policy());
    assert_eq!(n(&later, &browser), Some(1));
    let retired = world.server_with(&Keys::new(&KEY).unwrap(), policy());
    world.store.calls();
    assert_eq!((n(&retired, &browser), world.store.calls().all()), (None, 0));
}

/// A renewal that fails is no reason to fail the request; the next one makes up for it.
#[test]
fn a_renewal_whose_answer_is_lost_lc8() {
    for landed in [true, false] {
        let world = World::new();
        let server = world.server(policy());
        let mut browser = begin(&server);
        let old = browser.cookie(server.now()).unwrap().to_owned();
        world.wait(100 * S);
        if landed {
            world.store.lose(1..9)
        } else {
            world.store.fail(1..9)
        }
        let answer = server.request(&mut browser, read);
        assert_eq!((answer.handler, answer.commit, answer.set_cookie), (Ok(Some(1)), Ok(()), None));
        assert_eq!(world.store.calls(), Calls { load: 1, update: 1, ..Calls::default() }, "one attempt");
        world.store.recover();
        let answer = server.request(&mut browser, read);
        assert_ne!(answer.cookie().unwrap(), old);
        answer.ok();
        assert_eq!(n(&server, &browser), Some(1));
    }
}

type Verb = fn(&mut Request<'_>) -> Result<(), Error>;

/// What the verb must have brought about: data under `n`, subject.
type Effect = (Option<u32>, Option<&'static str>);

/// Each verb over a session with `n` = 1, and without a session.
const VERBS: [(&str, Verb, Effect, Effect); 6] = [
    ("set", |session| session.set("n", &2_u32), (Some(2), None), (Some(2), None)),
    ("update_with", |session| increment(session).map(drop), (Some(2), None), (Some(1), None)),
    ("login", |session| sign_in(session, "ann"), (Some(1), Some("ann")), (None, Some("ann"))),
    ("rotate", |session| run(session.rotate()), (Some(1), None), (None, None)),
    ("logout", |session| run(session.logout()), (None, None), (None, None)),
    (
        "set, login",
        |session| session.set("n", &5_u32).and_then(|()| sign_in(session, "ann")),
        (Some(5), Some("ann")),
        (Some(5), Some("ann")),
    ),
];

fn effect(server: &Server, browser: &Browser) -> (Option<u32>, Option<String>) {
    server.peek(browser, |session| (session.get("n").unwrap(), session.subject().map(str::to_owned))).ok()
}

fn faulty(
    landed: bool,
    from: usize,
    calls: usize,
    live: bool,
    verb: Verb,
) -> (&'static World, Server, Browser, Result<(), Error>) {
    let world = World::new();
    let server = world.server(policy());
    let mut browser = if live { begin(&server) } else { Browser::new() };
    if landed {
        world.store.lose(from..from + calls)
    } else {
        world.store.fail(from..from + calls)
    }
    let answer = server.request(&mut browser, verb);
    world.store.recover();
    (world, server, browser, answer.handler.flatten().and(answer.commit))
}

/// One answer that is lost, or one call that fails: after the load, every verb finds out and goes on.
#[test]
fn each_verb_survives_a_lost_answer_st1() {
    for (name, verb, over_live, over_none) in VERBS {
        for (live, expected) in [(true, over_live), (false, over_none)] {
            for (landed, at) in (0..6).flat_map(|at| [(true, at), (false, at)]) {
                let (_, server, browser, result) = faulty(landed, at, 1, live, verb);
                let case = format!("{name}, live {live}, landed {landed}, call {at}");
                if live && at == 0 {
                    assert_eq!(result, Err(Error::Unavailable), "{case}");
                    assert_eq!(effect(&server, &browser), (Some(1), None), "{case}");
                } else {
                    assert_eq!(result, Ok(()), "{case}");
                    let (n, subject) = effect(&server, &browser);
                    assert_eq!((n, subject.as_deref()), expected, "{case}");
                }
            }
        }
    }
}

/// The store goes away in the middle: the answer says that nobody knows, no cookie is promised, and afterwards things
/// are as before or as asked for.
#[test]
fn each_verb_when_the_store_goes_away_st1() {
    for (name, verb, expected, _) in VERBS {
        for (landed, at) in (1..5).flat_map(|at| [(true, at), (false, at)]) {
            let (world, server, browser, result) = faulty(landed, at, 99, true, verb);
            let case = format!("{name}, landed {landed}, from call {at}");
            let (n, subject) = effect(&server, &browser);
            let now = (n, subject.as_deref());
            match result {
                Ok(()) => assert_eq!(now, expected, "{case}"),
                Err(Error::Indeterminate) => {
                    // a login or rotation that has landed made the browser's cookie an old one
                    assert!([expected, (Some(1), None), (None, None)].contains(&now), "{case}: {now:?}");
                    assert!(landed || now == (Some(1), None), "{case}: {now:?}");
                }
                Err(other) => panic!("{case}: {other}"),
            }
            // whatever it was, a login works at once
            let mut browser = browser;
            server.request(&mut browser, |session| sign_in(session, "eve").unwrap()).ok();
            assert_eq!(effect(&server, &browser).1.as_deref(), Some("eve"), "{case}");
            assert!(
                world.log.take().contains(&"session store failed: connection refused".to_owned()) || result.is_ok()
            );
        }
    }
}
