//! actix-web, called as a service.

use std::hint::black_box;

use actix_http::Request;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use actix_web::web::{ServiceConfig, get};
use actix_web::{App, Error, test};
use session_actix::{Keys, MemoryStore, Session, SessionLayer, SessionRejection, Sessions};

use crate::KEY;
use crate::ask::{Ask, rounds};

async fn plain() -> &'static str {
    "plain"
}

async fn read(session: Session) -> Result<&'static str, SessionRejection> {
    black_box(session.get::<u32>("visits")?);
    Ok("read")
}

async fn increment(session: Session) -> Result<&'static str, SessionRejection> {
    let visits = session.get::<u32>("visits")?.unwrap_or(0);
    session.set("visits", &(visits + 1))?;
    Ok("incremented")
}

pub(crate) fn routes(config: &mut ServiceConfig) {
    config.route("/plain", get().to(plain)).route("/read", get().to(read)).route("/increment", get().to(increment));
}

#[allow(clippy::expect_used)] // a program that counts
pub(crate) fn layer() -> SessionLayer {
    SessionLayer::new(Sessions::new(MemoryStore::new(), Keys::new(&KEY).expect("a good key")))
}

/// The number of answers that were as they should be.
pub(crate) async fn ask(ask: Ask, times: usize) -> usize {
    let bare = test::init_service(App::new().configure(routes)).await;
    let layered = test::init_service(App::new().configure(routes).wrap(layer())).await;
    let sets = |headers: &HeaderMap| headers.contains_key(SET_COOKIE) == (ask == Ask::New);
    requests(bare, layered, ask, times, sets).await
}

/// Asks an application with sessions or, for [`Ask::Bare`], the other one. Counts the answers that are good and whose
/// headers are `right`.
#[allow(clippy::expect_used)] // a program that counts
pub(crate) async fn requests<A: MessageBody, B: MessageBody>(
    bare: impl Service<Request, Response = ServiceResponse<A>, Error = Error>,
    layered: impl Service<Request, Response = ServiceResponse<B>, Error = Error>,
    ask: Ask,
    times: usize,
    right: impl Fn(&HeaderMap) -> bool,
) -> usize {
    let first = send(&layered, Ask::New, None).await.expect("an answer");
    let set = first.headers().get(SET_COOKIE).and_then(|value| value.to_str().ok()).expect("a cookie");
    let cookie = HeaderValue::from_str(&ask.cookie(set)).expect("a cookie");
    if ask == Ask::Bare {
        many(&bare, ask, times, &cookie, right).await
    } else {
        many(&layered, ask, times, &cookie, right).await
    }
}

async fn many<B: MessageBody>(
    app: &impl Service<Request, Response = ServiceResponse<B>, Error = Error>,
    ask: Ask,
    times: usize,
    cookie: &HeaderValue,
    right: impl Fn(&HeaderMap) -> bool,
) -> usize {
    let mut good = 0;
    for () in rounds(times) {
        let answer = black_box(send(app, ask, Some(cookie)).await);
        good += usize::from(answer.is_ok_and(|answer| answer.status() == 200 && right(answer.headers())));
    }
    good
}

async fn send<B: MessageBody>(
    app: &impl Service<Request, Response = ServiceResponse<B>, Error = Error>,
    ask: Ask,
    cookie: Option<&HeaderValue>,
) -> Result<ServiceResponse<B>, Error> {
    let mut request = test::TestRequest::with_uri(ask.path());
    if let Some(cookie) = cookie {
        request = request.insert_header((COOKIE, cookie.clone()));
    }
    app.call(request.to_request()).await
}
