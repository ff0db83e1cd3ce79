//! A session that is larger than any that the store takes (ST12).

use core_tests::life_cycle::{Browser, Scripted, World, sign_in};
use session_core::Error;
use session_core::policy::{Lifetimes, PlainCookie, Policy};
use session_core::testing::run;
use session_store_memory::FixedStore;
use std::time::Duration;

/// One whose places have this many bytes.
fn world<const BYTES: usize>() -> &'static World<FixedStore<4, BYTES>> {
    World::over(Scripted::new(FixedStore::new()))
}

/// Every verb that writes is told both sizes, and what was stored stays.
#[test]
fn every_write_is_told_both_sizes_and_changes_nothing_st12() {
    let world = world::<128>();
    let server = world.server(Policy::SECURE);
    let big = "x".repeat(200);
    let told =
        |error: Error| matches!(error, Error::TooLarge { need, have: 128 } if need > 200) && error.status() == 413;

    let answer = server.request(&mut Browser::new(), |session| session.set("big", &big).unwrap());
    assert!(told(answer.commit.unwrap_err()) && answer.set_cookie.is_none(), "nothing begins");
    assert!(world.store.inner().is_empty());

    let mut browser = Browser::new();
    server.request(&mut browser, |session| session.set("n", &1_u32).unwrap()).ok();
    let n = |browser: &Browser| server.peek(browser, |session| session.get::<u32>("n").unwrap()).ok();
    let answer = server.request(&mut browser, |session| session.set("big", &big).unwrap());
    assert!(told(answer.commit.unwrap_err()));
    let answer = server
        .request(&mut browser, |session| run(session.update_with("big", |_: Option<String>| big.clone())).map(drop));
    assert!(told(answer.handler.unwrap().unwrap_err()));
    let answer = server.request(&mut browser, |session| sign_in(session, &big));
    assert!(told(answer.handler.unwrap().unwrap_err()) && answer.set_cookie.is_none());
    assert_eq!(n(&browser), Some(1), "the browser's session is as it was, under the cookie that it has");
    // one that fits is stored
    server.request(&mut browser, |session| session.set("n", &2_u32).unwrap()).ok();
    assert_eq!(n(&browser), Some(2));
}

/// There is room for the session and not for what a renewal adds: it keeps its cookie, and no request is refused.
#[test]
fn a_renewal_that_has_no_room_is_left_undone_st12() {
    let world = world::<80>();
    let (renew_after, grace) = (Some(Duration::from_secs(100)), Duration::from_secs(10));
    let lifetimes = Lifetimes { renew_after, grace, ..Lifetimes::DEFAULT };
    let server = world.server(Policy::plain_http(PlainCookie::new(), lifetimes).unwrap());
    let mut browser = Browser::new();
    server.request(&mut browser, |session| session.set("n", &1_u32).unwrap()).ok();
    world.wait(101_000);
    for _ in 0..2 {
        let answer = server.request(&mut browser, |session| session.get::<u32>("n").unwrap());
        assert_eq!((answer.commit, answer.set_cookie.as_deref()), (Ok(()), None));
        assert_eq!(answer.handler, Ok(Some(1)));
    }
}
