//! A WebSocket has the session of the request that opened it, until the answer is sent.

use axum::Router;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use session_axum::{Error, MemoryStore, Policy, Session, SessionLayer, SessionRejection, Sessions, keys};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

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
    let app = Router::new().route("/", get(upgrades)).layer(SessionLayer::new(sessions));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });

    let mut cookie = String::new();
    for text in ["before None, over true", "before Some(1), over true"] {
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let ask = format!(
            "GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCookie: {cookie}\r\n\r\n"
        );
        socket.write_all(ask.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // the server closes after its message
        let _ended = socket.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        let (head, message) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 101 ") && message.contains(text), "{answer}");
        if cookie.is_empty() {
            let set = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
            cookie = set.split(';').next().unwrap().to_owned();
        }
    }
}
