//! Identifiers: where they come from, what is refused, what a visitor costs who stores nothing.

use core_tests::life_cycle::{Browser, Calls, Request, World, parts, sign_in};
use session_core::Error;
use session_core::policy::Policy;
use session_core::testing::{ScriptedRng, run};

type Verb = fn(&mut Request<'_>) -> Result<(), Error>;

#[test]
fn who_stores_nothing_costs_nothing_lc15() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let mut browser = Browser::new();
    let verbs: [Verb; 9] = [
        |s| s.get::<u32>("n").map(|n| assert_eq!(n, None)),
        |s| s.remove("n"),
        |s| s.clear(),
        |s| run(s.take_flash_message(str::len)).map(|n| assert_eq!(n, None)),
        |s| run(s.rotate()),
        |s| run(s.logout()),
        |s| run(s.begin_login("ann")).map(drop),
        |s| {
            assert!(!s.exists() && s.subject().is_none() && s.keys().count() == 0 && !s.csrf_ok("x"));
            Ok(())
        },
        // what fails or changes nothing makes no session either
        |s| {
            assert!(s.set("n", "x".repeat(600).as_str()).is_err());
            s.set_label("")
        },
    ];
    for verb in verbs {
        let answer = server.request(&mut browser, verb);
        assert_eq!((answer.handler, answer.commit, answer.set_cookie), (Ok(Ok(())), Ok(()), None));
    }
    assert_eq!((world.store.calls(), world.rng.borrow().drawn()), (Calls::default(), 0));
}

#[test]
fn a_value_is_random_and_of_full_length_id1() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let answer = server.request(&mut Browser::new(), |session| session.set("n", &1).unwrap());
        let (handle, secret, _) = parts(answer.cookie().unwrap());
        assert!(seen.insert(handle.to_vec()) && seen.insert(secret.to_vec()));
    }
    // each of the 128 bits of the secret is sometimes set and sometimes not
    let secrets: Vec<u128> = seen.iter().filter_map(|bytes| Some(u128::from_le_bytes(*bytes.first_chunk()?))).collect();
    assert_eq!(secrets.len(), 200);
    assert_eq!(secrets.iter().fold(0, |all, secret| all | secret), u128::MAX);
    assert_eq!(secrets.iter().fold(u128::MAX, |all, secret| all & secret), 0);
}

#[test]
fn without_randomness_nothing_is_made_id2() {
    let fresh: [(&str, Verb); 4] = [
        ("set", |session| session.set("n", &2)),
        ("update_with", |session| run(session.update_with("n", |_: Option<i32>| 2)).map(drop)),
        ("login", |session| sign_in(session, "ann")),
        ("csrf_token", |session| session.csrf_token().map(drop)),
    ];
    let live: [(&str, Verb); 4] = [fresh[0], fresh[1], fresh[2], ("rotate", |session| run(session.rotate()))];
    let cases = fresh.map(|case| (false, case)).into_iter().chain(live.map(|case| (true, case)));
    for (begun, (name, verb)) in cases {
        let world = World::new();
        let server = world.server(Policy::SECURE);
        let mut browser = Browser::new();
        if begun {
            server.request(&mut browser, |session| session.set("n", &1).unwrap()).ok();
        }
        let before = browser.cookie(server.now()).map(|cookie| world.record(cookie).unwrap());
        world.store.calls();
        world.rng.replace(ScriptedRng::failing());
        let answer = server.peek(&browser, verb);
        let error = answer.handler.flatten().and(answer.commit).unwrap_err();
        assert_eq!((error, error.status()), (Error::Entropy, 503), "{name}");
        assert_eq!(answer.set_cookie, None, "{name}");
        let calls = world.store.calls();
        assert_eq!(calls, Calls { load: usize::from(begun), ..Calls::default() }, "{name}");
        assert_eq!(browser.cookie(server.now()).map(|cookie| world.record(cookie).unwrap()), before, "{name}");
        let told = world.log.take();
        assert!(told.iter().any(|event| event == "random number generator failed"), "{name}: {told:?}");
        // nothing is left behind: it works as soon as there is randomness
        world.rng.replace(ScriptedRng::new(7));
        let answer = server.request(&mut browser, verb);
        assert_eq!((answer.handler, answer.commit), (Ok(Ok(())), Ok(())), "{name}");
        assert_eq!(answer.set_cookie.is_some(), !begun || matches!(name, "login" | "rotate"), "{name}");
    }
}

