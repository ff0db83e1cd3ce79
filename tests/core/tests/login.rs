//! Signing in and out: who has the session afterwards, and what a slower request can no longer do.

use core_tests::life_cycle::{Browser, Calls, Request, Server, World, increment, parts, sign_in};
use session_core::Error;
use session_core::policy::{Lifetimes, PlainCookie, Policy, SecureCookie};
use session_core::testing::run;
use std::time::Duration;

type Verb = fn(&mut Request<'_>) -> Result<(), Error>;

fn begin(server: &Server) -> Browser {
    let mut browser = Browser::new();
    server.request(&mut browser, |session| session.set("n", &1_u32).unwrap()).ok();
    browser
}

fn signed_in(server: &Server, subject: &str) -> Browser {
    let mut browser = begin(server);
    server.request(&mut browser, |session| sign_in(session, subject).unwrap()).ok();
    browser
}

fn who(server: &Server, browser: &Browser) -> Option<String> {
    server.peek(browser, |session| session.subject().map(str::to_owned)).ok()
}

fn cookie<'b>(server: &Server, browser: &'b Browser) -> &'b str {
    browser.cookie(server.now()).unwrap()
}

#[test]
fn a_value_without_a_session_is_never_adopted_lc1() {
    let verbs: [Verb; 4] = [
        |s| s.set("n", &2_u32),
        |s| increment(s).map(drop),
        |s| sign_in(s, "ann"),
        |s| s.csrf_token().map(drop).and_then(|()| s.set("n", &2_u32)),
    ];
    for verb in verbs {
        let world = World::new();
        let server = world.server(Policy::SECURE);
        let gone = begin(&server);
        server.lost(&gone, |session| run(session.logout()).unwrap()).ok();
        let answer = server.peek(&gone, |session| session.exists());
        assert_eq!((answer.handler, answer.set_cookie), (Ok(false), None), "no new value either");
        let mut browser = gone.clone();
        server.request(&mut browser, verb).ok().unwrap();
        let (planted, made) = (parts(cookie(&server, &gone)), parts(cookie(&server, &browser)));
        assert!(planted.0 != made.0 && planted.1 != made.1);
        assert!(!server.peek(&gone, |session| session.exists()).ok());
    }
}

#[test]
fn a_change_of_privilege_changes_the_value_lc2() {
    let verbs: [(Verb, bool); 5] = [
        (|s| sign_in(s, "ann"), true),
        (|s| sign_in(s, "ann").and_then(|()| sign_in(s, "bob")), true),
        (|s| run(s.begin_login("ann")).and_then(|attempt| run(s.login(attempt.without_data()))), true),
        (|s| run(s.rotate()), true),
        (|s| run(s.logout()), false),
    ];
    for (verb, goes_on) in verbs {
        let world = World::new();
        let server = world.server(Policy::SECURE.anonymous_idle(Duration::from_secs(30 * 60)));
        let old = begin(&server);
        let mut browser = old.clone();
        server.request(&mut browser, verb).ok().unwrap();
        assert_eq!(browser.cookie(server.now()).is_some(), goes_on);
        if goes_on {
            assert_ne!(parts(cookie(&server, &browser)).1, parts(cookie(&server, &old)).1);
            assert!(server.peek(&browser, |session| session.exists()).ok());
        }
        // at once and for ever, for reading, writing and ending
        for wait in [0, 59_999, 1, 600_000] {
            world.wait(wait);
            let answer = server.lost(&old, |session| {
                assert!(!session.exists() && session.subject().is_none());
                assert_eq!(session.get::<u32>("n"), Ok(None));
            });
            assert_eq!((answer.handler, answer.commit, answer.set_cookie), (Ok(()), Ok(()), None));
        }
        server.lost(&old, |session| run(session.logout()).is_ok()).ok();
        assert_eq!(server.peek(&browser, |session| session.exists()).ok(), goes_on);
    }
}

