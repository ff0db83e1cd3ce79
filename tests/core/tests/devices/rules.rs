//! Each rule by itself.

use std::time::Duration;

use core_tests::bad_input::device_seeds;
use core_tests::devices::{Browser, Fault, Proof, Site, Visit};
use session_core::Error;
use session_core::device::{DeviceProof, DeviceReply};
use session_core::policy::Policy;

fn site() -> Site {
    Site::new(|policy| policy)
}

fn signed_in(site: &Site) -> Browser {
    let mut browser = Browser::default();
    browser.visit(site, Visit::SignIn("ann"), Fault::None);
    assert!(browser.has_key());
    site.told();
    site.calls();
    browser
}

/// The challenge in a sign-in's answer, and the cookie of the session.
fn unbound(site: &Site) -> (String, Browser) {
    let mut browser = Browser::default();
    let answer = browser.visit(site, Visit::SignIn("ann"), Fault::NotRegistered);
    site.told();
    (challenge(&answer.registration.unwrap()), browser)
}

fn challenge(header: &str) -> String {
    let start = header.split_once("challenge=\"").map_or(&header[1..], |(_, rest)| rest);
    start.split('"').next().unwrap().to_owned()
}

fn again(reply: &DeviceReply) -> String {
    match reply {
        DeviceReply::Challenge(header) => challenge(header.as_str()),
        other => panic!("{other:?}"),
    }
}

fn later(site: &Site, seconds: u64) {
    site.clock.advance(Duration::from_secs(seconds));
}

fn who(site: &Site, cookies: &str) -> Option<String> {
    site.visit(cookies, Visit::Who).who.unwrap()
}

#[test]
fn a_copy_of_the_cookies_works_for_the_lifetime_at_most_tr3() {
    let site = site();
    let mut browser = signed_in(&site);
    let stolen = browser.cookies(&site);
    let only_session = stolen.split("; ").find(|pair| pair.starts_with("__Host-id=")).unwrap();
    later(&site, 61);
    assert_eq!(who(&site, only_session), None, "the cookie alone is worth a minute");
    later(&site, 543);
    assert_eq!(who(&site, &stolen).as_deref(), Some("ann"), "604 s");
    site.told();
    later(&site, 1);
    assert_eq!(who(&site, &stolen), None);
    assert_eq!(site.told(), ["unproven"]);
    assert_eq!(browser.visit(&site, Visit::Who, Fault::None).who, Ok(Some("ann".into())), "the browser itself goes on");
    assert_eq!(who(&site, &stolen), None, "and does not help the thief");
}

/// A request without a proof has no session: reads are empty, a removal cookie is not sent, and a sign-in makes another one.
#[test]
fn without_a_proof_there_is_no_session_tr3() {
    let site = site();
    let mut browser = signed_in(&site);
    later(&site, 700);
    let cookies = browser.cookies(&site);
    let answer = site.visit(&cookies, Visit::Who);
    assert!(matches!(answer.proof, DeviceProof::Missing(_)) && answer.cookies.is_empty());
    browser.forget_key();
    let answer = browser.visit(&site, Visit::SignIn("ann"), Fault::None);
    assert_eq!((answer.who, answer.cookies.len()), (Ok(None), 1));
    assert_eq!(browser.visit(&site, Visit::Who, Fault::None).who, Ok(Some("ann".into())));
    assert_eq!(site.bound("ann"), [true], "the old one, whose key nobody has, is over");
}

#[test]
fn store_calls_are_one_two_and_none_tr3() {
    for (change, of_refresh) in [((|policy| policy) as fn(Policy) -> Policy, 1), (Policy::single_use_proofs, 2)] {
        let site = Site::new(change);
        let (challenge, mut browser) = unbound(&site);
        site.calls();
        let cookies = browser.cookies(&site);
        let reply = site.register(&cookies, Some(&Proof::registration(1, &challenge).text()));
        assert!(matches!(reply, DeviceReply::Proven { .. }));
        assert_eq!(site.calls(), 2, "a registration");
        let mut bound = signed_in(&site);
        bound.visit(&site, Visit::Who, Fault::None);
        let ordinary = site.calls();
        browser.visit(&site, Visit::Who, Fault::None);
        assert_eq!(site.calls(), ordinary, "as for a session that is not bound");
        later(&site, 601);
        bound.refresh(&site, Fault::None);
        assert_eq!(site.calls(), of_refresh, "a refresh");
        let query = bound.query().unwrap().to_owned();
        again(&site.refresh("", query.as_bytes(), None));
        assert_eq!(site.calls(), 0, "a challenge");
    }
}

