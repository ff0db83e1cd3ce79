//! axum with tower-sessions.

use std::hint::black_box;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tower_sessions::{MemoryStore, Session, SessionManagerLayer, session::Error};

use crate::ask::Ask;
use crate::ours::through_axum::requests;

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
pub(crate) async fn ask(ask: Ask, times: usize) -> usize {
    requests(routes(), routes().layer(layer()), ask, times, |_| true).await
}
