//! What users of picoserve are used to: responses with headers of their own, chunks, redirects, HEAD, WebSockets.

#![recursion_limit = "256"] // the type of all routes, inside the future that serves them

use std::time::Duration;

use picoserve::Router;
use picoserve::io::{Read, Write};
use picoserve::response::chunked::{ChunkWriter, ChunkedResponse, Chunks, ChunksWritten};
use picoserve::response::ws::{SocketRx, SocketTx, WebSocketCallback, WebSocketUpgrade};
use picoserve::response::{IntoResponse, Redirect, Response, StatusCode};
use picoserve::routing::{PathRouter, get};
use session_core::testing::{ManualClock, ScriptedRng};
use session_picoserve::policy::Policy;
use session_picoserve::{App, Error, Guard, Keys, Pool, SessionLayer, SessionRejection, Sessions};
use session_store_memory::FixedStore;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

type AppPool = Pool<FixedStore<16, 256>, ManualClock, ScriptedRng, (), 2, 256>;
type Session = session_picoserve::Session<'static, AppPool>;

fn pool() -> &'static AppPool {
    let key = *b"\x8e\x1f\x0a\x93kd\xc5\x11q\x99\xfe\x02\x5b\xa0\xd7\x3cN\x60\x18\xe9\x77\xb2\x44\x05\x9a\xcd\x31\xf6\x88\x2e\x53\xbf";
    let sessions = Sessions::new(FixedStore::new(), ManualClock::new(), &Keys::new(&key).unwrap(), Policy::PLAIN_HTTP);
    Box::leak(Box::new(Pool::new(sessions, ScriptedRng::new(7))))
}

// ---- handlers ------------------------------------------------------------------------------------------------------

async fn read(mut session: Session) -> Result<String, SessionRejection> {
    Ok(session.get::<u32>("a")?.map_or_else(String::new, |value| format!("a is {value}")))
}

async fn set(mut session: Session) -> Result<&'static str, SessionRejection> {
    session.set("a", &1_u32)?;
    Ok("ok")
}

async fn own_headers(mut session: Session) -> Result<impl IntoResponse, SessionRejection> {
    session.set("a", &2_u32)?;
    let own = [("Set-Cookie", "theme=dark"), ("Cache-Control", "private"), ("Vary", "Accept")];
    Ok(Response::ok("ok").with_headers(own))
}

async fn redirect(mut session: Session) -> Result<Redirect, SessionRejection> {
    session.set("a", &3_u32)?;
    Ok(Redirect::to("/elsewhere"))
}

async fn not_modified(mut session: Session) -> Result<impl IntoResponse, SessionRejection> {
    session.set("a", &4_u32)?;
    Ok(Response::new(StatusCode::new(304), ""))
}

struct ThreeParts(Option<Session>);

impl Chunks for ThreeParts {
    fn content_type(&self) -> &'static str {
        "text/plain"
    }

    async fn write_chunks<W: Write>(self, mut chunks: ChunkWriter<W>) -> Result<ChunksWritten, W::Error> {
        assert!(self.0.is_none(), "an answer that keeps its session is not sent");
        for part in ["one ", "two ", "three"] {
            chunks.write_chunk(part.as_bytes()).await?;
        }
        chunks.finalize().await
    }
}

async fn stream(mut session: Session) -> Result<impl IntoResponse, SessionRejection> {
    session.set("a", &5_u32)?;
    drop(session);
    Ok(ChunkedResponse::new(ThreeParts(None)).into_response())
}

async fn stream_with_session(mut session: Session) -> Result<impl IntoResponse, SessionRejection> {
    session.set("a", &5_u32)?;
    Ok(ChunkedResponse::new(ThreeParts(Some(session))).into_response())
}

async fn fails(mut session: Session) -> Result<impl IntoResponse, SessionRejection> {
    session.set("a", &6_u32)?;
    Ok(Response::new(StatusCode::new(500), "failed on purpose"))
}