#[test]
fn a_registration_that_is_not_right_is_refused_tr3() {
    let site = site();
    let (challenge, browser) = unbound(&site);
    let cookies = browser.cookies(&site);
    let good = Proof::registration(1, &challenge);
    let (other, _) = unbound(&site);
    let mut tries = vec![
        (Proof { signs: 2, ..good.clone() }.text(), "the signature does not match the key in the proof"),
        (Proof { registers: None, ..good.clone() }.text(), "the proof contains no key"),
        (Proof { algorithm: "none", ..good.clone() }.text(), "the proof is malformed"),
        (Proof { kind: "jwt", ..good.clone() }.text(), "the proof is malformed"),
        (Proof::registration(1, &other).text(), "the challenge is not of this sign-in or is too old"),
        (Proof::registration(1, "x").text(), "the challenge is not of this sign-in or is too old"),
        (String::new(), "the proof is missing: check that no proxy removes Secure-Session headers"),
    ];
    tries.push((format!("{}A", good.text()), "the proof is malformed"));
    for (proof, why) in tries {
        assert!(matches!(site.register(&cookies, Some(&proof)), DeviceReply::Refused), "{why}");
        assert_eq!(site.told(), [format!("proof_refused: {why}")]);
    }
    assert!(matches!(site.register("", Some(&good.text())), DeviceReply::Refused), "nobody is signed in");
    assert_eq!(site.bound("ann"), [false, false]);
    later(&site, 119);
    assert!(matches!(site.register(&cookies, Some(&good.text())), DeviceReply::Proven { .. }));
    // the answer may have been lost: the same key again is fine, another one is not
    assert!(matches!(site.register(&cookies, Some(&good.text())), DeviceReply::Refused), "after the first minute");
    let site = Site::new(|policy| policy);
    let (challenge, browser) = unbound(&site);
    let cookies = browser.cookies(&site);
    for key in [1, 1] {
        let proof = Proof::registration(key, &challenge).text();
        assert!(matches!(site.register(&cookies, Some(&proof)), DeviceReply::Proven { .. }));
    }
    let another = Proof::registration(2, &challenge).text();
    assert!(matches!(site.register(&cookies, Some(&another)), DeviceReply::Refused));
    assert!(site.told().contains(&"proof_refused: the session is bound to another key".into()));
}

#[test]
fn a_refresh_that_is_not_right_is_refused_tr3() {
    let site = site();
    let browser = signed_in(&site);
    let query = browser.query().unwrap().to_owned();
    let query = query.as_bytes();
    // no store call where none of our keys has signed the URL
    for junk in [&b""[..], b"s=", b"s=AAAAAAAAAAAAAAAAAAAAAA", b"x", b"s=\xff\xfe", &query[..query.len() - 1]] {
        let proof = Proof::refresh(1, "x").text();
        assert!(matches!(site.refresh("", junk, Some(proof.as_bytes())), DeviceReply::Refused));
    }
    assert_eq!(site.calls(), 0);
    let fresh = again(&site.refresh("", query, None));
    let good = Proof::refresh(1, &fresh);
    for (proof, calls, asks_again) in [
        (String::from("x"), 0, false),
        (Proof::registration(1, &fresh).text(), 0, false),
        (Proof::refresh(1, "x").text(), 0, true),
        (Proof { algorithm: "none", ..good.clone() }.text(), 0, false),
        (Proof { signs: 2, ..good.clone() }.text(), 1, false),
    ] {
        site.calls();
        let reply = site.refresh("", query, Some(proof.as_bytes()));
        assert_eq!(matches!(reply, DeviceReply::Challenge(_)), asks_again, "{proof}: {reply:?}");
        assert!(asks_again || matches!(reply, DeviceReply::Refused), "{proof}: {reply:?}");
        assert_eq!(site.calls(), calls, "{proof}");
    }
    let text = good.text();
    assert!(matches!(site.refresh("", query, Some(text.as_bytes())), DeviceReply::Proven { .. }));
    // as the draft has it, in quotes
    let quoted = format!("\"{text}\"");
    assert!(matches!(site.refresh("", query, Some(quoted.as_bytes())), DeviceReply::Proven { .. }));
    later(&site, 661);
    again(&site.refresh("", query, Some(text.as_bytes())));
    assert_eq!(site.told().last().unwrap(), "proof_refused: the challenge is not ours or is too old");
}

