//! Keys with dates: a key is known before it signs, and refused when it is over (SE3).

use std::time::Duration;

use session_core::environment::Time;
use session_core::policy::{Lifetimes, PlainCookie};
use session_core::testing::{ManualClock, run};
use session_std::keys::{KeyRing, from_text};
use session_std::{MemoryStore, Policy, Request, Sessions};

const OLD: &str = "8e1f0a936b64c5117199fe025ba0d73c4e6018e977b244059acd31f6882e53bf";
const NEW: &str = "01f49c2d66aa7e13d0583be7910c45f22a866dbe19c87054e3379f0bad62d841";
const HOUR: Duration = Duration::from_secs(60 * 60);

/// One node, with a clock of its own.
struct Node {
    sessions: Sessions,
    clock: &'static ManualClock,
}

impl Node {
    fn new(make: impl FnOnce(KeyRing) -> Sessions, keys: &str) -> Self {
        let lifetimes = Lifetimes { idle: None, renew_after: Some(HOUR), ..Lifetimes::DEFAULT };
        let policy = Policy::plain_http(PlainCookie::new(), lifetimes).unwrap().anonymous_idle(Duration::MAX);
        let clock: &'static ManualClock = Box::leak(Box::new(ManualClock::at(Time::from_millis(1_000))));
        Self { sessions: make(from_text(keys, "K").unwrap()).policy(policy).clock(clock), clock }
    }

    fn at(&self, hours: u32) -> &Self {
        self.clock.set(Time::from_millis(1_000).after(HOUR * hours));
        self
    }

    /// One more visit; the number of visits. The cookie is kept if another one is set.
    fn visit(&self, cookie: &mut String) -> u32 {
        let request = Request::new(self.sessions.clone());
        let session = run(request.session([cookie.as_bytes()].into_iter(), true)).unwrap();
        let visits = session.get::<u32>("visits").unwrap().unwrap_or(0) + 1;
        session.set("visits", &visits).unwrap();
        let finished = run(request.finish());
        assert_eq!(finished.error, None);
        if let Some(set) = finished.cookie {
            *cookie = set.split(';').next().unwrap().to_owned();
        }
        visits
    }
}

/// Both are deployed with the new key two hours before it signs, while a third one still has the old key alone.
fn change_of_keys(make: impl Fn(KeyRing) -> Sessions) -> (Node, Node, Node) {
    let dated = format!("{NEW} from 1970-01-01T02:00Z\n{OLD} until 1970-01-01T04:00Z");
    (Node::new(&make, &dated), Node::new(&make, &dated), Node::new(&make, OLD))
}

#[test]
fn a_stored_session_moves_to_the_next_key_se3() {
    let store = session_std::SharedStore::from(MemoryStore::new());
    let (one, behind, old) = change_of_keys(|keys| Sessions::new(store.clone(), keys));
    let [mut stays, mut left, mut fresh] = [const { String::new() }; 3];
    for cookie in [&mut stays, &mut left] {
        assert_eq!(one.at(0).visit(cookie), 1);
        assert_eq!(old.visit(cookie), 2, "before its time the new key signs nothing");
    }
    assert_eq!(one.at(2).visit(&mut fresh), 1);
    behind.clock.set(Time::from_millis(2 * 3_600_000 - 30_000));
    assert_eq!(behind.visit(&mut fresh), 2, "it is known where the clock is behind");
    assert_eq!(old.at(2).visit(&mut fresh.clone()), 1, "and to nobody who was not told");
    assert_eq!(one.at(3).visit(&mut stays), 3, "renewed, under the new key");
    assert_eq!(one.at(4).visit(&mut stays), 4);
    assert_eq!(one.visit(&mut left), 1, "the old key is over");
}

#[test]
fn a_sealed_session_moves_with_the_next_write_se3() {
    let (one, behind, old) = change_of_keys(|keys| Sessions::sealed(MemoryStore::new(), keys));
    let [mut stays, mut left] = [const { String::new() }; 2];
    for cookie in [&mut stays, &mut left] {
        assert_eq!(one.at(0).visit(cookie), 1);
        assert_eq!(old.visit(cookie), 2, "before its time the new key seals nothing");
    }
    assert_eq!(one.at(2).visit(&mut stays), 3);
    assert_eq!(behind.at(1).visit(&mut stays.clone()), 1, "written an hour ahead of this clock");
    behind.at(2);
    assert_eq!(behind.visit(&mut stays), 4);
    assert_eq!(old.at(2).visit(&mut stays.clone()), 1, "sealed by the new key");
    assert_eq!(one.at(4).visit(&mut stays), 5);
    assert_eq!(one.visit(&mut left), 1, "the old key is over");
}

#[test]
fn a_request_under_way_when_the_keys_change_keeps_those_that_it_began_with_se3_lc8() {
    let (node, ..) = change_of_keys(|keys| Sessions::new(MemoryStore::new(), keys));
    let mut old = String::new();
    assert_eq!(node.at(0).visit(&mut old), 1);
    node.clock.set(Time::from_millis(7_200_000 - 1));
    let request = Request::new(node.sessions.clone());
    drop(run(request.session([old.as_bytes()].into_iter(), true)).unwrap());
    node.clock.set(Time::from_millis(7_200_000));
    let renewed = run(request.finish()).cookie.expect("a renewal was due");
    // its answer is lost: in the grace the old cookie leads to the same new one
    assert_eq!(node.visit(&mut old), 2);
    assert_eq!(Some(old.as_str()), renewed.split(';').next());
}

/// The name goes with each key of the ring (SE9).
#[test]
fn one_key_in_two_applications_opens_nothing_of_the_other_whenever_it_signs_se9() {
    let store = session_std::SharedStore::from(MemoryStore::new());
    let dated = format!("{NEW} from 1970-01-01T02:00Z\n{OLD} until 1970-01-01T04:00Z");
    let node = |name| Node::new(|keys| Sessions::new(store.clone(), keys.application(name)), &dated);
    let (shop, same, staging, unnamed) = (node("shop"), node("shop"), node("staging"), node(""));
    for hours in [0, 3] {
        let mut cookie = String::new();
        assert_eq!(shop.at(hours).visit(&mut cookie), 1);
        assert_eq!(same.at(hours).visit(&mut cookie.clone()), 2);
        for other in [&staging, &unnamed] {
            assert_eq!(other.at(hours).visit(&mut cookie.clone()), 1, "after {hours} hours");
        }
    }
}
