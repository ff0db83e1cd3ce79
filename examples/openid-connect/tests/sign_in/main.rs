//! Signing in at a provider that the test starts, over HTTP.

mod browser;
mod provider;

use std::sync::{Arc, Mutex};

use browser::{Browser, location};
use openid_connect::app;
use openidconnect::reqwest::StatusCode;
use provider::{CLIENT, Fault, Provider, SECRET, SUBJECT};
use session_axum::events::{Event, Observer};
use session_axum::{MemoryStore, Policy, Sessions, keys};
use tokio::net::TcpListener;

/// The names of events.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<&'static str>>>);

impl Observer for Heard {
    fn observe(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(event.name());
    }
}

/// Starts the application with a provider of its issuer. Returns its URL, and what its observer hears.
async fn start(issuer: &str) -> (String, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let heard = Heard::default();
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
    let provider = openid_connect::Provider::new(issuer, CLIENT, SECRET, &base).unwrap();
    let app = app(provider, sessions.observed(heard.clone()));
    tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
    (base, heard)
}

#[tokio::test]
async fn signs_in_and_out() {
    let provider = Provider::start().await;
    let (app, _) = start(provider.issuer()).await;
    let mut browser = Browser::new(&app);
    let sign_in = location(&browser.open("/account").await);
    assert_eq!(sign_in, "/sign-in?next=%2Faccount");
    let back = browser.to_the_provider(&sign_in).await;
    let mut before = browser.clone();
    assert_eq!(location(&browser.come_back(&back).await), "/account", "where the visitor wanted to go");
    assert_eq!(browser.account().await, Some(format!("Hello Ann, you are {SUBJECT} at the provider.\n")));

    // the cookie from before the sign-in opens nothing: who has planted it is not signed in
    assert!(before.cookie.is_some() && browser.cookie != before.cookie);
    assert_eq!(before.account().await, None);

    let mut copy = browser.clone();
    assert_eq!(location(&browser.press("/sign-out").await), "/");
    assert_eq!((browser.account().await, copy.account().await), (None, None));
}

/// A `next` of somebody else's choice leads to this application only.
#[tokio::test]
async fn next_stays_here() {
    let provider = Provider::start().await;
    let (app, _) = start(provider.issuer()).await;
    let mut browser = Browser::new(&app);
    let back = browser.to_the_provider("/sign-in?next=https%3A%2F%2Fevil.example").await;
    assert_eq!(location(&browser.come_back(&back).await), "/");
}

#[tokio::test]
async fn an_answer_with_another_state_is_refused() {
    let provider = Provider::start().await;
    let (app, _) = start(provider.issuer()).await;
    let mut browser = Browser::new(&app);
    let back = browser.to_the_provider("/sign-in").await;
    let state = back.split(['=', '&']).nth(1).unwrap();
    for other in ["", "x", &format!("{state}x")] {
        let response = browser.come_back(&back.replacen(state, other, 1)).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{other}");
        assert_eq!((browser.account().await, provider.exchanged()), (None, 0));
    }
    // the sign-in that waits was not ended by it
    assert_eq!(location(&browser.come_back(&back).await), "/");
    assert!(browser.account().await.is_some());
}

/// Of any number of requests with one answer, one signs in (LC17).
#[tokio::test]
async fn an_answer_counts_once_lc17() {
    let provider = Provider::start().await;
    let (app, _) = start(provider.issuer()).await;
    let mut browser = Browser::new(&app);
    let back = browser.to_the_provider("/sign-in").await;
    let mut copies = [(); 3].map(|()| browser.clone());
    let [one, two, three] = &mut copies;
    let answers = tokio::join!(one.come_back(&back), two.come_back(&back), three.come_back(&back));
    let mut statuses = [answers.0, answers.1, answers.2].map(|answer| answer.status().as_u16());
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 400, 400]);
    // nor later, by who is signed in
    for mut copy in copies {
        let response = copy.come_back(&back).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    }
    assert_eq!(provider.exchanged(), 1, "the code was used once");
}

/// An attacker's answer signs nobody else in: what waits for it is in the attacker's session.
#[tokio::test]
async fn an_answer_counts_in_the_browser_that_asked() {
    let provider = Provider::start().await;
    let (app, _) = start(provider.issuer()).await;
    let back = Browser::new(&app).to_the_provider("/sign-in").await;
    let (mut fresh, mut other) = (Browser::new(&app), Browser::new(&app));
    other.to_the_provider("/sign-in").await;
    for browser in [&mut fresh, &mut other] {
        assert_eq!(browser.come_back(&back).await.status(), StatusCode::BAD_REQUEST);
        assert_eq!(browser.account().await, None);
    }
    assert_eq!(provider.exchanged(), 0);
}

#[tokio::test]
async fn what_the_provider_did_not_say_is_refused() {
    let provider = Provider::start().await;
    let (app, heard) = start(provider.issuer()).await;
    let faults = [Fault::Nonce, Fault::Audience, Fault::Issuer, Fault::Expired, Fault::Key, Fault::Denied];
    for fault in faults {
        provider.does(fault);
        let mut browser = Browser::new(&app);
        let back = browser.to_the_provider("/sign-in").await;
        assert_eq!(browser.come_back(&back).await.status(), StatusCode::BAD_REQUEST, "{fault:?}");
        assert_eq!(browser.account().await, None, "{fault:?}");
        let told = std::mem::take(&mut *heard.0.lock().unwrap());
        assert_eq!(told.last(), Some(&"login_failed"), "{fault:?}");
        assert!(!told.contains(&"logged_in"));
    }
    provider.does(Fault::None);
    let mut browser = Browser::new(&app);
    let back = browser.to_the_provider("/sign-in").await;
    assert_eq!(browser.come_back(&format!("{back}x")).await.status(), StatusCode::BAD_REQUEST, "another code");
    let mut browser = Browser::new(&app);
    let back = browser.to_the_provider("/sign-in").await;
    assert_eq!(browser.come_back(&back).await.status(), StatusCode::SEE_OTHER, "without a fault");
}

#[tokio::test]
async fn a_provider_that_is_down_is_said_to_be() {
    let (app, _) = start("http://127.0.0.1:1").await;
    let mut browser = Browser::new(&app);
    assert_eq!(browser.open("/sign-in").await.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(browser.open("/").await.status(), StatusCode::OK);
}