#[test]
fn a_proof_counts_once_if_the_policy_says_so_tr3() {
    let site = Site::new(Policy::single_use_proofs);
    let browser = signed_in(&site);
    let query = browser.query().unwrap().to_owned();
    later(&site, 1);
    let fresh = again(&site.refresh("", query.as_bytes(), None));
    let proof = Proof::refresh(1, &fresh).text();
    assert!(matches!(site.refresh("", query.as_bytes(), Some(proof.as_bytes())), DeviceReply::Proven { .. }));
    later(&site, 1);
    let next = again(&site.refresh("", query.as_bytes(), Some(proof.as_bytes())));
    assert_eq!(site.told().last().unwrap(), "proof_refused: the proof was used before");
    let proof = Proof::refresh(1, &next).text();
    assert!(matches!(site.refresh("", query.as_bytes(), Some(proof.as_bytes())), DeviceReply::Proven { .. }));
}

/// Nor does the proof of a registration count twice.
#[test]
fn a_registration_counts_once_if_the_policy_says_so_tr3() {
    let site = Site::new(Policy::single_use_proofs);
    let (challenge, browser) = unbound(&site);
    let (cookies, proof) = (browser.cookies(&site), Proof::registration(1, &challenge).text());
    assert!(matches!(site.register(&cookies, Some(&proof)), DeviceReply::Proven { .. }));
    assert!(matches!(site.register(&cookies, Some(&proof)), DeviceReply::Refused));
    assert_eq!(site.told().last().unwrap(), "proof_refused: the proof was used before");
}

#[test]
fn an_outage_is_never_the_end_tr3() {
    let site = site();
    let mut browser = signed_in(&site);
    later(&site, 700);
    site.store.down.set(true);
    let query = browser.query().unwrap().to_owned();
    site.store.down.set(false);
    let fresh = again(&site.refresh("", query.as_bytes(), None));
    site.store.down.set(true);
    let proof = Proof::refresh(1, &fresh).text();
    assert!(matches!(site.refresh("", query.as_bytes(), Some(proof.as_bytes())), DeviceReply::Unavailable));
    let cookies = browser.cookies(&site);
    assert_eq!(site.visit(&cookies, Visit::Who).who, Err(Error::Unavailable));
    assert!(matches!(site.register(&cookies, Some(&proof)), DeviceReply::Unavailable));
    site.store.down.set(false);
    assert_eq!(browser.visit(&site, Visit::Who, Fault::None).who, Ok(Some("ann".into())));
}

#[test]
fn what_has_ended_is_not_proven_tr3() {
    for end in [
        (|site, browser| _ = browser.visit(site, Visit::SignOut, Fault::None)) as fn(&Site, &mut Browser),
        |site, _| site.revoke("ann"),
        |site, _| later(site, 31 * 60),
    ] {
        let site = site();
        let mut browser = signed_in(&site);
        let query = browser.query().unwrap().to_owned();
        end(&site, &mut browser);
        let fresh = again(&site.refresh("", query.as_bytes(), None));
        let proof = Proof::refresh(1, &fresh).text();
        assert!(matches!(site.refresh("", query.as_bytes(), Some(proof.as_bytes())), DeviceReply::Refused));
        assert_eq!(site.told().last().unwrap(), "proof_refused: the session does not exist");
    }
}

/// A refresh is no activity: it keeps nothing alive.
#[test]
fn a_refresh_is_no_activity_tr3() {
    for change in [(|policy| policy) as fn(Policy) -> Policy, Policy::single_use_proofs] {
        let site = Site::new(change);
        let mut browser = signed_in(&site);
        for _ in 0..4 {
            later(&site, 9 * 60);
            browser.refresh(&site, Fault::None);
        }
        assert!(!browser.has_key(), "idle for 36 minutes");
    }
}

/// The refresh of a session whose cookie is another session's by now is refused, and makes nobody anybody else.
#[test]
fn another_users_cookie_is_told_apart_tr3() {
    let site = site();
    let ann = signed_in(&site);
    let mut bob = Browser::default();
    bob.visit(&site, Visit::SignIn("bob"), Fault::None);
    let query = ann.query().unwrap().to_owned();
    let fresh = again(&site.refresh("", query.as_bytes(), None));
    let proof = Proof::refresh(1, &fresh).text();
    for (cookies, refused) in [(bob.cookies(&site), true), (ann.cookies(&site), false), (String::new(), false)] {
        let reply = site.refresh(&cookies, query.as_bytes(), Some(proof.as_bytes()));
        assert_eq!(matches!(reply, DeviceReply::Refused), refused, "{reply:?}");
    }
    // a proof of ann's device with bob's cookie proves nothing
    let pick = |browser: &Browser, name: &str| {
        let cookies = browser.cookies(&site);
        cookies.split("; ").find(|pair| pair.starts_with(name)).unwrap().to_owned()
    };
    later(&site, 61);
    let mixed = format!("{}; {}", pick(&bob, "__Host-id="), pick(&ann, "__Host-id-b="));
    assert_eq!(who(&site, &mixed), None);
}

