//! Bad input against edge-http behind the guard: every connection ends, with an answer, and the server lives (CP5).

mod wire;

use std::fmt::{Debug, Display};

use edge_http::io::Error;
use edge_http::io::server::{Connection, Handler as EdgeHandler, handle_request};
use edge_nal::{TcpAccept, WithTimeout};
use rand_core::TryRng;
use session_core::testing::{ManualClock, ScriptedRng};
use session_edge_http::policy::Policy;
use session_edge_http::{Guarded, Handler, Keys, Pool, Request, SessionLayer, SessionRejection, Sessions, Socket};
use session_store_memory::FixedStore;
use wire::{HEAD, Wire, header, serve, statuses};

type AppPool = Pool<FixedStore<4, 256>, ManualClock, ScriptedRng, (), 1, 256>;

/// Looks at the session and never at the body.
struct App;

impl Handler<AppPool> for App {
    async fn handle<T: Socket, const N: usize>(
        &self,
        request: &mut Request<'_, '_, AppPool, T, N>,
    ) -> Result<(), SessionRejection<T::Error>> {
        let path = request.headers()?.path.to_owned();
        request.session().await?;
        request.send(200, &[], path.as_bytes()).await
    }
}

fn pool() -> AppPool {
    let key = *b"\x8e\x1f\x0a\x93kd\xc5\x11q\x99\xfe\x02\x5b\xa0\xd7\x3cN\x60\x18\xe9\x77\xb2\x44\x05\x9a\xcd\x31\xf6\x88\x2e\x53\xbf";
    let sessions = Sessions::new(FixedStore::new(), ManualClock::new(), &Keys::new(&key).unwrap(), Policy::PLAIN_HTTP);
    Pool::new(sessions, ScriptedRng::new(7))
}

fn answers(sent: impl AsRef<[u8]>) -> (Vec<u16>, String) {
    let got = serve(&Wire::new(sent), SessionLayer::new(&pool(), App));
    (statuses(&got), got)
}

/// After each of these another request follows in the same bytes, which must not be served.
#[test]
fn what_cannot_be_understood_is_a_400_and_the_end_cp5() {
    for head in [
        "POST / HTTP/1.1\r\nContent-Length: zz\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: \r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 18446744073709551616\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
        "GET / HTTP/1.1\n\n",
        "GET / HTTP/1.1\r\nHost: d\n\r\n",
        "GET / HTTP/1.1\r\nHost : d\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: d\r\n\r\n",
        "GET / HTTP/1.1\r\nCookie: id=a\0b\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\n: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
        "GET / HTTP/1.1\r\nCookie: id=\x01\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length : 5\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\n",
        "GET\t/ HTTP/1.1\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET /\r\n\r\n",
        "FETCH / HTTP/1.1\r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n",
        "\r\n\r\n",
        "\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03\r\n\r\n", // a TLS client
    ] {
        let (statuses, got) = answers(head.to_owned() + "GET /next HTTP/1.1\r\n\r\n");
        assert_eq!(statuses, [400], "{head:?} got {got}");
        assert_eq!(header(&got, "connection"), ["close"], "{head:?}");
    }
}

#[test]
fn a_length_that_is_not_text_is_a_400() {
    let (statuses, got) = answers(b"POST / HTTP/1.1\r\nContent-Length: \xb2\xff\r\n\r\nGET /next HTTP/1.1\r\n\r\n");
    assert_eq!(statuses, [400], "{got}");
}

#[test]
fn a_head_that_is_too_large_is_a_431() {
    for lines in [format!("Cookie: id={}\r\n", "a".repeat(HEAD)), "A: b\r\n".repeat(HEAD), "a".repeat(16 * HEAD)] {
        let (statuses, got) = answers(format!("GET / HTTP/1.1\r\n{lines}\r\n"));
        assert_eq!(statuses, [431], "{got}");
    }
    // more lines than the server was made for, 16 here
    let (statuses, got) = answers(format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(17)));
    assert_eq!(statuses, [400], "{got}");
}

