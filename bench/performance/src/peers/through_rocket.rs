//! Rocket with rocket_flex_session.

use std::hint::black_box;

use rocket::http::Cookie;
use rocket::local::asynchronous::{Client, LocalResponse};
use rocket::{Build, Config, Rocket, get, routes};
use rocket_flex_session::{RocketFlexSession, Session};

use crate::ask::{Ask, rounds};

#[get("/plain")]
fn plain() -> &'static str {
    "plain"
}

#[get("/read")]
fn read(session: Session<'_, u32>) -> &'static str {
    black_box(session.get());
    "read"
}

#[get("/increment")]
fn increment(mut session: Session<'_, u32>) -> &'static str {
    let visits = session.get().unwrap_or(0);
    session.set(visits + 1);
    "incremented"
}

pub(crate) fn layered(config: &Config) -> Rocket<Build> {
    let sessions = RocketFlexSession::<u32>::builder().with_options(|options| options.secure = false).build();
    rocket::custom(config).mount("/", routes![plain, read, increment]).attach(sessions)
}

/// The number of answers that were as they should be.
#[allow(clippy::expect_used)] // a program that counts
pub(crate) async fn ask(ask: Ask, times: usize) -> usize {
    let quiet = crate::rocket_config();
    let layered = Client::untracked(layered(&quiet)).await.expect("a rocket");
    let bare = Client::untracked(crate::ours::through_rocket::bare(&quiet)).await.expect("a rocket");
    let first = send(&layered, Ask::New, None).await;
    let set = first.headers().get_one("set-cookie").expect("a cookie");
    // the local client takes cookies for its jar, and looks at no Cookie line
    let cookie = Cookie::parse_encoded(ask.cookie(set)).expect("a cookie");
    let app = if ask == Ask::Bare { &bare } else { &layered };
    let mut good = 0;
    for () in rounds(times) {
        let answer = black_box(send(app, ask, Some(&cookie)).await);
        good += usize::from(answer.status().code == 200);
    }
    good
}

pub(super) async fn send<'c>(app: &'c Client, ask: Ask, cookie: Option<&Cookie<'static>>) -> LocalResponse<'c> {
    let request = app.get(ask.path());
    match cookie {
        Some(cookie) => request.cookie(cookie.clone()).dispatch().await,
        None => request.dispatch().await,
    }
}
