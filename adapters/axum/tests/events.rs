//! Server-sent events last as long as the session of the request that opened them (LC20): over a real socket.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use futures_util::stream::{self, Stream, StreamExt};
use session_axum::{Authenticated, MemoryStore, Policy, SessionLayer, SessionRejection, Sessions, SharedStore, keys};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Greets, and then says nothing until the session ends.
async fn events(user: Authenticated) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, SessionRejection> {
    let watch = user.session.watch()?.look_every(Duration::from_millis(50));
    let mut until = watch.clone();
    let ended = async move { until.ended(tokio::time::sleep).await };
    let hello = stream::once(async move {
        let seen = watch.get::<u32>("n").await;
        Ok(Event::default().data(format!("hello {} {seen:?}", watch.subject().unwrap_or_default())))
    });
    Ok(Sse::new(hello.chain(stream::pending()).take_until(ended)))
}

async fn sign_out(user: Authenticated) -> Result<(), SessionRejection> {
    Ok(user.session.logout().await?)
}

async fn ask(address: std::net::SocketAddr, line: &str, cookie: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = format!("{line} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nCookie: {cookie}\r\n\r\n");
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

#[tokio::test]
async fn a_stream_of_events_ends_with_its_session_lc20() {
    const KEY: &str = "8e1f0a936b64c5117199fe025ba0d73c4e6018e977b244059acd31f6882e53bf";
    let store = SharedStore::from(MemoryStore::new());
    let node = || Sessions::new(store.clone(), keys::from_text(KEY, "K").unwrap()).policy(Policy::PLAIN_HTTP);
    let (sessions, elsewhere) = (node(), node());
    let app = Router::new().route("/events", get(events)).route("/sign-out", post(sign_out));
    let app = app.layer(SessionLayer::new(sessions.clone()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });

    let refused = read_until(&mut ask(address, "GET /events", "").await, "\r\n\r\n").await;
    assert!(refused.starts_with("HTTP/1.1 401 "), "{refused}");
    for end in ["here", "elsewhere", "by its user"] {
        let ann = sessions.cookie_for("ann").with("n", 7).await.unwrap();
        let bob = sessions.cookie_for("bob").await.unwrap();
        let mut stream = ask(address, "GET /events", &ann).await;
        let mut bobs = ask(address, "GET /events", &bob).await;
        let head = read_until(&mut stream, "\n\n").await;
        assert!(head.contains("text/event-stream") && head.contains("data: hello ann Ok(Some(7))"), "{head}");
        read_until(&mut bobs, "data: hello bob Ok(None)\n\n").await;
        match end {
            "here" => _ = sessions.revoke_all("ann").await.unwrap(),
            "elsewhere" => _ = elsewhere.revoke_all("ann").await.unwrap(),
            _ => _ = read_until(&mut ask(address, "POST /sign-out", &ann).await, "HTTP/1.1 200 ").await,
        }
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut rest)).await;
        assert!(closed.is_ok_and(|read| read.is_ok()), "{end}");
        let open = tokio::time::timeout(Duration::from_millis(200), bobs.read_u8()).await;
        assert!(open.is_err(), "{end}: bob's goes on");
    }
}
