//! The endpoint of device-bound sessions is the fairing's (TR3): no route of the program's, no CSRF token, no redirect.

use std::time::Duration;

use core_tests::devices::{Sent, Toy, dialogue};
use rocket::error::ErrorKind;
use rocket::http::{Header, Method};
use rocket::local::blocking::Client;
use rocket::{get, post, routes};
use session_rocket::{Authenticated, MemoryStore, Policy, Session, SessionLayer, SessionRejection, Sessions, keys};

#[post("/sign-in")]
async fn sign_in(session: Session) -> Result<(), SessionRejection> {
    let attempt = session.begin_login("ann").await?;
    Ok(session.login(attempt).await?)
}

#[get("/who")]
fn who(user: Authenticated) -> String {
    user.subject
}

fn quiet() -> rocket::Config {
    rocket::Config { log_level: rocket::config::LogLevel::Off, ..rocket::Config::debug_default() }
}

#[test]
fn the_layer_answers_the_endpoint_tr3() {
    let layer = SessionLayer::new(support::bound_sessions(Toy)).sign_in_at("/sign-in").refuse_cross_site(&[]);
    let client = Client::untracked(rocket::custom(quiet()).attach(layer).mount("/", routes![sign_in, who])).unwrap();
    dialogue(|method, path, headers| {
        let mut request = client.req(method.parse::<Method>().unwrap(), path.to_owned());
        headers
            .iter()
            .for_each(|(name, value)| request.add_header(Header::new((*name).to_owned(), (*value).to_owned())));
        let answer = request.dispatch();
        let headers = answer
            .headers()
            .iter()
            .map(|header| (header.name().as_str().to_ascii_lowercase(), header.value().to_owned()));
        let (status, headers) = (answer.status().code, headers.collect());
        Sent { status, headers, body: answer.into_string().unwrap_or_default() }
    });
}

/// A launch with sessions that are to be bound and cannot be is aborted.
#[test]
fn a_wrong_mounting_is_no_launch_tr3() {
    let policy = Policy::SECURE.device_bound(Duration::from_secs(600)).unwrap();
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(policy);
    let launch = Client::untracked(rocket::custom(quiet()).attach(SessionLayer::new(sessions)));
    assert!(launch.is_err_and(|why| matches!(why.kind(), ErrorKind::FailedFairings(failed) if failed.len() == 1)));
}
