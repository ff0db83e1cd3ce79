//! What an operator is told (LC13).

use core_tests::life_cycle::{Browser, Request, World, increment, sign_in};
use session_core::policy::Policy;
use session_core::testing::{ScriptedRng, run};

/// What was told since the last time, with the same name for every session.
fn told(world: &'static World) -> Vec<String> {
    let name = |line: String| {
        let is_id = |word: &str| word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        line.split_inclusive([' ', ':']).fold(String::new(), |text, word| {
            let end = word.trim_end_matches([' ', ':']);
            if is_id(end) { text + "ID" + &word[end.len()..] } else { text + word }
        })
    };
    world.log.take().into_iter().map(name).collect()
}

#[test]
fn every_step_of_a_life_is_told_once_lc13() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let mut browser = Browser::new();
    let step = |browser: &mut Browser, verb: fn(&mut Request<'_>)| {
        server.request(browser, verb).ok();
        told(world)
    };
    assert_eq!(step(&mut browser, |s| s.set("n", &1_u32).unwrap()), ["session ID created"]);
    assert_eq!(step(&mut browser, |s| s.set("n", &2_u32).unwrap()), [""; 0]);
    assert_eq!(step(&mut browser, |s| assert_eq!(increment(s), Ok(3))), [""; 0]);
    let old = browser.clone();
    assert_eq!(step(&mut browser, |s| sign_in(s, "ann").unwrap()), ["session ID: \"ann\" signed in"]);
    assert_eq!(
        step(&mut old.clone(), |_| ()),
        ["session ID of \"ann\": cookie rejected because a newer one replaced it"]
    );
    assert_eq!(step(&mut browser, |s| run(s.rotate()).unwrap()), ["session ID of \"ann\": cookie rotated"]);
    for _ in 0..3 {
        world.wait(20 * 60_000 - 1);
        assert_eq!(step(&mut browser, |_| ()), [""; 0]);
    }
    let old = browser.clone();
    world.wait(3);
    assert_eq!(step(&mut browser, |_| ()), ["session ID of \"ann\": cookie renewed"]);
    world.wait(60_000);
    assert_eq!(step(&mut old.clone(), |_| ()), ["session ID of \"ann\": cookie rejected after its grace period"]);
    let old = browser.clone();
    assert_eq!(step(&mut browser, |s| run(s.logout()).unwrap()), ["session ID of \"ann\" ended"]);
    assert_eq!(step(&mut old.clone(), |_| ()), ["cookie rejected: session ID does not exist"]);
    assert_eq!(step(&mut Browser::with("__Host-id=x"), |_| ()), ["cookie rejected: none of the keys signed it"]);
    assert_eq!(
        step(&mut browser, |s| sign_in(s, "bob").unwrap()),
        ["session ID created", "session ID: \"bob\" signed in"]
    );
    let over_bob = ["session ID created", "session ID: \"eve\" signed in", "session ID revoked: another_login"];
    assert_eq!(step(&mut browser, |s| sign_in(s, "eve").unwrap()), over_bob);
}

#[test]
fn what_goes_wrong_is_told_lc13() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let mut browser = Browser::new();
    server.request(&mut browser, |session| session.set("n", &1_u32).unwrap()).ok();
    told(world);
    server.lost(&browser, |session| {
        server.lost(&browser, |session| session.set("n", &2_u32).unwrap()).ok();
        session.set("n", &3_u32).unwrap();
    });
    assert_eq!(told(world), ["session ID: conflicting change rejected"]);
    world.store.fail(0..1);
    server.lost(&browser, |_| ());
    assert_eq!(told(world), ["session store failed: connection refused"]);
    world.rng.replace(ScriptedRng::failing());
    server.lost(&browser, |session| session.set("n", &3_u32).unwrap());
    assert_eq!(told(world), ["random number generator failed"]);
}

/// Eight stale cookies hide a good one, and that is told (LC13).
#[test]
fn cookies_above_the_limit_are_told_lc13() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let mut browser = Browser::new();
    server.request(&mut browser, |session| session.set("n", &1_u32).unwrap()).ok();
    let good = browser.cookie(server.now()).unwrap().to_owned();
    let behind = |stale: usize| Browser::with(&format!("{}{good}; __Host-id=more", "__Host-id=x; ".repeat(stale)));
    told(world);
    assert!(server.lost(&behind(7), |session| session.exists()).ok());
    assert!(!told(world).iter().any(|line| line.starts_with("more than eight")));
    assert!(!server.lost(&behind(8), |session| session.exists()).ok());
    let ignored = "more than eight session cookies in one request: the rest were ignored";
    assert_eq!(told(world).iter().filter(|line| *line == ignored).count(), 1);
}

/// A store of the kind that forgets nothing by itself hands out what is over.
#[test]
fn an_end_that_the_policy_sets_is_told_lc13() {
    use session_core::policy::{Lifetimes, SecureCookie};
    use std::time::Duration;
    let world = World::new();
    let shorter = Lifetimes { idle: Some(Duration::from_secs(10)), ..Lifetimes::DEFAULT };
    let mut browser = Browser::new();
    world.server(Policy::SECURE).request(&mut browser, |session| session.set("n", &1_u32).unwrap()).ok();
    told(world);
    world.wait(10_000);
    world.server(Policy::secure(SecureCookie::host(), shorter).unwrap()).lost(&browser, |_| ()).ok();
    assert_eq!(told(world), ["session ID expired"]);
}

/// All events of one session name it alike, those of another one differently.
#[test]
fn a_session_has_one_name_in_logs_lc13() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let life = || {
        let mut browser = Browser::new();
        server.request(&mut browser, |session| session.set("n", &1_u32).unwrap()).ok();
        let id = server.request(&mut browser, |session| session.log_id().unwrap().to_string()).ok();
        server.request(&mut browser, |session| sign_in(session, "ann").unwrap()).ok();
        server.request(&mut browser, |session| run(session.logout()).unwrap()).ok();
        let log = world.log.take();
        assert_eq!(log.len(), 3);
        assert!(log.iter().all(|line| line.contains(&id)), "{id} {log:?}");
        id
    };
    assert_ne!(life(), life());
}
