//! Dialogues over real sockets that a session outlives: WebSockets and streams of events.

use std::net::SocketAddr;
use std::time::Duration;

use session_std::{MemoryStore, Policy, Sessions, SharedStore, keys};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn ask(address: SocketAddr, line: &str, cookie: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    let connection = if line.ends_with("/socket") {
        "Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    } else {
        "close"
    };
    let head = format!("{line} HTTP/1.1\r\nHost: test\r\nConnection: {connection}\r\nCookie: {cookie}\r\n\r\n");
    socket.write_all(head.as_bytes()).await.expect("a server that reads");
    socket
}

async fn read_until(socket: &mut TcpStream, text: &str) -> String {
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains(text) {
        let read = socket.read_buf(&mut answer).await.expect("more of the answer");
        assert_ne!(read, 0, "{text}: {}", String::from_utf8_lossy(&answer));
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// The server ends the connection, or the WebSocket on it.
async fn closes(socket: &mut TcpStream) {
    const CLOSE: u8 = 0x88;
    let mut rest = Vec::new();
    let closed = async { while !rest.contains(&CLOSE) && matches!(socket.read_buf(&mut rest).await, Ok(1..)) {} };
    let closed = tokio::time::timeout(Duration::from_secs(60), closed).await;
    assert!(closed.is_ok(), "open: {}", String::from_utf8_lossy(&rest));
}

/// `GET /socket` counts under `n` and says `before N, over true` when the session is read-only.
///
/// # Panics
/// If the cookie is not in the 101.
pub async fn an_upgrade_carries_the_cookie(address: SocketAddr) {
    let mut cookie = String::new();
    for text in ["before None, over true", "before Some(1), over true"] {
        let answer = read_until(&mut ask(address, "GET /socket", &cookie).await, text).await;
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        if cookie.is_empty() {
            let set = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
            cookie = set.split(';').next().unwrap_or_default().to_owned();
        }
    }
}

/// `GET /socket` says `hello SUBJECT VALUE-OF-n`, and `over RESULT` when the session ends (LC20).
///
/// # Panics
/// If it does not.
pub async fn a_socket_is_closed_when_its_session_ends(address: SocketAddr, sessions: &Sessions) {
    let cookie = sessions.cookie_for("ann").with("n", 7).await.expect("a session");
    let mut socket = ask(address, "GET /socket", &cookie).await;
    read_until(&mut socket, "hello ann Ok(Some(7))").await;
    sessions.revoke_all("ann").await.expect("an end");
    read_until(&mut socket, "over Ok(())").await;
    closes(&mut socket).await;
}

/// `GET /events` says `hello SUBJECT VALUE-OF-n` and ends with the session, here or elsewhere (LC20); `POST /sign-out`
/// ends it.
///
/// # Panics
/// If it does not, or if another's stream ends.
pub async fn a_stream_of_events_ends_with_its_session(serve: impl AsyncFnOnce(Sessions) -> SocketAddr) {
    let (store, keys) = (SharedStore::from(MemoryStore::new()), keys::generated());
    let node = || Sessions::new(store.clone(), keys.clone()).policy(Policy::PLAIN_HTTP);
    let (sessions, elsewhere) = (node(), node());
    let address = serve(sessions.clone()).await;

    let refused = read_until(&mut ask(address, "GET /events", "").await, "\r\n\r\n").await;
    assert!(refused.starts_with("HTTP/1.1 401 "), "{refused}");
    for end in ["here", "elsewhere", "by its user"] {
        let ann = sessions.cookie_for("ann").with("n", 7).await.expect("a session");
        let bob = sessions.cookie_for("bob").await.expect("a session");
        let mut stream = ask(address, "GET /events", &ann).await;
        let mut bobs = ask(address, "GET /events", &bob).await;
        let head = read_until(&mut stream, "\n\n").await;
        assert!(head.contains("text/event-stream") && head.contains("data: hello ann Ok(Some(7))"), "{head}");
        read_until(&mut bobs, "data: hello bob Ok(None)\n").await;
        match end {
            "here" => _ = sessions.revoke_all("ann").await.expect("an end"),
            "elsewhere" => _ = elsewhere.revoke_all("ann").await.expect("an end"),
            _ => _ = read_until(&mut ask(address, "POST /sign-out", &ann).await, "HTTP/1.1 200 ").await,
        }
        closes(&mut stream).await;
        let open = tokio::time::timeout(Duration::from_millis(200), read_until(&mut bobs, "over")).await;
        assert!(open.is_err(), "{end}: bob's goes on");
    }
}
