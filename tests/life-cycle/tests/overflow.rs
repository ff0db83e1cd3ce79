//! Sessions that travel in their cookies while they fit, and are in the store while they do not (LC11): handlers do not
//! notice the move, and what is stored beats every copy from before.

use base64ct::{Base64UrlUnpadded, Encoding};
use life_cycle::{Site, Visit};
use session_core::Error;
use session_core::environment::Time;
use session_core::mode::Overflowing;
use session_core::policy::{Lifetimes, PlainCookie, Policy};
use session_core::store::{DeleteCondition, Handle, Store};
use session_core::testing::run;
use session_store_memory::MemoryStore;
use std::time::Duration;

type Jar = Option<String>;
type Server = Site<Overflowing>;

/// More than a cookie holds.
const LARGE: usize = 3_200;
/// A cookie that points to the store is shorter than this, and no other one is.
const POINTER: usize = 160;

fn put(site: &Server, jar: &mut Jar, key: &str, bytes: usize) -> Result<(), Error> {
    site.visit(jar, |session| session.set(key, "x".repeat(bytes).as_str()))
}

fn len_of(site: &Server, jar: &Jar, key: &str) -> Option<usize> {
    site.visit(&mut jar.clone(), |session| Ok(session.get::<&str>(key)?.map(str::len))).unwrap()
}

fn count(site: &Server, jar: &mut Jar) -> Result<u32, Error> {
    site.visit(jar, |session| run(session.update_with("n", |n: Option<u32>| n.unwrap_or(0) + 1)))
}

fn handle(jar: &Jar) -> Handle {
    let value = jar.as_ref().unwrap().split_once('=').unwrap().1;
    Handle::from_bytes(*Base64UrlUnpadded::decode_vec(&value[..64]).unwrap().last_chunk().unwrap())
}

fn is_pointer(jar: &Jar) -> bool {
    jar.as_ref().is_some_and(|jar| jar.len() < POINTER)
}

#[test]
fn a_session_moves_to_the_store_and_back_and_nobody_notices_lc11() {
    let site = Server::overflowing(Policy::SECURE);
    let mut jar = None;
    assert_eq!((count(&site, &mut jar), count(&site, &mut jar)), (Ok(1), Ok(2)));
    assert!(!is_pointer(&jar) && site.sessions().store().is_empty(), "what is small costs no record");
    put(&site, &mut jar, "large", LARGE).unwrap();
    assert!(is_pointer(&jar) && site.sessions().store().len() == 1);
    let pointer = jar.clone();
    assert_eq!((count(&site, &mut jar), len_of(&site, &jar, "large")), (Ok(3), Some(LARGE)));
    assert_eq!(jar, pointer, "while it is stored the cookie stays");
    let mut beside = Some(format!("beside=1; {}", jar.clone().unwrap()));
    let unchanged = beside.clone();
    assert_eq!((count(&site, &mut beside), beside), (Ok(4), unchanged), "and is not sent again (CK11)");
    site.visit(&mut jar, |session| session.remove("large")).unwrap();
    assert!(!is_pointer(&jar));
    let back = jar.clone();
    assert_eq!((count(&site, &mut jar), len_of(&site, &jar, "large")), (Ok(5), None));
    let then = site.visit(&mut back.clone(), |session| session.get::<u32>("n"));
    assert_eq!(then, Ok(Some(4)), "what is small again costs no write to the store");
    put(&site, &mut jar, "large", LARGE).unwrap();
    assert_eq!((is_pointer(&jar), count(&site, &mut jar), len_of(&site, &jar, "large")), (true, Ok(6), Some(LARGE)));
}

#[test]
fn a_session_may_begin_large_ck7() {
    let site = Server::overflowing(Policy::SECURE);
    let mut jar = None;
    put(&site, &mut jar, "large", LARGE).unwrap();
    assert_eq!((is_pointer(&jar), len_of(&site, &jar, "large")), (true, Some(LARGE)));
    let before = jar.clone();
    let more = put(&site, &mut jar, "more", 2_000);
    assert!(matches!(more, Err(Error::TooLarge { have: 4_096, .. })), "more than a request has room for: {more:?}");
    assert_eq!((jar == before, len_of(&site, &jar, "large")), (true, Some(LARGE)));
}

