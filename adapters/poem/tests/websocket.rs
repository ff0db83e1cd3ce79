//! A WebSocket has the session of the request that opened it, until the answer is sent.

use futures_util::SinkExt;
use poem::listener::TcpAcceptor;
use poem::web::websocket::{Message, WebSocket};
use poem::{EndpointExt, IntoResponse, Route, Server, get, handler};
use session_poem::{
    Authenticated, Error, MemoryStore, Policy, Session, SessionLayer, SessionRejection, Sessions, keys,
};

#[handler]
fn upgrades(session: Session, socket: WebSocket) -> Result<impl IntoResponse, SessionRejection> {
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
    let app = Route::new().at("/socket", get(upgrades)).with(SessionLayer::new(sessions));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    tokio::spawn(Server::new_with_acceptor(TcpAcceptor::from_std(listener).unwrap()).run(app));
    support::sockets::an_upgrade_carries_the_cookie(address).await;
}

#[handler]
fn watches(user: Authenticated, socket: WebSocket) -> Result<impl IntoResponse, SessionRejection> {
    let mut watch = user.session.watch()?;
    Ok(socket.on_upgrade(move |mut socket| async move {
        let name = watch.subject().unwrap_or_default().to_owned();
        let hello = format!("hello {name} {:?}", watch.get::<u32>("n").await);
        socket.send(Message::text(hello)).await.unwrap();
        let ended = watch.ended(tokio::time::sleep).await;
        socket.send(Message::text(format!("over {ended:?}"))).await.unwrap();
    }))
}

#[tokio::test]
async fn a_socket_is_closed_when_its_session_ends_lc20() {
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
    let app = Route::new().at("/socket", get(watches)).with(SessionLayer::new(sessions.clone()));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    tokio::spawn(Server::new_with_acceptor(TcpAcceptor::from_std(listener).unwrap()).run(app));
    support::sockets::a_socket_is_closed_when_its_session_ends(address, &sessions).await;
}
