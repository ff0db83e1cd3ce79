//! When a session ends by itself, to the millisecond, and what that costs.

use core_tests::life_cycle::{Browser, Server, Site, World, sign_in};
use session_core::Error;
use session_core::policy::{Lifetimes, PlainCookie, Policy};
use session_core::record::Stamp;
use session_core::store::Store;
use session_core::testing::{ScriptedRng, run};
use std::time::Duration;

const S: u64 = 1_000;
const DAY: u64 = 24 * 60 * 60 * S;

const NONE: Lifetimes = Lifetimes { idle: None, absolute: None, renew_after: None, ..Lifetimes::DEFAULT };

const fn ms(millis: u64) -> Option<Duration> {
    Some(Duration::from_millis(millis))
}

fn policy(lifetimes: Lifetimes) -> Policy {
    let policy = Policy::plain_http(PlainCookie::new(), lifetimes).unwrap();
    // nobody signs in here, and a shorter life of such sessions is another test's
    match lifetimes.idle {
        Some(idle) if idle <= Duration::from_secs(600) => policy,
        idle => policy.anonymous_idle(idle.unwrap_or(Duration::MAX)),
    }
}

fn begin<St: Store>(server: &Server<St>) -> Browser {
    let mut browser = Browser::new();
    server.request(&mut browser, |session| session.set("n", &1_u32).unwrap()).ok();
    browser
}

fn alive<St: Store>(server: &Server<St>, browser: &mut Browser) -> bool {
    server.request(browser, |session| session.get::<u32>("n").unwrap().is_some()).ok()
}

#[test]
fn idle_to_the_millisecond_lc5() {
    let world = World::new();
    let server = world.server(policy(Lifetimes { idle: ms(10 * S), absolute: ms(100 * S), ..NONE }));
    let mut browser = begin(&server);
    for _ in 0..3 {
        world.wait(10 * S - 1);
        assert!(alive(&server, &mut browser));
    }
    let old = browser.cookie(server.now()).unwrap().to_owned();
    world.wait(10 * S);
    assert!(!alive(&server, &mut browser));
    // the browser still shows the cookie; what is written then is another session's
    server.request(&mut browser, |session| session.set("n", &2_u32).unwrap()).ok();
    let new = browser.cookie(server.now()).unwrap();
    assert_ne!(core_tests::life_cycle::parts(new).0, core_tests::life_cycle::parts(&old).0);
    assert!(!alive(&server, &mut Browser::with(&old)));
}

#[test]
fn absolute_whatever_the_activity_lc6() {
    let world = World::new();
    let server = world.server(policy(Lifetimes { idle: ms(10 * S), absolute: ms(60 * S), ..NONE }));
    let mut browser = begin(&server);
    for _ in 0..11 {
        world.wait(5 * S);
        assert!(alive(&server, &mut browser));
        server.request(&mut browser, |session| session.set("other", &server.now().millis()).unwrap()).ok();
    }
    let kept = Browser::with(browser.cookie(server.now()).unwrap());
    world.wait(5 * S - 1);
    assert!(alive(&server, &mut kept.clone()));
    world.wait(1);
    assert!(!alive(&server, &mut kept.clone()));
}

#[test]
fn only_another_login_starts_the_absolute_lifetime_anew_lc6() {
    let world = World::new();
    let server = world.server(policy(Lifetimes { absolute: ms(60 * S), ..NONE }));
    let mut browser = begin(&server);
    world.wait(59 * S);
    let answer = server.request(&mut browser, |session| sign_in(session, "ann").unwrap());
    assert!(answer.set_cookie.as_ref().unwrap().contains("Max-Age=60"));
    world.wait(59 * S);
    // a rotation and a write do not
    server.request(&mut browser, |session| run(session.rotate()).and(session.set("x", &1)).unwrap()).ok();
    world.wait(S - 1);
    assert!(alive(&server, &mut browser));
    let answer = server.request(&mut browser, |session| sign_in(session, "ann").unwrap());
    answer.ok();
    world.wait(60 * S - 1);
    assert!(alive(&server, &mut browser));
    world.wait(1);
    assert!(!alive(&server, &mut browser));
}

