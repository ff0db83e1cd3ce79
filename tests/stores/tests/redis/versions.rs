//! Other versions than Debian's, and Valkey, out of wheels of PyPI: the contract, and where the store reads a server's
//! words (ST11).

use std::path::{Path, PathBuf};

use session_core::conformance::end_all_ends_all;
use session_core::store::{DeleteCondition, Handle, Outcome, Store};
use session_store_redis::{RedisStore, RedisStoreError};
use store_support::now;
use store_tests::servers::conformance::conforms;
use store_tests::servers::redis::start_program;
use store_tests::servers::{PATIENT, Server};

use crate::common::{Spy, applied, create, record};

/// Where `cargo xtask setup` has put a server.
fn program(name: &str, program: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    target.join("servers").join(name).join(program)
}

fn open(server: &Server) -> RedisStore {
    RedisStore::open(&server.url()).unwrap().with_options(PATIENT)
}

async fn keeps_the_contract(name: &str, program: PathBuf, field: &str) {
    let server = start_program(&program, &[]);
    let version: String = Spy::at(&server).await.say("INFO server").await;
    assert!(version.contains(field), "{name}: {version}");
    let store = open(&server);
    conforms(name, &store, now(), 0..2).await;
    assert_eq!(end_all_ends_all(&store, now(), 2).await, Ok(()));
    assert_eq!(store.warning(), None, "it tells its policy");

    let server = start_program(&program, &["--maxmemory", "6mb", "--maxmemory-policy", "noeviction"]);
    let store = open(&server);
    let handle = |number: u64| Handle::from_bytes(number.to_le_bytes());
    let large = record(1, 0, &[7; 50_000]);
    let mut kept = 0;
    while store.create(&handle(kept), &large, now()).await.unwrap() != Outcome::Full {
        kept += 1;
        assert!(kept < 1000, "6 MB are not full yet");
    }
    assert!(kept > 0);
    assert_eq!(store.delete(&handle(0), DeleteCondition::Any, now()).await.unwrap(), applied(1));

    let server = start_program(&program, &["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    assert!(matches!(open(&server).check(now()).await, Err(RedisStoreError::Evicts(_))));

    let mut server = start_program(&program, &[]);
    let store = open(&server);
    assert_eq!(create(&store, 0, &record(1, 1, b"kept")).await, applied(1));
    server.restart();
    assert!(crate::common::load(&store, 0).await.unwrap().ends_with(b"kept"));
}

#[tokio::test]
async fn redis_6_2() {
    keeps_the_contract("Redis 6.2", program("redis-6.2", "redis-server"), "redis_version:6.2.").await;
}

#[tokio::test]
async fn redis_8_2() {
    keeps_the_contract("Redis 8.2", program("redis-8.2", "redis-server"), "redis_version:8.2.").await;
}

#[tokio::test]
async fn valkey_9_1() {
    keeps_the_contract("Valkey 9.1", program("valkey-9.1", "valkey-server"), "valkey_version:9.1.").await;
}