#[test]
fn bytes_that_are_no_text_in_a_cookie_are_no_session_cp5() {
    let (statuses, got) = answers(b"GET / HTTP/1.1\r\nCookie: id=\xff\xfe\x80\r\nCookie: \xff\r\n\r\n");
    assert_eq!(statuses, [200], "{got}");
}

#[test]
fn a_chunked_body_behind_a_head_that_fills_the_buffer_is_not_the_next_request() {
    let head =
        |fill: usize| format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nFill: {}\r\n\r\n", "a".repeat(fill));
    let body = "17\r\nGET /smuggled HTTP/1.1\r\n\r\n0\r\n\r\n";
    for over in [-1, 0] {
        let fill = (HEAD as isize - head(0).len() as isize + over) as usize;
        let (_, got) = answers(head(fill) + body + "GET /next HTTP/1.1\r\n\r\n");
        assert!(!got.contains("/smuggled"), "{got}");
    }
}

/// The same without the layer, whose answers close the connection by themselves.
#[test]
fn nothing_follows_a_chunked_body_for_a_handler_of_edge_https_own() {
    struct Plain;

    impl EdgeHandler for Plain {
        type Error<E: Debug> = Error<E>;

        async fn handle<T: Socket, const N: usize>(
            &self,
            _: impl Display + Copy,
            connection: &mut Connection<'_, T, N>,
        ) -> Result<(), Error<T::Error>> {
            let path = connection.headers()?.path;
            connection.initiate_response(200, None, &[("Path", path)]).await
        }
    }

    let head =
        |fill: usize| format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nFill: {}\r\n\r\n", "a".repeat(fill));
    // edge-http reads as far ahead as there is room behind the head, and what it has read of the next request is lost
    for room in 0..12 {
        let fill = HEAD - head(0).len() - room;
        let got = serve(&Wire::new(head(fill) + "2\r\nab\r\n0\r\n\r\nGET /next HTTP/1.1\r\n\r\n"), Plain);
        assert_eq!((statuses(&got), header(&got, "path")), (vec![200], vec!["/"]), "{room}: {got}");
    }
}

#[test]
fn a_client_that_waits_for_the_answer_gets_it_at_once() {
    for head in ["GET / HTTP/1.1\n\n", "POST / HTTP/1.1\r\nContent-Length: zz\r\n\r\n", "\r\n\r\n"] {
        let wire = Wire::new(head).that_stays();
        assert_eq!(statuses(&serve(&wire, SessionLayer::new(&pool(), App))), [400], "{head:?}");
    }
}

#[test]
fn a_client_that_stops_in_its_head_is_answered_and_left() {
    let (statuses, got) = answers("GET / HTTP/1.1\r\nHo");
    assert_eq!(statuses, [400], "{got}");
    let (none, _) = answers("");
    assert!(none.is_empty());
}

#[test]
fn one_that_is_slow_is_answered_by_the_timeout_around_its_socket() {
    let wire = Wire::new("GET / HTTP/1.1\r\nHo").that_stays();
    let mut head = [0; HEAD];
    let socket = session_edge_http::GuardedSocket::new(WithTimeout::new(20, wire.clone()));
    let pool = pool();
    let serving =
        edge_http::io::server::handle_connection::<_, _, 16>(socket, &mut head, None, 1, SessionLayer::new(&pool, App));
    async_io::block_on(serving);
    assert_eq!(statuses(&wire.got()), [400]);
}

#[test]
fn good_requests_pass_as_they_are_and_one_after_the_other() {
    let requests = "\r\nGET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\ncontent-length:3 \r\n\r\nabc\r\n\
                    GET /3 HTTP/1.1\r\n\r\nPOST /4 HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nA: b\r\n\r\n";
    let (statuses, got) = answers(requests);
    assert_eq!(statuses, [200; 4], "{got}");
    for path in ["/1", "/2", "/3", "/4"] {
        assert!(got.contains(&format!("\r\n\r\n{path}")), "{got}");
    }
}