#[test]
fn each_limit_is_optional_and_both_hold_lc7() {
    let first_end = |lifetimes: Lifetimes, step: u64, most: u64| {
        let world = World::new();
        let server = world.server(policy(lifetimes));
        let mut browser = Browser::with(begin(&server).cookie(server.now()).unwrap());
        (1..=most).map(|at| at * step).find(|_| {
            world.wait(step);
            let dead = !alive(&server, &mut browser);
            browser = Browser::with(browser.cookie(server.now()).unwrap());
            dead
        })
    };
    let renewed = Lifetimes { renew_after: ms(DAY), ..NONE };
    assert_eq!(first_end(renewed, DAY, 800), None, "neither");
    assert_eq!(first_end(Lifetimes { idle: ms(10 * S), ..renewed }, 9 * S, 100), None, "only idle, used in time");
    assert_eq!(first_end(Lifetimes { idle: ms(10 * S), ..renewed }, 10 * S, 100), Some(10 * S), "only idle");
    assert_eq!(first_end(Lifetimes { absolute: ms(90 * S), ..NONE }, 9 * S, 100), Some(90 * S), "only absolute");
    let both = Lifetimes { idle: ms(10 * S), absolute: ms(90 * S), ..NONE };
    assert_eq!(first_end(both, 9 * S, 100), Some(90 * S), "both, used in time");
    assert_eq!(first_end(both, 10 * S, 100), Some(10 * S), "both");
    // NIST SP 800-63B, in minutes
    assert_eq!(first_end(Lifetimes::AAL1, DAY, 100), Some(30 * DAY));
    assert_eq!(first_end(Lifetimes::AAL2, 59 * 60 * S, 30), Some(25 * 59 * 60 * S));
    assert_eq!(first_end(Lifetimes::AAL2, 60 * 60 * S, 30), Some(60 * 60 * S));
    assert_eq!(first_end(Lifetimes::AAL3, 15 * 60 * S, 60), Some(15 * 60 * S));
    assert_eq!(first_end(Lifetimes::AAL3, 10 * 60 * S, 100), Some(12 * 60 * 60 * S));
}

/// Where a touch costs a write: never later than the limit, earlier by less than the touch interval, and at most one
/// touch in an interval, whatever the visitor does.
#[test]
fn idle_where_touching_costs_a_write_lc5_st6() {
    const IDLE: u64 = 60 * S;
    const EVERY: u64 = 7 * S;
    let mut random = ScriptedRng::new(5);
    let mut below = |limit: u64| rand_core::TryRng::try_next_u64(&mut random).unwrap() % limit;
    let mut early = 0;
    for _ in 0..300 {
        let world = World::touch_costs();
        let lifetimes = Lifetimes { idle: ms(IDLE), absolute: ms(DAY), touch_every: ms(EVERY), ..NONE };
        let server = world.server(policy(lifetimes));
        let mut browser = begin(&server);
        let (began, mut last) = (server.now(), server.now());
        world.store.calls();
        let mut touches = 0;
        loop {
            let gap = if below(4) == 0 { IDLE - 2 * EVERY + below(3 * EVERY) } else { below(2 * EVERY) };
            world.wait(gap);
            let alive = alive(&server, &mut browser);
            let calls = world.store.calls();
            assert_eq!((calls.load, calls.all() - calls.touch), (1, 1));
            touches += calls.touch as u64;
            assert!(touches <= server.now().since(began).as_millis() as u64 / EVERY);
            if alive {
                assert!(gap < IDLE);
                last = server.now();
            } else {
                assert!(server.now().since(last).as_millis() as u64 > IDLE - EVERY);
                early += u32::from(gap < IDLE);
                break;
            }
        }
    }
    assert!(early > 10, "sometimes it is early: {early}");
}

