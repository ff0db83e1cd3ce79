//! Clocks that are wrong, policies that differ and records that cannot be read: what was acknowledged as ended has ended,
//! and a look at a subject's sessions loses none.

use std::time::Duration;

use session_core::environment::{Clock, Time};
use session_core::testing::{ManualClock, run};
use session_std::policy::{Lifetimes, PlainCookie};
use session_std::{Error, MemoryStore, Policy, Request, Session, Sessions, SharedStore, keys};

type Verb = fn(&Session) -> Result<(), Error>;

const START: u64 = 10_000_000;

/// A request with the cookie in `jar`, which then holds what the answer sets.
fn visit<T>(
    sessions: &Sessions,
    jar: &mut String,
    handler: impl FnOnce(&Session) -> Result<T, Error>,
) -> Result<T, Error> {
    let request = Request::new(sessions.clone());
    let session = run(request.session([jar.as_bytes()].into_iter(), true))?;
    let answer = handler(&session);
    let finished = run(request.finish());
    if let Some(set) = finished.cookie {
        *jar = set.split(';').next().unwrap_or_default().to_owned();
    }
    finished.error.map_or(answer, Err)
}

fn who(sessions: &Sessions, jar: &str) -> Option<String> {
    visit(sessions, &mut jar.to_owned(), Session::subject).unwrap()
}

fn sign_in(session: &Session) -> Result<(), Error> {
    run(async { session.login(session.begin_login("ann").await?).await })
}

fn log_out(session: &Session) -> Result<(), Error> {
    run(session.logout())
}

fn clock() -> &'static ManualClock {
    Box::leak(Box::new(ManualClock::at(Time::from_millis(START))))
}

fn idle(span: u64) -> Policy {
    let lifetimes = Lifetimes { idle: Some(Duration::from_secs(span)), ..Lifetimes::DEFAULT };
    Policy::plain_http(PlainCookie::new(), lifetimes).unwrap()
}

/// The verbs that leave the cookie that came worthless.
const ENDING: [(&str, Verb); 6] = [
    ("logout", log_out),
    ("login", sign_in),
    ("rotate", |session| run(session.rotate())),
    ("a message, then logout", |session| session.flash_message("bye").and_then(|()| log_out(session))),
    ("a form, then login", |session| session.csrf_token().and_then(|_| sign_in(session))),
    ("a form, then rotate", |session| session.csrf_token().and_then(|_| run(session.rotate()))),
];

/// A clock that is behind takes a session for one from the future; the verbs that replace or end it do so all the same.
#[test]
fn what_a_clock_that_is_behind_ends_has_ended_lc2_lc3() {
    for (name, verb) in ENDING {
        let clock = clock();
        let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP).clock(clock);
        let mut jar = String::new();
        visit(&sessions, &mut jar, sign_in).unwrap();
        let copy = jar.clone();
        clock.set(Time::from_millis(START - 61_000));
        visit(&sessions, &mut jar, verb).unwrap();
        clock.set(Time::from_millis(START));
        assert_eq!(who(&sessions, &copy), None, "{name}");
    }
}

/// The same at a node whose policy has a shorter limit than the one under which the session began.
#[test]
fn what_a_node_with_a_shorter_policy_ends_has_ended_lc2_lc3() {
    for (name, verb) in ENDING {
        let (clock, store, key) = (clock(), SharedStore::from(MemoryStore::new()), keys::generated());
        let node = |policy| Sessions::new(store.clone(), key.clone()).policy(policy).clock(clock);
        let (old, new) = (node(idle(1_800)), node(idle(600)));
        let mut jar = String::new();
        visit(&old, &mut jar, sign_in).unwrap();
        let copy = jar.clone();
        clock.advance(Duration::from_secs(700));
        visit(&new, &mut jar, verb).unwrap();
        assert_eq!(who(&old, &copy), None, "{name}");
    }
}

/// Sealed, a logout is the one verb that ends the copies of a cookie.
#[test]
fn what_a_clock_that_is_behind_signs_out_is_signed_out_sealed_lc3() {
    let clock = clock();
    let sessions = Sessions::sealed(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP).clock(clock);
    let mut jar = String::new();
    visit(&sessions, &mut jar, sign_in).unwrap();
    let copy = jar.clone();
    clock.set(Time::from_millis(START - 61_000));
    visit(&sessions, &mut jar, log_out).unwrap();
    clock.set(Time::from_millis(START));
    assert_eq!(who(&sessions, &copy), None);
}

