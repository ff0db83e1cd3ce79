//! Device-bound sessions (TR3): real signatures, and what an adapter hands on.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use core_tests::devices as maker;
use http::{HeaderMap, HeaderValue, Method, Response, Uri};
use session_core::device::Proof;
use session_core::environment::Time;
use session_core::policy::PolicyError;
use session_core::testing::{ManualClock, run};
use session_std::device::P256;
use session_std::events::{Event, Observer, Origin};
use session_std::mount::Mount;
use session_std::{Error, MemoryStore, Policy, Request, Sessions, headers, keys};

/// What Chromium 156 sent, with a software key: the use, the challenge, the proof. The last one has a high s.
#[rustfmt::skip]
const VECTORS: [(&str, &str, &str); 7] = [
    ("register", "AAABoifuQYZ3x4iYCscX1aTlumoDtLDm", "eyJhbGciOiJFUzI1NiIsImp3ayI6eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6IlowWElOSkNPX0k4SjlFOGpJbVI3Y0JYcVNaWU5zMWN3aENpcVhsaVktWFUiLCJ5IjoieGtfdHU2cTEzR3Z2SFRab3FlYTgzQzdzSzVha2pSUWJKMXA5Um9ReENwNCJ9LCJ0eXAiOiJkYnNjK2p3dCJ9.eyJqdGkiOiJBQUFCb2lmdVFZWjN4NGlZQ3NjWDFhVGx1bW9EdExEbSJ9.dOMvIwsXV3Kv40x0cnGSuZV5Yafi9bxDGS7Wxvhg-fReKOYz4Dc5J7pXN9OGwdT7fxddIesi2MbEleBPmYhQgA"),
    ("refresh", "AAABoifuQasfMLpx3mpnrrva2Et1nd6k", "eyJhbGciOiJFUzI1NiIsInR5cCI6ImRic2Mrand0In0.eyJqdGkiOiJBQUFCb2lmdVFhc2ZNTHB4M21wbnJydmEyRXQxbmQ2ayJ9.Bze4jXAL1rOa5Qb0YLJ2fvy7U4tKxGysd-qrCI2nCRZLuS8PD6EibSuJps7_atvAZ3kUOuwMoa8LMjNgKObjQg"),
    ("refresh", "AAABoifuRYqyivU7EfCMJ7usuwLn0iiL", "eyJhbGciOiJFUzI1NiIsInR5cCI6ImRic2Mrand0In0.eyJqdGkiOiJBQUFCb2lmdVJZcXlpdlU3RWZDTUo3dXN1d0xuMGlpTCJ9.6-2zYV4WZnJKQH9eztulNmQmdTZ4Je8Jwf1INkDvF-BPOsI5EKLEMxKFzGnVRQFkhcti3Hm0rVqYHqGMZ_K0FQ"),
    ("refresh", "AAABoifuRk-WQXWlkzz29viUekmyRRrz", "eyJhbGciOiJFUzI1NiIsInR5cCI6ImRic2Mrand0In0.eyJqdGkiOiJBQUFCb2lmdVJrLVdRWFdsa3p6Mjl2aVVla215UlJyeiJ9.iHLI3zLFwp_i9VlHCeVclpbqTGo38HujE7SMVO9V75tau46PFYjckdrmGjDbQeKmD98N-IKjoAg0agyYbNlJjQ"),
    ("refresh", "AAABoifuRxrLNAgu9xiFd5-z7etfYmYb", "eyJhbGciOiJFUzI1NiIsInR5cCI6ImRic2Mrand0In0.eyJqdGkiOiJBQUFCb2lmdVJ4ckxOQWd1OXhpRmQ1LXo3ZXRmWW1ZYiJ9.HrSQ6kZXUkRtMT1FkXa3PB5Ag1SDvRaPaQJbRh2UjogqBQy5cGdUhfHfuJABwjPG9_5KaV5-2Jc8xHCWdprkag"),
    ("refresh", "AAABoifuR987jq4rop0j-JUmMVAMq6XZ", "eyJhbGciOiJFUzI1NiIsInR5cCI6ImRic2Mrand0In0.eyJqdGkiOiJBQUFCb2lmdVI5ODdqcTRyb3Awai1KVW1NVkFNcTZYWiJ9.GMp2WC0vhCcWk9rV1wgZmKyiiNLZwoH1ZPYuyK7nhsZPY26GBglwXNxClVJHdGuT972U7mJmjwj2lJbbyBPW4w"),
    ("refresh", "AAABoifuSKTw24mzSYzVhwbVqKgmYx0M", "eyJhbGciOiJFUzI1NiIsInR5cCI6ImRic2Mrand0In0.eyJqdGkiOiJBQUFCb2lmdVNLVHcyNG16U1l6Vmh3YlZxS2dtWXgwTSJ9.F7-G8w4AXvnmM9EmhRacsZfEjMQLidvqcJU_EWxvY1rMXY0IOHixtnU8VGKW5o1b0hI1GwWlUO7o5ZIYuxfSdQ"),
];