#[test]
fn an_old_copy_shows_what_is_stored_and_gets_its_cookie_lc11() {
    let site = Server::overflowing(Policy::SECURE);
    let mut jar = None;
    count(&site, &mut jar).unwrap();
    let mut copy = jar.clone();
    put(&site, &mut jar, "large", LARGE).unwrap();
    count(&site, &mut jar).unwrap();
    let seen = site.visit(&mut copy, |session| Ok((session.get::<u32>("n")?, session.get::<&str>("large")?.is_some())));
    assert_eq!((seen, &copy), (Ok((Some(2), true)), &jar), "as in a grace, the answer carries the cookie of now");
}

#[test]
fn a_copy_from_before_the_way_back_cannot_win_lc11() {
    let site = Server::overflowing(Policy::SECURE);
    let mut jar = None;
    put(&site, &mut jar, "secret", 10).unwrap();
    let first = jar.clone();
    put(&site, &mut jar, "large", LARGE).unwrap();
    let pointer = jar.clone();
    site.visit(&mut jar, |session| {
        session.remove("large")?;
        session.remove("secret")
    })
    .unwrap();
    for old in [first, pointer] {
        assert_eq!((len_of(&site, &old, "secret"), len_of(&site, &old, "large")), (None, None));
    }
    count(&site, &mut jar).unwrap();
    assert_eq!(site.visit(&mut jar, |session| session.get::<u32>("n")), Ok(Some(1)), "the copy sealed since is newer");
}

#[test]
fn requests_under_way_are_merged_with_the_move_st3() {
    let site = Server::overflowing(Policy::SECURE);
    let mut jar = None;
    count(&site, &mut jar).unwrap();
    let mut slow = jar.clone();
    site.visit(&mut slow, |session| {
        session.set("slow", &1_u32)?;
        put(&site, &mut jar, "large", LARGE)
    })
    .unwrap();
    for jar in [&jar, &slow] {
        assert_eq!((len_of(&site, jar, "large"), is_pointer(jar)), (Some(LARGE), true));
        assert_eq!(site.visit(&mut jar.clone(), |session| session.get::<u32>("slow")), Ok(Some(1)));
    }
    let conflict = site.visit(&mut slow, |session| {
        let number = session.get::<u32>("n")?.unwrap_or(0);
        count(&site, &mut jar)?;
        session.set("n", &(number + 1))
    });
    assert_eq!(conflict, Err(Error::Conflict));
    let second = site.visit(&mut slow, |session| {
        let first = session.get::<u32>("n")?;
        count(&site, &mut jar)?;
        run(session.update_with("n", |n: Option<u32>| n.unwrap_or(0) + 1)).map(|n| (first, n))
    });
    assert_eq!(second, Ok((Some(2), 4)), "no increment of what is stored is lost");
}

#[test]
fn who_logs_out_ends_one_session_and_all_its_copies_lc3() {
    let site = Server::overflowing(Policy::SECURE);
    let [mut small, mut large, mut visitor, mut phone]: [Jar; 4] = Default::default();
    for jar in [&mut small, &mut large, &mut phone] {
        site.sign_in(jar, "ann").unwrap();
    }
    count(&site, &mut visitor).unwrap();
    let mut copies = vec![small.clone(), large.clone(), visitor.clone()];
    put(&site, &mut large, "large", LARGE).unwrap();
    count(&site, &mut small).unwrap();
    copies.extend([small.clone(), large.clone()]);
    let ended = [small, large, visitor].map(|mut jar| {
        let late = site.visit(&mut jar.clone(), |session| {
            session.set("late", &1_u32)?;
            site.visit(&mut jar, |session| run(session.logout()))
        });
        assert_eq!((jar, late), (None, Err(Error::Ended)), "a slow request brings nothing back");
    });
    assert_eq!(ended.len(), 3);
    for hour in 0..5 {
        for copy in &copies {
            assert_eq!(site.visit(&mut copy.clone(), |session| Ok(session.exists())), Ok(false), "after {hour} h");
        }
        site.wait(10 * 60 * 1_000);
        assert_eq!(
            site.visit(&mut phone, |session| Ok(session.subject().is_some())),
            Ok(true),
            "the phone is not ended"
        );
    }
}

#[test]
fn a_login_and_a_rotation_void_the_cookies_from_before_lc2() {
    let site = Server::overflowing(Policy::SECURE);
    let mut jar = None;
    count(&site, &mut jar).unwrap();
    let planted = jar.clone();
    site.sign_in(&mut jar, "ann").unwrap();
    assert!(!is_pointer(&jar), "what is small stays in the cookie");
    let signed_in = jar.clone();
    site.visit(&mut jar, |session| run(session.rotate())).unwrap();
    site.wait(60_000);
    for old in [planted, signed_in] {
        assert_eq!(site.visit(&mut old.clone(), |session| Ok(session.exists())), Ok(false));
    }
    let now = site.visit(&mut jar, |session| Ok((session.subject().map(str::to_owned), session.get::<u32>("n")?)));
    assert_eq!(now, Ok((Some("ann".into()), Some(1))));
    let another = jar.clone();
    site.sign_in(&mut jar, "bob").unwrap();
    assert_eq!((site.who(&another), site.who(&jar)), (None, Some("bob".into())), "another subject's session ends");
}

