//! Bad input against picoserve behind the guard: one answer at most for what is one request, and never a reset (CP5).

#![recursion_limit = "256"] // the type of all routes, inside the future that serves them

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use picoserve::Router;
use picoserve::extract::FromRequest;
use picoserve::io::Read;
use picoserve::request::{RequestBody, RequestParts};
use picoserve::routing::{PathRouter, get, post};
use rand_core::TryRng;
use session_core::testing::{ManualClock, ScriptedRng};
use session_picoserve::policy::Policy;
use session_picoserve::{Guard, Keys, Pool, SessionLayer, SessionRejection, Sessions};
use session_store_memory::FixedStore;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

type AppPool = Pool<FixedStore<4, 256>, ManualClock, ScriptedRng, (), 4, 256>;
type Session = session_picoserve::Session<'static, AppPool>;

/// Bytes of a request's head and body.
const BUFFER: usize = 2048;

async fn visit(mut session: Session) -> Result<String, SessionRejection> {
    let visits = session.get::<u32>("visits")?.unwrap_or(0) + 1;
    session.set("visits", &visits)?;
    Ok(format!("visit {visits}"))
}

async fn looks(mut session: Session) -> Result<String, SessionRejection> {
    Ok(format!("visits: {:?}", session.get::<u32>("visits")?))
}

/// What the handler leaves of a body is read by picoserve.
async fn ignores_the_body() -> &'static str {
    "ignored"
}

/// A handler that reads a byte of its body, past what came with the head, and no more.
struct AByte;

impl<'r, S> FromRequest<'r, S> for AByte {
    type Rejection = &'static str;

    async fn from_request<R: Read>(
        _: &'r S,
        _: RequestParts<'r>,
        body: RequestBody<'r, R>,
    ) -> Result<Self, &'static str> {
        body.reader().read(&mut [0]).await.map(|_| Self).map_err(|_| "no byte")
    }
}

async fn reads_a_byte(_: AByte) -> &'static str {
    "a byte"
}

fn routes() -> Router<impl PathRouter> {
    let key = *b"\x8e\x1f\x0a\x93kd\xc5\x11q\x99\xfe\x02\x5b\xa0\xd7\x3cN\x60\x18\xe9\x77\xb2\x44\x05\x9a\xcd\x31\xf6\x88\x2e\x53\xbf";
    let sessions = Sessions::new(FixedStore::new(), ManualClock::new(), &Keys::new(&key).unwrap(), Policy::PLAIN_HTTP);
    let pool: &'static AppPool = Box::leak(Box::new(Pool::new(sessions, ScriptedRng::new(7))));
    Router::new()
        .route("/", get(looks).post(looks))
        .route("/visit", get(visit))
        .route("/ignore", post(ignores_the_body))
        .route("/byte", post(reads_a_byte))
        .route("/next", get(async || "smuggled"))
        .layer(SessionLayer::new(pool))
}

/// Runs `test` beside a server that keeps connections alive.
fn serve<F: Future<Output = ()>>(test: impl FnOnce(SocketAddr) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router: &'static _ = Box::leak(Box::new(routes()));
        let config: &'static _ = Box::leak(Box::new(picoserve::Config::const_default().keep_connection_alive()));
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::task::spawn_local(async move {
                    let mut guard = Guard::new();
                    let mut buffer = vec![0; BUFFER];
                    drop(picoserve::Server::new_tokio(router, config, &mut buffer).serve(guard.around(stream)).await);
                });
            }
        });
        tokio::time::timeout(Duration::from_secs(120), test(address)).await.expect("an answer");
    });
}

/// What one connection gets for these bytes, after which the client closes its side.
async fn ask(address: SocketAddr, sent: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // the server may have heard enough before it has all
    drop(stream.write_all(sent.as_ref()).await);
    drop(stream.shutdown().await);
    let mut got = Vec::new();
    stream.read_to_end(&mut got).await.unwrap_or_else(|why| panic!("{why} after {}", got.escape_ascii()));
    String::from_utf8_lossy(&got).into_owned()
}