async fn too_large(mut session: Session) -> Result<&'static str, SessionRejection> {
    session.set("a", "x".repeat(300).as_str())?;
    Ok("ok")
}

struct Echo;

impl WebSocketCallback for Echo {
    async fn run<R: Read, W: Write<Error = R::Error>>(
        self,
        mut from: SocketRx<R>,
        mut to: SocketTx<W>,
    ) -> Result<(), W::Error> {
        let mut buffer = [0; 64];
        if let picoserve::futures::Either::First(Ok(picoserve::response::ws::Message::Text(text))) =
            from.next_message(&mut buffer, std::future::pending::<()>()).await?
        {
            to.send_text(text).await?;
        }
        to.close(None).await
    }
}

async fn socket(mut session: Session, upgrade: WebSocketUpgrade) -> Result<impl IntoResponse, SessionRejection> {
    session.set("a", &11_u32)?;
    Ok(upgrade.on_upgrade(Echo))
}

/// The application's own state: a gate that a handler waits at.
#[derive(Clone)]
struct Gate(&'static Notify);

async fn waits(mut session: Session, App(gate): App<Gate>) -> Result<&'static str, SessionRejection> {
    session.set("a", &12_u32)?;
    gate.0.notified().await;
    Ok("ok")
}

fn routes(pool: &'static AppPool, gate: Gate) -> Router<impl PathRouter> {
    Router::new()
        .route("/read", get(read))
        .route("/set", get(set))
        .route("/own-headers", get(own_headers))
        .route("/redirect", get(redirect))
        .route("/304", get(not_modified))
        .route("/stream", get(stream))
        .route("/stream-with-session", get(stream_with_session))
        .route("/fails", get(fails))
        .route("/too-large", get(too_large))
        .route("/ws", get(socket))
        .route("/waits", get(waits))
        .layer(SessionLayer::new(pool))
        .with_state(gate)
}

// ---- a client ------------------------------------------------------------------------------------------------------

/// Runs `test` beside a server; it is given the server's address.
fn serve<F: Future<Output = ()>>(test: impl FnOnce(std::net::SocketAddr, Gate) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let gate = Gate(Box::leak(Box::new(Notify::new())));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router: &'static _ = Box::leak(Box::new(routes(pool(), gate.clone())));
        let config: &'static _ = Box::leak(Box::new(picoserve::Config::const_default()));
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::task::spawn_local(async move {
                    let mut guard = Guard::new();
                    let mut buffer = vec![0; 2048];
                    drop(picoserve::Server::new_tokio(router, config, &mut buffer).serve(guard.around(stream)).await);
                });
            }
        });
        tokio::time::timeout(Duration::from_secs(60), test(address, gate)).await.expect("an answer");
    });
}

async fn begin(address: std::net::SocketAddr, first_line: &str, more: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{first_line} HTTP/1.1\r\nHost: d\r\n{more}\r\n").as_bytes()).await.unwrap();
    stream
}

/// The whole answer of one connection.
async fn ask(address: std::net::SocketAddr, first_line: &str, more: &str) -> String {
    let (mut stream, mut got) = (begin(address, first_line, more).await, String::new());
    stream.read_to_string(&mut got).await.unwrap();
    got
}

fn header<'g>(got: &'g str, name: &str) -> Vec<&'g str> {
    let head = got.split("\r\n\r\n").next().unwrap();
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .filter(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, v)| v)
        .collect()
}

/// What the session whose cookie is in `got` keeps.
async fn kept(address: std::net::SocketAddr, got: &str) -> String {
    let cookies = header(got, "Set-Cookie");
    let ours = cookies.iter().find(|cookie| cookie.starts_with("id=")).expect("our cookie");
    let got = ask(address, "GET /read", &format!("Cookie: {}\r\n", ours.split(';').next().unwrap())).await;
    got.split("\r\n\r\n").nth(1).unwrap().to_owned()
}

// ---- tests ---------------------------------------------------------------------------------------------------------