#[test]
fn a_free_touch_is_done_at_every_request_lc5() {
    let world = World::new();
    let server = world.server(Policy::PLAIN_HTTP);
    let mut browser = begin(&server);
    world.store.calls();
    for _ in 0..5 {
        assert!(alive(&server, &mut browser));
        let calls = world.store.calls();
        assert_eq!((calls.load, calls.touch, calls.all()), (1, 1, 2));
    }
}

#[test]
fn what_ends_during_a_request_is_not_written_lc5() {
    for (idle, absolute) in [(ms(10 * S), None), (None, ms(10 * S))] {
        let lifetimes = Lifetimes { idle, absolute, renew_after: ms(DAY), ..NONE };
        let world = World::new();
        let server = world.server(policy(lifetimes));
        let browser = begin(&server);
        world.wait(9 * S);
        let answer = server.lost(&browser, |session| {
            session.set("n", &2_u32).unwrap();
            world.wait(S);
        });
        assert_eq!((answer.commit, answer.set_cookie), (Err(Error::Ended), None));
        assert_eq!(world.store.inner().len(), 1, "still there, to be swept");
        // a login in the same moment is a new session
        let mut browser = begin(&server);
        let before = core_tests::life_cycle::parts(browser.cookie(server.now()).unwrap()).0;
        server
            .request(&mut browser, |session| {
                world.wait(10 * S);
                sign_in(session, "ann").unwrap();
            })
            .ok();
        assert_ne!(core_tests::life_cycle::parts(browser.cookie(server.now()).unwrap()).0, before);
    }
}

#[test]
fn a_remembered_session_keeps_its_own_lifetime_lc14() {
    let world = World::new();
    let lifetimes = Lifetimes { remember: Duration::from_millis(30 * DAY), ..Lifetimes::DEFAULT };
    let server = world.server(policy(lifetimes));
    let mut browser = begin(&server);
    let answer = server.request(&mut browser, |session| {
        let attempt = run(session.begin_login("ann")).unwrap();
        run(session.login(attempt.remembered())).unwrap();
    });
    assert!(answer.set_cookie.as_ref().unwrap().contains("; Max-Age=2592000;"), "{answer:?}");
    for day in 1..=14 {
        world.wait(2 * DAY);
        let answer = server.request(&mut browser, |session| {
            assert_eq!(session.subject(), Some("ann"), "day {day}");
            // writing keeps it too
            session.set("day", &day).unwrap();
        });
        // each is renewed, and the browser's copy is to live as long as the session
        let left = (30 - 2 * day) * DAY / S;
        assert!(answer.set_cookie.unwrap().contains(&format!("; Max-Age={left};")));
    }
    world.wait(2 * DAY - 1);
    assert!(alive(&server, &mut browser.clone()));
    let kept = Browser::with(browser.cookie(server.now()).unwrap());
    world.wait(1);
    assert_eq!(browser.cookie(server.now()), None);
    assert!(!alive(&server, &mut kept.clone()));
}

/// The limits of NIST SP 800-63B-4 hold whatever a login asks for: idle and overall time of each level (2.2.3, 2.3.3).
#[test]
fn remember_me_exceeds_no_limit_of_nist_lc14_lc7() {
    for (lifetimes, idle, absolute) in [
        (Lifetimes::AAL2, Some(60 * 60 * S), DAY),
        (Lifetimes::AAL3, Some(15 * 60 * S), DAY / 2),
        (Lifetimes::AAL1, None, 30 * DAY),
    ] {
        let world = World::new();
        let server = world.server(policy(lifetimes));
        let login = |remember| {
            let mut browser = begin(&server);
            server
                .request(&mut browser, |session| {
                    let attempt = run(session.begin_login("ann")).unwrap();
                    run(session.login(if remember { attempt.remembered() } else { attempt })).unwrap();
                })
                .ok();
            browser
        };
        for remember in [false, true] {
            if let Some(idle) = idle {
                let browser = login(remember);
                world.wait(idle - 1);
                assert!(alive(&server, &mut browser.clone()), "{lifetimes:?} {remember}");
                let browser = login(remember);
                world.wait(idle);
                assert!(
                    !alive(&server, &mut Browser::with(browser.cookie(server.now()).unwrap())),
                    "{lifetimes:?} {remember}"
                );
            }
            let mut browser = login(remember);
            let (step, mut spent) = (idle.unwrap_or(DAY) / 2, 0);
            while spent + step < absolute {
                world.wait(step);
                spent += step;
                assert!(alive(&server, &mut browser), "{lifetimes:?} {remember} after {spent}");
            }
            let kept = Browser::with(browser.cookie(server.now()).unwrap());
            world.wait(absolute - spent);
            assert!(!alive(&server, &mut kept.clone()), "{lifetimes:?} {remember}");
        }
    }
}

