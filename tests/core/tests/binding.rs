//! A session that is bound to what the application recognises its browser by: a signal, and what the policy makes of it.

use core_tests::life_cycle::{Browser, Server, World, increment, sign_in};
use session_core::Error;
use session_core::policy::{Mismatch, Policy};
use session_core::testing::run;
use std::time::Duration;

const HOME: &[u8] = b"Firefox, 192.0.2";
const AWAY: &[u8] = b"curl, 198.51.100";
const SPAN: Duration = Duration::from_secs(60);

/// Ann's browser, bound to where she is.
fn bound(server: &Server) -> Browser {
    let mut browser = Browser::new();
    let bind = |session: &mut core_tests::life_cycle::Request<'_>| {
        sign_in(session, "ann").and(run(session.bind(HOME))).unwrap()
    };
    server.request(&mut browser, bind).ok();
    browser
}

#[test]
fn a_mismatch_is_told_and_left_to_the_application_lc13() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let mut browser = bound(&server);
    world.log.take();
    let check = |browser: &mut Browser, fingerprint: &[u8]| {
        server
            .request(browser, |session| (run(session.check_binding(fingerprint)), session.authenticated_within(SPAN)))
            .ok()
    };
    assert_eq!(check(&mut browser, HOME), (Ok(true), true));
    assert_eq!(world.log.take(), [""; 0]);
    for other in [AWAY, b"", &HOME[1..]] {
        assert_eq!(check(&mut browser, other), (Ok(false), true));
        let [told] = &world.log.take()[..] else { panic!("one event") };
        assert!(told.ends_with("request does not match its binding"), "{told}");
    }
    // bound to nothing, and no session: nothing speaks against it, and nothing is made
    server.request(&mut browser, |session| run(session.bind(b"")).unwrap()).ok();
    assert!(world.log.take()[0].ends_with(" of \"ann\": binding changed"));
    assert_eq!(check(&mut browser, AWAY), (Ok(true), true));
    let mut visitor = Browser::new();
    assert_eq!(check(&mut visitor, AWAY), (Ok(true), false));
    assert_eq!((visitor.cookie(server.now()), world.log.take()), (None, vec![]));
}

#[test]
fn a_mismatch_asks_for_the_password_again_lc12() {
    let world = World::new();
    let server = world.server(Policy::SECURE.on_mismatch(Mismatch::StepUp));
    let mut browser = bound(&server);
    let fresh = |browser: &mut Browser, fingerprint: &[u8]| {
        server
            .request(browser, |session| {
                run(session.check_binding(fingerprint)).map(|_| session.authenticated_within(SPAN))
            })
            .ok()
    };
    assert_eq!(fresh(&mut browser, AWAY), Ok(false));
    assert_eq!(fresh(&mut browser, HOME), Ok(true), "a doubt is one request's");
    // who signs in is where it is now
    let moved = server.request(&mut browser, |session| {
        assert_eq!(run(session.check_binding(AWAY)), Ok(false));
        sign_in(session, "ann").and(run(session.bind(AWAY))).map(|()| session.authenticated_within(SPAN))
    });
    assert_eq!(moved.ok(), Ok(true));
    assert_eq!((fresh(&mut browser, AWAY), fresh(&mut browser, HOME)), (Ok(true), Ok(false)));
    server.request(&mut browser, |session| assert_eq!(session.subject(), Some("ann"))).ok();
}

#[test]
fn a_mismatch_ends_the_session_without_a_removal_cookie() {
    let world = World::new();
    let server = world.server(Policy::SECURE.on_mismatch(Mismatch::End));
    let browser = bound(&server);
    let mut thief = browser.clone();
    // a request that is under way brings nothing back (LC3)
    let late = server.lost(&browser, |session| {
        session.set("n", &1_u32).unwrap();
        let ended = server.request(&mut thief, |session| {
            assert_eq!(run(session.check_binding(AWAY)), Ok(false));
            (session.exists(), session.subject().map(str::to_owned))
        });
        assert_eq!(ended.set_cookie, None, "a removal could overtake a login (rule 12)");
        assert_eq!(ended.ok(), (false, None));
    });
    assert_eq!(late.commit, Err(Error::Ended));
    let told = world.log.take();
    assert!(
        told.iter().any(|line| line.ends_with("does not match its binding"))
            && told.iter().any(|line| line.ends_with("revoked: mismatch"))
    );
    assert_eq!(world.record(browser.cookie(server.now()).unwrap()), None);
    server.peek(&browser, |session| assert!(!session.exists())).ok();
}

#[test]
fn a_session_that_could_not_be_ended_is_told() {
    let world = World::new();
    let server = world.server(Policy::SECURE.on_mismatch(Mismatch::End));
    let browser = bound(&server);
    let failed = server.lost(&browser, |session| {
        world.store.fail(0..9);
        let checked = run(session.check_binding(AWAY));
        world.store.recover();
        checked
    });
    assert_eq!(failed.handler, Ok(Err(Error::Indeterminate)));
    server.peek(&browser, |session| assert_eq!(session.subject(), Some("ann"))).ok();
}

#[test]
fn a_binding_is_a_digest_that_outlives_all_but_the_session() {
    let world = World::new();
    let server = world.server(Policy::SECURE.on_mismatch(Mismatch::StepUp));
    let mut browser = bound(&server);
    let cookie = browser.cookie(server.now()).unwrap().to_owned();
    let record = world.record(&cookie).unwrap();
    assert!(!record.windows(4).any(|bytes| bytes == &HOME[..4]));
    let holds = |browser: &Browser| {
        server.peek(browser, |session| {
            assert_eq!([HOME, AWAY].map(|fingerprint| run(session.check_binding(fingerprint))), [Ok(true), Ok(false)]);
        });
    };
    holds(&browser);
    // written by others meanwhile
    let quick = browser.clone();
    server.request(&mut browser, |session| {
        server.lost(&quick, |session| run(session.bind(AWAY)).and(session.set_label("phone")).unwrap()).ok();
        run(session.bind(b"train")).and(session.set("n", &1_u32)).unwrap();
    });
    server.peek(&browser, |session| assert_eq!(run(session.check_binding(b"train")), Ok(true))).ok();
    server.request(&mut browser, |session| run(session.bind(HOME)).unwrap()).ok();
    server.request(&mut browser, |session| assert_eq!(increment(session), Ok(2))).ok();
    server.request(&mut browser, |session| session.clear().unwrap()).ok();
    server.request(&mut browser, |session| run(session.rotate()).unwrap()).ok();
    server.request(&mut browser, |session| sign_in(session, "ann").unwrap()).ok();
    for _ in 0..3 {
        world.wait(29 * 60_000);
        server.request(&mut browser, |_| ()).ok();
    }
    holds(&browser);
    server.peek(&browser, |session| assert_eq!(session.label(), Some("phone"))).ok();
    // over another subject's session there is a new one
    server.request(&mut browser, |session| sign_in(session, "bob").unwrap()).ok();
    server.peek(&browser, |session| assert_eq!(run(session.check_binding(AWAY)), Ok(true))).ok();
}
