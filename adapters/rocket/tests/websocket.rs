//! WebSockets over real sockets: the session is stored before the 101, and messages come after its request.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use rocket::fairing::AdHoc;
use rocket::futures::{SinkExt, StreamExt};
use rocket::response::stream::{Event, EventStream};
use rocket::tokio::sync::Notify;
use rocket::{State, get, post, routes};
use rocket_ws::{Channel, Message, WebSocket};
use session_rocket::{
    Authenticated, Error, MemoryStore, Policy, Session, SessionLayer, SessionRejection, Sessions, keys,
};

/// Counts the sockets, and echoes what is sent.
#[get("/socket")]
fn socket(upgrade: WebSocket, session: Session) -> Result<Channel<'static>, SessionRejection> {
    let sockets = session.get::<u32>("sockets")?.unwrap_or(0) + 1;
    session.set("sockets", &sockets)?;
    Ok(upgrade.channel(move |mut stream| {
        Box::pin(async move {
            while let Some(Ok(Message::Text(text))) = stream.next().await {
                let over = session.set("late", &text) == Err(Error::AnswerSent);
                stream.send(Message::Text(format!("{text} {sockets} {over}"))).await?;
            }
            Ok(())
        })
    }))
}

/// Events as long as the session lasts.
#[get("/events")]
fn events(user: Authenticated) -> Result<EventStream![], SessionRejection> {
    let mut watch = user.session.watch()?;
    Ok(EventStream! {
        let name = watch.subject().unwrap_or_default().to_owned();
        yield Event::data(format!("hello {name} {:?}", watch.get::<u32>("n").await));
        let ended = watch.ended(rocket::tokio::time::sleep).await;
        yield Event::data(format!("over {ended:?}"));
    })
}

#[derive(Default)]
struct Turns {
    loaded: Notify,
    changed: Notify,
}

/// Changes what another request changes meanwhile.
#[get("/late-socket")]
async fn late_socket(
    upgrade: WebSocket,
    session: Session,
    turns: &State<Turns>,
) -> Result<Channel<'static>, SessionRejection> {
    session.set("sockets", &session.get::<u32>("sockets")?)?;
    session.set("sockets", &0_u32)?;
    turns.loaded.notify_one();
    turns.changed.notified().await;
    Ok(upgrade.channel(|_| Box::pin(async { Ok(()) })))
}

#[post("/change")]
async fn change(session: Session, turns: &State<Turns>) -> Result<(), SessionRejection> {
    turns.loaded.notified().await;
    session.update_with("sockets", |_: Option<u32>| 7).await?;
    turns.changed.notify_one();
    Ok(())
}

/// Serves until it is dropped.
struct Server {
    address: SocketAddr,
    sessions: Sessions,
    _runtime: rocket::tokio::runtime::Runtime,
}

fn serve() -> Server {
    let settings =
        rocket::Config { port: 0, log_level: rocket::config::LogLevel::Off, ..rocket::Config::debug_default() };
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let rocket = rocket::custom(settings)
        .attach(SessionLayer::new(sessions.clone()))
        .attach(AdHoc::on_liftoff("ready", |rocket| {
            Box::pin(async move {
                let config = rocket.config();
                tell.lock().unwrap().send(SocketAddr::new(config.address, config.port)).unwrap();
            })
        }))
        .manage(Turns::default())
        .mount("/", routes![socket, events, late_socket, change]);
    let runtime = rocket::tokio::runtime::Runtime::new().unwrap();
    runtime.spawn(rocket.launch());
    Server { sessions, address: told.recv_timeout(Duration::from_secs(60)).unwrap(), _runtime: runtime }
}

/// Sends a request, and gives the head of its answer.
fn ask(server: &Server, first_line: &str, headers: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    write!(stream, "{first_line} HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n{headers}\r\n").unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    (stream, String::from_utf8(head).unwrap())
}

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

fn cookie(head: &str) -> String {
    let value = head.lines().find_map(|line| line.to_lowercase().starts_with("set-cookie: id=").then(|| &line[12..]));
    format!("Cookie: {}\r\n", value.unwrap_or_else(|| panic!("{head}")).split(';').next().unwrap())
}

/// Sends a short text message and reads one.
fn echo(stream: &mut TcpStream, text: &str) -> String {
    let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
    frame.extend(text.as_bytes());
    stream.write_all(&frame).unwrap();
    let mut head = [0; 2];
    stream.read_exact(&mut head).unwrap();
    let mut message = vec![0; head[1].into()];
    stream.read_exact(&mut message).unwrap();
    String::from_utf8(message).unwrap()
}

#[test]
fn the_session_is_stored_before_the_upgrade() {
    let server = serve();
    let (mut stream, head) = ask(&server, "GET /socket", UPGRADE);
    assert!(head.starts_with("HTTP/1.1 101") && head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    let ann = cookie(&head);
    // the first is still open
    let (mut second, head) = ask(&server, "GET /socket", &format!("{UPGRADE}{ann}"));
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert_eq!(echo(&mut second, "hello"), "hello 2 true");
    assert_eq!(echo(&mut stream, "hi"), "hi 1 true");
}

#[test]
fn a_change_that_is_not_kept_is_no_upgrade() {
    let server = serve();
    let ann = cookie(&ask(&server, "GET /socket", UPGRADE).1);
    let (late, changed) = std::thread::scope(|scope| {
        let changing = scope.spawn(|| ask(&server, "POST /change", &ann).1);
        (ask(&server, "GET /late-socket", &format!("{UPGRADE}{ann}")).1, changing.join().unwrap())
    });
    assert!(changed.starts_with("HTTP/1.1 200"), "{changed}");
    assert!(late.starts_with("HTTP/1.1 409"), "{late}");
}

#[test]
fn a_stream_of_events_ends_with_its_session_lc20() {
    let server = serve();
    let ann = rocket::execute(server.sessions.cookie_for("ann").with("n", 7).into_future()).unwrap();
    let (mut stream, head) = ask(&server, "GET /events", &format!("Connection: close\r\nCookie: {ann}\r\n"));
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/event-stream"), "{head}");
    let mut said = Vec::new();
    for text in ["hello ann Ok(Some(7))", "over Ok(())"] {
        while !String::from_utf8_lossy(&said).contains(text) {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            said.push(byte[0]);
        }
        rocket::execute(server.sessions.revoke_all("ann")).unwrap();
    }
    stream.read_to_end(&mut said).unwrap();
}