#[test]
fn a_refused_cookie_leaves_nothing_behind_for_the_next_one_cp2() {
    let site = Server::overflowing(Policy::SECURE);
    let [mut ended, mut small]: [Jar; 2] = Default::default();
    count(&site, &mut ended).unwrap();
    let planted = ended.clone().unwrap();
    site.sign_in(&mut ended, "ann").unwrap();
    put(&site, &mut ended, "large", LARGE).unwrap();
    count(&site, &mut small).unwrap();
    let genuine = small.clone().unwrap();
    // what the first one would be is in the store, and it may not have it; the second one is a session of its own
    site.wait(61_000);
    let mut both = Some(format!("{planted}; {genuine}"));
    assert_eq!(count(&site, &mut both), Ok(2));
    assert_eq!((count(&site, &mut both), is_pointer(&both)), (Ok(3), false), "it is small, and not in the store");
    let mut both = Some(format!("{planted}; {genuine}"));
    assert_eq!(site.visit(&mut both, |session| session.get::<u32>("n")), Ok(Some(1)));
    let kept = both.unwrap().rsplit("; ").next().map(str::to_owned);
    assert_eq!(site.visit(&mut kept.clone(), |session| session.get::<u32>("n")), Ok(Some(1)), "reading loses nothing");
}

#[test]
fn a_subject_and_everybody_are_cut_off_lc10_lc11() {
    let site = Server::overflowing(Policy::SECURE);
    let [mut small, mut large, mut bob]: [Jar; 3] = Default::default();
    site.sign_in(&mut small, "ann").unwrap();
    site.sign_in(&mut large, "ann").unwrap();
    put(&site, &mut large, "large", LARGE).unwrap();
    site.sign_in(&mut bob, "bob").unwrap();
    let (copies, mut own) = ([small.clone(), large.clone()], small);
    site.visit(&mut own, |session| run(session.revoke_all())).unwrap();
    assert_eq!((own, copies.map(|jar| site.who(&jar)), site.who(&bob)), (None, [None, None], Some("bob".into())));
    put(&site, &mut bob, "large", LARGE).unwrap();
    site.wait(1);
    run(site.sessions().end_all()).unwrap();
    assert_eq!(site.who(&bob), None);
    let refused = site.visit(&mut None, |session| {
        let attempt = run(session.begin_login("ann"))?;
        site.wait(1);
        run(site.sessions().revoke_all("ann"))?;
        run(session.login(attempt))
    });
    assert_eq!(refused, Err(Error::SignInAgain));
}

#[test]
fn a_cut_off_overtakes_a_slow_write_to_the_store_lc3() {
    let site = Server::overflowing(Policy::SECURE);
    let mut jar = None;
    site.sign_in(&mut jar, "ann").unwrap();
    put(&site, &mut jar, "large", LARGE).unwrap();
    let late = site.visit(&mut jar, |session| {
        session.set("late", &1_u32)?;
        run(site.sessions().revoke_all("ann"))
    });
    assert_eq!((late, site.who(&jar)), (Err(Error::Ended), None));
}

#[test]
fn a_slow_logout_ends_no_newer_login_lc3() {
    let site = Server::overflowing(Policy::SECURE);
    let mut jar = None;
    site.sign_in(&mut jar, "ann").unwrap();
    let slow = site.visit(&mut jar.clone(), |session| {
        site.sign_in(&mut jar, "ann")?;
        run(session.logout())
    });
    assert_eq!((slow, site.who(&jar)), (Err(Error::CookieReplaced), Some("ann".into())));
}

