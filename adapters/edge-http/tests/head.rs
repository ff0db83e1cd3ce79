//! HEAD on the GET routes of the reference app (RFC 9110, 9.3.2).

#[path = "../examples/reference.rs"]
#[allow(dead_code, unreachable_pub)] // its main is not called here
mod reference;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use session_core::policy::Policy;
use session_std::keys;
use support::reference::routes::StructVersion;
use support::reference::{Config, Stop, SystemClock};

/// The head of the answer to one request, and its body.
fn ask(address: std::net::SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

#[test]
fn head_is_get_without_the_body() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let store = "memory:".parse().unwrap();
    let config = Config {
        listen: address,
        store,
        keys: keys::generated(),
        policy: Policy::SECURE,
        struct_version: StructVersion(1),
        token_header: None,
        announce: None,
        outage: None,
    };
    let (end, ends) = std::sync::mpsc::channel::<()>();
    let stop: Stop = Box::pin(async move {
        // the test is over, or has failed
        let _ended = blocking(ends).await;
    });
    let server = thread::Builder::new().stack_size(16 << 20);
    let server = server.spawn(move || reference::serve(listener, config, &SystemClock, stop)).unwrap();
    for path in ["/plain", "/read?key=a", "/peek"] {
        let (get, text) = ask(address, &format!("GET {path}"));
        let (head, nothing) = ask(address, &format!("HEAD {path}"));
        assert!(head.lines().next() == get.lines().next() && nothing.is_empty(), "{path}: {head}");
        let length = format!("content-length: {}", text.len());
        assert!(get.contains(&length) && head.contains(&length), "{path}: {head}");
    }
    assert!(ask(address, "HEAD /set?key=a&value=1").0.starts_with("http/1.1 404"), "it changes nothing");
    drop(end);
    server.join().unwrap().unwrap();
}

async fn blocking(ends: std::sync::mpsc::Receiver<()>) {
    loop {
        async_io::Timer::after(std::time::Duration::from_millis(10)).await;
        if ends.try_recv() == Err(std::sync::mpsc::TryRecvError::Disconnected) {
            return;
        }
    }
}