fn key() -> [u8; 64] {
    *Proof::read(VECTORS[0].2.as_bytes()).unwrap().key().unwrap()
}

#[test]
fn every_proof_of_chromium_is_accepted_tr3() {
    for (usage, challenge, text) in VECTORS {
        for text in [text.to_owned(), format!("\"{text}\"")] {
            let proof = Proof::read(text.as_bytes()).unwrap();
            assert_eq!((proof.challenge(), proof.key().is_some()), (challenge.as_bytes(), usage == "register"));
            assert!(proof.is_signed_by(&key(), &P256));
        }
    }
    let high = Base64UrlUnpadded::decode_vec(VECTORS[6].2.rsplit('.').next().unwrap()).unwrap();
    assert!(high[32] >= 0x80, "the curve's order begins with ff ff ff ff 00");
}

#[test]
fn a_proof_with_any_byte_changed_or_cut_is_refused_tr3() {
    for (_, _, text) in VECTORS {
        for at in 0..text.len() {
            let mut other = text.as_bytes().to_vec();
            other[at] ^= 1;
            for bytes in [&other[..], &text.as_bytes()[..at]] {
                let accepted = Proof::read(bytes).is_some_and(|proof| proof.is_signed_by(&key(), &P256));
                assert!(!accepted, "{at} of {text}");
            }
        }
        let mut other = key();
        other[40] ^= 1;
        assert!(!Proof::read(text.as_bytes()).unwrap().is_signed_by(&other, &P256), "no point of the curve");
        assert!(!Proof::read(text.as_bytes()).unwrap().is_signed_by(&[0; 64], &P256));
    }
}

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Observer for Told {
    fn observe(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(event.to_string());
    }
}

impl Told {
    fn last(&self) -> String {
        self.0.lock().unwrap().last().cloned().unwrap_or_default()
    }
}

/// An application.
struct Site {
    sessions: Sessions,
    clock: &'static ManualClock,
    told: Told,
}

fn policy() -> Policy {
    Policy::SECURE.device_bound(Duration::from_secs(600)).unwrap()
}

impl Site {
    fn new() -> Self {
        let clock: &ManualClock = Box::leak(Box::new(ManualClock::at(Time::from_millis(1_764_460_800_000))));
        let told = Told::default();
        let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(policy()).clock(clock);
        let sessions = sessions.observed(told.clone()).device_endpoint("/device-session", P256).unwrap();
        Self { sessions, clock, told }
    }

    fn proof(&self, challenge: &str, registers: bool) -> String {
        let proof =
            if registers { maker::Proof::registration(7, challenge) } else { maker::Proof::refresh(7, challenge) };
        proof.signed_with(&maker::P256Keys)
    }

    /// A request to the endpoint, as a browser sends it.
    fn post(
        &self,
        query: &str,
        cookies: &str,
        proof: Option<&str>,
        change: impl FnOnce(&mut HeaderMap),
    ) -> Response<String> {
        let mut sent = HeaderMap::new();
        let mut set = |name, value: &str| sent.insert(name, HeaderValue::from_str(value).unwrap());
        set("sec-fetch-mode", "no-cors");
        set("sec-fetch-site", "same-origin");
        set("cookie", cookies);
        if let Some(proof) = proof {
            set("secure-session-response", proof);
        }
        if !query.is_empty() {
            set("sec-secure-session-id", "x");
        }
        change(&mut sent);
        let uri: Uri = format!("/device-session{query}").parse().unwrap();
        let answering = self.sessions.device_answer(&Method::POST, &uri, &sent, Origin::default).unwrap();
        // a fresh runtime is not needed: the store is in memory
        let answer = run(answering);
        assert_eq!(answer.headers()["cache-control"], "no-store");
        answer
    }

