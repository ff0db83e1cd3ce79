//! The store keeps the contract on one server and on several (ST11).

use std::time::Duration;

use servers::conformance::conforms;
use session_core::environment::Clock;
use session_std::SystemClock;
use session_store_memcached::{MemcachedStore, Settings};

async fn keeps_the_contract(name: &str, settings: Settings) {
    // no test is to fail because a machine is slow
    let patient = Duration::from_secs(60);
    let store = MemcachedStore::new(&Settings { connect: patient, time_limit: patient, ..settings }).unwrap();
    conforms(name, &store, SystemClock.now(), 0..5).await;
}

#[tokio::test]
async fn one_server() {
    let server = servers::memcached::start();
    let settings = Settings::new([server.addr().to_string()]);
    keeps_the_contract("memcached", settings).await;
}

#[tokio::test]
async fn three_servers() {
    let servers = [(); 3].map(|()| servers::memcached::start());
    let settings = Settings::new(servers.iter().map(|server| server.addr().to_string()));
    keeps_the_contract("memcached, three", settings).await;
}

#[tokio::test]
async fn one_connection() {
    let server = servers::memcached::start();
    let settings = Settings { connections: 1, ..Settings::new([server.addr().to_string()]) };
    keeps_the_contract("memcached, one connection", settings).await;
}
