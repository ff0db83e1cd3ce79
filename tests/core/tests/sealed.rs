//! Sessions that travel in their cookies: the same rules, and what ends them before their time (LC11, SE1–SE6).

use core_tests::life_cycle::{Site, Visit};
use session_core::mode::Sealed;
use session_core::policy::{Lifetimes, Mismatch, PlainCookie, Policy};
use session_core::testing::run;
use session_core::{Error, Keys};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

type Jar = Option<String>;
type Server = Site<Sealed>;

fn count(site: &Server, jar: &mut Jar) -> Result<u32, Error> {
    site.visit(jar, |session| {
        let number = session.get::<u32>("n")?.unwrap_or(0) + 1;
        session.set("n", &number).map(|()| number)
    })
}

#[test]
fn data_comes_back_and_nothing_is_stored_lc11() {
    let site = Server::sealed(Policy::SECURE);
    let mut jar = None;
    assert_eq!(site.visit(&mut jar, |session| session.get::<u32>("n")), Ok(None));
    assert_eq!(jar, None, "who stores nothing gets no cookie");
    for number in 1..=3 {
        assert_eq!(count(&site, &mut jar), Ok(number));
    }
    assert!(site.sessions().store().is_empty());
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
    let site = Server::sealed(Policy::plain_http(PlainCookie::new(), lifetimes).unwrap());
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
    let site = Server::sealed(Policy::SECURE);
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
    let site = Server::sealed(Policy::SECURE);
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
    let site = Server::sealed(Policy::SECURE);
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
    let site = Server::sealed(Policy::SECURE);
    let [mut ann, mut visitor]: [Jar; 2] = Default::default();
    site.sign_in(&mut ann, "ann").unwrap();
    count(&site, &mut visitor).unwrap();
    run(site.sessions().end_all()).unwrap();
    assert_eq!((site.who(&ann), count(&site, &mut visitor)), (None, Ok(1)));
}

#[test]
fn a_login_that_overlaps_a_cut_off_is_refused_lc11() {
    let site = Server::sealed(Policy::SECURE);
    let mut jar = None;
    let refused = site.visit(&mut jar, |session| {
        let attempt = run(session.begin_login("ann"))?;
        run(site.sessions().revoke_all("ann"))?;
        run(session.login(attempt))
    });
    assert_eq!((refused, jar), (Err(Error::SignInAgain), None));
}

#[test]
fn a_binding_that_does_not_fit_ends_the_session_lc11() {
    let site = Server::sealed(Policy::SECURE.on_mismatch(Mismatch::End));
    let [mut visitor, mut ann]: [Jar; 2] = Default::default();
    count(&site, &mut visitor).unwrap();
    site.sign_in(&mut ann, "ann").unwrap();
    for jar in [&mut visitor, &mut ann] {
        site.visit(jar, |session| run(session.bind(b"home"))).unwrap();
        assert_eq!(site.visit(jar, |session| run(session.check_binding(b"home"))), Ok(true));
    }
    let stolen = ann.clone();
    site.wait(1);
    for jar in [&mut visitor, &mut ann] {
        assert_eq!(site.visit(jar, |session| run(session.check_binding(b"away"))), Ok(false));
        assert_eq!(*jar, None);
    }
    assert_eq!(site.who(&stolen), None, "by the cut-off");
}

#[test]
fn what_cannot_be_done_says_so_lc9() {
    let site = Server::sealed(Policy::SECURE);
    let mut jar = None;
    site.sign_in(&mut jar, "ann").unwrap();
    assert_eq!(site.visit(&mut jar, |session| run(session.list(|_| ()))), Err(Error::Unsupported));
    assert_eq!(site.visit(&mut jar, |session| run(session.revoke("0"))), Err(Error::Unsupported));
    assert_eq!(site.visit(&mut jar, |session| run(session.revoke_others())), Err(Error::Unsupported));
    let capped = Server::sealed(Policy::SECURE.max_sessions(1));
    assert_eq!(capped.sign_in(&mut None, "ann"), Err(Error::Unsupported));
}