    fn sign_in(&self, subject: &str) -> HeaderMap {
        let request = Request::new(self.sessions.clone());
        let session = run(request.session(std::iter::empty(), true)).unwrap();
        let attempt = run(session.begin_login(subject)).unwrap();
        run(session.login(attempt)).unwrap();
        let mut sent = HeaderMap::new();
        headers::apply(run(request.finish()), &mut sent);
        sent
    }

    /// Who is signed in, whether the session is bound, and whether a proof is demanded that is not older than a second.
    fn who(&self, cookies: &str) -> (Option<String>, bool, bool, HeaderMap) {
        let request = Request::new(self.sessions.clone());
        // two lines: the proof may be in the second
        let lines = cookies.split("; ").map(str::as_bytes);
        let session = run(request.session(lines, true)).unwrap();
        let who = session.subject().unwrap();
        let (bound, demands) =
            (session.is_device_bound().unwrap(), session.demand_proof(Duration::from_secs(1)).unwrap());
        let mut sent = HeaderMap::new();
        headers::apply(run(request.finish()), &mut sent);
        (who, bound, demands, sent)
    }
}

fn value<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
}

fn pair(headers: &HeaderMap) -> String {
    value(headers, "set-cookie").split(';').next().unwrap().to_owned()
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    text.split_once(before).unwrap().1.split_once(after).unwrap().0
}

/// A copy of the cookies and of a proof opens a stream for no longer than it opens pages.
#[test]
fn a_watch_ends_with_the_proof_of_its_request_lc20_tr3() {
    let site = Site::new();
    let sent = site.sign_in("ann");
    let named = pair(&sent);
    let challenge = between(value(&sent, "secure-session-registration"), "challenge=\"", "\"").to_owned();
    let registered = site.post("", &named, Some(&site.proof(&challenge, true)), |_| ());
    let both = format!("{named}; {}", pair(registered.headers()));
    let request = Request::new(site.sessions.clone());
    let session = run(request.session(both.split("; ").map(str::as_bytes), true)).unwrap();
    let mut watch = session.watch().unwrap();
    let _sent = run(request.finish());
    assert_eq!((run(watch.exists()), watch.subject()), (Ok(true), Some("ann")));
    site.clock.advance(Duration::from_secs(604));
    assert_eq!(run(watch.exists()), Ok(true));
    site.clock.advance(Duration::from_secs(2));
    assert_eq!(run(watch.exists()), Ok(false));
    assert!(!site.told.last().contains("proof of its device"), "nobody came without a proof: {}", site.told.last());
}

#[test]
fn registered_proven_and_demanded_again_tr3() {
    let site = Site::new();
    let sent = site.sign_in("ann");
    let named = pair(&sent);
    let challenge = between(value(&sent, "secure-session-registration"), "challenge=\"", "\"").to_owned();
    let registered = site.post("", &named, Some(&site.proof(&challenge, true)), |_| ());
    assert_eq!(registered.status(), 200);
    assert_eq!(value(registered.headers(), "content-type"), "application/json");
    let query = format!("?s={}", between(registered.body(), "/device-session?s=", "\""));
    let both = format!("{named}; {}", pair(registered.headers()));
    site.clock.advance(Duration::from_secs(300));
    let (who, bound, demands, sent) = site.who(&both);
    assert_eq!((who.as_deref(), bound, demands), (Some("ann"), true, true));
    assert_eq!(value(&sent, "set-cookie"), "__Host-id-b=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Secure");

    let asked = site.post(&query, "", None, |_| ());
    assert_eq!((asked.status().as_u16(), asked.body().as_str()), (403, ""));
    let challenge = value(asked.headers(), "secure-session-challenge").split('"').nth(1).unwrap().to_owned();
    let proven = site.post(&query, "", Some(&site.proof(&challenge, false)), |_| ());
    assert_eq!((proven.status().as_u16(), proven.body().as_str()), (200, ""));
    let both = format!("{named}; {}", pair(proven.headers()));
    assert!(!site.who(&both).2, "a moment ago");
    site.clock.advance(Duration::from_secs(606));
    let (who, bound, demands, sent) = site.who(&both);
    assert_eq!((who, bound, demands, sent.contains_key("set-cookie")), (None, false, false, false));
    assert!(
        site.told.last().ends_with(" of \"ann\": cookie ignored because the proof of its device is 606 s old"),
        "{}",
        site.told.last()
    );
    assert_eq!(site.post("?s=x", "", None, |_| ()).status(), 401);
}

