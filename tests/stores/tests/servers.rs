//! Each kind of server starts, hangs, dies, comes back; the proxy does what it is told.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use store_tests::servers::proxy::{Fault, Proxy};
use store_tests::servers::{self, Server};

/// A hang guard where an answer is due, and what shows that none comes: nobody answers while he is stopped.
const PATIENCE: Duration = Duration::from_secs(20);
const SILENCE: Duration = Duration::from_millis(100);

fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Up to this many bytes; fewer if the connection ends.
fn read(stream: &mut TcpStream, most: u64) -> String {
    let mut bytes = Vec::new();
    // what came before a connection is reset counts, too
    let _reset = stream.take(most).read_to_end(&mut bytes);
    String::from_utf8(bytes).unwrap()
}

fn ask(stream: &mut TcpStream, line: &[u8], len: u64) -> String {
    stream.write_all(line).unwrap();
    read(stream, len)
}

/// Starts, hangs, goes on, dies, comes back where it was; nothing stays of it.
fn lives(mut server: Server, line: &[u8], answer: &str) {
    let len = answer.len() as u64;
    assert_eq!(ask(&mut connect(server.addr()), line, len), answer);
    let mut open = connect(server.addr());
    server.pause();
    open.set_read_timeout(Some(SILENCE)).unwrap();
    assert_eq!(ask(&mut open, line, len), "");
    server.resume();
    open.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(read(&mut open, len), answer);
    server.kill();
    assert_eq!(read(&mut open, 1), "");
    assert!(TcpStream::connect(server.addr()).is_err());
    server.restart();
    assert_eq!(ask(&mut connect(server.addr()), line, len), answer);
    let (addr, dir) = (server.addr(), server.dir().to_owned());
    drop(server);
    assert!(TcpStream::connect(addr).is_err() && !Path::exists(&dir));
}

#[test]
fn redis_lives_and_keeps_its_data() {
    let mut server = servers::redis::start();
    assert_eq!(ask(&mut connect(server.addr()), b"SET a b\r\n", 5), "+OK\r\n");
    server.restart();
    assert_eq!(ask(&mut connect(server.addr()), b"GET a\r\n", 7), "$1\r\nb\r\n");
    lives(server, b"PING\r\n", "+PONG\r\n");
}

#[test]
fn memcached_lives() {
    lives(servers::memcached::start(), b"mn\r\n", "MN\r\n");
}

#[test]
fn postgres_lives() {
    // asks whether it speaks TLS; it does not
    lives(servers::postgres::start(), b"\0\0\0\x08\x04\xd2\x16\x2f", "N");
}

#[test]
fn the_proxy_does_what_it_is_told() {
    let server = servers::redis::start();
    let proxy = Proxy::start(server.addr());
    let mut open = connect(proxy.addr());
    assert_eq!(ask(&mut open, b"PING\r\n", 7), "+PONG\r\n");

    proxy.set(Fault::Cut(3));
    assert_eq!(ask(&mut open, b"PING\r\n", 7), "+PO");
    assert_eq!(proxy.fault(), Fault::Pass);

    let mut open = connect(proxy.addr());
    assert_eq!(ask(&mut open, b"PING\r\n", 7), "+PONG\r\n");
    proxy.set(Fault::Hang);
    open.set_read_timeout(Some(SILENCE)).unwrap();
    assert_eq!(ask(&mut open, b"PING\r\n", 7), "");
    proxy.set(Fault::Delay(Duration::from_millis(1)));
    open.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(read(&mut open, 7), "+PONG\r\n");

    proxy.set(Fault::Refuse);
    assert_eq!(read(&mut open, 7), "");
    assert!(TcpStream::connect(proxy.addr()).is_err());
    proxy.set(Fault::Pass);
    let again = (0..1000).find_map(|_| {
        std::thread::sleep(Duration::from_millis(5));
        TcpStream::connect(proxy.addr()).ok()
    });
    assert_eq!(ask(&mut again.unwrap(), b"PING\r\n", 7), "+PONG\r\n");
    assert_eq!(proxy.accepted(), 3);
}
