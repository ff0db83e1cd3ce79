//! Device-bound sessions in the real Chromium (TR3): what it does when it is told what docs/device-bound-sessions.md says.

mod server;

use std::thread::sleep;
use std::time::Duration;

use browser_tests::Browser;
use server::{LIFETIME, Server};
use session_axum::Policy;

fn start(server: &Server) -> Browser {
    let arguments = server.arguments();
    Browser::start_with(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// What a page's script gets from here.
fn fetch(browser: &Browser, path: &str) -> String {
    let script = format!("return fetch('{path}').then(async a => a.status + ' ' + await a.text())");
    browser.script(&script).as_str().unwrap_or_default().to_owned()
}

/// The request's cookies as a header, which no script can read: they are HttpOnly.
fn cookies(browser: &Browser) -> String {
    let pair = |cookie: &serde_json::Value| {
        format!("{}={}", cookie["name"].as_str().unwrap(), cookie["value"].as_str().unwrap())
    };
    browser.cookies().iter().map(pair).collect::<Vec<_>>().join("; ")
}

/// Until a proof is over, and what it is accepted for longer.
fn lapse() {
    sleep(LIFETIME + Duration::from_secs(6));
}

/// Sign in, bound, the cookie lapses, requests wait and go on, a restart of the browser, a thief, sign out, another user.
#[test]
fn the_whole_dialogue_tr3() {
    let server = Server::start(|policy| policy);
    let mut browser = start(&server);
    browser.open(&server.url("app", "/"));
    assert_eq!(fetch(&browser, "/sign-in/ann"), "200 hello ann");
    server.wait_for("device_bound");
    assert_eq!(fetch(&browser, "/who"), "200 ann bound");
    assert_eq!(fetch(&browser, "/devices"), "200 [true]");
    server.asked();

    // a thief with all cookies
    let stolen = cookies(&browser);
    assert!(stolen.contains("__Host-id-b="), "{stolen}");
    assert_eq!(server.thief("/who", &stolen), (200, "ann bound".into()));

    lapse();
    server.events();
    assert_eq!(server.thief("/who", &stolen), (401, "nobody".into()), "after the lifetime");
    assert!(server.events().contains(&"unproven".into()));
    // the browser itself goes on: three requests, one of which has a body, wait for one proof
    let three = "return Promise.all([fetch('/who'), fetch('/post', {method: 'POST', body: 'kept'}), fetch('/who')]
        .map(a => a.then(a => a.text()))).then(a => a.join())";
    assert_eq!(browser.script(three), "ann bound,kept,ann bound");
    let asked = server.asked();
    // others follow beside requests, as the proof has less than two minutes left
    let waited_for = asked.iter().filter(|line| *line == "POST /device-session [__Host-id] proof 200");
    assert_eq!(waited_for.count(), 1, "{asked:#?}");
    assert_eq!(server.thief("/who", &stolen), (401, "nobody".into()), "the browser's proof is not the thief's");

    // more than one proof, each for the challenge that came with the one before
    for _ in 0..2 {
        lapse();
        assert_eq!(fetch(&browser, "/who"), "200 ann bound");
    }
    assert!(server.asked().iter().all(|line| line.ends_with(" 200")), "no proof was asked for twice");

    // a step-up, at a moment at which the last proof still holds
    sleep(Duration::from_millis(1_500));
    assert_eq!(fetch(&browser, "/grave"), "200 ann bound");
    let asked = server.asked();
    let first = asked.iter().position(|line| line.starts_with("GET /grave") && line.ends_with(" 307"));
    let after = &asked[first.unwrap_or_else(|| panic!("{asked:#?}"))..];
    let proof = after.iter().position(|line| line.starts_with("POST /device-session") && line.ends_with(" proof 200"));
    let second = after.iter().position(|line| line.starts_with("GET /grave") && line.ends_with(" 200"));
    assert!(proof.is_some() && proof < second, "{asked:#?}");

    browser.restart();
    lapse();
    browser.open(&server.url("app", "/who"));
    browser.wait_for("document.body.innerText", "ann bound");

    // signing out, and another user over it
    browser.open(&server.url("app", "/"));
    assert_eq!(fetch(&browser, "/sign-out"), "200 bye");
    assert_eq!(fetch(&browser, "/who"), "401 nobody");
    server.events();
    assert_eq!(fetch(&browser, "/sign-in/bob"), "200 hello bob");
    server.wait_for("device_bound");
    lapse();
    assert_eq!(fetch(&browser, "/who"), "200 bob bound");
}

/// Without an answer of the endpoint a request goes on and has no session; with the next one the browser proves again.
#[test]
fn an_outage_signs_nobody_out_tr3() {
    let mut server = Server::start(|policy| policy);
    let browser = start(&server);
    browser.open(&server.url("app", "/"));
    assert_eq!(fetch(&browser, "/sign-in/ann"), "200 hello ann");
    server.wait_for("device_bound");
    // the store is down: 503 from the endpoint
    lapse();
    server.store.fail(true);
    let unavailable = fetch(&browser, "/who");
    assert!(unavailable.starts_with("503 "), "{unavailable}");
    server.store.fail(false);
    let asked = server.asked();
    assert!(asked.contains(&"POST /device-session [__Host-id] proof 503".into()), "{asked:#?}");
    assert!(asked.iter().any(|line| line.starts_with("GET /who [__Host-id] skipped server_error")), "{asked:#?}");
    assert_eq!(fetch(&browser, "/who"), "200 ann bound");
    assert!(server.events().contains(&"proof_skipped: server_error".into()));
    // the server is down
    lapse();
    server.stop();
    assert_eq!(browser.script("return fetch('/who').catch(() => 'down')"), "down");
    server.go();
    assert_eq!(fetch(&browser, "/who"), "200 ann bound");
}

/// A link of another site, with the proof over: the navigation waits for the proof, although that comes without a cookie.
#[test]
fn a_link_from_another_site_is_signed_in_tr3() {
    let server = Server::start(|policy| policy);
    let browser = start(&server);
    browser.open(&server.url("app", "/"));
    assert_eq!(fetch(&browser, "/sign-in/ann"), "200 hello ann");
    server.wait_for("device_bound");
    lapse();
    browser.open(&server.url("other", "/link"));
    server.asked();
    browser.find("#go").click();
    browser.wait_for("document.body.innerText", "ann bound");
    let asked = server.asked();
    assert!(asked.contains(&"POST /device-session [] proof 200".into()), "{asked:#?}");
}

/// Another user signs in while the first one's proof is over and their session lives on in the browser: nobody becomes
/// anybody else, and signing out brings nobody back.
#[test]
fn no_user_becomes_another_one_tr3() {
    let server = Server::start(|policy| policy);
    let browser = start(&server);
    browser.open(&server.url("app", "/"));
    assert_eq!(fetch(&browser, "/sign-in/ann"), "200 hello ann");
    server.wait_for("device_bound");
    lapse();
    // bob's key is never registered: the server is asked to, and refuses
    server.refuse(true);
    assert_eq!(fetch(&browser, "/sign-in/bob"), "200 hello bob");
    assert_eq!(fetch(&browser, "/who"), "200 bob unbound");
    server.refuse(false);
    lapse();
    for _ in 0..3 {
        assert_eq!(fetch(&browser, "/who"), "200 bob unbound");
    }
    assert_eq!(fetch(&browser, "/sign-out"), "200 bye");
    lapse();
    for _ in 0..3 {
        assert_eq!(fetch(&browser, "/who"), "401 nobody");
    }
}

/// Each proof counts once; a lost answer is made good by another proof.
#[test]
fn single_use_proofs_tr3() {
    let server = Server::start(Policy::single_use_proofs);
    let browser = start(&server);
    browser.open(&server.url("app", "/"));
    assert_eq!(fetch(&browser, "/sign-in/ann"), "200 hello ann");
    server.wait_for("device_bound");
    for _ in 0..2 {
        lapse();
        assert_eq!(fetch(&browser, "/who"), "200 ann bound");
    }
    lapse();
    server.lose_answer();
    assert_eq!(fetch(&browser, "/who"), "200 ann bound");
    let asked = server.asked();
    assert!(asked.contains(&"POST /device-session [__Host-id] proof 403".into()), "{asked:#?}");
}

/// A browser that binds nothing notices nothing; where the device is required, it is signed out after two minutes.
#[test]
fn a_browser_without_it_is_as_before_tr3() {
    let server = Server::start(|policy| policy);
    let arguments = server.arguments();
    let without: Vec<_> =
        arguments.iter().map(String::as_str).filter(|argument| !argument.contains("enable-features")).collect();
    let browser = Browser::start_with(&without);
    browser.open(&server.url("app", "/"));
    assert_eq!(fetch(&browser, "/sign-in/ann"), "200 hello ann");
    lapse();
    assert_eq!(fetch(&browser, "/who"), "200 ann unbound");
    assert_eq!(fetch(&browser, "/grave"), "200 ann unbound");
    assert!(!server.asked().iter().any(|line| line.contains("/device-session")));
}
