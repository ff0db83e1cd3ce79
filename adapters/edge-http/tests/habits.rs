//! What users of edge-http are used to: bodies read and written by hand, connections that live on, WebSockets, timeouts.

mod wire;

use edge_http::io::server::Handler as EdgeHandler;
use edge_http::ws::{MAX_BASE64_KEY_RESPONSE_LEN, upgrade_response_headers};
use edge_nal::WithTimeout;
use embedded_io_async::{Read, Write};
use session_core::testing::{ManualClock, ScriptedRng};
use session_edge_http::policy::Policy;
use session_edge_http::{Error, Handler, Keys, Pool, Request, SessionLayer, SessionRejection, Sessions, Socket};
use session_embedded::SlotGuard;
use session_store_memory::FixedStore;
use wire::{Wire, cookie, header, serve, statuses};

type AppPool = Pool<FixedStore<16, 256>, ManualClock, ScriptedRng, (), 1, 256>;

fn pool() -> AppPool {
    pool_with(ScriptedRng::new(7))
}

fn pool_with(rng: ScriptedRng) -> AppPool {
    let key = *b"\x8e\x1f\x0a\x93kd\xc5\x11q\x99\xfe\x02\x5b\xa0\xd7\x3cN\x60\x18\xe9\x77\xb2\x44\x05\x9a\xcd\x31\xf6\x88\x2e\x53\xbf";
    let sessions = Sessions::new(FixedStore::new(), ManualClock::new(), &Keys::new(&key).unwrap(), Policy::PLAIN_HTTP);
    Pool::new(sessions, rng)
}

struct App;

impl Handler<AppPool> for App {
    async fn handle<T: Socket, const N: usize>(
        &self,
        request: &mut Request<'_, '_, AppPool, T, N>,
    ) -> Result<(), SessionRejection<T::Error>> {
        let path = request.headers()?.path;
        let session = request.session().await?;
        match path {
            "/read" => {
                let value = session.get::<u32>("a")?.unwrap_or(0);
                request.send(200, &[], format!("a is {value}").as_bytes()).await?;
            }
            "/set" => {
                session.set("a", &1_u32)?;
                request.send(200, &[], b"ok").await?;
            }
            "/own-headers" => {
                session.set("a", &2_u32)?;
                let own = [
                    ("Set-Cookie", "theme=dark"),
                    ("Cache-Control", "private"),
                    ("Cache-Control", "must-understand"),
                    ("CDN-Cache-Control", "max-age=60"),
                    ("Vary", "Accept"),
                ];
                request.respond(200, &own).await?;
            }
            "/redirect" => {
                session.set("a", &3_u32)?;
                request.send(303, &[("Location", "/elsewhere")], b"").await?;
            }
            "/304" => {
                session.set("a", &4_u32)?;
                request.respond(304, &[("Content-Length", "0")]).await?;
            }
            "/stream" => {
                session.set("a", &5_u32)?;
                request.respond(200, &[]).await?;
                for part in ["one ", "two ", "three"] {
                    request.write_all(part.as_bytes()).await?;
                }
            }
            "/body" => {
                let mut body = [0; 64];
                let mut len = 0;
                loop {
                    let read = request.read(&mut body[len..]).await?;
                    len += read;
                    if read == 0 {
                        break;
                    }
                }
                request.session().await?.set("a", &(len as u32))?;
                request.send(200, &[], &body[..len]).await?;
            }
            "/fails" => {
                session.set("a", &6_u32)?;
                return Err(SessionRejection::Answer(500, "failed on purpose"));
            }
            "/fails-in-the-answer" => {
                session.set("a", &7_u32)?;
                request.respond(200, &[]).await?;
                request.write_all(b"half an ans").await?;
                return Err(SessionRejection::Answer(500, "failed on purpose"));
            }
            "/says-nothing" => session.set("a", &8_u32)?,
            "/too-large" => session.set("a", "x".repeat(300).as_str())?,
            "/late" => {
                request.send(200, &[], b"ok").await?;
                assert!(matches!(request.session().await, Err(SessionRejection::Session(Error::AnswerSent))));
            }
            "/many-headers" => request.respond(200, &[("A", "b"); 17]).await?,
            "/ws" => {
                session.set("a", &11_u32)?;
                let mut buffer = [0; MAX_BASE64_KEY_RESPONSE_LEN];
                let upgrade = upgrade_response_headers(request.headers()?.headers.iter(), None, &mut buffer)
                    .map_err(|_| SessionRejection::Answer(400, "no WebSocket"))?;
                request.respond(101, &upgrade).await?;
                let mut frame = [0; 64];
                let socket = request.unbind()?;
                let len = socket.read(&mut frame).await.map_err(edge_http::io::Error::Io)?;
                socket.write_all(&frame[..len]).await.map_err(edge_http::io::Error::Io)?;
            }
            "/hangs" => {
                session.set("a", &12_u32)?;
                std::future::pending::<()>().await;
            }
            _ => request.send(404, &[], b"").await?,
        }
        Ok(())
    }
}