#[test]
fn a_later_login_that_is_not_remembered_has_the_usual_lifetime_lc14() {
    let world = World::new();
    let server = world.server(Policy::PLAIN_HTTP);
    let mut browser = begin(&server);
    server.request(&mut browser, |session| {
        let attempt = run(session.begin_login("ann")).unwrap();
        run(session.login(attempt.remembered())).unwrap();
    });
    let answer = server.request(&mut browser, |session| sign_in(session, "ann").unwrap());
    assert!(answer.set_cookie.unwrap().contains("; Max-Age=43200;"));
    world.wait(30 * 60 * S - 1);
    assert!(alive(&server, &mut browser.clone()));
    world.wait(30 * 60 * S);
    assert!(!alive(&server, &mut browser));
}

#[test]
fn peeking_is_no_activity_lc16() {
    for world in [World::new(), World::touch_costs()] {
        let server = world.server(policy(Lifetimes { idle: ms(10 * S), renew_after: ms(70 * S), ..NONE }));
        let mut browser = begin(&server);
        world.store.calls();
        for _ in 0..9 {
            world.wait(S);
            let answer = server.peek(&browser, |session| session.get::<u32>("n"));
            assert_eq!((&answer.handler, &answer.set_cookie), (&Ok(Ok(Some(1))), &None));
            let calls = world.store.calls();
            assert_eq!((calls.load, calls.all()), (1, 1));
        }
        world.wait(S);
        assert!(!alive(&server, &mut browser));
        // and it never renews
        let server = world.server(policy(Lifetimes { renew_after: ms(70 * S), ..NONE }));
        let browser = begin(&server);
        world.wait(71 * S);
        assert_eq!(server.peek(&browser, |session| session.exists()).set_cookie, None);
        assert!(server.lost(&browser, |session| session.exists()).set_cookie.is_some());
    }
}

/// A change that a peeking handler makes is stored, but does not make the session live longer.
#[test]
fn a_write_without_activity_extends_nothing_lc16() {
    let world = World::new();
    let server = world.server(policy(Lifetimes { idle: ms(10 * S), absolute: ms(DAY), ..NONE }));
    let mut browser = begin(&server);
    world.wait(9 * S);
    server.peek(&browser, |session| session.set("n", &2_u32).unwrap()).ok();
    world.wait(S);
    assert!(!alive(&server, &mut browser));
}

#[test]
fn a_shorter_policy_holds_at_once_lc5_lc6() {
    let long = Lifetimes { idle: ms(100 * S), absolute: ms(DAY), ..NONE };
    for short in [Lifetimes { idle: ms(10 * S), ..long }, Lifetimes { absolute: ms(10 * S), ..long }] {
        let world = World::new();
        let (before, after) = (world.server(policy(long)), world.server(policy(short)));
        let mut browser = begin(&before);
        world.wait(10 * S - 1);
        assert!(after.peek(&browser, |session| session.exists()).ok());
        world.wait(1);
        assert!(!after.peek(&browser, |session| session.exists()).ok());
        assert_eq!(world.log.take().last().unwrap().split(' ').next_back(), Some("expired"));
        assert!(alive(&before, &mut browser));
    }
}

