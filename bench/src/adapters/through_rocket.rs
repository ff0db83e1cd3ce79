//! Rocket, called through its local client.

use std::hint::black_box;

use rocket::http::Header;
use rocket::local::asynchronous::{Client, LocalRequest, LocalResponse};
use rocket::{Build, Config, Rocket, get, routes};
use session_rocket::{Keys, MemoryStore, Session, SessionLayer, SessionRejection, Sessions};

use crate::KEY;
use crate::ask::{Ask, rounds};

#[get("/plain")]
fn plain() -> &'static str {
    "plain"
}

#[get("/read")]
fn read(session: Session) -> Result<&'static str, SessionRejection> {
    black_box(session.get::<u32>("visits")?);
    Ok("read")
}

#[get("/increment")]
fn increment(session: Session) -> Result<&'static str, SessionRejection> {
    let visits = session.get::<u32>("visits")?.unwrap_or(0);
    session.set("visits", &(visits + 1))?;
    Ok("incremented")
}

pub(crate) fn bare(config: &Config) -> Rocket<Build> {
    rocket::custom(config).mount("/", routes![plain])
}

#[allow(clippy::expect_used)] // a program that counts
pub(crate) fn layered(config: &Config) -> Rocket<Build> {
    let sessions = Sessions::new(MemoryStore::new(), Keys::new(&KEY).expect("a good key"));
    rocket::custom(config).mount("/", routes![plain, read, increment]).attach(SessionLayer::new(sessions))
}

/// The number of answers that were as they should be.
pub(crate) async fn ask(ask: Ask, times: usize) -> usize {
    let sets = |answer: &LocalResponse<'_>| answer.headers().contains("set-cookie") == (ask == Ask::New);
    requests(layered, ask, times, |cookie| Header::new("cookie", cookie), add, sets).await
}

fn add<'c>(mut request: LocalRequest<'c>, cookie: &Header<'static>) -> LocalRequest<'c> {
    request.add_header(cookie.clone());
    request
}

/// Asks an application with sessions or, for [`Ask::Bare`], the one without. `make` makes of a cookie's pair what `add`
/// adds to each request. Counts the answers that are good and `right`.
#[allow(clippy::expect_used)] // a program that counts
pub(crate) async fn requests<C>(
    layered: fn(&Config) -> Rocket<Build>,
    ask: Ask,
    times: usize,
    make: impl Fn(String) -> C,
    add: impl for<'c> Fn(LocalRequest<'c>, &C) -> LocalRequest<'c>,
    right: impl Fn(&LocalResponse<'_>) -> bool,
) -> usize {
    let quiet = crate::rocket_config();
    let layered = Client::untracked(layered(&quiet)).await.expect("a rocket");
    let bare = Client::untracked(bare(&quiet)).await.expect("a rocket");
    let first = layered.get(Ask::New.path()).dispatch().await;
    let cookie = make(ask.cookie(first.headers().get_one("set-cookie").expect("a cookie")));
    let app = if ask == Ask::Bare { &bare } else { &layered };
    let mut good = 0;
    for () in rounds(times) {
        let answer = black_box(add(app.get(ask.path()), &cookie).dispatch().await);
        good += usize::from(answer.status().code == 200 && right(&answer));
    }
    good
}
