//! A WebSocket has the session of the request that opened it, until the answer is sent.

use axum::Router;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use session_axum::{Error, MemoryStore, Policy, Session, SessionLayer, SessionRejection, Sessions, keys};

async fn upgrades(session: Session, socket: WebSocketUpgrade) -> Result<Response, SessionRejection> {
    let before = session.get::<u32>("n")?;
    session.set("n", &(before.unwrap_or(0) + 1))?;
    Ok(socket.on_upgrade(move |mut socket| async move {
        let after = session.set("n", &100) == Err(Error::AnswerSent);
        let text = format!("before {before:?}, over {after}");
        socket.send(Message::text(text)).await.unwrap();
    }))
}

#[tokio::test]
async fn the_upgrade_carries_the_cookie() {
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
    let app = Router::new().route("/socket", get(upgrades)).layer(SessionLayer::new(sessions));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    support::sockets::an_upgrade_carries_the_cookie(address).await;
}