/// A logout ends no session that a cookie does not open, whatever the clock says of that session.
#[test]
fn a_replaced_cookie_ends_nothing_lc3() {
    let clock = clock();
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP).clock(clock);
    for (_, verb) in ENDING {
        let mut jar = String::new();
        visit(&sessions, &mut jar, sign_in).unwrap();
        let mut replaced = jar.clone();
        visit(&sessions, &mut jar, |session| run(session.rotate())).unwrap();
        clock.set(Time::from_millis(START - 61_000));
        let _told = visit(&sessions, &mut replaced, verb);
        clock.set(Time::from_millis(START));
        assert_eq!(who(&sessions, &jar).as_deref(), Some("ann"));
    }
}

/// Whether each of `looks` leaves ann's session where a revocation finds it.
fn still_found(app: &Sessions, before: impl Fn(), looks: impl Fn(), after: impl Fn()) {
    let mut jar = String::new();
    visit(app, &mut jar, sign_in).unwrap();
    before();
    looks();
    after();
    assert_eq!(who(app, &jar).as_deref(), Some("ann"), "a look ends nothing");
    assert_eq!(run(app.list("ann")).unwrap().len(), 1);
    assert_eq!(run(app.revoke_all("ann")), Ok(1));
    assert_eq!(who(app, &jar), None);
}

/// A program without the key of the data at rest cannot read sessions, and unlists none.
#[test]
fn a_look_without_the_key_loses_no_session_st14_lc9() {
    let store = SharedStore::from(MemoryStore::new());
    let app = Sessions::new(store.clone().sealed_at_rest(&keys::generated()), keys::generated());
    let app = app.policy(Policy::PLAIN_HTTP);
    let lifetimes = Lifetimes { idle: None, absolute: None, ..Lifetimes::default() };
    let policy = Policy::plain_http(PlainCookie::new(), lifetimes).unwrap();
    let admin = Sessions::new(store, keys::generated()).policy(policy);
    let with_data = |session: &Session| sign_in(session).and_then(|()| session.set("n", &1_u32));
    let mut jar = String::new();
    visit(&app, &mut jar, with_data).unwrap();
    assert_eq!(run(admin.list("ann")).unwrap().len(), 0, "it cannot be read");
    assert_eq!(run(app.list("ann")).unwrap().len(), 1);
    // and what it cannot read it ends
    let id = run(app.list("ann")).unwrap()[0].id.to_string();
    assert_eq!(run(admin.revoke("ann", &id)), Ok(true));
    assert_eq!(who(&app, &jar), None);
    visit(&app, &mut jar, with_data).unwrap();
    assert_eq!((run(admin.list("ann")).unwrap().len(), run(admin.revoke_all("ann"))), (0, Ok(1)));
    assert_eq!(who(&app, &jar), None);
}

#[test]
fn a_look_by_a_clock_that_is_behind_loses_no_session_st14_lc9() {
    let clock = clock();
    let app = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP).clock(clock);
    let look = || assert_eq!(run(app.list("ann")).unwrap().len(), 0);
    let set = |millis| move || clock.set(Time::from_millis(millis));
    still_found(&app, set(START - 61_000), look, set(START));
}

#[test]
fn a_look_by_a_shorter_policy_loses_no_session_st14_lc9() {
    let (clock, store, key) = (clock(), SharedStore::from(MemoryStore::new()), keys::generated());
    let node = |policy| Sessions::new(store.clone(), key.clone()).policy(policy).clock(clock);
    let (old, new) = (node(idle(1_800)), node(idle(600)));
    let look = || assert_eq!(run(new.list("ann")).unwrap().len(), 0);
    still_found(&old, || clock.advance(Duration::from_secs(700)), look, || ());
}

/// A login at the cap counts the sessions of its subject, and goes by the same rule.
#[test]
fn a_login_at_the_cap_loses_no_session_st14_lc9() {
    let (clock, store, key) = (clock(), SharedStore::from(MemoryStore::new()), keys::generated());
    let node = |policy: Policy| Sessions::new(store.clone(), key.clone()).policy(policy.max_sessions(1)).clock(clock);
    let (old, new) = (node(idle(1_800)), node(idle(600)));
    let (mut jar, mut other) = (String::new(), String::new());
    visit(&old, &mut jar, sign_in).unwrap();
    clock.advance(Duration::from_secs(700));
    visit(&new, &mut other, sign_in).unwrap();
    assert_eq!(run(old.revoke_all("ann")), Ok(2));
    assert_eq!((who(&old, &jar), who(&old, &other)), (None, None));
}

/// The clock of the node that revokes does not matter (LC9).
#[test]
fn a_revocation_by_a_clock_that_is_behind_ends_each_session_lc9() {
    let clock = clock();
    let app = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP).clock(clock);
    let mut jar = String::new();
    visit(&app, &mut jar, sign_in).unwrap();
    let right = clock.now();
    clock.set(Time::from_millis(START - 61_000));
    assert_eq!(run(app.revoke_all("ann")), Ok(1));
    clock.set(right);
    assert_eq!(who(&app, &jar), None);
}
