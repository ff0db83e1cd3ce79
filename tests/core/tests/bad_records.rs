//! Bytes in the store that are no record, records that are too large, values of another type.

use core_tests::life_cycle::{Browser, Request, Server, World, increment, parts, sign_in};
use session_core::policy::Policy;
use session_core::testing::{ScriptedRng, run};
use session_core::{Error, RequestState, Session, Sessions};

type Verb = fn(&mut Request<'_>) -> Result<(), Error>;

/// A session with every part that a record can have.
fn full(world: &'static World, server: &Server) -> (Browser, Vec<u8>) {
    let mut browser = Browser::new();
    server.request(&mut browser, |session| {
        session.set("n", &1_u32).unwrap();
        session.set("text", "with an umlaut: \u{e4}").unwrap();
        session.set_label("phone").unwrap();
        sign_in(session, "ann").unwrap();
    });
    // renewed, so that there is a previous value
    world.wait(3_600_000);
    server.request(&mut browser, |session| assert_eq!(session.subject(), Some("ann"))).ok();
    let record = world.record(browser.cookie(server.now()).unwrap());
    (browser, record.expect("a record"))
}

fn policy() -> Policy {
    use session_core::policy::{Lifetimes, PlainCookie};
    Policy::plain_http(PlainCookie::new(), Lifetimes { idle: None, ..Lifetimes::DEFAULT }).unwrap()
}

/// The session is as if it were none; what is written is another one, and the bytes are left alone.
#[track_caller]
fn is_no_session(world: &'static World, server: &Server, browser: &Browser, bytes: &[u8], event: &str) {
    let cookie = browser.cookie(server.now()).unwrap();
    world.log.take();
    let answer = server.lost(browser, |session| {
        assert_eq!((session.exists(), session.subject()), (false, None));
        assert_eq!(session.get::<u32>("n"), Ok(None));
        assert_eq!(session.keys().count(), 0);
    });
    assert_eq!((answer.handler, answer.commit, answer.set_cookie), (Ok(()), Ok(()), None));
    let log = world.log.take();
    assert!(log.len() == 1 && log[0].ends_with(event), "{log:?}");
    let mut fresh = browser.clone();
    assert_eq!(server.request(&mut fresh, increment).ok(), Ok(1));
    assert_ne!(parts(fresh.cookie(server.now()).unwrap()).0, parts(cookie).0);
    assert_eq!(world.record(cookie).as_deref(), Some(bytes));
}

const GARBLED: &str = "the stored bytes are not a record of this version";

#[test]
fn another_format_is_no_session_lc13() {
    let world = World::new();
    let server = world.server(policy());
    let (browser, record) = full(world, &server);
    let cookie = browser.cookie(server.now()).unwrap();
    for (at, value) in [(0, 0), (0, 1), (0, 255), (1, record[1] | 64), (1, record[1] | 128)] {
        let mut other = record.clone();
        other[at] = value;
        world.plant(cookie, &other);
        is_no_session(world, &server, &browser, &other, GARBLED);
    }
    world.plant(cookie, &record);
    server.lost(&browser, |session| assert_eq!(session.subject(), Some("ann"))).ok();
}

#[test]
fn a_record_cut_anywhere_is_no_session_lc13() {
    let world = World::new();
    let server = world.server(policy());
    let (browser, record) = full(world, &server);
    let cookie = browser.cookie(server.now()).unwrap();
    // where one value ends and the next begins, a cut is a record with fewer values
    let mut accepted = Vec::new();
    for len in 0..record.len() {
        world.plant(cookie, &record[..len]);
        world.log.take();
        if server.peek(&browser, |session| session.exists()).ok() {
            accepted.push(server.peek(&browser, |session| session.keys().count()).ok());
        } else {
            is_no_session(world, &server, &browser, &record[..len], GARBLED);
        }
    }
    assert_eq!(accepted, [0, 1]);
}

/// Any byte, any value: no panic, no session of another length of life, and every verb comes to an end.
#[test]
fn corrupt_records_never_panic_lc13() {
    let world = World::new();
    let server = world.server(policy());
    let (browser, record) = full(world, &server);
    let cookie = browser.cookie(server.now()).unwrap();
    let mut random = ScriptedRng::new(11);
    let mut below = |limit: usize| rand_core::TryRng::try_next_u64(&mut random).unwrap() as usize % limit;
    let verbs: [Verb; 8] = [
        |s| s.set("n", &2_u32),
        |s| increment(s).map(drop),
        |s| s.flash_message("x").and_then(|()| run(s.take_flash_message(|_| ())).map(drop)),
        |s| s.remove("text").and_then(|()| s.clear()),
        |s| s.set_label("other"),
        |s| sign_in(s, "bob"),
        |s| run(s.rotate()),
        |s| run(s.logout()),
    ];
    let mut refused = 0;
    for round in 0..4_000 {
        let mut bytes = record.clone();
        for _ in 0..=below(3) {
            let at = below(bytes.len());
            match below(4) {
                0 => bytes[at] = below(256) as u8,
                1 => bytes[at] ^= 1 << below(8),
                2 => bytes.insert(at, below(256) as u8),
                _ => drop(bytes.remove(at)),
            }
        }
        world.plant(cookie, &bytes);
        let answer = server.lost(&browser, |session| {
            let read = session.get::<u32>("n").and(session.get::<&str>("text").map(drop));
            read.and(verbs[round % verbs.len()](session))
        });
        refused += usize::from(answer.handler.flatten().and(answer.commit).is_err());
        // the bytes change under a request that is under way
        world.plant(cookie, &record);
        server.lost(&browser, |session| {
            world.plant(cookie, &bytes);
            verbs[round % verbs.len()](session).is_ok()
        });
    }
    assert!(refused > 0);
}

#[test]
fn a_record_that_does_not_fit_names_both_sizes_ck7() {
    let world = World::new();
    let server = world.server(policy());
    let mut browser = Browser::new();
    server.request(&mut browser, |session| session.set("n", &1_u32).unwrap()).ok();
    let before = world.record(browser.cookie(server.now()).unwrap()).unwrap().len();
    // writing: the value is refused, the others stay as they are
    let entry = 1 + 3 + 4 + 2;
    let answer = server.request(&mut browser, |session| {
        assert_eq!(session.set("n", &2_u32), Ok(()));
        session.set("big", "x".repeat(600).as_str())
    });
    assert_eq!(answer.handler, Ok(Err(Error::TooLarge { need: before + entry + 602, have: 512 })));
    assert_eq!(answer.commit, Ok(()));
    let too_large = Error::TooLarge { need: 700, have: 512 };
    assert_eq!(too_large.status(), 413);
    assert_eq!(too_large.to_string(), "the session would take 700 bytes, at most 512 fit: store less");
    assert_eq!(server.peek(&browser, |session| session.get::<u32>("n")).ok(), Ok(Some(2)));
    // to the byte
    let room = 512 - before - entry - 2;
    let answer = server.request(&mut browser, |session| {
        let over = session.set("big", "x".repeat(room + 1).as_str());
        (over, session.set("big", "x".repeat(room).as_str()))
    });
    assert_eq!(answer.ok(), (Err(Error::TooLarge { need: 513, have: 512 }), Ok(())));
    assert_eq!(world.record(browser.cookie(server.now()).unwrap()).unwrap().len(), 512);
    // reading with less room than it was written with: refused, and nothing is made of it
    let small = Sessions::new(&world.store, &world.clock, &core_tests::life_cycle::keys(), policy());
    let mut exchange = RequestState::new([0; 256], [0; 256]);
    let mut session = Session::new(&small, &mut exchange, ScriptedRng::new(1));
    let line = browser.cookie(server.now()).unwrap().as_bytes();
    assert_eq!(run(session.load([line].into_iter())), Err(Error::TooLarge { need: 512, have: 256 }));
    assert!(!session.exists());
    assert_eq!((run(session.commit()), session.set_cookie(&mut [0; 512])), (Ok(()), Ok(None)));
}

#[test]
fn a_value_of_another_type_is_a_clash() {
    let world = World::new();
    let server = world.server(policy());
    let mut browser = Browser::new();
    server.request(&mut browser, |session| session.set("n", &1_u32).unwrap()).ok();
    let clash = Err(Error::Unreadable);
    let answer = server.request(&mut browser, |session| {
        assert_eq!(session.get::<u64>("n").map(drop), clash);
        assert_eq!(session.get::<i32>("n").map(drop), clash);
        assert_eq!(session.get::<Option<u32>>("n").map(drop), clash);
        assert_eq!(session.get::<(u32,)>("n").map(drop), clash);
        assert_eq!(session.get::<&str>("n").map(drop), clash);
        assert_eq!(run(session.update_with("n", |_: Option<u8>| 1)).map(drop), clash);
        assert_eq!(session.get::<u32>("n"), Ok(Some(1)));
    });
    assert_eq!((Error::Unreadable.status(), answer.commit), (500, Ok(())));
    // it can be written over and removed
    server.request(&mut browser, |session| session.set("n", "text").unwrap()).ok();
    assert_eq!(server.peek(&browser, |session| session.get::<&str>("n").map(|n| n == Some("text"))).ok(), Ok(true));
}
