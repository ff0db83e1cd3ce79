//! axum with tower-sessions.

use std::hint::black_box;

use axum::Router;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderValue, StatusCode};
use axum::routing::get;
use tower_sessions::{MemoryStore, Session, SessionManagerLayer, session::Error};

use crate::ask::{Ask, rounds};
use crate::ours::through_axum::send;

fn failed(_: Error) -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn plain() -> &'static str {
    "plain"
}

async fn read(session: Session) -> Result<&'static str, StatusCode> {
    black_box(session.get::<u32>("visits").await.map_err(failed)?);
    Ok("read")
}

async fn increment(session: Session) -> Result<&'static str, StatusCode> {
    let visits = session.get::<u32>("visits").await.map_err(failed)?.unwrap_or(0);
    session.insert("visits", visits + 1).await.map_err(failed)?;
    Ok("incremented")
}

pub(crate) fn routes() -> Router {
    Router::new().route("/plain", get(plain)).route("/read", get(read)).route("/increment", get(increment))
}

pub(crate) fn layer() -> SessionManagerLayer<MemoryStore> {
    SessionManagerLayer::new(MemoryStore::default()).with_secure(false)
}

/// The number of answers that were as they should be.
#[allow(clippy::expect_used)] // a program that counts
pub(crate) async fn ask(ask: Ask, times: usize) -> usize {
    let (routes, layered) = (routes(), routes().layer(layer()));
    let first = send(&mut layered.clone(), Ask::New, None).await;
    let set = first.headers().get(SET_COOKIE).and_then(|value| value.to_str().ok()).expect("a cookie");
    let cookie = HeaderValue::from_str(&ask.cookie(set)).expect("a cookie");
    // as axum::serve does; without it the layer would be put around the handler anew for each request
    let mut app: Router = if ask == Ask::Bare { routes } else { layered }.with_state(());
    let mut good = 0;
    for () in rounds(times) {
        let answer = black_box(send(&mut app, ask, Some(&cookie)).await);
        good += usize::from(answer.status() == 200);
    }
    good
}
