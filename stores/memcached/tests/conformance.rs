//! The store keeps the contract on one server and on several (ST11).

use std::time::{SystemTime, UNIX_EPOCH};

use session_core::conformance::{Broken, suite};
use session_core::environment::Time;
use session_core::store::Store;
use session_store_memcached::{MemcachedStore, Settings};

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_millis(since.as_millis().try_into().unwrap_or(u64::MAX))
}

async fn conforms(store: &impl Store) -> Result<(), Broken> {
    for seed in 0..5 {
        suite(store, now(), seed).await?;
    }
    Ok(())
}

#[tokio::test]
async fn one_server() {
    let server = servers::memcached::start();
    assert_eq!(conforms(&MemcachedStore::at(&server.url()).unwrap()).await, Ok(()));
}

#[tokio::test]
async fn three_servers() {
    let servers = [(); 3].map(|()| servers::memcached::start());
    let settings = Settings::new(servers.iter().map(|server| server.addr().to_string()));
    assert_eq!(conforms(&MemcachedStore::new(&settings).unwrap()).await, Ok(()));
}

#[tokio::test]
async fn one_connection() {
    let server = servers::memcached::start();
    let settings = Settings { connections: 1, ..Settings::new([server.addr().to_string()]) };
    assert_eq!(conforms(&MemcachedStore::new(&settings).unwrap()).await, Ok(()));
}
