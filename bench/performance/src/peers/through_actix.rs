//! actix-web with actix-session, whose sessions travel in their cookies.

use std::hint::black_box;

use actix_session::storage::CookieSessionStore;
use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::Key;
use actix_web::web::{ServiceConfig, get};
use actix_web::{App, Error, test};

use crate::ask::Ask;
use crate::ours::through_actix::requests;

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
pub(crate) async fn ask(ask: Ask, times: usize) -> usize {
    let bare = test::init_service(App::new().configure(routes)).await;
    let layered = test::init_service(App::new().configure(routes).wrap(layer())).await;
    requests(bare, layered, ask, times, |_| true).await
}