/// The cookie of a sign-in goes out although the rest of its request could not be stored, and so does what binds it.
#[test]
fn a_sign_in_whose_commit_fails_is_bound_tr3() {
    let site = Site::new();
    let request = Request::new(site.sessions.clone().policy(policy().max_bytes(600)));
    let session = run(request.session(std::iter::empty(), true)).unwrap();
    let attempt = run(session.begin_login("ann")).unwrap();
    run(session.login(attempt)).unwrap();
    session.set("a", &"x".repeat(1_000)).unwrap();
    let finished = run(request.finish());
    assert!(matches!(finished.error, Some(Error::TooLarge { .. })), "{:?}", finished.error);
    let mut sent = HeaderMap::new();
    headers::apply(finished, &mut sent);
    let challenge = between(value(&sent, "secure-session-registration"), "challenge=\"", "\"").to_owned();
    assert_eq!(site.post("", &pair(&sent), Some(&site.proof(&challenge, true)), |_| ()).status(), 200);
}

/// A session whose cookie came without its proof ends by a sign-in over it, and by signing out whatever was written before.
#[test]
fn an_unproven_session_is_over_with_the_next_login_or_logout_lc3_tr3() {
    for signs_in in [true, false] {
        let site = Site::new();
        let sent = site.sign_in("ann");
        let challenge = between(value(&sent, "secure-session-registration"), "challenge=\"", "\"").to_owned();
        let registered = site.post("", &pair(&sent), Some(&site.proof(&challenge, true)), |_| ());
        assert_eq!(registered.status(), 200);
        site.clock.advance(Duration::from_secs(700));
        assert_eq!(run(site.sessions.list("ann")).unwrap().len(), 1);

        let (request, cookies) = (Request::new(site.sessions.clone()), pair(&sent));
        let session = run(request.session([cookies.as_bytes()].into_iter(), true)).unwrap();
        session.set("a", &1).unwrap();
        if signs_in {
            let attempt = run(session.begin_login("bob")).unwrap();
            run(session.login(attempt)).unwrap();
            let told = site.told.0.lock().unwrap().join("\n");
            assert!(told.contains("revoked: binding_lost\n"), "{told}");
        } else {
            run(session.logout()).unwrap();
        }
        assert_eq!(run(request.finish()).error, None);
        assert_eq!(run(site.sessions.list("ann")).unwrap().len(), 0, "signs in: {signs_in}");
        assert_eq!(run(site.sessions.list("bob")).unwrap().len(), usize::from(signs_in));
    }
}

/// A script of a page can set neither header, so that it registers no key of its own.
#[test]
fn only_the_browser_itself_is_answered_tr3() {
    let site = Site::new();
    let sent = site.sign_in("ann");
    let challenge = between(value(&sent, "secure-session-registration"), "challenge=\"", "\"").to_owned();
    let proof = site.proof(&challenge, true);
    for (name, value) in [("sec-fetch-mode", "cors"), ("sec-fetch-site", "same-site"), ("sec-fetch-site", "cross-site")]
    {
        let change = |headers: &mut HeaderMap| _ = headers.insert(name, HeaderValue::from_static(value));
        assert_eq!(site.post("", &pair(&sent), Some(&proof), change).status(), 401);
        assert!(
            site.told.last().starts_with("proof rejected: it lacks the headers of a request by the browser itself")
        );
    }
    let without = |headers: &mut HeaderMap| _ = headers.remove("sec-fetch-mode");
    assert_eq!(site.post("", &pair(&sent), Some(&proof), without).status(), 401);
    assert_eq!(site.post("", &pair(&sent), Some(&proof), |_| ()).status(), 200);
}

#[test]
fn other_requests_are_not_the_endpoints_tr3() {
    let site = Site::new();
    assert!(site.sessions.is_device_endpoint("POST", "/device-session"));
    for (method, path) in [("GET", "/device-session"), ("POST", "/device-session/"), ("POST", "/")] {
        assert!(!site.sessions.is_device_endpoint(method, path));
    }
    let off = Sessions::new(MemoryStore::new(), keys::generated()).device_endpoint("/device-session", P256).unwrap();
    assert!(!off.is_device_endpoint("POST", "/device-session"), "the policy binds nothing");
    let refused = Sessions::new(MemoryStore::new(), keys::generated()).device_endpoint("/a?b", P256);
    assert_eq!(refused.err(), Some(PolicyError::EndpointPath));
}