fn get(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: d\r\n{more}\r\n")
}

/// One request on a connection of its own.
fn ask(pool: &AppPool, path: &str, more: &str) -> String {
    serve(&Wire::new(get(path, more)), SessionLayer::new(pool, App))
}

/// What `/read` says with the cookie that this answer sets.
fn kept(pool: &AppPool, got: &str) -> String {
    let cookie = cookie(got).unwrap_or_else(|| panic!("no cookie: {got}"));
    let got = ask(pool, "/read", &format!("Cookie: {cookie}\r\n"));
    got.rsplit("\r\n\r\n").next().unwrap().to_owned()
}

#[test]
fn a_cookie_beside_bytes_that_are_no_text_is_found_cp1_cp5() {
    let pool = pool();
    let got = ask(&pool, "/set", "");
    let ours = cookie(&got).unwrap().as_bytes();
    for cookies in [[b"\xff=\xfe; ", ours].concat(), [b"\xfe\r\nCOOKIE: ", ours, b"; a=\xff"].concat()] {
        let head = [b"GET /read HTTP/1.1\r\nCookie: ", &cookies[..], b"\r\n\r\n"].concat();
        let got = serve(&Wire::new(head), SessionLayer::new(&pool, App));
        assert!(got.ends_with("a is 1"), "{got}");
    }
}

#[test]
fn what_the_handler_said_stays_ck9() {
    let got = ask(&pool(), "/own-headers", "");
    let cookies = header(&got, "set-cookie");
    assert_eq!((cookies.len(), cookies[0]), (2, "theme=dark"), "{got}");
    assert_eq!(header(&got, "cache-control"), ["private", "no-store"]);
    assert_eq!(header(&got, "cdn-cache-control"), [""; 0], "it would let a cache keep the cookie");
    assert_eq!(header(&got, "vary"), ["Accept", "Cookie"]);
}

#[test]
fn redirect_304_and_head_carry_the_cookie() {
    let pool = pool();
    for (path, status) in [("/redirect", 303), ("/304", 304)] {
        let got = ask(&pool, path, "");
        assert_eq!(statuses(&got), [status], "{got}");
        assert!(cookie(&got).is_some(), "{got}");
    }
    let got = serve(&Wire::new("HEAD /set HTTP/1.1\r\n\r\n"), SessionLayer::new(&pool, App));
    assert!(cookie(&got).is_some() && got.ends_with("\r\n\r\n"), "{got}");
    assert_eq!((header(&got, "content-length"), header(&got, "connection")), (vec!["2"], vec!["Close"]));
}

#[test]
fn a_streamed_answer_has_its_cookie_in_the_head() {
    let pool = pool();
    let got = ask(&pool, "/stream", "");
    assert!(got.ends_with("4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\n"), "{got}");
    assert_eq!(kept(&pool, &got), "a is 5");
}

#[test]
fn a_body_is_read_before_the_answer_and_what_is_left_of_it_is_not_the_next_request() {
    let pool = pool();
    let body = "POST /body HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello";
    let chunked = "POST /body HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let unread = "POST /read HTTP/1.1\r\nContent-Length: 23\r\n\r\nGET /nowhere HTTP/1.1\r\n";
    let got = serve(&Wire::new([body, unread, &get("/read", ""), chunked].concat()), SessionLayer::new(&pool, App));
    assert_eq!(statuses(&got), [200, 200, 200, 200], "{got}");
    assert_eq!(got.matches("\r\n\r\nhello").count(), 2, "{got}");
}

#[test]
fn a_handler_that_fails_keeps_its_change_and_its_cookie() {
    let pool = pool();
    let got = ask(&pool, "/fails", "");
    assert!(statuses(&got) == [500] && got.ends_with("failed on purpose"), "{got}");
    assert_eq!(kept(&pool, &got), "a is 6");
    let got = ask(&pool, "/says-nothing", "");
    assert!(statuses(&got) == [200] && got.ends_with("\r\n\r\n"), "{got}");
    assert_eq!(kept(&pool, &got), "a is 8");
}