/// Each sign-in binds anew, also over a session that is bound: the browser may have lost that key.
#[test]
fn each_sign_in_binds_anew_tr3() {
    let site = site();
    let mut browser = signed_in(&site);
    let old = browser.clone();
    let answer = browser.visit(&site, Visit::SignIn("ann"), Fault::NotRegistered);
    let challenge = challenge(&answer.registration.unwrap());
    assert_eq!(site.bound("ann"), [false]);
    let cookies = browser.cookies(&site);
    assert_eq!(site.visit(&cookies, Visit::Who).proof, DeviceProof::Unbound);
    // the key of before proves nothing any more
    let query = old.query().unwrap().to_owned();
    let fresh = again(&site.refresh(&cookies, query.as_bytes(), None));
    let proof = Proof::refresh(1, &fresh).text();
    assert!(matches!(site.refresh(&cookies, query.as_bytes(), Some(proof.as_bytes())), DeviceReply::Refused));
    let proof = Proof::registration(9, &challenge).text();
    assert!(matches!(site.register(&cookies, Some(&proof)), DeviceReply::Proven { .. }));
    assert_eq!(site.bound("ann"), [true]);
    let answer = browser.visit(&site, Visit::SignIn("bob"), Fault::NotRegistered);
    assert!(answer.registration.is_some());
    assert_eq!((site.bound("ann"), site.bound("bob")), (vec![], vec![false]));
}

#[test]
fn a_browser_without_it_is_as_before_unless_it_is_required_tr3() {
    let site = site();
    let (_, mut browser) = unbound(&site);
    later(&site, 1_000);
    let answer = browser.visit(&site, Visit::Who, Fault::None);
    assert_eq!((answer.who, answer.proof), (Ok(Some("ann".into())), DeviceProof::Unbound));

    let site = Site::new(Policy::require_device);
    let (_, mut browser) = unbound(&site);
    later(&site, 119);
    assert_eq!(browser.visit(&site, Visit::Who, Fault::None).who, Ok(Some("ann".into())));
    later(&site, 1);
    assert_eq!(browser.visit(&site, Visit::Who, Fault::None).who, Ok(None));
    assert_eq!(site.told(), ["unproven"]);
    // a visitor who is not signed in has nothing to prove
    let mut visitor = Browser::default();
    visitor.visit(&site, Visit::Write, Fault::None);
    later(&site, 200);
    assert_eq!(visitor.visit(&site, Visit::Who, Fault::None).proof, DeviceProof::Unbound);
    // and who signs in again is in again
    assert!(browser.visit(&site, Visit::SignIn("ann"), Fault::None).registration.is_some());
    later(&site, 300);
    assert_eq!(browser.visit(&site, Visit::Who, Fault::None).who, Ok(Some("ann".into())));
}

/// Requests that were sent before the registration was complete come without a proof.
#[test]
fn requests_on_their_way_at_the_registration_are_signed_in_tr3() {
    let site = site();
    let (challenge, browser) = unbound(&site);
    let before = browser.cookies(&site);
    site.register(&before, Some(&Proof::registration(1, &challenge).text()));
    later(&site, 59);
    assert_eq!(site.visit(&before, Visit::Who).proof, DeviceProof::Settling);
    later(&site, 1);
    assert!(matches!(site.visit(&before, Visit::Who).proof, DeviceProof::Missing(_)));
}

/// Any bytes as proof, query and cookies: refused, without a store call where the query is not ours.
#[test]
fn any_bytes_are_refused_tr3() {
    core_tests::bad_input::device(b"");
    device_seeds().iter().for_each(|seed| core_tests::bad_input::device(seed));
    let mut state = 7_u64;
    for _ in 0..3_000 {
        let bytes: Vec<u8> = (0..state % 300)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 33) as u8
            })
            .collect();
        state = state.wrapping_add(1);
        core_tests::bad_input::device(&bytes);
    }
}

/// A browser that has no proof any more, because its quota is used up or the endpoint was away, can still sign out for good.
#[test]
fn signing_out_needs_no_proof_lc3_tr3() {
    let site = site();
    let mut browser = signed_in(&site);
    later(&site, 700);
    assert_eq!(who(&site, &browser.cookies(&site)), None);
    browser.visit(&site, Visit::SignOut, Fault::EndpointDown);
    assert_eq!(site.bound("ann"), []);
}
