//! A node of a cluster dies and comes back; a sentinel makes a replica the primary.

use std::time::Duration;

use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_store_redis::{ConnectionOptions, RedisStore};
use store_support::now;
use store_tests::servers;

use crate::common::{GUARD, record};

/// One handle in each of the 256 groups, so some on each node.
fn handle(group: u8) -> Handle {
    Handle::from_bytes([group, 1, 2, 3, 4, 5, 6, 7])
}

async fn there(store: &RedisStore, group: u8) -> bool {
    let there = store.load(&handle(group), now(), &mut [0; 256]).await;
    if let Ok(there) = there {
        assert!(matches!(there, Load::Found(_)), "a session is never lost by an outage");
    }
    there.is_ok()
}

async fn recovers(store: &RedisStore) {
    let all = async {
        for group in 0..=255 {
            while !there(store, group).await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    };
    tokio::time::timeout(GUARD, all).await.expect("all groups are answered again");
}

#[tokio::test]
async fn each_operation_stays_on_one_node() {
    let cluster = servers::redis::Cluster::start();
    let store = RedisStore::open(&cluster.url()).unwrap().with_options(servers::PATIENT);
    assert!(!store.is_used().await.unwrap(), "before the first session, on no node (ST18)");
    for group in 0..=255 {
        let key = handle(group);
        assert!(matches!(store.create(&key, &record(1, 1, b""), now()).await, Ok(Outcome::Applied(_))));
        assert!(matches!(
            store.update(&key, Version(1), &record(2, 1, b""), now(), &mut []).await,
            Ok(Outcome::Applied(_))
        ));
        assert!(matches!(store.touch(&key, now()).await, Ok(Outcome::Applied(_))));
        assert!(there(&store, group).await);
    }
    let mut counts = Vec::new();
    for node in &cluster.nodes {
        let spy = crate::common::Spy::at(node).await;
        counts.push(spy.say::<u64>("DBSIZE").await);
    }
    // a session and an era for each group, evenly enough
    assert!(counts.iter().sum::<u64>() == 512 && counts.iter().all(|count| *count > 100), "{counts:?}");
    assert!(store.is_used().await.unwrap());
    assert!(store.end_all(now()).await.unwrap());
    for group in 0..=255 {
        assert_eq!(store.load(&handle(group), now(), &mut [0; 256]).await.unwrap(), Load::Missing);
        assert_eq!(store.delete(&handle(group), DeleteCondition::Any, now()).await.unwrap(), Outcome::Missing);
    }
}

#[tokio::test]
async fn a_node_dies_and_comes_back_st10() {
    let mut cluster = servers::redis::Cluster::start();
    let store = RedisStore::open(&cluster.url()).unwrap();
    for group in 0..=255 {
        store.create(&handle(group), &record(1, 1, b""), now()).await.unwrap();
    }
    cluster.nodes[1].kill();
    let mut failed = 0;
    for group in 0..=255 {
        let answered = tokio::time::timeout(GUARD, there(&store, group)).await.expect("nobody hangs");
        failed += u32::from(!answered);
    }
    assert!(failed > 0);
    cluster.nodes[1].restart();
    cluster.wait();
    recovers(&store).await;
}

#[tokio::test]
async fn a_node_hangs_and_goes_on_st10() {
    let cluster = servers::redis::Cluster::start();
    let store = RedisStore::open(&cluster.url()).unwrap();
    for group in 0..=255 {
        store.create(&handle(group), &record(1, 1, b""), now()).await.unwrap();
    }
    cluster.nodes[2].pause();
    let mut failed = 0;
    for group in 0..32 {
        let answered = tokio::time::timeout(GUARD, there(&store, group)).await.expect("nobody hangs");
        failed += u32::from(!answered);
    }
    assert!(failed > 0);
    cluster.nodes[2].resume();
    cluster.wait();
    recovers(&store).await;
}

#[tokio::test]
async fn a_replica_takes_over_st10() {
    let mut watched = servers::redis::Watched::start();
    let store = RedisStore::open(&watched.url()).unwrap();
    for group in 0..=255 {
        store.create(&handle(group), &record(1, 1, b""), now()).await.unwrap();
    }
    // replication is not waited for by Redis; here it is
    let replica = crate::common::Spy::at(&watched.replica).await;
    let all = async {
        while replica.say::<u64>("DBSIZE").await < 512 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(GUARD, all).await.expect("the replica has all");
    watched.primary.kill();
    assert!(!there(&store, 0).await);
    watched.wait_for_failover();
    recovers(&store).await;
    let updated = store.update(&handle(0), Version(1), &record(2, 1, b""), now(), &mut []).await;
    assert_eq!(updated.unwrap(), Outcome::Applied(Version(2)));
    // the old primary comes back as a replica of the new one
    watched.primary.restart();
    recovers(&store).await;
    let updated = store.update(&handle(0), Version(2), &record(3, 1, b""), now(), &mut []).await;
    assert_eq!(updated.unwrap(), Outcome::Applied(Version(3)));
}

/// Whoever connects while one of them hangs is led to the others.
#[tokio::test]
async fn connecting_past_a_sentinel_or_a_node_that_hangs_st10() {
    let watched = servers::redis::Watched::start();
    let proxy = servers::proxy::Proxy::start(watched.sentinel.addr());
    proxy.set(servers::proxy::Fault::Hang);
    let url = format!("redis-sentinel://{},{}/main", proxy.addr(), watched.sentinel.addr());
    let store =
        RedisStore::open(&url).unwrap().with_options(ConnectionOptions::new().with_pause(Duration::from_millis(50)));
    let connected = async {
        while store.create(&handle(0), &record(1, 1, b""), now()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(GUARD, connected).await.expect("the other sentinel is asked");
    assert!(there(&store, 0).await);

    let cluster = servers::redis::Cluster::start();
    cluster.nodes[0].pause();
    let store = RedisStore::open(&cluster.url())
        .unwrap()
        .with_options(ConnectionOptions::new().with_pause(Duration::from_millis(50)));
    let connected = async {
        // some group is on a node that is well
        let mut group = 0;
        while store.create(&handle(group), &record(1, 1, b""), now()).await.is_err() {
            group = group.wrapping_add(1);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(GUARD, connected).await.expect("the other nodes are asked");
}
