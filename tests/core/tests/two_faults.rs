//! Calls of the store fail and another one's answer is lost, everywhere: what was told is what holds (rule 11 of the
//! protocol). And two logins at once.

use core_tests::life_cycle::{Browser, Request, Server, World, parts, sign_in};
use session_core::Error;
use session_core::policy::Policy;
use session_core::testing::run;
use std::cell::RefCell;
use std::rc::Rc;

type Verb = fn(&mut Request<'_>) -> Result<(), Error>;

fn signed_in(server: &Server, subject: &str) -> Browser {
    let mut browser = Browser::new();
    server
        .request(&mut browser, |session| session.set("n", &1_u32).and_then(|()| sign_in(session, subject)))
        .ok()
        .unwrap();
    browser
}

fn who(server: &Server, browser: &Browser) -> Option<String> {
    server.peek(browser, |session| session.subject().map(str::to_owned)).ok()
}

/// Ann's browser carries out `verb` while one call or three fail and the answer of another is lost; `holds` judges what
/// the browsers with the cookie from before and from after can do, by whether success was told.
fn everywhere(verb: Verb, holds: impl Fn(&Server, &Browser, &Browser, bool)) {
    let mut told = [0; 2];
    for (fails, lost) in (0..6).flat_map(|at| (0..6).flat_map(move |lost| [1, 3].map(|span| (at..at + span, lost)))) {
        let world = World::touch_costs();
        let server = world.server(Policy::SECURE);
        let before = signed_in(&server, "ann");
        let mut browser = before.clone();
        world.store.fail(fails);
        world.store.lose(lost..lost + 1);
        let answer = server.request(&mut browser, verb);
        assert!(world.store.calls().all() <= 8);
        world.store.recover();
        let said = answer.handler.flatten().and(answer.commit);
        told[usize::from(said.is_ok())] += 1;
        assert!(said.is_ok() || said.is_err_and(|error| error.status() == 503), "{said:?}");
        holds(&server, &before, &browser, said.is_ok());
    }
    assert!(told[0] > 5 && told[1] > 5, "some are told, some are survived: {told:?}");
}

#[test]
fn a_login_over_another_subject_ends_hers_or_is_told_lc2_lc3() {
    everywhere(
        |session| sign_in(session, "bob"),
        |server, before, after, ok| {
            if ok {
                assert_eq!(who(server, after).as_deref(), Some("bob"));
                assert_eq!(who(server, before), None);
            } else {
                assert_ne!(who(server, after).as_deref(), Some("bob"));
            }
        },
    );
}

#[test]
fn a_login_holds_or_is_told_and_can_be_repeated_lc2() {
    everywhere(
        |session| sign_in(session, "ann"),
        |server, before, after, ok| {
            let mut after = after.clone();
            if !ok {
                server.request(&mut after, |session| sign_in(session, "ann")).ok().unwrap();
            }
            assert_eq!((who(server, &after).as_deref(), who(server, before)), (Some("ann"), None));
        },
    );
}

#[test]
fn a_rotation_holds_or_is_told_lc2() {
    everywhere(
        |session| run(session.rotate()),
        |server, before, after, ok| {
            assert_eq!(after.cookie(server.now()) != before.cookie(server.now()), ok);
            if ok {
                assert_eq!((who(server, after).as_deref(), who(server, before)), (Some("ann"), None));
            }
        },
    );
}

#[test]
fn a_logout_holds_or_is_told_and_can_be_repeated_lc4() {
    everywhere(
        |session| run(session.logout()),
        |server, before, after, ok| {
            let mut after = after.clone();
            if !ok {
                assert_eq!(after.cookie(server.now()), before.cookie(server.now()));
                server.request(&mut after, |session| run(session.logout())).ok().unwrap();
            }
            assert_eq!((after.cookie(server.now()), who(server, before)), (None, None));
        },
    );
}

/// Runs `faster` before call `call` of `slower`, in the same browser; returns the two browsers after it.
fn overtake(call: usize, server: &Server, world: &'static World, faster: Verb, slower: Verb) -> (Browser, Browser) {
    let before = signed_in(server, "ann");
    let first = Rc::new(RefCell::new(before.clone()));
    let (mut second, jar) = (before, first.clone());
    world.store.before(call, move || {
        world.server(Policy::SECURE).request(&mut jar.borrow_mut(), faster).ok().unwrap();
    });
    server.request(&mut second, slower).ok().unwrap();
    (first.take(), second)
}

/// Each at every moment of the other: nobody ends the other's session, nobody gets into another subject's.
#[test]
fn two_logins_at_once_both_hold_lc2_lc18() {
    let ann: Verb = |session| sign_in(session, "ann");
    let bob: Verb = |session| sign_in(session, "bob");
    for (faster, slower, names) in [(ann, ann, ["ann", "ann"]), (bob, ann, ["bob", "ann"]), (ann, bob, ["ann", "bob"])]
    {
        for call in [1, 2] {
            let world = World::new();
            let server = world.server(Policy::SECURE);
            let (first, second) = overtake(call, &server, world, faster, slower);
            let both = [&first, &second].map(|browser| who(&server, browser));
            assert_eq!(both.each_ref().map(Option::as_deref), names.map(Some), "before call {call}");
            let [one, two] = [&first, &second].map(|browser| parts(browser.cookie(server.now()).unwrap()).0);
            // one session for one subject (LC18), and one for each of two
            assert_eq!(one == two, names[0] == names[1], "before call {call}");
        }
    }
}

#[test]
fn a_logout_does_not_end_a_login_that_overtook_it_lc3() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let logout: Verb = |session| match run(session.logout()) {
        Err(Error::CookieReplaced) => Ok(()),
        other => panic!("{other:?}"),
    };
    let (first, second) = overtake(1, &server, world, |session| sign_in(session, "ann"), logout);
    assert_eq!(who(&server, &first).as_deref(), Some("ann"));
    assert!(second.cookie(server.now()).is_some(), "no removal cookie, which could wipe the newer one");
}
