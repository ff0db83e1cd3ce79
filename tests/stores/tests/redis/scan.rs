//! Everybody's sessions, over one server and over the nodes of a cluster.

use std::collections::BTreeSet;

use session_core::store::{Handle, Store};
use session_store_redis::{RedisStore, RedisStoreError};
use store_support::now;
use store_tests::servers;

use crate::common::{Spy, record, store};

fn handle(number: u16) -> Handle {
    let [low, high] = number.to_le_bytes();
    Handle::from_bytes([low, high, 2, 3, 4, 5, 6, 7])
}

/// More than a server returns at a time.
const MANY: u16 = 2_000;

async fn fill(store: &RedisStore) {
    for number in 0..MANY {
        store.create(&handle(number), &record(1, 1, b""), now()).await.unwrap();
    }
}

/// The sessions that are found. Does `midway` after the first one.
async fn found(store: &RedisStore, midway: impl FnOnce()) -> Result<BTreeSet<Handle>, RedisStoreError> {
    let (mut all, mut midway) = (BTreeSet::new(), Some(midway));
    store
        .for_each_head(now(), |handle, _| {
            assert!(all.insert(handle), "each once");
            if let Some(midway) = midway.take() {
                midway();
            }
        })
        .await?;
    Ok(all)
}

fn everybody() -> BTreeSet<Handle> {
    (0..MANY).map(handle).collect()
}

/// A cursor means nothing to a server that was restarted, so the rest would be missed.
#[tokio::test]
async fn a_server_that_restarts_while_it_is_listed_is_an_error_lc9() {
    let mut server = servers::redis::start();
    let store = store(&server);
    fill(&store).await;
    assert_eq!(found(&store, || ()).await.unwrap(), everybody());
    let why = found(&store, || {
        server.kill();
        server.restart();
    });
    assert!(matches!(why.await, Err(RedisStoreError::Moved)));
    assert_eq!(found(&store, || ()).await.unwrap(), everybody());
}

#[tokio::test]
async fn every_node_of_a_cluster_is_listed_lc9() {
    let mut cluster = servers::redis::Cluster::start();
    let store = RedisStore::open(&cluster.url()).unwrap().with_options(servers::PATIENT);
    fill(&store).await;
    let other = RedisStore::open(&format!("{}?prefix=other:", cluster.url())).unwrap();
    other.create(&handle(0), &record(1, 1, b""), now()).await.unwrap();
    assert_eq!(found(&store, || ()).await.unwrap(), everybody());
    assert_eq!(found(&other, || ()).await.unwrap(), [handle(0)].into());
    // those of a node that is down are not left out
    cluster.nodes[1].kill();
    assert!(found(&store, || ()).await.is_err());
    cluster.nodes[1].restart();
    cluster.wait();
    let store = RedisStore::open(&cluster.url()).unwrap().with_options(servers::PATIENT);
    assert_eq!(found(&store, || ()).await.unwrap(), everybody());
    let why = found(&store, || {
        cluster.nodes[2].kill();
        cluster.nodes[2].restart();
    });
    assert!(why.await.is_err());
}

/// A session that moves may be missed by both nodes. One that has moved is found, also by a connection from before.
#[tokio::test]
async fn slots_that_move_while_a_cluster_is_listed_are_an_error_lc9() {
    let cluster = servers::redis::Cluster::start();
    let store = RedisStore::open(&cluster.url()).unwrap().with_options(servers::PATIENT);
    fill(&store).await;
    let nodes = [&cluster.nodes[0], &cluster.nodes[1]];
    let [from, to] = [Spy::at(nodes[0]).await, Spy::at(nodes[1]).await];
    let [from_id, to_id] = [from.say::<String>("CLUSTER MYID").await, to.say::<String>("CLUSTER MYID").await];
    // one of the first node's that has sessions
    let mut slot = 0;
    while from.say::<u32>(&format!("CLUSTER COUNTKEYSINSLOT {slot}")).await == 0 {
        slot += 1;
    }
    let keys: Vec<String> = from.say(&format!("CLUSTER GETKEYSINSLOT {slot} 100")).await;
    let _: () = to.say(&format!("CLUSTER SETSLOT {slot} IMPORTING {from_id}")).await;
    let _: () = from.say(&format!("CLUSTER SETSLOT {slot} MIGRATING {to_id}")).await;
    assert!(matches!(found(&store, || ()).await, Err(RedisStoreError::Moved)));
    let port = nodes[1].addr().port();
    let _: () = from.say(&format!("MIGRATE 127.0.0.1 {port}  0 5000 KEYS {}", keys.join(" "))).await;
    for node in &cluster.nodes {
        let _: () = Spy::at(node).await.say(&format!("CLUSTER SETSLOT {slot} NODE {to_id}")).await;
    }
    assert_eq!(found(&store, || ()).await.unwrap(), everybody());
}
