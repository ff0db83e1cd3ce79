//! Poem with its own sessions.

use std::hint::black_box;

use poem::session::{CookieConfig, MemoryStorage, ServerSession, Session};
use poem::{EndpointExt, Route, get, handler};

use crate::ask::Ask;
use crate::ours::through_poem::requests;

#[handler]
async fn plain() -> &'static str {
    "plain"
}

#[handler]
async fn read(session: &Session) -> &'static str {
    black_box(session.get::<u32>("visits"));
    "read"
}

#[handler]
async fn increment(session: &Session) -> &'static str {
    let visits = session.get::<u32>("visits").unwrap_or(0);
    session.set("visits", visits + 1);
    "incremented"
}

pub(crate) fn routes() -> Route {
    Route::new().at("/plain", get(plain)).at("/read", get(read)).at("/increment", get(increment))
}

pub(crate) fn layer() -> ServerSession<MemoryStorage> {
    ServerSession::new(CookieConfig::new().secure(false), MemoryStorage::new())
}

/// The number of answers that were as they should be.
pub(crate) async fn ask(ask: Ask, times: usize) -> usize {
    requests(routes(), routes().with(layer()), ask, times, |_| true).await
}