/// Every draw but the first may fail too: the second handle's, and that of a login over another subject's session.
#[test]
fn randomness_that_ends_half_way_id2() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    world.store.take_handles(1);
    world.rng.replace(ScriptedRng::new(1).fail_after(1));
    let answer = server.request(&mut Browser::new(), |session| session.set("n", &1).unwrap());
    assert_eq!((answer.commit, answer.set_cookie), (Err(Error::Entropy), None));

    world.rng.replace(ScriptedRng::new(2));
    let mut browser = Browser::new();
    server.request(&mut browser, |session| sign_in(session, "ann").unwrap()).ok();
    world.rng.replace(ScriptedRng::failing());
    let answer = server.request(&mut browser, |session| sign_in(session, "bob"));
    assert_eq!((answer.handler, answer.set_cookie), (Ok(Err(Error::Entropy)), None));
    world.rng.replace(ScriptedRng::new(3));
    server.request(&mut browser, |session| assert_eq!(session.subject(), Some("ann"))).ok();
}

/// A second login over one cookie finds the session of the first, and cannot be stored: the request is not signed in.
#[test]
fn a_login_that_cannot_join_another_one_leaves_nothing_id2_lc18() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let mut browser = Browser::new();
    server.request(&mut browser, |session| session.set("n", &1).unwrap()).ok();
    let before = browser.clone();
    server.request(&mut browser, |session| sign_in(session, "ann").unwrap()).ok();
    world.rng.replace(ScriptedRng::failing());
    let answer = server.lost(&before, |session| {
        let told = sign_in(session, "ann");
        (told, session.subject().map(str::to_owned), session.get::<i32>("n"))
    });
    assert_eq!((answer.handler, answer.set_cookie), (Ok((Err(Error::Entropy), None, Ok(None))), None));
}

#[test]
fn a_taken_handle_is_tried_again_thrice_at_most_id4() {
    for taken in 0..4 {
        let world = World::new();
        let server = world.server(Policy::SECURE);
        world.store.take_handles(taken);
        let answer = server.request(&mut Browser::new(), |session| session.set("n", &1).unwrap());
        assert_eq!(world.store.calls().create, (taken + 1).min(3));
        let expected = if taken < 3 { Ok(()) } else { Err(Error::Unavailable) };
        assert_eq!((answer.commit, answer.set_cookie.is_some()), (expected, taken < 3));
        let mut handles: Vec<_> = world.store.passed().into_iter().filter(|bytes| bytes.len() == 8).collect();
        handles.sort();
        handles.dedup();
        assert_eq!(handles.len(), (taken + 1).min(3), "each time another one");
        assert_eq!(world.store.inner().len(), usize::from(taken < 3));
    }
}

/// A form shows a token that is bound to the handle, so that another one would not do.
#[test]
fn a_handle_that_was_shown_is_not_replaced_id4() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    world.store.take_handles(1);
    let answer = server.request(&mut Browser::new(), |session| session.csrf_token().map(drop).unwrap());
    assert_eq!((answer.commit, answer.set_cookie), (Err(Error::Unavailable), None));
    assert_eq!(world.store.calls().create, 1);
}

#[test]
fn values_that_are_not_ours_never_reach_the_store_id8() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let answer = server.request(&mut Browser::new(), |session| session.set("n", &1).unwrap());
    let genuine = answer.cookie().unwrap().to_owned();
    let (name, value) = genuine.split_once('=').unwrap();
    let mut wrong: Vec<String> = vec![
        String::new(),
        "x".into(),
        "A".repeat(42),
        "A".repeat(43),
        "A".repeat(4_000),
        format!("{value}A"),
        format!("{value}="),
        format!("\"{value}\""),
        value[1..].to_owned(),
        value.to_uppercase(),
        value.replace(&value[..1], "%"),
    ];
    for at in 0..value.len() {
        let mut forged = value.as_bytes().to_vec();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        wrong.push(String::from_utf8(forged).unwrap());
    }
    // the same key, but for a cookie of another name (CK5)
    let plain = world.server(Policy::PLAIN_HTTP).request(&mut Browser::new(), |session| session.set("n", &1).unwrap());
    wrong.push(plain.cookie().unwrap().trim_start_matches("id=").to_owned());
    world.store.calls();
    world.log.take();
    let drawn = world.rng.borrow().drawn();
    for value in wrong {
        let answer = server.send(Some(&format!("{name}={value}")), true, |session| {
            assert_eq!((session.get::<i32>("n"), session.exists()), (Ok(None), false), "{value}");
        });
        assert_eq!((answer.commit, answer.set_cookie), (Ok(()), None), "{value}");
        assert_eq!(world.store.calls(), Calls::default(), "{value}");
        assert_eq!(world.log.take(), ["cookie rejected: none of the keys signed it"], "{value}");
    }
    assert_eq!(world.rng.borrow().drawn(), drawn);
    server.send(Some(&genuine), true, |session| assert_eq!(session.get("n"), Ok(Some(1)))).ok();
}
