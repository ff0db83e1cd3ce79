//! A WebSocket and a stream of events have the session of the request that opened them, until the answer is sent, and a
//! watch lasts as long as the session (LC20): over real sockets.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use salvo::conn::tcp::TcpAcceptor;
use salvo::prelude::*;
use salvo::sse::{self, SseEvent};
use salvo::websocket::{Message, WebSocket};
use session_salvo::{
    Authenticated, Error, MemoryStore, Policy, Session, SessionLayer, SessionRejection, Sessions, keys,
};

async fn serve(router: Router, sessions: Sessions) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Service::new(router).hoop(SessionLayer::new(sessions));
    tokio::spawn(Server::new(TcpAcceptor::try_from(listener).unwrap()).try_serve(app));
    address
}

#[handler]
async fn upgrades(session: Session, request: &mut Request, response: &mut Response) -> Result<(), SessionRejection> {
    let before = session.get::<u32>("n")?;
    session.set("n", &(before.unwrap_or(0) + 1))?;
    let talk = move |mut socket: WebSocket| async move {
        let after = session.set("n", &100) == Err(Error::AnswerSent);
        socket.send(Message::text(format!("before {before:?}, over {after}"))).await.unwrap();
    };
    WebSocketUpgrade::new().upgrade(request, response, talk).await.unwrap();
    Ok(())
}

#[tokio::test]
async fn the_upgrade_carries_the_cookie() {
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
    let address = serve(Router::with_path("socket").get(upgrades), sessions).await;
    support::sockets::an_upgrade_carries_the_cookie(address).await;
}

#[handler]
async fn watches(user: Authenticated, request: &mut Request, response: &mut Response) -> Result<(), SessionRejection> {
    let mut watch = user.session.watch()?;
    let talk = move |mut socket: WebSocket| async move {
        let hello = format!("hello {} {:?}", watch.subject().unwrap_or_default(), watch.get::<u32>("n").await);
        socket.send(Message::text(hello)).await.unwrap();
        let ended = watch.ended(tokio::time::sleep).await;
        socket.send(Message::text(format!("over {ended:?}"))).await.unwrap();
    };
    WebSocketUpgrade::new().upgrade(request, response, talk).await.unwrap();
    Ok(())
}

#[tokio::test]
async fn a_socket_is_closed_when_its_session_ends_lc20() {
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
    let address = serve(Router::with_path("socket").get(watches), sessions.clone()).await;
    support::sockets::a_socket_is_closed_when_its_session_ends(address, &sessions).await;
}

/// Greets, and then says nothing until the session ends.
#[handler]
fn events(user: Authenticated, response: &mut Response) -> Result<(), SessionRejection> {
    let watch = user.session.watch()?.look_every(Duration::from_millis(50));
    let mut until = watch.clone();
    let ended = async move { until.ended(tokio::time::sleep).await };
    let hello = stream::once(async move {
        let seen = watch.get::<u32>("n").await;
        let text = format!("hello {} {seen:?}", watch.subject().unwrap_or_default());
        Ok::<_, Infallible>(SseEvent::default().text(text))
    });
    sse::stream(response, hello.chain(stream::pending()).take_until(ended));
    Ok(())
}

#[handler]
async fn sign_out(user: Authenticated) -> Result<(), SessionRejection> {
    Ok(user.session.logout().await?)
}

#[tokio::test]
async fn a_stream_of_events_ends_with_its_session_lc20() {
    support::sockets::a_stream_of_events_ends_with_its_session(async |sessions| {
        let router = Router::new().push(Router::with_path("events").get(events));
        serve(router.push(Router::with_path("sign-out").post(sign_out)), sessions).await
    })
    .await;
}
