//! Writes that a request gives up and that the store does later (rules 11 and 13 of the protocol). `tests/explorer` tries
//! them everywhere; these are the cases that real servers have shown.

use core_tests::life_cycle::{Browser, Request, World, increment, sign_in};
use session_core::Error;
use session_core::policy::Policy;
use session_core::testing::run;

type Verb = fn(&mut Request<'_>) -> Result<(), Error>;

/// The create is late and the request goes on. Then the session ends, and the create is done: nothing comes back.
#[test]
fn a_late_create_brings_no_session_back_lc3() {
    let makes: [Verb; 2] = [|session| session.set("n", &1_u32), |session| sign_in(session, "ann")];
    for make in makes {
        let world = World::new();
        let server = world.server(Policy::SECURE);
        let mut browser = Browser::new();
        world.store.delay(0..1);
        server.request(&mut browser, make).ok().unwrap();
        world.store.recover();
        let before = browser.clone();
        server.request(&mut browser, |session| run(session.logout())).ok().unwrap();
        assert_eq!((world.store.inner().len(), world.store.land(), world.store.inner().len()), (0, 1, 1));
        // what it made is a session of which nobody has the cookie
        assert!(!server.lost(&before, |session| session.exists()).ok());
    }
}

/// A page has shown a token that is bound to the handle, so the request cannot go on under another one.
#[test]
fn a_create_that_is_given_up_is_not_repeated_under_a_handle_that_was_shown_lc3() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    world.store.delay(0..1);
    let answer = server.request(&mut Browser::new(), |session| session.csrf_token().map(drop).unwrap());
    assert_eq!((answer.commit, answer.set_cookie), (Err(Error::Indeterminate), None));
    assert_eq!((world.store.calls().create, world.store.land()), (1, 1));
}

/// The update is late, and the request's patience ends: nobody else has changed anything, so it is no conflict, and
/// what it was told still holds when the update is done after all.
#[test]
fn an_update_that_is_given_up_is_unknown_and_no_conflict_st1() {
    let verbs: [Verb; 4] = [
        |session| session.set("n", &2_u32),
        |session| increment(session).map(drop),
        |session| sign_in(session, "ann"),
        |session| run(session.rotate()),
    ];
    for (number, verb) in verbs.into_iter().enumerate() {
        let world = World::new();
        let server = world.server(Policy::SECURE);
        let mut browser = Browser::new();
        server.request(&mut browser, |session| session.set("n", &1_u32)).ok().unwrap();
        world.store.delay(1..2);
        world.store.before(2, || world.wait(3_000));
        let answer = server.request(&mut browser, verb);
        let told = answer.handler.flatten().and(answer.commit);
        assert_eq!((told, answer.set_cookie), (Err(Error::Indeterminate), None), "{number}");
        world.store.recover();
        let n = || server.peek(&browser, |session| session.get::<u32>("n").unwrap()).ok();
        assert_eq!((n(), world.store.land()), (Some(1), 1), "{number}");
        // a login or rotation has taken the browser's cookie away
        assert_eq!(n(), [Some(2), Some(2), None, None][number], "{number}");
    }
}

/// Once a take may be done without its answer, nobody gets the value: at most one request has it.
#[test]
fn a_take_that_is_given_up_returns_nothing_lc17() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let mut browser = Browser::new();
    server.request(&mut browser, |session| session.set("once", &1_u32)).ok().unwrap();
    world.store.delay(1..2);
    world.store.before(2, || world.wait(3_000));
    let take: fn(&mut Request<'_>) -> Result<Option<u32>, Error> = |session| run(session.take("once"));
    assert_eq!(server.request(&mut browser, take).handler.unwrap(), Err(Error::Indeterminate));
    world.store.recover();
    assert_eq!(world.store.land(), 1);
    assert_eq!(server.request(&mut browser, take).ok(), Ok(None));
}

/// The same without the wait: it is tried again under the same version, so that it is done once.
#[test]
fn an_update_that_is_tried_again_is_done_once_st1() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let mut browser = Browser::new();
    server.request(&mut browser, |session| increment(session).map(drop)).ok().unwrap();
    world.store.delay(1..2);
    assert_eq!(server.request(&mut browser, increment).ok(), Ok(2));
    world.store.recover();
    assert_eq!(world.store.land(), 1);
    assert_eq!(server.peek(&browser, |session| session.get::<u32>("n").unwrap()).ok(), Some(2));
}

/// A login that joins another one (rule 15) has no more tries than any other, although it finds that one's session again
/// at each of them.
#[test]
fn a_joined_login_gives_up_as_any_other_st13_lc18() {
    let world = World::new();
    let server = world.server(Policy::SECURE);
    let mut browser = Browser::new();
    server.request(&mut browser, |session| session.set("n", &1_u32)).ok().unwrap();
    let before = browser.clone();
    server.request(&mut browser, |session| sign_in(session, "ann")).ok().unwrap();
    world.store.fail_updates();
    let second = server.lost(&before, |session| sign_in(session, "ann"));
    assert_eq!((second.handler, second.set_cookie), (Ok(Err(Error::Indeterminate)), None));
    assert_eq!(world.store.calls().update, 3);
    world.store.recover();
    let who = server.peek(&browser, |session| session.subject().map(str::to_owned));
    assert_eq!(who.ok().as_deref(), Some("ann"), "the first login is in force");
}
