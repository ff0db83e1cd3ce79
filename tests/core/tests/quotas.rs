//! What one session and one subject may take (QU2, QU3).

use core_tests::life_cycle::{Browser, Site, World, sign_in};
use session_core::Error;
use session_core::policy::Policy;
use session_core::testing::run;

/// A session larger than the policy allows is refused with both sizes, and nothing changes.
#[test]
fn a_session_has_so_many_bytes_and_no_more_qu2() {
    let world = World::new();
    let policy = Policy::SECURE.max_bytes(200);
    let server = world.server(policy);
    let mut browser = Browser::new();
    let long = "x".repeat(150);
    let refused = server.request(&mut browser, |session| session.set("n", long.as_str()).unwrap());
    let Err(Error::TooLarge { need, have: 200 }) = refused.commit else { panic!("{refused:?}") };
    assert!(need > 200 && refused.set_cookie.is_none() && world.store.inner().is_empty());
    server.request(&mut browser, |session| session.set("n", &long[..100]).unwrap()).ok();
    let again = server.request(&mut browser, |session| session.set("more", &long[..100]).unwrap());
    assert!(matches!(again.commit, Err(Error::TooLarge { have: 200, .. })), "{again:?}");
    assert!(!server.request(&mut browser, |session| session.keys().any(|key| key == "more")).ok());
    let updated =
        server.request(&mut browser, |session| run(session.update_with("n", |_: Option<String>| long.clone())));
    assert!(matches!(updated.handler, Ok(Err(Error::TooLarge { have: 200, .. }))), "{updated:?}");
    // what is larger than a policy that was lowered can be read, signed in and out, and made smaller
    let lower = world.server(Policy::SECURE.max_bytes(100));
    lower.request(&mut browser, |session| assert!(session.get::<String>("n").unwrap().is_some())).ok();
    lower.request(&mut browser, |session| sign_in(session, "ann").unwrap()).ok();
    lower.request(&mut browser, |session| session.remove("n").unwrap()).ok();
    lower.request(&mut browser, |session| run(session.logout()).unwrap()).ok();
    assert!(world.store.inner().is_empty());
}

fn signed_in(site: &Site) -> usize {
    let mut count = 0;
    run(site.sessions().list("ann", [0; 512], |_| count += 1)).unwrap();
    count
}

/// One account that signs in without end does not fill a store, unless the policy lifts the cap.
#[test]
fn a_subject_has_a_hundred_sessions_by_default_qu3() {
    let site = Site::new(Policy::SECURE);
    let mut first = None;
    site.sign_in(&mut first, "ann").unwrap();
    for count in 2..=100 {
        site.sign_in(&mut None, "ann").unwrap();
        assert_eq!(signed_in(&site), count);
    }
    assert_eq!(site.who(&first).as_deref(), Some("ann"));
    site.sign_in(&mut None, "ann").unwrap();
    assert_eq!((signed_in(&site), site.who(&first)), (100, None), "the oldest ended");
    site.sign_in(&mut None, "bob").unwrap();
    assert_eq!(signed_in(&site), 100, "of one subject");

    let site = Site::new(Policy::SECURE.max_sessions(0));
    (0..150).for_each(|_| site.sign_in(&mut None, "ann").unwrap());
    assert_eq!(signed_in(&site), 150);
}

/// Who signs in and out again and again leaves gaps in the index, and loses no session by them.
#[test]
fn gaps_end_no_session_qu3() {
    let site = Site::new(Policy::SECURE);
    let [mut phone, mut laptop, mut tablet, mut desk]: [Option<String>; 4] = Default::default();
    for jar in [&mut phone, &mut laptop, &mut tablet, &mut desk] {
        site.sign_in(jar, "ann").unwrap();
    }
    for _ in 0..300 {
        let mut jar = None;
        site.sign_in(&mut jar, "ann").unwrap();
        site.visit(&mut jar, |session| run(session.logout())).unwrap();
    }
    for jar in [phone, laptop, tablet, desk] {
        assert_eq!(site.who(&jar).as_deref(), Some("ann"));
    }
}
