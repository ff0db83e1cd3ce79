//! actix-web with actix-session, whose sessions travel in their cookies.

use std::hint::black_box;

use crate::ask::{Ask, rounds};
use crate::ours::through_actix::send;
use actix_http::Request;
use actix_session::storage::CookieSessionStore;
use actix_session::{Session, SessionMiddleware};
use actix_web::body::MessageBody;
use actix_web::cookie::Key;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::{HeaderValue, SET_COOKIE};
use actix_web::web::{ServiceConfig, get};
use actix_web::{App, Error, test};

async fn plain() -> &'static str {
    "plain"
}

async fn read(session: Session) -> Result<&'static str, Error> {
    black_box(session.get::<u32>("visits")?);
    Ok("read")
}

async fn increment(session: Session) -> Result<&'static str, Error> {
    let visits = session.get::<u32>("visits")?.unwrap_or(0);
    session.insert("visits", visits + 1)?;
    Ok("incremented")
}

pub(crate) fn routes(config: &mut ServiceConfig) {
    config.route("/plain", get().to(plain)).route("/read", get().to(read)).route("/increment", get().to(increment));
}

pub(crate) fn layer() -> SessionMiddleware<CookieSessionStore> {
    let middleware = SessionMiddleware::builder(CookieSessionStore::default(), Key::from(&[0x5a; 64]));
    middleware.cookie_secure(false).build()
}

/// The number of answers that were as they should be.
#[allow(clippy::expect_used)] // a program that counts
pub(crate) async fn ask(ask: Ask, times: usize) -> usize {
    let layered = App::new().configure(routes).wrap(layer());
    let layered = test::init_service(layered).await;
    let first = send(&layered, Ask::New, None).await.expect("an answer");
    let set = first.headers().get(SET_COOKIE).and_then(|value| value.to_str().ok()).expect("a cookie");
    let cookie = HeaderValue::from_str(&ask.cookie(set)).expect("a cookie");
    if ask == Ask::Bare {
        many(&test::init_service(App::new().configure(routes)).await, ask, times, &cookie).await
    } else {
        many(&layered, ask, times, &cookie).await
    }
}

async fn many<B: MessageBody>(
    app: &impl Service<Request, Response = ServiceResponse<B>, Error = Error>,
    ask: Ask,
    times: usize,
    cookie: &HeaderValue,
) -> usize {
    let mut good = 0;
    for () in rounds(times) {
        let answer = black_box(send(app, ask, Some(cookie)).await);
        good += usize::from(answer.is_ok_and(|answer| answer.status() == 200));
    }
    good
}