#[test]
fn half_an_answer_is_not_completed() {
    let pool = pool();
    let wire = Wire::new(get("/fails-in-the-answer", "") + &get("/read", ""));
    let got = serve(&wire, SessionLayer::new(&pool, App));
    assert!(statuses(&got) == [200] && got.ends_with("half an ans\r\n"), "{got}");
    assert_eq!(kept(&pool, &got), "a is 7");
}

#[test]
fn an_error_of_the_session_is_the_answer_and_the_connection_lives_on() {
    let got = serve(&Wire::new(get("/too-large", "") + &get("/set", "")), SessionLayer::new(&pool(), App));
    assert_eq!(statuses(&got), [413, 200], "{got}");
    assert!(got.contains("\r\n\r\nthe session would take "), "{got}");
}

#[test]
fn an_error_of_the_commit_replaces_the_answer_and_the_connection_lives_on() {
    let pool = pool_with(ScriptedRng::failing());
    let got = serve(&Wire::new(get("/set", "") + &get("/read", "")), SessionLayer::new(&pool, App));
    assert_eq!(statuses(&got), [503, 200], "{got}");
    assert!(!got.contains("\r\n\r\nok") && got.contains("random number generator"), "{got}");
    assert_eq!(header(&got, "vary"), ["Cookie", "Cookie"]);
}

#[test]
fn after_the_answer_there_is_no_session() {
    let got = ask(&pool(), "/late", "");
    assert_eq!(statuses(&got), [200], "{got}");
}

#[test]
fn too_many_header_lines_are_a_500_that_says_how_many() {
    let got = ask(&pool(), "/many-headers", "");
    assert!(statuses(&got) == [500] && got.contains("16 header lines"), "{got}");
}

#[test]
fn a_websocket_is_opened_with_the_session_and_then_left_alone() {
    let pool = pool();
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    // a frame that looks like a head that is refused
    let frame = "GET / HTTP/1.1\nContent-Length: zz\r\n\r\n";
    let got = serve(&Wire::new(get("/ws", upgrade) + frame), SessionLayer::new(&pool, App));
    assert!(statuses(&got)[0] == 101 && got.ends_with(&format!("\r\n\r\n{frame}")), "{got}");
    assert_eq!(header(&got, "sec-websocket-accept"), ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]);
    assert_eq!(kept(&pool, &got), "a is 11");
}

#[test]
fn old_clients_and_those_that_ask_for_an_upgrade_get_whole_answers() {
    let pool = pool();
    for head in [
        "GET /stream HTTP/1.0\r\n\r\n",
        "GET /stream HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
        "GET /stream HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        "GET /stream HTTP/1.1\r\nConnection: Close\r\n\r\n",
    ] {
        let got = serve(&Wire::new(head), SessionLayer::new(&pool, App));
        assert!(got.ends_with("\r\n\r\none two three"), "{head}: {got}");
        assert_eq!(header(&got, "connection"), ["Close"], "{head}");
    }
}

#[test]
fn a_timeout_around_the_layer_drops_the_request_and_gives_its_slot_back() {
    let pool = pool();
    let layer = WithTimeout::new(20, SessionLayer::new(&pool, App));
    let got = serve(&Wire::new(get("/hangs", "")), layer);
    assert!(statuses(&got) == [500] && cookie(&got).is_none(), "{got}");
    assert_eq!(statuses(&ask(&pool, "/set", "")), [200]);
}

#[test]
fn more_requests_than_slots_are_503() {
    let pool = pool();
    let taken = SlotGuard::lend(&pool);
    let got = ask(&pool, "/set", "");
    assert!(statuses(&got) == [503] && got.contains("session pool"), "{got}");
    drop(taken);
    assert_eq!(statuses(&ask(&pool, "/set", "")), [200]);
}

#[test]
fn a_client_that_is_gone_costs_nobody_else() {
    let pool = pool();
    for bytes in [0, 10, 60, 200] {
        serve(&Wire::new(get("/stream", "")).that_takes(bytes), SessionLayer::new(&pool, App));
    }
    assert_eq!(statuses(&ask(&pool, "/set", "")), [200]);
}

/// Handlers may be shared, as edge-http's.
#[test]
fn a_handler_by_reference_is_a_handler() {
    fn is_handler(_: impl EdgeHandler) {}
    is_handler(SessionLayer::new(&pool(), &App));
}