/// What the visitor had stored stays unless the login says otherwise; another subject's never does.
#[test]
fn data_across_a_login_lc2() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let n = |browser: &Browser| server.peek(browser, |session| session.get::<u32>("n").unwrap()).ok();
    let mut browser = signed_in(&server, "ann");
    assert_eq!(n(&browser), Some(1));
    let anns = browser.clone();
    server.request(&mut browser, |session| sign_in(session, "bob").unwrap()).ok();
    assert_eq!((n(&browser), who(&server, &browser).as_deref()), (None, Some("bob")));
    assert_ne!(parts(cookie(&server, &browser)).0, parts(cookie(&server, &anns)).0, "one subject for life");
    assert_eq!((who(&server, &anns), world.store.inner().len()), (None, 1), "hers has ended");

    let mut browser = begin(&server);
    server.request(&mut browser, |session| {
        let attempt = run(session.begin_login("ann")).unwrap();
        assert_eq!(attempt.subject(), "ann");
        run(session.login(attempt.without_data())).unwrap();
    });
    assert_eq!((n(&browser), who(&server, &browser).as_deref()), (None, Some("ann")));
}

#[test]
fn subjects_that_cannot_be_kept_are_refused() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    for subject in ["", &"x".repeat(256)] {
        let answer = server.request(&mut Browser::new(), |session| sign_in(session, subject));
        assert_eq!((answer.handler, answer.commit), (Ok(Err(Error::BadText)), Ok(())));
    }
    let answer = server.request(&mut Browser::new(), |session| sign_in(session, &"x".repeat(255)));
    assert_eq!((answer.handler, answer.commit), (Ok(Ok(())), Ok(())));
}

/// The slower request loaded before the logout and goes on after it.
#[test]
fn nothing_brings_a_session_back_lc3() {
    let verbs: [(&str, Verb, Result<(), Error>); 7] = [
        ("read", |s| s.get::<u32>("n").map(drop), Ok(())),
        ("set", |s| s.set("n", &2_u32), Err(Error::Ended)),
        ("update_with", |s| increment(s).map(drop), Err(Error::Ended)),
        ("clear", |s| s.clear(), Err(Error::Ended)),
        ("flash", |s| s.flash_message("hello"), Err(Error::Ended)),
        ("rotate", |s| run(s.rotate()), Err(Error::Ended)),
        ("logout", |s| run(s.logout()), Ok(())),
    ];
    let hour = Duration::from_secs(3_600);
    let renewing = Lifetimes { idle: None, renew_after: Some(hour), ..Lifetimes::DEFAULT };
    for world in [World::new(), World::touch_costs()] {
        for (name, verb, expected) in verbs {
            // with and without a renewal that is due
            for wait in [0, 120_000, 3_600_000] {
                let server = world.server(Policy::plain_http(PlainCookie::new(), renewing).unwrap());
                let browser = signed_in(&server, "ann");
                world.wait(wait);
                let slow = server.lost(&browser, |session| {
                    let quick = server.lost(&browser, |session| run(session.logout()).unwrap());
                    assert!(quick.set_cookie.unwrap().contains("Max-Age=0"));
                    verb(session)
                });
                assert_eq!(slow.handler.flatten().and(slow.commit), expected, "{name} {wait}");
                let brought = slow.set_cookie.is_some_and(|cookie| !cookie.contains("Max-Age=0"));
                assert!(!brought, "{name} {wait}");
                assert_eq!(world.record(cookie(&server, &browser)), None, "{name} {wait}");
            }
        }
    }
}

/// The logout comes when the slower write has found a conflict and tries again.
#[test]
fn a_logout_between_two_attempts_lc3() {
    let world = World::new();
    let policy = Policy::SECURE;
    let browser = signed_in(&world.server(policy), "ann");
    let server = world.server(policy);
    let other = browser.clone();
    let slow = server.lost(&browser, |session| {
        server.lost(&browser, |session| session.set("other", &1_u32).unwrap()).ok();
        session.set("n", &2_u32).unwrap();
        world.store.before(1, move || {
            world.server(policy).lost(&other, |session| run(session.logout()).unwrap()).ok();
        });
    });
    assert_eq!((slow.commit, slow.set_cookie), (Err(Error::Ended), None));
    assert_eq!(world.store.calls(), Calls { load: 1, update: 2, delete: 1, ..Calls::default() });
    assert_eq!(world.store.inner().len(), 0);
}