#[test]
fn the_cookie_lives_at_least_as_long_as_the_session_ck8_ck11() {
    for (absolute, max_age) in [
        (Some(1), 1),
        (Some(1_000), 1),
        (Some(1_001), 2),
        (Some(12 * 60 * 60 * S), 43_200),
        (Some(400 * DAY), 34_560_000),
        (Some(400 * DAY + 1), 34_560_000),
        (Some(5_000 * DAY), 34_560_000),
        (None, 34_560_000),
    ] {
        let world = World::new();
        let lifetimes = Lifetimes { absolute: absolute.and_then(ms), renew_after: ms(DAY), ..NONE };
        let answer = world.server(policy(lifetimes)).request(&mut Browser::new(), |session| session.set("n", &1));
        let expected = format!("; Max-Age={max_age}; Path=/; HttpOnly; SameSite=Lax");
        assert!(answer.set_cookie.as_ref().unwrap().ends_with(&expected), "{absolute:?} {answer:?}");
    }
}

#[test]
fn the_cookie_is_sent_only_when_it_changes_ck11() {
    let world = World::new();
    let server = world.server(Policy::PLAIN_HTTP);
    let mut browser = begin(&server);
    for round in 0..10 {
        world.wait(60 * S);
        let answer = server.request(&mut browser, |session| session.set("n", &round).unwrap());
        assert_eq!(answer.set_cookie, None);
        let answer = server.request(&mut browser, |session| session.get::<u32>("n"));
        assert_eq!(answer.set_cookie, None);
    }
    // created and gone within one request: the browser never hears of it
    let answer = server.request(&mut Browser::new(), |session| {
        session.set("n", &1).unwrap();
        run(session.logout()).unwrap();
    });
    assert_eq!((answer.set_cookie, answer.commit), (None, Ok(())));
}

#[test]
fn a_record_from_the_future_has_expired_tm1() {
    let ahead = Site::new(Policy::SECURE);
    for (millis, holds) in [(60_000, true), (60_001, false), (365 * 24 * 3_600_000, false)] {
        let mut jar = None;
        ahead.wait(millis);
        ahead.sign_in(&mut jar, "ann").unwrap();
        assert_eq!(ahead.who(&jar), Some("ann".into()));
        ahead.set_back(millis);
        assert_eq!(ahead.who(&jar).is_some(), holds, "{millis} ms ahead");
        ahead.sign_in(&mut jar, "ann").unwrap();
        assert_eq!(ahead.who(&jar), Some("ann".into()), "a login replaces it");
    }
}

/// A cookie for as long as the browser runs has no Max-Age, unless its session is to be remembered or it is taken back.
#[test]
fn a_cookie_until_the_browser_closes_ck8_ck11() {
    let policy = Policy::PLAIN_HTTP.until_browser_closes();
    let world = World::new();
    let server = world.server(policy);
    let mut browser = Browser::new();
    let set = |browser: &mut Browser, verb: fn(&mut core_tests::life_cycle::Request<'_>)| {
        server.request(browser, verb).set_cookie.unwrap()
    };
    let begun = set(&mut browser, |session| session.set("n", &1_u32).unwrap());
    assert!(begun.ends_with("; Path=/; HttpOnly; SameSite=Lax") && !begun.contains("Max-Age"), "{begun}");
    assert!(!set(&mut browser, |session| sign_in(session, "ann").unwrap()).contains("Max-Age"));
    let remembered = set(&mut browser, |session| {
        let attempt = run(session.begin_login("ann")).unwrap();
        run(session.login(attempt.remembered())).unwrap();
    });
    assert!(remembered.contains("; Max-Age=2592000;"), "{remembered}");
    let removed = set(&mut browser, |session| run(session.logout()).unwrap());
    assert!(removed.contains("=; Max-Age=0;"), "{removed}");
    // sealed sessions obey it, too
    let (site, mut jar) = (Site::sealed(policy), None);
    site.sign_in(&mut jar, "ann").unwrap();
    assert_eq!(site.who(&jar).as_deref(), Some("ann"));
}

