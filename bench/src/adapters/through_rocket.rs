//! Rocket, called through its local client.

use std::hint::black_box;

use rocket::http::Header;
use rocket::local::asynchronous::{Client, LocalResponse};
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
#[allow(clippy::expect_used)] // a program that counts
pub(crate) async fn ask(ask: Ask, times: usize) -> usize {
    let quiet = crate::rocket_config();
    let layered = Client::untracked(layered(&quiet)).await.expect("a rocket");
    let bare = Client::untracked(bare(&quiet)).await.expect("a rocket");
    let first = send(&layered, Ask::New, None).await;
    let set = first.headers().get_one("set-cookie").expect("a cookie");
    let cookie = ask.cookie(set);
    let app = if ask == Ask::Bare { &bare } else { &layered };
    let mut good = 0;
    for () in rounds(times) {
        let answer = black_box(send(app, ask, Some(&cookie)).await);
        let sets = answer.headers().contains("set-cookie");
        good += usize::from(answer.status().code == 200 && sets == (ask == Ask::New));
    }
    good
}

async fn send<'c>(app: &'c Client, ask: Ask, cookie: Option<&str>) -> LocalResponse<'c> {
    let mut request = app.get(ask.path());
    if let Some(cookie) = cookie {
        request.add_header(Header::new("cookie", cookie.to_owned()));
    }
    request.dispatch().await
}