/// Whoever proves who he is gets a session all the same: another one.
#[test]
fn a_login_that_is_overtaken_by_a_logout_lc3() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let old = signed_in(&server, "ann");
    let mut browser = old.clone();
    server
        .request(&mut browser, |session| {
            server.lost(&old, |session| run(session.logout()).unwrap()).ok();
            sign_in(session, "ann").unwrap();
        })
        .ok();
    assert_ne!(parts(cookie(&server, &browser)).0, parts(cookie(&server, &old)).0);
    assert_eq!((who(&server, &browser).as_deref(), who(&server, &old)), (Some("ann"), None));
}

/// The request that began before the login may not write into the session that it became.
#[test]
fn a_request_from_before_the_login_changes_nothing_lc2() {
    let verbs: [Verb; 4] =
        [|s| s.set("n", &9_u32), |s| increment(s).map(drop), |s| s.overwrite("n", &9_u32), |s| run(s.logout())];
    for verb in verbs {
        let world = World::new();
        let server = world.server(Policy::SECURE);
        let old = begin(&server);
        let mut browser = old.clone();
        let slow = server.lost(&old, |session| {
            server.request(&mut browser, |session| sign_in(session, "ann").unwrap()).ok();
            verb(session)
        });
        assert_eq!(slow.handler.flatten().and(slow.commit), Err(Error::CookieReplaced));
        assert_eq!(slow.set_cookie, None);
        let after = server.peek(&browser, |session| (session.get("n").unwrap(), session.subject().is_some()));
        assert_eq!(after.ok(), (Some(1_u32), true));
    }
}

#[test]
fn logout_removes_the_record_and_then_the_cookie_lc4() {
    let domain = SecureCookie::domain("example.org").unwrap().path("/app").unwrap();
    for policy in [
        Policy::SECURE,
        Policy::PLAIN_HTTP,
        Policy::secure(domain, Lifetimes::DEFAULT).unwrap(),
        Policy::plain_http(PlainCookie::new().path("/app").unwrap().strict(), Lifetimes::DEFAULT).unwrap(),
    ] {
        let world = World::new();
        let server = world.server(policy);
        let mut browser = Browser::new();
        let made = server.request(&mut browser, |session| session.set("n", &1_u32).unwrap()).set_cookie.unwrap();
        world.store.calls();
        let answer = server.request(&mut browser, |session| run(session.logout()).unwrap());
        assert_eq!(world.store.calls(), Calls { load: 1, delete: 1, ..Calls::default() });
        let removed = answer.set_cookie.clone().unwrap();
        answer.ok();
        // name, path, domain and flags are the same
        let without = |text: &str, from: &str, to: &str| {
            let (head, rest) = text.split_once(from).unwrap();
            format!("{head}{}", &rest[rest.find(to).unwrap()..])
        };
        let shape = |text: &str| without(&without(text, "=", ";"), "; Max-Age=", ";");
        assert_eq!(shape(&made), shape(&removed));
        assert!(removed.contains("=; Max-Age=0;"), "{removed}");
        assert_eq!((browser.cookie(server.now()), world.store.inner().len()), (None, 0));
    }
}

#[test]
fn a_logout_that_fails_says_so_lc4() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let mut browser = signed_in(&server, "ann");
    world.store.fail(1..99);
    let answer = server.request(&mut browser, |session| run(session.logout()));
    assert_eq!((answer.handler, answer.set_cookie), (Ok(Err(Error::Indeterminate)), None));
    world.store.recover();
    assert_eq!(who(&server, &browser).as_deref(), Some("ann"));
    // the second attempt does it
    server.request(&mut browser, |session| run(session.logout()).unwrap()).ok();
    assert_eq!((browser.cookie(server.now()), world.store.inner().len()), (None, 0));
}

/// Only a logout removes a cookie: a removal that answers an unknown one can wipe what a login has just set.
#[test]
fn no_other_answer_removes_a_cookie_lc4() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let gone = begin(&server);
    server.lost(&gone, |session| run(session.logout()).unwrap()).ok();
    for cookie in [cookie(&server, &gone), "__Host-id=nonsense", "__Host-id="] {
        assert_eq!(server.send(Some(cookie), true, |session| session.exists()).set_cookie, None);
    }
    // who asks for it gets it, whatever the cookie was
    let answer = server.send(Some("__Host-id=nonsense"), true, |session| run(session.logout()).unwrap());
    assert!(answer.set_cookie.unwrap().contains("__Host-id=; Max-Age=0;"));
}

