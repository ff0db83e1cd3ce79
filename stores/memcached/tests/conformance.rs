//! The store keeps the contract on one server and on several (ST11).

use std::time::Duration;

use session_core::conformance::{Broken, suite};
use session_core::environment::Clock;
use session_std::SystemClock;
use session_store_memcached::{MemcachedStore, Settings};

async fn conforms(settings: Settings) -> Result<(), Broken> {
    // no test is to fail because a machine is slow
    let patient = Duration::from_secs(60);
    let store = MemcachedStore::new(&Settings { connect: patient, time_limit: patient, ..settings }).unwrap();
    for seed in 0..5 {
        suite(&store, SystemClock.now(), seed).await?;
    }
    Ok(())
}

#[tokio::test]
async fn one_server() {
    let server = servers::memcached::start();
    let settings = Settings::new([server.addr().to_string()]);
    assert_eq!(conforms(settings).await, Ok(()));
}

#[tokio::test]
async fn three_servers() {
    let servers = [(); 3].map(|()| servers::memcached::start());
    let settings = Settings::new(servers.iter().map(|server| server.addr().to_string()));
    assert_eq!(conforms(settings).await, Ok(()));
}

#[tokio::test]
async fn one_connection() {
    let server = servers::memcached::start();
    let settings = Settings { connections: 1, ..Settings::new([server.addr().to_string()]) };
    assert_eq!(conforms(settings).await, Ok(()));
}
