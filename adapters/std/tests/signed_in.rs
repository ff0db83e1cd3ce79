//! A signed-in user in one line of a test, and a clock that the test steps.

use std::time::Duration;

use session_core::testing::run;
use session_std::testing::TestClock;
use session_std::{Error, MemoryStore, Policy, Request, Session, Sessions, keys};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn sessions(clock: &TestClock) -> Sessions {
    Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP).clock(clock.clone())
}

fn visit<T>(sessions: &Sessions, sends: &str, with: impl FnOnce(&Session) -> Result<T, Error>) -> T {
    let request = Request::new(sessions.clone());
    let session = run(request.session([sends.as_bytes()].into_iter(), true)).unwrap();
    let seen = with(&session).unwrap();
    assert_eq!(run(request.finish()).error, None);
    seen
}

#[test]
fn a_signed_in_user_in_one_line() {
    let clock = TestClock::new();
    let sessions = sessions(&clock);
    let ann = run(sessions.cookie_for("ann").into_future()).unwrap();
    assert!(ann.starts_with("id="));
    assert_eq!(visit(&sessions, &ann, Session::subject).as_deref(), Some("ann"));

    let bob = sessions.cookie_for("bob").with("cart", ["tea", "milk"]).with("n", 7_u32).labelled("a phone");
    let bob = run(bob.into_future()).unwrap();
    let cart = visit(&sessions, &bob, |session| session.get::<Vec<String>>("cart"));
    assert_eq!(cart.unwrap(), ["tea", "milk"]);
    assert_eq!(
        visit(&sessions, &bob, |session| Ok((session.get::<u32>("n")?, session.label()?))),
        (Some(7), Some("a phone".into()))
    );
    assert_eq!(run(sessions.list("bob")).unwrap().len(), 1);
    assert_eq!(run(sessions.cookie_for("").into_future()), Err(Error::BadText), "what a login refuses");

    // the clock is the test's
    clock.step(29 * MINUTE);
    assert_eq!(visit(&sessions, &ann, Session::subject).as_deref(), Some("ann"));
    clock.step(30 * MINUTE);
    assert_eq!(visit(&sessions, &ann, Session::subject), None);
}

/// As old as the test says, without having been idle: the sessions of users who are there all day.
#[test]
fn a_signed_in_user_of_some_age() {
    let clock = TestClock::new();
    let sessions = sessions(&clock);
    for (age, fresh, there) in [
        (Duration::ZERO, true, true),
        (4 * MINUTE, true, true),
        (6 * MINUTE, false, true),
        (5 * HOUR, false, true),
        (12 * HOUR - MINUTE, false, true),
        (12 * HOUR + MINUTE, false, false),
    ] {
        let ann = run(sessions.cookie_for("ann").with("a", 1_u8).signed_in_ago(age).into_future()).unwrap();
        let seen = visit(&sessions, &ann, |session| {
            Ok((session.authenticated_within(5 * MINUTE)?, session.subject()?.is_some(), session.get::<u8>("a")?))
        });
        assert_eq!(seen, (fresh, there, there.then_some(1)), "{age:?}");
    }
}

#[test]
fn a_signed_in_user_of_sealed_sessions_and_in_a_header_tr5() {
    let clock = TestClock::new();
    let sealed = Sessions::sealed(MemoryStore::new(), keys::generated()).clock(clock.clone());
    for sessions in [sealed, sessions(&clock).in_header("Authorization").unwrap()] {
        let ann = run(sessions.cookie_for("ann").signed_in_ago(2 * HOUR).into_future()).unwrap();
        assert_eq!(visit(&sessions, &ann, Session::subject).as_deref(), Some("ann"));
        assert_eq!(ann.starts_with("Bearer "), !sessions.in_cookies());
    }
}
