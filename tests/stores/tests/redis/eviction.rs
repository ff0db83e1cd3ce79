//! A server that removes keys when its memory is full, and one that is another than the URL says.

use redis::cmd;
use session_core::store::{Handle, Store};
use session_store_redis::{RedisStore, RedisStoreError};
use store_support::now;
use store_tests::servers;

use crate::common::{Spy, applied, create, key, load, record, store};

const POLICIES: [&str; 7] =
    ["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl", "allkeys-lru", "allkeys-lfu", "allkeys-random"];

/// Under any policy that removes entries of the index, the store does nothing and says why, until the policy is another.
#[tokio::test]
async fn a_server_that_evicts_keys_is_refused_st14() {
    let server = servers::redis::start_with(&["--maxmemory", "100mb"]);
    let spy = Spy::at(&server).await;
    let set = async |policy: &str| {
        let _: () = spy.say(&format!("CONFIG SET maxmemory-policy {policy}")).await;
    };
    for policy in POLICIES {
        set(policy).await;
        let store = store(&server);
        for why in
            [store.check(now()).await.unwrap_err(), store.create(&key(0), &record(1, 1, b""), now()).await.unwrap_err()]
        {
            assert!(matches!(&why, RedisStoreError::Evicts(named) if named == policy), "{why:?}");
            assert!(why.to_string().contains("noeviction") && why.to_string().contains(policy), "{why}");
        }
        let without = RedisStore::open(&format!("{}?index=off", server.url())).unwrap();
        assert!(without.index().is_none());
        without.check(now()).await.unwrap();
        set("noeviction").await;
        assert_eq!(create(&store, 0, &record(1, 1, b"")).await, applied(1), "{policy}: mended while we run");
        assert_eq!(store.warning(), None);
        let _: () = spy.say("FLUSHALL").await;
    }
    // nothing is evicted where there is no limit
    let _: () = spy.say("CONFIG SET maxmemory 0").await;
    set("allkeys-lru").await;
    store(&server).check(now()).await.unwrap();
}

/// A user who may not ask is told once, and goes on.
#[tokio::test]
async fn a_server_that_does_not_tell_its_policy_is_a_warning_st14() {
    let server = servers::redis::start();
    let spy = Spy::at(&server).await;
    let mut user = cmd("ACL");
    user.arg("SETUSER").arg("app").arg("on").arg(">pass").arg("~session:*").arg("+@all").arg("-info");
    let _: () = spy.ask(&user).await;
    let store = RedisStore::open(&format!("redis://app:pass@{}", server.addr())).unwrap();
    assert_eq!(create(&store, 0, &record(1, 0, b"")).await, applied(1));
    assert!(store.warning().is_some_and(|warning| warning.contains("maxmemory-policy")));
    assert!(load(&store, 0).await.is_some());
    assert_eq!(store.warning(), None, "it is told once");
}

/// Each node of a cluster is asked.
#[tokio::test]
async fn one_node_of_a_cluster_that_evicts_keys_is_enough_st14() {
    let cluster = servers::redis::Cluster::start();
    let open = || RedisStore::open(&cluster.url()).unwrap().with_options(servers::PATIENT);
    open().check(now()).await.unwrap();
    let spy = Spy::at(&cluster.nodes[1]).await;
    let _: () = spy.say("CONFIG SET maxmemory 100mb").await;
    let _: () = spy.say("CONFIG SET maxmemory-policy volatile-lru").await;
    assert!(matches!(open().check(now()).await, Err(RedisStoreError::Evicts(_))));
}

/// Some keys are on the node that the URL names; from the first one that is not, the store says what to change.
#[tokio::test]
async fn a_cluster_behind_the_url_of_one_server_is_told_st10() {
    let cluster = servers::redis::Cluster::start();
    let store = store(&cluster.nodes[0]);
    let load = async |group: u8| store.load(&Handle::from_bytes([group; 8]), now(), &mut []).await;
    let mut refused = 0;
    for group in 0..=255 {
        match load(group).await {
            Ok(_) => assert_eq!(refused, 0, "it is the same for all once it is known"),
            Err(why) => {
                assert!(matches!(why, RedisStoreError::Cluster), "{why:?}");
                assert!(why.to_string().contains("redis-cluster://"), "{why}");
                refused += 1;
            }
        }
    }
    assert!(refused > 200, "{refused}");
}
