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
    Authenticated, Error, MemoryStore, Policy, Session, SessionLayer, SessionRejection, Sessions, SharedStore, keys,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn serve(router: Router, sessions: Sessions) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Service::new(router).hoop(SessionLayer::new(sessions));
    tokio::spawn(Server::new(TcpAcceptor::try_from(listener).unwrap()).try_serve(app));
    address
}

async fn ask(address: SocketAddr, line: &str, cookie: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let connection = if line.ends_with("/socket") {
        "Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    } else {
        "close"
    };
    let head = format!("{line} HTTP/1.1\r\nHost: test\r\nConnection: {connection}\r\nCookie: {cookie}\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    socket
}

async fn read_until(socket: &mut TcpStream, text: &str) -> String {
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains(text) {
        assert_ne!(socket.read_buf(&mut answer).await.unwrap(), 0, "{}", String::from_utf8_lossy(&answer));
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// The server closes after its last message.
async fn read_to_end(socket: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(60), socket.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "open: {}", String::from_utf8_lossy(&answer));
    String::from_utf8_lossy(&answer).into_owned()
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
    let mut cookie = String::new();
    for text in ["before None, over true", "before Some(1), over true"] {
        let answer = read_to_end(&mut ask(address, "GET /socket", &cookie).await).await;
        let (head, message) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 101 ") && message.contains(text), "{answer}");
        if cookie.is_empty() {
            let set = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
            cookie = set.split(';').next().unwrap().to_owned();
        }
    }
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
    let cookie = sessions.cookie_for("ann").with("n", 7).await.unwrap();
    let mut socket = ask(address, "GET /socket", &cookie).await;
    read_until(&mut socket, "hello ann Ok(Some(7))").await;
    sessions.revoke_all("ann").await.unwrap();
    assert!(read_to_end(&mut socket).await.contains("over Ok(())"));
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
    const KEY: &str = "8e1f0a936b64c5117199fe025ba0d73c4e6018e977b244059acd31f6882e53bf";
    let store = SharedStore::from(MemoryStore::new());
    let node = || Sessions::new(store.clone(), keys::from_text(KEY, "K").unwrap()).policy(Policy::PLAIN_HTTP);
    let (sessions, elsewhere) = (node(), node());
    let router = Router::new().push(Router::with_path("events").get(events));
    let address = serve(router.push(Router::with_path("sign-out").post(sign_out)), sessions.clone()).await;

    let refused = read_until(&mut ask(address, "GET /events", "").await, "\r\n\r\n").await;
    assert!(refused.starts_with("HTTP/1.1 401 "), "{refused}");
    for end in ["here", "elsewhere", "by its user"] {
        let ann = sessions.cookie_for("ann").with("n", 7).await.unwrap();
        let bob = sessions.cookie_for("bob").await.unwrap();
        let mut stream = ask(address, "GET /events", &ann).await;
        let mut bobs = ask(address, "GET /events", &bob).await;
        let head = read_until(&mut stream, "\n\n").await;
        assert!(head.contains("text/event-stream") && head.contains("data: hello ann Ok(Some(7))"), "{head}");
        read_until(&mut bobs, "data: hello bob Ok(None)\n").await;
        match end {
            "here" => _ = sessions.revoke_all("ann").await.unwrap(),
            "elsewhere" => _ = elsewhere.revoke_all("ann").await.unwrap(),
            _ => _ = read_until(&mut ask(address, "POST /sign-out", &ann).await, "HTTP/1.1 200 ").await,
        }
        read_to_end(&mut stream).await;
        let open = tokio::time::timeout(Duration::from_millis(200), read_until(&mut bobs, "over")).await;
        assert!(open.is_err(), "{end}: bob's goes on");
    }
}