#[test]
fn when_the_subject_was_authenticated_lc12() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let span = Duration::from_secs(300);
    let fresh = |browser: &mut Browser| server.request(browser, |session| session.authenticated_within(span)).ok();
    let mut browser = begin(&server);
    assert!(!fresh(&mut browser), "nobody is signed in");
    let at = server.now();
    server.request(&mut browser, |session| sign_in(session, "ann").unwrap()).ok();
    world.wait(300_000);
    assert!(fresh(&mut browser));
    // activity, a write and a rotation prove nothing
    server.request(&mut browser, |session| session.set("n", &2).and(run(session.rotate())).unwrap()).ok();
    world.wait(1);
    assert!(!fresh(&mut browser));
    server.request(&mut browser, |session| assert_eq!(session.authenticated_at(), Some(at))).ok();
    server.request(&mut browser, |session| sign_in(session, "ann").unwrap()).ok();
    assert!(fresh(&mut browser));
    server.request(&mut browser, |session| run(session.logout()).unwrap()).ok();
    assert!(!fresh(&mut browser));
}

#[test]
fn csrf_tokens_belong_to_one_login_tr1() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let token =
        |browser: &mut Browser| server.request(browser, |session| session.csrf_token().unwrap().to_string()).ok();
    let good = |browser: &Browser, token: &str| server.peek(browser, |session| session.csrf_ok(token)).ok();
    // the first form makes the session, and its token is good when it comes back
    let mut browser = Browser::new();
    let first = token(&mut browser);
    let second = token(&mut browser);
    assert!(good(&browser, &first) && good(&browser, &second));
    assert_ne!(first, second, "masked anew (BREACH)");
    assert!(!good(&Browser::new(), &first) && !good(&begin(&server), &first), "another's");
    for at in 0..first.len() {
        let mut forged = first.clone().into_bytes();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        assert!(!good(&browser, std::str::from_utf8(&forged).unwrap()));
    }
    for wrong in ["", "x", &first[1..], &format!("{first}A"), &first.repeat(100)] {
        assert!(!good(&browser, wrong));
    }
    // a login ends it, whether the session goes on or not
    server.request(&mut browser, |session| sign_in(session, "ann").unwrap()).ok();
    assert!(!good(&browser, &first) && !good(&browser, &second));
    let third = token(&mut browser);
    server.request(&mut browser, |session| run(session.rotate()).unwrap()).ok();
    assert!(!good(&browser, &third), "and so does a rotation");
    let third = token(&mut browser);
    server.request(&mut browser, |session| sign_in(session, "ann").unwrap()).ok();
    assert!(!good(&browser, &third));
}

/// Two clicks on "sign in": both requests carry the cookie of before, and the browser keeps whichever answer comes last.
#[test]
fn two_logins_over_one_cookie_end_in_one_session_lc18() {
    let begins: [Verb; 2] = [|session| session.set("cart", "book"), |session| sign_in(session, "ann")];
    for begin in begins {
        // the second one loads the session before the first one signs in, and after it
        for loads_first in [true, false] {
            let world = World::new();
            let server = world.server(Policy::SECURE);
            let mut browser = Browser::new();
            server.request(&mut browser, begin).ok().unwrap();
            let before = server.lost(&browser, |session| session.get::<String>("cart").unwrap()).ok();
            let login: Verb = |session| sign_in(session, "ann").and_then(|()| session.set("role", "reader"));
            let (first, second) = if loads_first {
                let mut first = None;
                let second = server.lost(&browser, |session| {
                    first = Some(server.lost(&browser, login));
                    sign_in(session, "ann")
                });
                (first.unwrap(), second)
            } else {
                (server.lost(&browser, login), server.lost(&browser, |session| sign_in(session, "ann")))
            };
            assert_eq!((first.handler, second.handler), (Ok(Ok(())), Ok(Ok(()))));
            assert!(first.set_cookie.is_some() && first.set_cookie == second.set_cookie);
            let mut signed_in = browser.clone();
            signed_in.receive(second.set_cookie.as_deref().unwrap(), server.now());
            let seen = server.lost(&signed_in, |session| {
                let values = ["cart", "role"].map(|key| session.get::<String>(key).unwrap());
                (session.subject().map(str::to_owned), values)
            });
            assert_eq!(seen.ok(), (Some("ann".into()), [before, Some("reader".into())]));
            assert_eq!(world.store.inner().len(), 1, "no session is left over");
            // the cookie of before opens nothing (LC2)
            assert!(!server.lost(&browser, |session| session.exists()).ok());
        }
    }
}