/// A proof that comes to a handler's path is told, with what to do, and so is that no browser comes to the endpoint at all.
#[test]
fn a_mounting_that_browsers_do_not_reach_is_told_tr3() {
    let site = Site::new();
    let mount = Mount::new(site.sessions.clone());
    let begin = |name: &'static str, value: &'static str| {
        let headers = HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static(value))]);
        let uri = Uri::from_static("/app/device-session");
        mount.begin(&Method::POST, &uri, &headers, &http::Extensions::new(), None).map(drop).unwrap();
    };
    begin("secure-session-response", "x");
    assert!(site.told.last().starts_with("proof rejected: it was sent to a path other than the endpoint's: "));
    begin("secure-session-skipped", "quota_exceeded;session_identifier=\"x\"");
    assert_eq!(site.told.last(), "the browser sends no proof: quota_exceeded");

    let asked =
        |site: &Site| site.told.0.lock().unwrap().iter().filter(|told| told.contains("asked for a key")).count();
    for number in 1..=200 {
        site.sign_in("ann");
        assert_eq!(asked(&site), usize::from(number >= 20) + usize::from(number >= 200), "{number}");
    }
    assert!(site.told.0.lock().unwrap().iter().any(|told| told.contains("POST /device-session reaches")));
    let reached = Site::new();
    reached.post("", "", None, |_| ());
    (0..30).for_each(|_| _ = reached.sign_in("ann"));
    assert_eq!(asked(&reached), 0, "a browser has come");
}

/// Links of another site make nobody's browser sign.
#[test]
fn another_site_demands_no_proof_tr3() {
    for (from, refused) in [("same-origin", false), ("none", false), ("same-site", true), ("cross-site", true)] {
        let site = Site::new();
        let sent = site.sign_in("ann");
        let challenge = between(value(&sent, "secure-session-registration"), "challenge=\"", "\"").to_owned();
        let registered = site.post("", &pair(&sent), Some(&site.proof(&challenge, true)), |_| ());
        let both = format!("{}; {}", pair(&sent), pair(registered.headers()));
        let headers = HeaderMap::from_iter([("sec-fetch-site".parse().unwrap(), HeaderValue::from_static(from))]);
        let visit = |span| {
            let uri = Uri::from_static("/grave");
            let mount = Mount::new(site.sessions.clone());
            let request = mount.begin(&Method::GET, &uri, &headers, &http::Extensions::new(), None).unwrap().request;
            let session = run(request.session([both.as_bytes()].into_iter(), true)).unwrap();
            let demands = session.demand_proof(Duration::from_secs(span));
            let mut sent = HeaderMap::new();
            headers::apply(run(request.finish()), &mut sent);
            (demands, sent.contains_key("set-cookie"))
        };
        site.clock.advance(Duration::from_secs(100));
        assert_eq!(visit(200), (Ok(false), false), "a proof that is new enough, {from}");
        let expected = if refused { (Err(Error::CrossSite), false) } else { (Ok(true), true) };
        assert_eq!(visit(50), expected, "{from}");
    }
}

/// Nobody signs in where sessions are to be bound and cannot be.
#[test]
fn a_wrong_mounting_signs_nobody_in_tr3() {
    let no_endpoint = Sessions::new(MemoryStore::new(), keys::generated()).policy(policy());
    let sealed = Sessions::sealed(MemoryStore::new(), keys::generated()).policy(policy());
    let stored = || Sessions::new(MemoryStore::new(), keys::generated());
    let tokens = stored().policy(policy()).device_endpoint("/device-session", P256).unwrap();
    let tokens = tokens.in_header("authorization").unwrap();
    let no_lifetime = stored().policy(Policy::SECURE.require_device());
    let sealed = sealed.device_endpoint("/device-session", P256).unwrap();
    for sessions in [no_endpoint, sealed, tokens, no_lifetime] {
        let request = Request::new(sessions);
        assert_eq!(run(request.session(std::iter::empty(), true)).err(), Some(Error::Unsupported));
    }
}

#[test]
fn what_is_printed_opens_nothing_tr3() {
    let site = Site::new();
    let sent = site.sign_in("ann");
    assert!(!format!("{sent:?}").contains("challenge"), "{sent:?}");
    let challenge = between(value(&sent, "secure-session-registration"), "challenge=\"", "\"").to_owned();
    let registered = site.post("", &pair(&sent), Some(&site.proof(&challenge, true)), |_| ());
    let printed = format!("{:?}", registered.headers());
    assert!(!printed.contains("__Host-id-b"), "{printed}");
}