#[test]
fn what_the_handler_said_stays_ck9() {
    serve(async |at, _| {
        let got = ask(at, "GET /own-headers", "").await;
        assert!(header(&got, "Set-Cookie").contains(&"theme=dark") && header(&got, "Set-Cookie").len() == 2, "{got}");
        assert_eq!(header(&got, "Cache-Control"), ["private", "no-store"], "{got}");
        assert_eq!(header(&got, "Vary"), ["Accept", "Cookie"], "{got}");
        assert_eq!(kept(at, &got).await, "a is 2");
    });
}

#[test]
fn head_redirect_and_304_carry_the_cookie() {
    serve(async |at, _| {
        for (first_line, status, kept_there) in
            [("HEAD /set", 200, "a is 1"), ("GET /redirect", 303, "a is 3"), ("GET /304", 304, "a is 4")]
        {
            let got = ask(at, first_line, "").await;
            assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{got}");
            assert_eq!(header(&got, "Set-Cookie").len(), 1, "{got}");
            assert_eq!(kept(at, &got).await, kept_there, "{first_line}");
        }
    });
}

#[test]
fn a_stream_is_passed_on_and_the_session_is_stored_before_it() {
    serve(async |at, _| {
        let got = ask(at, "GET /stream", "").await;
        assert!(got.ends_with("4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\n"), "{got}");
        assert_eq!(kept(at, &got).await, "a is 5");
    });
}

/// The session is stored before the head, so there is nothing that a body could still do with it.
#[test]
fn a_body_that_keeps_the_session_is_an_error() {
    serve(async |at, _| {
        let got = ask(at, "GET /stream-with-session", "").await;
        assert!(got.starts_with("HTTP/1.1 500 ") && got.contains(&Error::Busy.to_string()), "{got}");
        let got = ask(at, "GET /set", "").await;
        assert!(got.starts_with("HTTP/1.1 200 "), "the slot is free again: {got}");
    });
}

#[test]
fn a_handler_that_fails_keeps_its_changes() {
    serve(async |at, _| {
        let got = ask(at, "GET /fails", "").await;
        assert!(got.starts_with("HTTP/1.1 500 ") && got.ends_with("failed on purpose"), "{got}");
        assert_eq!(kept(at, &got).await, "a is 6");
    });
}

#[test]
fn an_error_of_the_session_is_the_answer() {
    serve(async |at, _| {
        let got = ask(at, "GET /too-large", "").await;
        assert!(got.starts_with("HTTP/1.1 413 "), "{got}");
        assert!(header(&got, "Set-Cookie").is_empty(), "{got}");
    });
}

#[test]
fn the_upgrade_carries_the_cookie() {
    serve(async |at, _| {
        let ask = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let mut stream = begin(at, "GET /ws", ask).await;
        stream.write_all(b"\x81\x82\0\0\0\0hi").await.unwrap(); // "hi", masked with zeros
        let mut got = Vec::new();
        stream.read_to_end(&mut got).await.unwrap();
        let end = got.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
        let head = String::from_utf8_lossy(&got[..end]).into_owned();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert!(got[end..].starts_with(b"\x81\x02hi"), "{:?}", &got[end..]);
        assert_eq!(kept(at, &head).await, "a is 11");
    });
}

#[test]
fn more_requests_than_slots_are_503() {
    serve(async |at, gate| {
        let (mut one, mut two) = (begin(at, "GET /waits", "").await, begin(at, "GET /waits", "").await);
        let crowded = loop {
            let got = ask(at, "GET /read", "").await;
            if !got.starts_with("HTTP/1.1 200 ") {
                break got;
            }
        };
        assert!(
            crowded.starts_with("HTTP/1.1 503 ") && crowded.contains("give it one for each connection"),
            "{crowded}"
        );
        gate.0.notify_waiters();
        for stream in [&mut one, &mut two] {
            let mut got = String::new();
            stream.read_to_string(&mut got).await.unwrap();
            assert!(got.starts_with("HTTP/1.1 200 "), "{got}");
        }
        assert!(ask(at, "GET /read", "").await.starts_with("HTTP/1.1 200 "));
    });
}
