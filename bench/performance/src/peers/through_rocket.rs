//! Rocket with rocket_flex_session.

use std::hint::black_box;

use rocket::http::Cookie;
use rocket::local::asynchronous::LocalRequest;
use rocket::{Build, Config, Rocket, get, routes};
use rocket_flex_session::{RocketFlexSession, Session};

use crate::ask::Ask;
use crate::ours::through_rocket::requests;

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
pub(crate) async fn ask(ask: Ask, times: usize) -> usize {
    requests_in_jar(layered, ask, times).await
}

/// The local client takes cookies for its jar, and looks at no Cookie line.
#[allow(clippy::expect_used)] // a program that counts
pub(super) async fn requests_in_jar(layered: fn(&Config) -> Rocket<Build>, ask: Ask, times: usize) -> usize {
    let make = |cookie| Cookie::parse_encoded(cookie).expect("a cookie");
    requests(layered, ask, times, make, add, |_| true).await
}

fn add<'c>(request: LocalRequest<'c>, cookie: &Cookie<'static>) -> LocalRequest<'c> {
    request.cookie(cookie.clone())
}
