//! axum, called as a service.

use std::hint::black_box;

use axum::Router;
use axum::body::Body;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderValue, Request};
use axum::response::Response;
use axum::routing::get;
use session_axum::{Keys, MemoryStore, Session, SessionLayer, SessionRejection, Sessions};
use tower_service::Service;

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

pub(crate) fn routes() -> Router {
    Router::new().route("/plain", get(plain)).route("/read", get(read)).route("/increment", get(increment))
}

#[allow(clippy::expect_used)] // a program that counts
pub(crate) fn layer() -> SessionLayer {
    SessionLayer::new(Sessions::new(MemoryStore::new(), Keys::new(&KEY).expect("a good key")))
}

/// The number of answers that were as they should be.
pub(crate) async fn ask(ask: Ask, times: usize) -> usize {
    let sets = |answer: &Response| answer.headers().contains_key(SET_COOKIE) == (ask == Ask::New);
    requests(routes(), routes().layer(layer()), ask, times, sets).await
}

/// Asks an application with sessions or, for [`Ask::Bare`], the other one. Counts the answers that are good and `right`.
#[allow(clippy::expect_used)] // a program that counts
pub(crate) async fn requests(
    bare: Router,
    layered: Router,
    ask: Ask,
    times: usize,
    right: impl Fn(&Response) -> bool,
) -> usize {
    let first = send(&mut layered.clone(), Ask::New, None).await;
    let set = first.headers().get(SET_COOKIE).and_then(|value| value.to_str().ok()).expect("a cookie");
    let cookie = HeaderValue::from_str(&ask.cookie(set)).expect("a cookie");
    // as axum::serve does; without it the layer would be put around the handler anew for each request
    let mut app: Router = if ask == Ask::Bare { bare } else { layered }.with_state(());
    let mut good = 0;
    for () in rounds(times) {
        let answer = black_box(send(&mut app, ask, Some(&cookie)).await);
        good += usize::from(answer.status() == 200 && right(&answer));
    }
    good
}

pub(crate) async fn send(app: &mut Router, ask: Ask, cookie: Option<&HeaderValue>) -> Response {
    let mut request = Request::get(ask.path());
    if let Some(cookie) = cookie {
        request = request.header(COOKIE, cookie);
    }
    let Ok(request) = request.body(Body::empty()) else { return Response::default() };
    match app.call(request).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    }
}