/// An index drops the entry of a login at the absolute end that it was added with. So a longer policy moves that end for
/// the next login only, or a revocation would miss the session after it; an anonymous session is in no index.
#[test]
fn a_longer_policy_moves_no_end_that_the_index_knows_st14() {
    let world = World::new();
    let [short, long] = [100 * S, 1_000 * S].map(|end| world.server(policy(Lifetimes { absolute: ms(end), ..NONE })));
    // a browser drops the cookie at its old end, and a thief does not
    let ends = |browser: &Browser| {
        let record = world.record(browser.cookie(short.now()).unwrap()).unwrap();
        Stamp::of(&record).unwrap().ends - short.now().millis()
    };
    for (signed_in, left) in [(true, 50 * S), (false, 950 * S)] {
        let mut browser = begin(&short);
        if signed_in {
            short.request(&mut browser, |session| sign_in(session, "ann")).ok().unwrap();
        }
        world.wait(50 * S);
        long.request(&mut browser, |session| session.set("n", &2_u32).unwrap()).ok();
        assert_eq!(ends(&browser), left, "signed in: {signed_in}");
        long.request(&mut browser, |session| sign_in(session, "ann")).ok().unwrap();
        assert_eq!(ends(&browser), 1_000 * S, "the next login");
    }
}

/// The request that makes a session knows how long it will live, before it is stored.
#[test]
fn a_new_session_tells_when_it_expires_lc5() {
    let world = World::new();
    let hour = Duration::from_secs(3_600);
    for (idle, absolute, left) in [(hour, 12 * hour, hour), (2 * hour, hour, hour)] {
        let policy = policy(Lifetimes { idle: Some(idle), absolute: Some(absolute), ..NONE });
        let server = world.server(policy.anonymous_idle(idle));
        let mut browser = Browser::new();
        let told = server.request(&mut browser, |session| {
            assert_eq!(session.expires_in(), None, "there is no session yet");
            session.set("n", &1_u32).unwrap();
            session.expires_in()
        });
        assert_eq!(told.ok(), Some(left));
        assert_eq!(server.peek(&browser, |session| session.expires_in()).ok(), Some(left), "as the next one is told");
    }
}

/// A session in which nobody is signed in has a shorter life of its own, which a login ends and a policy changes.
#[test]
fn an_anonymous_session_ends_sooner_qu1() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    for (policy, anonymous) in [
        (Policy::SECURE, 10),
        (Policy::SECURE.anonymous_idle(minutes(2)), 2),
        (Policy::SECURE.anonymous_idle(minutes(60)), 60),
        (Policy::plain_http(PlainCookie::new(), Lifetimes { idle: None, ..Lifetimes::DEFAULT }).unwrap(), 10),
        (policy(Lifetimes { idle: Some(minutes(3)), ..Lifetimes::DEFAULT }), 3),
    ] {
        let world = World::touch_costs();
        let server = world.server(policy);
        let mut browser = begin(&server);
        // steady use keeps it, also where activity is recorded at intervals
        for _ in 0..8 {
            world.wait(anonymous * 60 * S / 2);
            assert!(alive(&server, &mut browser), "{anonymous}");
        }
        let mut late = browser.clone();
        let mut signed_in = begin(&server);
        server.request(&mut signed_in, |session| sign_in(session, "ann").unwrap()).ok();
        world.wait(anonymous * 60 * S);
        assert!(!alive(&server, &mut late), "{anonymous}");
        let idle = server.request(&mut signed_in, |session| session.expires_in()).ok();
        assert_eq!(idle.is_some(), ![3, 60].contains(&anonymous), "{anonymous}");
    }
    // a shorter policy holds at once
    let world = World::new();
    let mut browser = begin(&world.server(Policy::SECURE));
    world.wait(60 * S);
    assert!(!alive(&world.server(Policy::SECURE.anonymous_idle(minutes(1))), &mut browser));
    // sealed sessions, too
    let (site, mut jar) = (Site::sealed(Policy::SECURE), None);
    site.visit(&mut jar, |session| session.set("n", &1_u32)).unwrap();
    site.wait(10 * 60 * S);
    assert_eq!(site.visit(&mut jar, |session| Ok(session.exists())), Ok(false));
}