/// Served by hand, without `handle_connection`.
#[test]
fn a_socket_of_ones_own_is_answered_too() {
    let wire = Wire::new("POST / HTTP/1.1\r\nContent-Length: zz\r\n\r\n");
    let mut head = [0; HEAD];
    let mut socket = session_edge_http::GuardedSocket::new(wire.clone());
    let pool = pool();
    let served =
        async_io::block_on(handle_request::<_, _, 16>(&mut head, &mut socket, 1, SessionLayer::new(&pool, App)));
    assert!(served.is_err());
    assert_eq!(statuses(&wire.got()), [400]);
}

/// Bytes changed, left out and doubled at random in requests that are nearly good: no panic, no connection without an end,
/// and no answer that is none.
#[test]
fn any_bytes_end_in_answers_cp5() {
    let seeds: [&[u8]; 4] = [
        b"GET /a HTTP/1.1\r\nHost: d\r\nCookie: id=abc; x=y\r\nContent-Length: 0\r\n\r\n",
        b"POST /b HTTP/1.1\r\nContent-Length: 12\r\nConnection: keep-alive\r\n\r\nabcdefghijkl",
        b"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nc\r\nabcdefghijkl\r\n0\r\n\r\n",
        b"GET /d HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nCookie: id=1\r\nCookie: id=2\r\n\r\n",
    ];
    const SPICE: &[u8] = b"\r\n\0:; zZ019-+,\xff\t";
    let pool = pool();
    let mut random = ScriptedRng::new(3);
    let mut draw = |below: usize| random.try_next_u32().unwrap() as usize % below;
    for round in 0..4000 {
        let mut bytes = [seeds[draw(4)], seeds[draw(4)]].concat();
        for _ in 0..1 + draw(4) {
            let at = draw(bytes.len());
            match draw(4) {
                0 => bytes[at] = SPICE[draw(SPICE.len())],
                1 if bytes.len() > 1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, SPICE[draw(SPICE.len())]),
                _ => bytes.truncate(at + 1),
            }
        }
        let got = serve(&Wire::new(&bytes), SessionLayer::new(&pool, App));
        let shown = || format!("round {round}: {:?} got {got}", String::from_utf8_lossy(&bytes));
        assert!(got.starts_with("HTTP/1."), "{}", shown());
        assert!(statuses(&got).iter().all(|status| [200, 400, 431].contains(status)), "{}", shown());
    }
}

/// The first client is gone before it was accepted; then the network itself fails.
#[test]
fn a_client_that_is_gone_before_it_was_accepted_does_not_end_the_server() {
    use std::cell::Cell;
    use std::io::{Error, ErrorKind};

    struct Flaky(Cell<usize>);

    impl TcpAccept for Flaky {
        type Error = Error;
        type Socket<'a> = Wire;

        async fn accept(&self) -> Result<(std::net::SocketAddr, Wire), Error> {
            self.0.set(self.0.get() + 1);
            match self.0.get() {
                1 => Err(ErrorKind::NotConnected.into()),
                2 => Err(ErrorKind::ConnectionReset.into()),
                3 => Err(ErrorKind::ConnectionAborted.into()),
                4 => Ok((([127, 0, 0, 1], 1).into(), Wire::new(""))),
                _ => Err(ErrorKind::PermissionDenied.into()),
            }
        }
    }

    let acceptor = Guarded::new(Flaky(Cell::new(0)));
    assert!(async_io::block_on(acceptor.accept()).is_ok());
    assert!(async_io::block_on(acceptor.accept()).is_err_and(|why| why.kind() == ErrorKind::PermissionDenied));
}

/// Why the guard is there. If this test fails, edge-http has learned to refuse such a head by itself.
#[test]
fn edge_http_alone_panics() {
    let wire = Wire::new("POST / HTTP/1.1\r\nContent-Length: zz\r\n\r\n");
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut head = [0; HEAD];
        async_io::block_on(Connection::<_, 16>::new(&mut head, wire)).is_ok()
    }));
    assert!(panicked.is_err());
}
