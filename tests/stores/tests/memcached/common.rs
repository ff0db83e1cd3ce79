//! What the tests of this crate share: records, and a plain connection to a server.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use session_core::store::Handle;
use session_store_memcached::{ConnectionOptions, MemcachedError, MemcachedStore};
use store_support::{Draft, now};
use store_tests::servers::Server;

/// A record of login number 3 with an idle timeout of an hour, seen now.
pub(crate) fn record(version: u64, data: &[u8]) -> Vec<u8> {
    let draft = Draft { version, login: 3, seen: now().millis(), idle: 3_600_000, ..Draft::default() };
    [&draft.record(), data].concat()
}

pub(crate) async fn load(store: &MemcachedStore, key: &Handle) -> Result<Option<Vec<u8>>, MemcachedError> {
    store_support::load(store, key, now()).await
}

/// Timeouts that a test does not have to wait long for.
pub(crate) const HASTY: ConnectionOptions =
    ConnectionOptions::new().with_operation_timeout(Duration::from_millis(200)).with_pause(Duration::from_millis(50));

/// The URL of several servers.
pub(crate) fn url(servers: &[Server]) -> String {
    let names: Vec<_> = servers.iter().map(|server| server.addr().to_string()).collect();
    format!("memcached://{}", names.join(","))
}

/// Sends lines as they stand and gives what comes back until `end`.
pub(crate) fn say(addr: SocketAddr, lines: &[u8], end: &str) -> String {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(lines).unwrap();
    let (mut answer, mut part) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&answer).contains(end) {
        let len = stream.read(&mut part).unwrap();
        assert!(len > 0, "closed after {:?}", String::from_utf8_lossy(&answer));
        answer.extend(&part[..len]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Commands about keys that a server has carried out, by its own count.
pub(crate) fn commands(addr: SocketAddr) -> u64 {
    let stats = say(addr, b"stats\r\n", "END\r\n");
    let counted = ["cmd_get", "cmd_set", "cmd_touch", "delete_hits", "delete_misses"];
    let numbers = stats.lines().filter_map(|line| {
        let (name, number) = line.strip_prefix("STAT ")?.split_once(' ')?;
        counted.contains(&name).then(|| number.parse::<u64>().unwrap())
    });
    numbers.sum()
}