/// What a login leaves behind for a second one is of no use to anybody else, and is gone when the browser has its answer
/// and writes, or after a minute.
#[test]
fn only_a_second_login_of_the_subject_finds_the_session_lc18_lc2() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let again = |wait: u64, write: bool, subject: &'static str| {
        let mut browser = Browser::new();
        server.request(&mut browser, |session| session.set("cart", "book")).ok().unwrap();
        let before = browser.clone();
        server.request(&mut browser, |session| sign_in(session, "ann")).ok().unwrap();
        if write {
            server.request(&mut browser, |session| session.set("factors", &2_u8)).ok().unwrap();
        }
        world.wait(wait);
        // neither reading nor writing nor signing out with the cookie of before
        assert!(!server.lost(&before, |session| session.exists()).ok());
        // it is told that it was replaced, or that there is nothing to end
        _ = server.lost(&before, |session| run(session.logout()));
        assert!(server.lost(&browser, |session| session.exists()).ok());
        let answer =
            server.lost(&before, |session| sign_in(session, subject).map(|()| session.get::<String>("cart").unwrap()));
        answer.ok().unwrap()
    };
    assert_eq!(again(0, false, "ann").as_deref(), Some("book"));
    assert_eq!(again(59_000, false, "ann").as_deref(), Some("book"));
    assert_eq!(again(60_000, false, "ann"), None);
    assert_eq!(again(0, true, "ann"), None);
    assert_eq!(again(0, false, "bob"), None);
}

#[test]
fn a_message_is_shown_once_tr2() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let take = |browser: &mut Browser| {
        server.request(browser, |session| run(session.take_flash_message(str::to_owned)).unwrap()).ok()
    };
    let mut browser = Browser::new();
    server.request(&mut browser, |session| session.flash_message("saved <b>").unwrap()).ok();
    assert_eq!(server.peek(&browser, |session| session.keys().count()).ok(), 0, "no key of the application's");
    // it survives the redirect and requests in between that do not take it
    server.request(&mut browser, |session| session.get::<u32>("n").unwrap()).ok();
    assert_eq!(take(&mut browser).as_deref(), Some("saved <b>"));
    assert_eq!(take(&mut browser), None);
    // the later one wins, and one that arrives while another is taken is kept
    server
        .request(&mut browser, |session| session.flash_message("one").and(session.flash_message("two")).unwrap())
        .ok();
    let shown = server.lost(&browser.clone(), |session| {
        let shown = run(session.take_flash_message(str::to_owned)).unwrap();
        server.request(&mut browser, |session| session.flash_message("three").unwrap()).ok();
        shown
    });
    assert_eq!(shown.ok().as_deref(), Some("two"));
    assert_eq!(take(&mut browser).as_deref(), Some("three"));
    // a message that was planted before the login is not shown after it
    server.request(&mut browser, |session| session.flash_message("planted").unwrap()).ok();
    server.request(&mut browser, |session| sign_in(session, "ann").unwrap()).ok();
    assert_eq!(take(&mut browser), None);
    // one that the login leaves is
    server.request(&mut browser, |session| sign_in(session, "ann").and(session.flash_message("welcome")).unwrap()).ok();
    assert_eq!(take(&mut browser).as_deref(), Some("welcome"));
}

#[test]
fn a_login_without_data_keeps_nothing_that_was_planted_lc2() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let mut browser = Browser::new();
    let planted = server.request(&mut browser, |session| {
        session.set("n", &1_u32)?;
        session.set_label("planted")?;
        run(session.bind(b"the attacker's"))
    });
    planted.ok().unwrap();
    let login = server.request(&mut browser, |session| {
        let attempt = run(session.begin_login("ann"))?;
        run(session.login(attempt.without_data()))?;
        let (label, keys) = (session.label().map(str::to_owned), session.keys().count());
        Ok::<_, session_core::Error>((label, keys, run(session.check_binding(b"ann's"))?))
    });
    assert_eq!(login.ok(), Ok((None, 0, true)));
}
