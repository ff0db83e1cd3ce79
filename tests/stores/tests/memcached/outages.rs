//! Servers that are killed, hang, start again, or whose connections are cut (ST10).

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use session_core::store::{Outcome, Store, Version};
use session_store_memcached::{ConnectionOptions, MemcachedError, MemcachedStore};
use store_support::{key, now};
use store_tests::servers;
use store_tests::servers::proxy::{Fault, Proxy};

use crate::common::{HASTY, load, record};

/// Asks until it works again; there is no time by which it has to, but the test's own.
async fn works(store: &MemcachedStore) {
    while store.check(now()).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_restart_ends_sessions_and_breaks_nothing_st10() {
    let mut server = servers::memcached::start();
    let store = MemcachedStore::open(&server.url()).unwrap();
    for number in 0..5 {
        store.create(&key(number), &record(1, b"before"), now()).await.unwrap();
    }
    server.restart();
    assert_eq!(load(&store, &key(0)).await, Ok(None), "the dead connection is no error");
    server.restart();
    let updated = store.update(&key(1), Version(1), &record(2, b"after"), now(), &mut []).await;
    assert_eq!(updated, Ok(Outcome::Missing), "nothing is made anew");
    server.restart();
    let created = store.create(&key(2), &record(3, b"new"), now()).await;
    assert_eq!(created, Ok(Outcome::Applied(Version(3))));
    assert_eq!(load(&store, &key(2)).await, Ok(Some(record_with(3, b"new", &store).await)));
}

async fn record_with(version: u64, data: &[u8], store: &MemcachedStore) -> Vec<u8> {
    let there = load(store, &key(2)).await.unwrap().unwrap();
    assert_eq!((there[2..10].to_vec(), &there[60..]), (version.to_le_bytes().to_vec(), data));
    there
}

#[tokio::test]
async fn a_server_that_is_gone_is_an_error_until_it_is_back_st10() {
    let mut server = servers::memcached::start();
    let store = MemcachedStore::open(&server.url()).unwrap().with_options(HASTY);
    store.create(&key(1), &record(1, b""), now()).await.unwrap();
    server.kill();
    let mut paused = 0;
    for _ in 0..20 {
        match load(&store, &key(1)).await {
            Err(MemcachedError::Connect { .. } | MemcachedError::Broken { .. }) => {}
            Err(MemcachedError::Paused { .. }) => paused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(paused > 0, "it is left alone after some failures");
    server.restart();
    works(&store).await;
    assert_eq!(load(&store, &key(1)).await, Ok(None));
}

#[tokio::test]
async fn a_server_that_hangs_is_an_error_until_it_goes_on_st10() {
    let server = servers::memcached::start();
    let store = MemcachedStore::open(&server.url()).unwrap().with_options(HASTY);
    let before = record(1, b"before");
    store.create(&key(1), &before, now()).await.unwrap();
    server.pause();
    for _ in 0..5 {
        let update = store.update(&key(1), Version(1), &record(2, b"hung"), now(), &mut []).await;
        assert!(matches!(update, Err(MemcachedError::Timeout { .. } | MemcachedError::Paused { .. })), "{update:?}");
    }
    server.resume();
    works(&store).await;
    // what it was asked while it hung it may have done
    let there = load(&store, &key(1)).await.unwrap().unwrap();
    assert!(there == before || there.ends_with(b"hung"));
}

#[tokio::test]
async fn connections_cut_in_mid_answer_leave_the_old_or_the_new_st10() {
    let server = servers::memcached::start();
    let addr = server.addr();
    let proxy = tokio::task::spawn_blocking(move || Proxy::start(addr)).await.unwrap();
    let store = MemcachedStore::open(&format!("memcached://{}", proxy.addr())).unwrap();
    store.create(&key(1), &record(100, b"cut"), now()).await.unwrap();
    for passes in 0..60 {
        let (seen, next) = (Version(100 + passes), 101 + passes);
        // half of them with a look before, whose answer is cut then, and half straight on
        if passes % 2 == 0 {
            store.touch(&key(1), now()).await.unwrap();
        }
        proxy.set(Fault::Cut(usize::try_from(passes).unwrap() / 2));
        let update = store.update(&key(1), seen, &record(next, b"cut"), now(), &mut []).await;
        assert_eq!(update, Ok(Outcome::Applied(Version(next))), "cut after {}", passes / 2);
        proxy.set(Fault::Pass);
        let there = load(&store, &key(1)).await.unwrap().unwrap();
        assert_eq!(there[2..10], next.to_le_bytes());
    }
    proxy.set(Fault::Cut(0));
    assert_eq!(store.create(&key(2), &record(1, b"c"), now()).await, Ok(Outcome::Applied(Version(1))));
    load(&store, &key(2)).await.unwrap();
    proxy.set(Fault::Cut(0));
    let deleted = store.delete(&key(2), session_core::store::DeleteCondition::Login(3), now()).await;
    assert!(matches!(deleted, Ok(Outcome::Missing)), "it was done, so there is nothing left: {deleted:?}");
}

#[tokio::test]
async fn dropped_futures_leave_no_broken_connection_st10() {
    let server = servers::memcached::start();
    let one = ConnectionOptions::new().with_max_connections(1);
    dropped_futures(&MemcachedStore::open(&server.url()).unwrap().with_options(one)).await;
}

/// Drops loads after so many polls each, over a store of one connection.
pub(crate) async fn dropped_futures(store: &MemcachedStore) {
    let records = [record(1, &[1; 3000]), record(2, &[2; 10])];
    for (number, record) in records.iter().enumerate() {
        store.create(&key(number as u64), record, now()).await.unwrap();
    }
    for polls in 0..100 {
        let (one, other) = (polls % 2, (polls + 1) % 2);
        {
            let key = key(one as u64);
            let mut dropped = pin!(load(store, &key));
            let mut left = polls / 20;
            poll_fn(|context| {
                if left == 0 || dropped.as_mut().poll(context).is_ready() {
                    return Poll::Ready(());
                }
                left -= 1;
                context.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        }
        assert_eq!(load(store, &key(other as u64)).await, Ok(Some(records[other].clone())), "after {polls}");
    }
}

#[tokio::test]
async fn one_server_of_three_down_takes_only_its_keys_st10() {
    let mut all = [(); 3].map(|()| servers::memcached::start());
    let options = ConnectionOptions::new().with_pause(Duration::from_millis(50));
    let store = MemcachedStore::open(&crate::common::url(&all)).unwrap().with_options(options);
    for number in 0..60 {
        store.create(&key(number), &record(1, b""), now()).await.unwrap();
    }
    all[1].kill();
    let mut down = Vec::new();
    for number in 0..60 {
        match load(&store, &key(number)).await {
            Ok(Some(_)) => {}
            Err(_) => down.push(number),
            Ok(None) => panic!("a key is looked for on another server"),
        }
    }
    assert!((5..40).contains(&down.len()), "{} keys are down", down.len());
    all[1].restart();
    works(&store).await;
    for number in 0..60 {
        assert_eq!(load(&store, &key(number)).await.unwrap().is_none(), down.contains(&number));
    }
}