#[test]
fn forged_and_swapped_values_are_refused_se1_se2() {
    let (site, plain) = (Server::sealed(Policy::SECURE), Server::sealed(Policy::PLAIN_HTTP));
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
fn too_large_for_a_cookie_is_an_error_with_both_sizes_se6_ck7() {
    let site = Server::sealed(Policy::SECURE.max_cookie(5_000));
    let mut jar = None;
    count(&site, &mut jar).unwrap();
    let before = jar.clone();
    let fill = |bytes: usize| move |session: &mut Visit<'_, Sealed>| session.set("k", "x".repeat(bytes).as_str());
    assert_eq!(site.visit(&mut jar, fill(2_900)), Ok(()));
    assert!(jar.as_ref().is_some_and(|jar| jar.len() > 4_000 && jar.len() <= 4_097));
    let large = jar.clone();
    let answer = site.visit(&mut jar, fill(3_000));
    assert!(matches!(answer, Err(Error::TooLarge { need, have: 4_096 }) if need > 4_096), "{answer:?}");
    assert_eq!(jar, large, "the session is as it was");
    let login = site.visit(&mut jar.clone(), |session| {
        session.set("k", "x".repeat(2_900).as_str())?;
        let name = "u".repeat(200);
        let attempt = run(session.begin_login(&name))?;
        run(session.login(attempt))
    });
    assert!(matches!(login, Err(Error::TooLarge { have: 4_096, .. })), "{login:?}");
    assert_eq!(site.visit(&mut before.clone(), |session| session.get::<u32>("n")), Ok(Some(1)));
}

#[test]
fn sealed_again_by_the_newest_key_se3() {
    let [a, b] = [[0_u8; 32], [1; 32]]
        .map(|seed| core::array::from_fn(|at| (at as u8).wrapping_mul(37) ^ seed[at] ^ (at * at) as u8));
    let only = |key| Keys::new(key).unwrap();
    let first = Server::sealed_by(&only(&a), Policy::SECURE);
    let at = |keys: &Keys| first.node(keys, Policy::SECURE);
    let mut jar = None;
    at(&only(&a)).sign_in(&mut jar, "ann").unwrap();
    let by_a = jar.clone();
    let newer = at(&only(&b).and_verify(&a).unwrap());
    assert_eq!(newer.who(&jar), Some("ann".into()), "an older key opens");
    assert_eq!(at(&only(&b)).who(&jar), None, "a retired one does not");
    newer.visit(&mut jar, |session| session.set("n", &1_u32)).unwrap();
    assert_ne!(jar, by_a);
    assert_eq!(at(&only(&b)).who(&jar), Some("ann".into()), "the next write seals with the newest");
    assert_eq!(at(&only(&a)).who(&jar), None);
}

#[test]
fn a_cookie_from_a_clock_that_is_ahead_is_refused_se2() {
    let site = Server::sealed(Policy::SECURE);
    let ahead = site.node(&core_tests::life_cycle::keys(), Policy::SECURE);
    for (millis, who) in [(60_000, Some("ann".to_owned())), (1, None)] {
        let mut jar = None;
        ahead.wait(millis);
        ahead.sign_in(&mut jar, "ann").unwrap();
        assert_eq!(site.who(&jar), who);
    }
    let mut jar = None;
    site.sign_in(&mut jar, "ann").unwrap();
    ahead.visit(&mut jar, |session| session.set("n", &1_u32)).unwrap();
    assert_eq!(site.who(&jar), None, "its last activity is ahead");
}

#[test]
fn what_was_ended_stays_so_until_it_is_over_by_itself_lc11() {
    let lifetimes = Lifetimes { idle: None, absolute: Some(DAY), renew_after: None, ..Lifetimes::DEFAULT };
    let site = Server::sealed(Policy::plain_http(PlainCookie::new(), lifetimes).unwrap());
    let [mut ann, mut others]: [Jar; 2] = Default::default();
    site.sign_in(&mut ann, "ann").unwrap();
    let copy = ann.clone();
    site.visit(&mut ann, |session| run(session.logout())).unwrap();
    for hour in 1..24 {
        site.wait(3_600_000);
        // stores remove what is over as others come
        for other in 0..20 {
            others = None;
            site.sign_in(&mut others, &format!("{hour} {other}")).unwrap();
            site.visit(&mut others, |session| run(session.logout())).unwrap();
        }
        assert_eq!(site.who(&copy), None, "replayed {hour} h after the logout");
    }
    assert_eq!(others, None);
}

#[test]
fn refused_for_whatever_reason_it_is_the_same_answer_se1_se2_se3_se4() {
    let site = Server::sealed(Policy::SECURE);
    let mut jar = None;
    site.sign_in(&mut jar, "ann").unwrap();
    let genuine = jar.clone().unwrap();
    let mut bad = vec![
        genuine[..genuine.len() - 3].to_owned(),
        format!("{genuine}AAAA"),
        "__Host-id=".to_owned(),
        format!("__Host-id={}", "A".repeat(4_086)),
        format!("__Host-id={}", "A".repeat(40_000)),
    ];
    let mut retired = None;
    let other: [u8; 32] = core::array::from_fn(|at| (at as u8).wrapping_mul(91) ^ (at * at) as u8);
    Server::sealed_by(&Keys::new(&other).unwrap(), Policy::SECURE).sign_in(&mut retired, "ann").unwrap();
    bad.extend(retired);
    let mut revoked = None;
    site.sign_in(&mut revoked, "bob").unwrap();
    run(site.sessions().revoke_all("bob")).unwrap();
    bad.extend(revoked);
    let mut future = None;
    let ahead = Server::sealed(Policy::SECURE);
    ahead.wait(3_600_000);
    ahead.sign_in(&mut future, "ann").unwrap();
    bad.extend(future);
    for value in bad {
        let mut sent = Some(value.clone());
        let seen = site
            .visit(&mut sent, |session| Ok((session.exists(), session.get::<u32>("n")?, session.log_id().is_some())));
        assert_eq!((seen, sent.as_ref()), (Ok((false, None, false)), Some(&value)), "no session, and no cookie is set");
        assert_eq!(count(&site, &mut sent), Ok(1), "a write begins another one");
    }
    site.wait(30 * 60 * 1_000);
    assert_eq!(site.who(&jar), None, "older than its limits");
}

fn node(site: &Server) -> Server {
    site.node(&core_tests::life_cycle::keys(), Policy::SECURE)
}

#[test]
fn a_sign_out_covers_what_was_sealed_before_whatever_the_clocks_se7() {
    for by in [Back::Node(1), Back::Node(60_000), Back::Clock(1), Back::Clock(3_600_000)] {
        let site = Server::sealed(Policy::SECURE);
        site.wait(10_000_000);
        let behind = node(&site);
        let mut jar = None;
        site.sign_in(&mut jar, "ann").unwrap();
        let copy = jar.clone();
        match by {
            Back::Node(millis) => {
                behind.set_back(millis);
                behind.visit(&mut jar, |session| run(session.logout())).unwrap();
            }
            Back::Clock(millis) => {
                site.set_back(millis);
                run(site.sessions().revoke_all("ann")).unwrap();
                site.wait(millis);
            }
        }
        site.wait(120_000);
        assert_eq!((site.who(&copy), node(&site).who(&copy)), (None, None), "{by:?}");
    }
}

#[derive(Debug)]
enum Back {
    /// The node that signs out is behind by milliseconds.
    Node(u64),
    /// The clock is set back by milliseconds for the sign-out.
    Clock(u64),
}

#[test]
fn a_shorter_policy_revives_nothing_se7() {
    let remember = |days: u64| {
        let lifetimes = Lifetimes { remember: DAY * days as u32, ..Lifetimes::DEFAULT };
        Policy::plain_http(PlainCookie::new(), lifetimes).unwrap()
    };
    let long = Server::sealed(remember(90));
    let mut jar = None;
    long.visit(&mut jar, |session| {
        let attempt = run(session.begin_login("ann"))?;
        run(session.login(attempt.remembered()))
    })
    .unwrap();
    let copy = jar.clone();
    let short = long.node(&core_tests::life_cycle::keys(), remember(30));
    short.visit(&mut jar, |session| run(session.logout())).unwrap();
    for day in 1..90 {
        short.wait(86_400_000);
        // stores remove what has expired as others come
        short.sign_in(&mut None, &format!("somebody {day}")).unwrap();
        assert_eq!(short.who(&copy), None, "day {day}");
    }
}

#[test]
fn a_lost_store_ends_sessions_and_revives_none_se7() {
    let site = Server::sealed(Policy::SECURE);
    let [mut ann, mut bob, mut visitor]: [Jar; 3] = Default::default();
    site.sign_in(&mut ann, "ann").unwrap();
    site.sign_in(&mut bob, "bob").unwrap();
    count(&site, &mut visitor).unwrap();
    let copy = ann.clone();
    site.visit(&mut ann, |session| run(session.logout())).unwrap();
    let restarted = Server::sealed(Policy::SECURE);
    assert_eq!((restarted.who(&copy), restarted.who(&bob)), (None, None));
    assert_eq!(count(&restarted, &mut visitor), Ok(2), "a visitor who is not signed in goes on");
    restarted.sign_in(&mut bob, "bob").unwrap();
    restarted.sign_in(&mut ann, "ann").unwrap();
    assert_eq!((restarted.who(&copy), restarted.who(&ann)), (None, Some("ann".into())));
}

#[test]
fn two_first_logins_at_once_both_hold_se7() {
    let site = Server::sealed(Policy::SECURE);
    let [mut one, mut two]: [Jar; 2] = Default::default();
    site.visit(&mut one, |session| {
        let attempt = run(session.begin_login("ann"))?;
        site.sign_in(&mut two, "ann")?;
        run(session.login(attempt))
    })
    .unwrap();
    assert_eq!((site.who(&one), site.who(&two)), (Some("ann".into()), Some("ann".into())));
    run(site.sessions().revoke_all("ann")).unwrap();
    assert_eq!((site.who(&one), site.who(&two)), (None, None));
}

/// An end of a subject's sessions leaves a mark that was made without random numbers, and the first login replaces it. To a
/// second one that began before, this looks like another end. It is refused, and harms nobody.
#[test]
fn two_first_logins_at_once_after_an_end_se7() {
    let site = Server::sealed(Policy::SECURE);
    let [mut one, mut two]: [Jar; 2] = Default::default();
    run(site.sessions().revoke_all("ann")).unwrap();
    let refused = site.visit(&mut one, |session| {
        let attempt = run(session.begin_login("ann"))?;
        site.sign_in(&mut two, "ann")?;
        run(session.login(attempt))
    });
    assert_eq!((refused, &one), (Err(Error::SignInAgain), &None));
    site.sign_in(&mut one, "ann").unwrap();
    assert_eq!((site.who(&one), site.who(&two)), (Some("ann".into()), Some("ann".into())));
}

#[test]
fn a_login_that_overlaps_the_end_of_everybody_is_refused_se7_st19() {
    let site = Server::sealed(Policy::SECURE);
    site.sign_in(&mut None, "ann").unwrap();
    for subject in ["ann", "new"] {
        let mut jar = None;
        let refused = site.visit(&mut jar, |session| {
            let attempt = run(session.begin_login(subject))?;
            run(site.sessions().end_all())?;
            run(session.login(attempt))
        });
        assert_eq!((refused, jar), (Err(Error::SignInAgain), None), "{subject}");
    }
}

#[test]
fn csrf_tokens_of_two_sessions_over_one_planted_cookie_differ_se8_tr1() {
    let site = Server::sealed(Policy::SECURE);
    let mut planted = None;
    count(&site, &mut planted).unwrap();
    let [mut ann, mut thief] = [planted.clone(), planted];
    site.sign_in(&mut ann, "ann").unwrap();
    site.sign_in(&mut thief, "thief").unwrap();
    let token = |jar: &mut Jar| site.visit(jar, |session| session.csrf_token()).unwrap();
    let theirs = token(&mut thief);
    let accepted = |jar: &mut Jar, text: &str| site.visit(jar, |session| Ok(session.csrf_ok(text))).unwrap();
    assert!(accepted(&mut thief, theirs.as_str()) && !accepted(&mut ann, theirs.as_str()));
    let own = token(&mut ann);
    site.visit(&mut ann, |session| run(session.rotate())).unwrap();
    assert!(!accepted(&mut ann, own.as_str()), "rotate gives other tokens");
}

#[test]
fn nobody_is_called_nothing_se7_lc9() {
    let (sealed, stored) = (Server::sealed(Policy::SECURE), Site::new(Policy::SECURE));
    let mut jar = None;
    sealed.sign_in(&mut jar, "ann").unwrap();
    assert_eq!(run(sealed.sessions().revoke_all("")), Err(Error::BadText));
    assert_eq!(sealed.who(&jar), Some("ann".into()));
    let long = "u".repeat(256);
    for subject in ["", long.as_str()] {
        assert_eq!(run(stored.sessions().revoke_all(subject)), Err(Error::BadText));
        assert_eq!(run(stored.sessions().revoke(subject, "0")), Err(Error::BadText));
        assert_eq!(run(stored.sessions().list(subject, [0; 256], |_| ())), Err(Error::BadText));
        assert_eq!(stored.sign_in(&mut None, subject), Err(Error::BadText));
        assert_eq!(sealed.sign_in(&mut None, subject), Err(Error::BadText));
    }
}

#[test]
fn one_key_in_two_applications_opens_nothing_of_the_other_se9() {
    let keys = |name| core_tests::life_cycle::keys().application(name);
    let shop = Server::sealed_by(&keys("shop"), Policy::SECURE);
    let node = |name| shop.node(&keys(name), Policy::SECURE);
    let mut jar = None;
    count(&shop, &mut jar).unwrap();
    let seen = |site: &Server| site.visit(&mut jar.clone(), |session| session.get::<u32>("n"));
    assert_eq!(seen(&node("shop")), Ok(Some(1)));
    assert_eq!(seen(&node("shop, staging")), Ok(None));
    assert_eq!(seen(&node("")), Ok(None));
}

/// Two applications that nobody named, with one key and the default name of the cookie: each has its own store, and so its
/// own marks. An administrator of one is nobody in the other, where there is an account of that name, too.
#[test]
fn without_a_name_whoever_is_signed_in_elsewhere_is_nobody_here_se9() {
    let (staging, production) = (Server::sealed(Policy::SECURE), Server::sealed(Policy::SECURE));
    let (mut here, mut there, mut visitor) = (None, None, None);
    // other random numbers than staging draws
    production.sign_in(&mut None, "ann").unwrap();
    production.sign_in(&mut here, "admin").unwrap();
    staging.sign_in(&mut there, "admin").unwrap();
    let subject = |site: &Server| site.visit(&mut there.clone(), |session| Ok(session.subject().map(str::to_owned)));
    assert_eq!(subject(&staging), Ok(Some("admin".to_owned())));
    assert_eq!(subject(&production), Ok(None));
    // where nobody is signed in, only names or keys of their own tell the two apart
    count(&staging, &mut visitor).unwrap();
    assert_eq!(count(&production, &mut visitor), Ok(2));
}

#[test]
fn the_limit_is_that_of_the_whole_header_and_can_be_set_se8() {
    let fill = |bytes: usize| move |session: &mut Visit<'_, Sealed>| session.set("k", "x".repeat(bytes).as_str());
    for (policy, most) in [(Policy::SECURE, 2_560), (Policy::SECURE.max_cookie(1_000), 1_000)] {
        let (site, mut jar) = (Server::sealed(policy), None);
        let answer = site.visit(&mut jar, fill(1_500));
        assert_eq!(answer.is_ok(), most > 2_000);
        let answer = site.visit(&mut jar, fill(3_000));
        assert!(matches!(answer, Err(Error::TooLarge { need, have }) if need > have && have == most), "{answer:?}");
    }
}

/// A device whose marks are in memory and whose clock starts anew begins each boot alike, to the millisecond: what was
/// signed out before the restart stays so.
#[test]
fn a_boot_that_repeats_the_last_one_revives_nothing_se7() {
    let boot = || {
        let site = Server::sealed(Policy::SECURE);
        run(site.sessions().end_all()).unwrap();
        run(site.sessions().revoke_all("ann")).unwrap();
        site
    };
    let (before, mut jar) = (boot(), None);
    before.sign_in(&mut jar, "ann").unwrap();
    let copy = jar.clone();
    before.visit(&mut jar, |session| run(session.logout())).unwrap();
    assert_eq!(before.who(&copy), None);
    let after = boot();
    assert_eq!(after.who(&copy), None);
    // and a login there works, under other random numbers
    after.sign_in(&mut None, "bob").unwrap();
    let mut jar = None;
    after.sign_in(&mut jar, "ann").unwrap();
    assert_eq!((after.who(&jar), after.who(&copy)), (Some("ann".to_owned()), None));
}
