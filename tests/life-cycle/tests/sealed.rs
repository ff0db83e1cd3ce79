//! Sessions that travel in their cookies: the same rules, and what ends them before their time (LC11, SE1–SE6).

use life_cycle::Site;
use session_core::Error;
use session_core::policy::{Lifetimes, PlainCookie, Policy};
use session_core::store::CutOffs;
use session_core::testing::run;
use session_store_memory::MemoryStore;
use std::time::Duration;

type Jar = Option<String>;
type Sealed = Site<CutOffs<MemoryStore>>;

fn count(site: &Sealed, jar: &mut Jar) -> Result<u32, Error> {
    site.visit(jar, |session| {
        let number = session.get::<u32>("n")?.unwrap_or(0) + 1;
        session.set("n", &number).map(|()| number)
    })
}

#[test]
fn data_comes_back_and_nothing_is_stored_lc11() {
    let site = Sealed::sealed(Policy::SECURE);
    let mut jar = None;
    assert_eq!(site.visit(&mut jar, |session| session.get::<u32>("n")), Ok(None));
    assert_eq!(jar, None, "who stores nothing gets no cookie");
    for number in 1..=3 {
        assert_eq!(count(&site, &mut jar), Ok(number));
    }
    assert!(site.sessions().store().0.is_empty());
    let before = jar.clone();
    assert_eq!(site.visit(&mut jar, |session| session.get::<u32>("n")), Ok(Some(3)));
    assert_eq!(jar, before, "reading sends no cookie");
    assert!(!jar.unwrap().contains("visits"));
}

#[test]
fn limits_hold_by_the_sealed_times_se2() {
    let lifetimes = Lifetimes {
        idle: Some(Duration::from_secs(60)),
        absolute: Some(Duration::from_secs(150)),
        renew_after: None,
        ..Lifetimes::DEFAULT
    };
    let site = Sealed::sealed(Policy::plain_http(PlainCookie::new(), lifetimes).unwrap());
    let mut jar = None;
    count(&site, &mut jar).unwrap();
    let first = jar.clone();
    site.wait(59_000);
    assert_eq!(count(&site, &mut jar), Ok(2));
    site.wait(59_000);
    assert_eq!(site.visit(&mut first.clone(), |session| Ok(session.exists())), Ok(false), "the old copy is idle");
    assert_eq!(count(&site, &mut jar), Ok(3));
    site.wait(32_000);
    assert_eq!(count(&site, &mut jar), Ok(1), "after the absolute end a new session begins");
}

#[test]
fn touching_sends_the_cookie_once_per_interval_lc5() {
    let site = Sealed::sealed(Policy::SECURE);
    let mut jar = None;
    count(&site, &mut jar).unwrap();
    let first = jar.clone();
    site.wait(59_999);
    site.visit(&mut jar, |session| session.get::<u32>("n")).unwrap();
    assert_eq!(jar, first);
    site.wait(1);
    site.visit(&mut jar, |session| session.get::<u32>("n")).unwrap();
    assert_ne!(jar, first);
}

#[test]
fn a_subject_is_signed_out_everywhere_lc11_se4() {
    let site = Sealed::sealed(Policy::SECURE);
    let [mut laptop, mut phone, mut bob]: [Jar; 3] = Default::default();
    site.sign_in(&mut laptop, "ann").unwrap();
    site.sign_in(&mut phone, "ann").unwrap();
    site.sign_in(&mut bob, "bob").unwrap();
    let copy = laptop.clone();
    // in the same millisecond
    site.visit(&mut laptop, |session| run(session.logout())).unwrap();
    assert_eq!((laptop.clone(), site.who(&copy), site.who(&phone)), (None, None, None));
    assert_eq!(site.who(&bob), Some("bob".into()));
    site.sign_in(&mut laptop, "ann").unwrap();
    assert_eq!(site.who(&laptop), Some("ann".into()), "a login in the same millisecond works");
    assert_eq!(site.who(&copy), None, "a copy from before the cut-off stays void");
}

#[test]
fn a_slow_request_is_told_that_its_session_ended_lc3() {
    let site = Sealed::sealed(Policy::SECURE);
    let mut jar = None;
    site.sign_in(&mut jar, "ann").unwrap();
    let mut copy = jar.clone();
    let late = site.visit(&mut copy, |session| {
        session.set("n", &1_u32)?;
        site.visit(&mut jar, |session| run(session.logout()))
    });
    assert_eq!((late, site.who(&copy)), (Err(Error::Ended), None));
}

#[test]
fn everybody_at_once_lc10_lc11() {
    let site = Sealed::sealed(Policy::SECURE);
    let [mut ann, mut visitor]: [Jar; 2] = Default::default();
    site.sign_in(&mut ann, "ann").unwrap();
    count(&site, &mut visitor).unwrap();
    run(site.sessions().end_all()).unwrap();
    assert_eq!((site.who(&ann), count(&site, &mut visitor)), (None, Ok(1)));
}

#[test]
fn a_login_that_overlaps_a_cut_off_is_refused_lc11() {
    let site = Sealed::sealed(Policy::SECURE);
    let mut jar = None;
    let refused = site.visit(&mut jar, |session| {
        let ticket = run(session.begin_login("ann"))?;
        run(site.sessions().revoke_all("ann"))?;
        run(session.login(ticket))
    });
    assert_eq!((refused, jar), (Err(Error::SignInAgain), None));
}

#[test]
fn what_cannot_be_done_says_so_lc9() {
    let site = Sealed::sealed(Policy::SECURE);
    let mut jar = None;
    site.sign_in(&mut jar, "ann").unwrap();
    assert_eq!(site.visit(&mut jar, |session| run(session.list(|_| ()))), Err(Error::CannotList));
    assert_eq!(site.visit(&mut jar, |session| run(session.revoke("0"))), Err(Error::CannotList));
    assert_eq!(site.visit(&mut jar, |session| run(session.revoke_others())), Err(Error::CannotList));
    let capped = Sealed::sealed(Policy::SECURE.max_sessions(1));
    assert_eq!(capped.sign_in(&mut None, "ann"), Err(Error::CannotList));
}

#[test]
fn forged_and_swapped_values_are_refused_se1_se2() {
    let (site, plain) = (Sealed::sealed(Policy::SECURE), Sealed::sealed(Policy::PLAIN_HTTP));
    let mut jar = None;
    site.sign_in(&mut jar, "ann").unwrap();
    let value = jar.clone().unwrap();
    let swapped = value.replacen("__Host-id", "id", 1);
    assert_eq!(plain.who(&Some(swapped)), None, "sealed for another cookie name");
    let stored = Site::new(Policy::SECURE);
    assert_eq!(stored.who(&Some(value.clone())), None, "a sealed value is no id");
    let mut id = None;
    stored.sign_in(&mut id, "ann").unwrap();
    assert_eq!(site.who(&id), None, "an id is no sealed value");
    for cut in [1, 10, 40] {
        assert_eq!(site.who(&Some(value[..value.len() - cut].to_owned())), None);
    }
    assert_eq!(site.who(&Some(format!("__Host-id={}", "A".repeat(5_000)))), None);
}

#[test]
fn too_large_for_a_cookie_is_an_error_with_both_sizes_se6() {
    let site = Sealed::sealed(Policy::SECURE);
    let mut jar = None;
    let answer = site.visit(&mut jar, |session| session.set("k", "x".repeat(600).as_str()));
    assert!(matches!(answer, Err(Error::TooLarge { need, have: 512 }) if need > 600), "{answer:?}");
}
