//! What the tests share: records, and a plain connection to a server.
#![allow(dead_code, reason = "each test uses some of it")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use servers::Server;
use session_core::environment::{Clock, Time};
use session_core::record::{FORMAT, IDLE_AT, LAST_SEEN_AT, LOGIN_AT, MIN_LEN, VERSION_AT};
use session_core::store::{Handle, Load, Store};
use session_std::SystemClock;
use session_store_memcached::{ConnectionOptions, MemcachedError, MemcachedStore};

pub(crate) fn now() -> Time {
    SystemClock.now()
}

pub(crate) fn key(number: u64) -> Handle {
    Handle::from_bytes(number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes())
}

/// A record of login number 3 that is idle for an hour at most.
pub(crate) fn record(version: u64, data: &[u8]) -> Vec<u8> {
    let mut record = vec![0; MIN_LEN];
    record[0] = FORMAT;
    record[VERSION_AT..][..8].copy_from_slice(&version.to_le_bytes());
    record[LOGIN_AT..][..4].copy_from_slice(&3_u32.to_le_bytes());
    record[LAST_SEEN_AT..][..6].copy_from_slice(&now().millis().to_le_bytes()[..6]);
    record[IDLE_AT..][..6].copy_from_slice(&3_600_000_u64.to_le_bytes()[..6]);
    record.extend(data);
    record
}

/// What is under a key.
pub(crate) async fn load(store: &MemcachedStore, key: &Handle) -> Result<Option<Vec<u8>>, MemcachedError> {
    let mut into = vec![0; 4096];
    Ok(match store.load(key, now(), &mut into).await? {
        Load::Found(found) => Some(into[..found.len].to_vec()),
        Load::Missing => None,
        Load::TooLarge { size } => panic!("{size} bytes"),
    })
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
