//! What the tests of this crate share: a second client that looks at what is in Redis, and calls that have to succeed.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Client, Cmd, FromRedisValue};
use session_core::store::{Handle, Outcome, Store, Version};
use session_store_redis::RedisStore;
use store_support::{Draft, now};
use store_tests::servers;

pub(crate) const HOUR: u64 = 3_600_000;

/// A client of our own, beside the store's.
pub(crate) struct Spy(MultiplexedConnection);

impl Spy {
    pub(crate) async fn at(server: &servers::Server) -> Self {
        let client = Client::open(format!("redis://{}", server.addr())).unwrap();
        Self(client.get_multiplexed_async_connection().await.unwrap())
    }

    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> T {
        command.query_async(&mut self.0.clone()).await.unwrap()
    }

    /// A command in one line.
    pub(crate) async fn say<T: FromRedisValue>(&self, line: &str) -> T {
        let mut words = line.split(' ');
        let mut command = redis::cmd(words.next().unwrap());
        words.for_each(|word| _ = command.arg(word));
        self.ask(&command).await
    }

    /// How often each of these commands was called since the statistics were reset.
    pub(crate) async fn calls(&self, name: &str) -> u64 {
        let statistics: String = self.say("INFO commandstats").await;
        let line = statistics.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{name}:calls=")));
        line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
    }
}

/// Far above every limit that a test is about: a guard against hanging.
pub(crate) const GUARD: Duration = Duration::from_secs(60);

/// One that is patient with a machine that has much else to do.
pub(crate) fn store(server: &servers::Server) -> RedisStore {
    RedisStore::open(&server.url()).unwrap().with_options(servers::PATIENT)
}

pub(crate) fn key(number: u8) -> Handle {
    Handle::from_bytes([0xa7, 0, 0, 0, 0, 0, 0, number])
}

/// Its name in Redis.
pub(crate) fn name(number: u8) -> String {
    format!("session:{{a7}}000000000000{number:02x}")
}

/// A record of an hour, seen now.
pub(crate) fn record(version: u64, login: u32, data: &[u8]) -> Vec<u8> {
    let seen = now().millis();
    let draft = Draft { version, login, seen, idle: HOUR, ends: seen + 12 * HOUR, ..Draft::default() };
    [&draft.record(), data].concat()
}

pub(crate) async fn load(store: &RedisStore, number: u8) -> Option<Vec<u8>> {
    store_support::load(store, &key(number), now()).await.unwrap()
}

pub(crate) async fn create(store: &RedisStore, number: u8, record: &[u8]) -> Outcome {
    store.create(&key(number), record, now()).await.unwrap()
}

pub(crate) async fn update(store: &RedisStore, number: u8, seen: u64, record: &[u8]) -> Outcome {
    store.update(&key(number), Version(seen), record, now(), &mut [0; 4096]).await.unwrap()
}

pub(crate) const fn applied(version: u64) -> Outcome {
    Outcome::Applied(Version(version))
}

/// Clients that go away in the middle of their requests: each other request has its own record.
pub(crate) async fn drop_futures(store: &RedisStore, records: u8, rounds: u32) {
    for number in 0..records {
        create(store, number, &record(u64::from(number), 1, &[number; 50])).await;
    }
    for round in 0..rounds {
        let number = u8::try_from(round % u32::from(records)).unwrap();
        let (mut buffer, handle) = ([0; 256], key(number));
        let mut dropped = pin!(store.load(&handle, now(), &mut buffer));
        // polled some times, then forgotten
        for _ in 0..round % 5 {
            if poll_fn(|context| Poll::Ready(dropped.as_mut().poll(context))).await.is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        let other = (number + 1) % records;
        assert_eq!(load(store, other).await.unwrap()[60..], [other; 50]);
    }
}