fn statuses(got: &str) -> Vec<u16> {
    let lines = got.split("HTTP/1.").skip(1);
    lines.filter_map(|line| line.get(2..5)?.parse().ok()).collect()
}

const NEXT: &str = "GET /next HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n";

/// After each of these another request follows in the same bytes, which must not be served.
#[test]
fn what_cannot_be_understood_is_a_400_and_the_end_cp5() {
    serve(async |at| {
        for (head, status) in [
            ("POST / HTTP/1.1\r\nContent-Length: zz\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nContent-Length: \r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nContent-Length: 18446744073709551616\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 400),
            ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
            ("POST / HTTP/1.1\r\nContent-Length : 5\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\n Content-Length: 5\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            ("GET / HTTP/1.1\n\n", 400),
            ("GET / HTTP/1.1\r\nHost: d\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: d\r\n \r\n", 400),
            ("GET / HTTP/1.1\r\nCookie: id=a\0\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nCookie: id=a\0b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nCoo\0kie: id=a\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nCookie: id=\x01\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\n: a\r\n\r\n", 400),
            ("GET / HTTP/2.0\r\n\r\n", 400),
            ("GET /\r\n\r\n", 400),
            ("GET  / HTTP/1.1\r\n\r\n", 400),
            ("GET\t/ HTTP/1.1\r\n\r\n", 400),
            ("GET\u{a0}/ HTTP/1.1\r\n\r\n", 400),
            ("\r\n\r\n", 400),
            ("\n", 400),
            ("\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03\r\n\r\n", 400), // a TLS client
        ] {
            for before in ["", "GET / HTTP/1.1\r\nHost: d\r\n\r\n"] {
                let got = ask(at, format!("{before}{head}{NEXT}")).await;
                let expected: &[u16] = if before.is_empty() { &[status] } else { &[200, status] };
                assert_eq!(statuses(&got), expected, "{before:?} {head:?} got {got}");
                assert!(got.to_lowercase().contains("connection: close"), "{head:?} got {got}");
            }
        }
    });
}

#[test]
fn a_nul_behind_the_cookie_is_no_session_cp5() {
    serve(async |at| {
        let got = ask(at, "GET /visit HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n").await;
        let cookie = got.split("id=").nth(1).unwrap().split(';').next().unwrap().to_owned();
        for (cookie, status) in
            [(format!("id={cookie}\0"), 400), (format!("id=\0{cookie}"), 400), (format!("id={cookie}"), 200)]
        {
            let got =
                ask(at, format!("GET /visit HTTP/1.1\r\nHost: d\r\nConnection: close\r\nCookie: {cookie}\r\n\r\n"))
                    .await;
            assert_eq!(statuses(&got), [status], "{got}");
            assert_eq!(got.contains("visit 2"), status == 200, "{got}");
        }
    });
}

#[test]
fn a_head_that_is_too_large_is_a_431_cp5() {
    serve(async |at| {
        for lines in [
            format!("Cookie: id={}\r\n", "a".repeat(16 << 10)),
            format!("Cookie: {}\r\n", "a=b; ".repeat(4 << 10)),
            "A: b\r\n".repeat(BUFFER),
            format!("{}: b\r\n", "a".repeat(BUFFER)),
        ] {
            let got = ask(at, format!("GET / HTTP/1.1\r\nHost: d\r\n{lines}\r\n{NEXT}")).await;
            assert_eq!(statuses(&got), [431], "{got}");
        }
        let got = ask(at, format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(BUFFER))).await;
        assert_eq!(statuses(&got), [431], "{got}");
    });
}

/// A head that fills the buffer leaves no room to read the body into, and picoserve takes the body for the next request.
#[test]
fn a_body_without_room_is_not_the_next_request_cp5() {
    serve(async |at| {
        let head = |fill: usize| {
            let length = NEXT.len();
            format!("POST /ignore HTTP/1.1\r\nContent-Length: {length}\r\nFill: {}\r\n\r\n", "a".repeat(fill))
        };
        for room in 0..4 {
            let got = ask(at, head(BUFFER - head(0).len() - room) + NEXT).await;
            assert_eq!(statuses(&got), [200], "{room}: {got}");
        }
    });
}

#[test]
fn the_rest_of_a_body_is_not_the_next_request_cp5() {
    serve(async |at| {
        let mut stream = TcpStream::connect(at).await.unwrap();
        let length = 1 + NEXT.len();
        stream.write_all(format!("POST /byte HTTP/1.1\r\nContent-Length: {length}\r\n\r\n").as_bytes()).await.unwrap();
        // past what came with the head: picoserve does not read the rest then
        tokio::time::sleep(Duration::from_millis(50)).await;
        stream.write_all(format!("a{NEXT}").as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut got = String::new();
        stream.read_to_string(&mut got).await.unwrap();
        assert_eq!(statuses(&got), [200], "{got}");
    });
}

#[test]
fn a_client_that_stops_in_its_head_is_answered() {
    serve(async |at| {
        assert_eq!(statuses(&ask(at, "GET / HTTP/1.1\r\nHo").await), [400]);
        assert_eq!(ask(at, "").await, "");
    });
}

#[test]
fn good_requests_pass_as_they_are_and_one_after_the_other() {
    serve(async |at| {
        let body = "a".repeat(300);
        let requests = format!(
            "GET / HTTP/1.1\r\nHost: d\r\n\r\nPOST /ignore HTTP/1.1\r\ncontent-length:300 \r\n\r\n{body}\
             POST /ignore HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /nowhere HTTP/1.1\r\n\r\n{NEXT}"
        );
        let got = ask(at, &requests).await;
        assert_eq!(statuses(&got), [200, 200, 200, 404, 200], "{got}");
        // and byte for byte
        let mut stream = TcpStream::connect(at).await.unwrap();
        stream.set_nodelay(true).unwrap();
        for byte in requests.bytes() {
            stream.write_all(&[byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        let mut slow = String::new();
        stream.read_to_string(&mut slow).await.unwrap();
        assert_eq!(statuses(&slow), statuses(&got), "{slow}");
    });
}

/// Bytes changed, left out and doubled at random in requests that are nearly good: an answer, or none where nothing came,
/// and never a second one for the bytes of a first request.
#[test]
fn any_bytes_end_in_answers_cp5() {
    const SPICE: &[u8] = b"\r\n\0:; zZ019-+,\xff\t";
    let seeds: [&[u8]; 3] = [
        b"GET / HTTP/1.1\r\nHost: d\r\nCookie: id=abc; x=y\r\nContent-Length: 0\r\n\r\n",
        b"POST /ignore HTTP/1.1\r\nContent-Length: 12\r\nConnection: keep-alive\r\n\r\nabcdefghijkl",
        b"GET /nowhere HTTP/1.0\r\nCookie: id=1\r\nCookie: id=2\r\n\r\n",
    ];
    serve(async |at| {
        let mut random = ScriptedRng::new(3);
        let mut draw = |below: usize| random.try_next_u32().unwrap() as usize % below;
        for round in 0..1000 {
            let mut bytes = [seeds[draw(3)], seeds[draw(3)]].concat();
            for _ in 0..1 + draw(4) {
                let place = draw(bytes.len());
                match draw(4) {
                    0 => bytes[place] = SPICE[draw(SPICE.len())],
                    1 if bytes.len() > 1 => drop(bytes.remove(place)),
                    2 => bytes.insert(place, SPICE[draw(SPICE.len())]),
                    _ => bytes.truncate(place + 1),
                }
            }
            let got = ask(at, &bytes).await;
            let shown = || format!("round {round}: {} got {got}", bytes.escape_ascii());
            assert!(got.starts_with("HTTP/1.1 "), "{}", shown());
            let known = [200, 400, 404, 405, 431, 501];
            assert!(statuses(&got).iter().all(|status| known.contains(status)), "{}", shown());
        }
    });
}
