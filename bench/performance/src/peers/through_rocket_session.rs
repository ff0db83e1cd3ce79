//! Rocket with rocket_session.

use std::hint::black_box;

use rocket::{Build, Config, Rocket, get, routes};
use rocket_session::Session;

use super::through_rocket::requests_in_jar;
use crate::ask::Ask;

#[get("/plain")]
fn plain() -> &'static str {
    "plain"
}

#[get("/read")]
fn read(session: Session<'_, u32>) -> &'static str {
    black_box(session.tap(|visits| *visits));
    "read"
}

#[get("/increment")]
fn increment(session: Session<'_, u32>) -> &'static str {
    session.tap(|visits| *visits += 1);
    "incremented"
}

pub(crate) fn layered(config: &Config) -> Rocket<Build> {
    rocket::custom(config).mount("/", routes![plain, read, increment]).attach(Session::<u32>::fairing())
}

/// The number of answers that were as they should be.
pub(crate) async fn ask(ask: Ask, times: usize) -> usize {
    requests_in_jar(layered, ask, times).await
}
