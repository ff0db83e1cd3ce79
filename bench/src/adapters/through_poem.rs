//! Poem, called as an endpoint.

use std::hint::black_box;

use poem::http::header::{COOKIE, SET_COOKIE};
use poem::http::{HeaderValue, Uri};
use poem::{Endpoint, EndpointExt, Request, Response, Route, get, handler};
use session_poem::{Keys, MemoryStore, Session, SessionLayer, SessionRejection, Sessions};

use crate::KEY;
use crate::ask::{Ask, rounds};

#[handler]
async fn plain() -> &'static str {
    "plain"
}

#[handler]
async fn read(session: Session) -> Result<&'static str, SessionRejection> {
    black_box(session.get::<u32>("visits")?);
    Ok("read")
}

#[handler]
async fn increment(session: Session) -> Result<&'static str, SessionRejection> {
    let visits = session.get::<u32>("visits")?.unwrap_or(0);
    session.set("visits", &(visits + 1))?;
    Ok("incremented")
}

pub(crate) fn routes() -> Route {
    Route::new().at("/plain", get(plain)).at("/read", get(read)).at("/increment", get(increment))
}

#[allow(clippy::expect_used)] // a program that counts
pub(crate) fn layer() -> SessionLayer {
    SessionLayer::new(Sessions::new(MemoryStore::new(), Keys::new(&KEY).expect("a good key")))
}

/// The number of answers that were as they should be.
pub(crate) async fn ask(ask: Ask, times: usize) -> usize {
    let sets = |answer: &Response| answer.headers().contains_key(SET_COOKIE) == (ask == Ask::New);
    requests(routes(), routes().with(layer()), ask, times, sets).await
}

/// Asks an application with sessions or, for [`Ask::Bare`], the other one. Counts the answers that are good and `right`.
#[allow(clippy::expect_used)] // a program that counts
pub(crate) async fn requests(
    bare: impl Endpoint,
    layered: impl Endpoint,
    ask: Ask,
    times: usize,
    right: impl Fn(&Response) -> bool,
) -> usize {
    let first = send(&layered, Ask::New, None).await;
    let set = first.headers().get(SET_COOKIE).and_then(|value| value.to_str().ok()).expect("a cookie");
    let cookie = HeaderValue::from_str(&ask.cookie(set)).expect("a cookie");
    if ask == Ask::Bare {
        many(&bare, ask, times, &cookie, right).await
    } else {
        many(&layered, ask, times, &cookie, right).await
    }
}

async fn many(
    app: &impl Endpoint,
    ask: Ask,
    times: usize,
    cookie: &HeaderValue,
    right: impl Fn(&Response) -> bool,
) -> usize {
    let mut good = 0;
    for () in rounds(times) {
        let answer = black_box(send(app, ask, Some(cookie)).await);
        good += usize::from(answer.status() == 200 && right(&answer));
    }
    good
}

async fn send(app: &impl Endpoint, ask: Ask, cookie: Option<&HeaderValue>) -> Response {
    let mut request = Request::builder().uri(Uri::from_static(ask.path()));
    if let Some(cookie) = cookie {
        request = request.header(COOKIE, cookie);
    }
    app.get_response(request.finish()).await
}