#[test]
fn limits_hold_in_both_places_lc5_lc6() {
    let lifetimes = Lifetimes {
        idle: Some(Duration::from_secs(600)),
        absolute: Some(Duration::from_secs(1_500)),
        renew_after: None,
        ..Lifetimes::DEFAULT
    };
    let site = Server::overflowing(Policy::plain_http(PlainCookie::new(), lifetimes).unwrap());
    let mut jar = None;
    site.sign_in(&mut jar, "ann").unwrap();
    let mut copies = vec![jar.clone()];
    put(&site, &mut jar, "large", LARGE).unwrap();
    copies.push(jar.clone());
    for _ in 0..2 {
        site.wait(599_000);
        assert_eq!(count(&site, &mut jar).map(drop), Ok(()), "activity");
    }
    let mut idle = None;
    site.sign_in(&mut idle, "bob").unwrap();
    put(&site, &mut idle, "large", LARGE).unwrap();
    site.visit(&mut jar, |session| session.remove("large")).unwrap();
    copies.push(jar.clone());
    site.wait(302_000);
    for copy in &copies {
        assert_eq!(site.who(copy), None, "past the absolute end");
    }
    assert_eq!(site.who(&idle), Some("bob".into()));
    site.wait(600_000);
    assert_eq!(site.who(&idle), None, "idle for too long");
}

#[test]
fn a_full_store_refuses_what_does_not_fit_into_a_cookie_st9() {
    let site = Server::overflowing_into(MemoryStore::with_max_sessions(1), Policy::SECURE);
    let [mut ann, mut visitor]: [Jar; 2] = Default::default();
    site.sign_in(&mut ann, "ann").unwrap();
    count(&site, &mut visitor).unwrap();
    let before = visitor.clone();
    assert_eq!(put(&site, &mut visitor, "large", LARGE), Err(Error::Full));
    assert_eq!((visitor == before, count(&site, &mut visitor)), (true, Ok(2)), "the session is as it was");
}

#[test]
fn what_the_store_forgets_lives_on_in_cookies_only() {
    let site = Server::overflowing(Policy::SECURE);
    let [mut small, mut large]: [Jar; 2] = Default::default();
    site.sign_in(&mut small, "ann").unwrap();
    put(&site, &mut large, "large", LARGE).unwrap();
    let restarted = Server::overflowing(Policy::SECURE);
    assert_eq!(restarted.who(&small), Some("ann".into()));
    assert_eq!(restarted.visit(&mut large.clone(), |session| Ok(session.exists())), Ok(false));
    let store = restarted.sessions().store();
    for _ in 0..2 {
        let handle = handle(&small);
        let rotated = restarted.visit(&mut small, |session| {
            run(store.delete(&handle, DeleteCondition::Any, Time::ZERO)).unwrap();
            run(session.rotate())
        });
        assert_eq!(rotated, Ok(()), "forgotten while the request was under way");
    }
    put(&restarted, &mut small, "large", LARGE).unwrap();
    restarted.visit(&mut small, |session| run(session.rotate())).unwrap();
    assert_eq!((restarted.who(&small), is_pointer(&small)), (Some("ann".into()), true));
}

#[test]
fn what_was_stored_and_is_gone_is_not_made_again_st1() {
    let site = Server::overflowing(Policy::SECURE);
    let mut jar = None;
    put(&site, &mut jar, "large", LARGE).unwrap();
    let gone = handle(&jar);
    let late = site.visit(&mut jar, |session| {
        session.set("late", &1_u32)?;
        run(site.sessions().store().delete(&gone, DeleteCondition::Any, Time::ZERO)).unwrap();
        Ok(())
    });
    assert_eq!((late, site.sessions().store().is_empty()), (Err(Error::Ended), true));
}

#[test]
fn a_pointer_is_no_session_for_those_who_do_not_store_se1() {
    let year = Some(Duration::from_secs(365 * 24 * 60 * 60));
    let lifetimes = Lifetimes { idle: None, absolute: year, renew_after: None, ..Lifetimes::DEFAULT };
    let long = Policy::plain_http(PlainCookie::new(), lifetimes).unwrap();
    for policy in [Policy::SECURE, long] {
        let mut jar = None;
        put(&Server::overflowing(policy), &mut jar, "large", LARGE).unwrap();
        assert!(is_pointer(&jar));
        let sealed = Site::sealed(policy);
        assert_eq!(sealed.visit(&mut jar.clone(), |session| Ok(session.exists())), Ok(false));
    }
}

#[test]
fn what_cannot_be_done_says_so_lc9() {
    let site = Server::overflowing(Policy::SECURE);
    let mut jar = None;
    site.sign_in(&mut jar, "ann").unwrap();
    let refused = |session: &mut Visit<'_, Overflowing>| run(session.revoke_others()).map(drop);
    assert_eq!(site.visit(&mut jar, refused), Err(Error::Unsupported));
    assert_eq!(site.visit(&mut None, |session| run(session.revoke_all()).map(drop)), Err(Error::NotSignedIn));
}
