//! An application's client or connection: the contract, and what such a connection cannot promise (ST11, ST10).

use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo};
use session_core::store::{Load, Store};
use session_store_redis::{ConnectionOptions, RedisStore, RedisStoreError};
use store_support::now;
use store_tests::servers::conformance::conforms;
use store_tests::servers::proxy::{Fault, Proxy};
use store_tests::servers::{self, PATIENT, Server};

use crate::common::{GUARD, Spy, applied, create, drop_futures, key, load, record, update};

fn client(server: &Server) -> Client {
    Client::open(server.url()).unwrap()
}

/// One whose answers may take long.
async fn connection(client: &Client) -> MultiplexedConnection {
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    client.get_multiplexed_async_connection_with_config(&config).await.unwrap()
}

async fn manager(client: &Client) -> ConnectionManager {
    let config = ConnectionManagerConfig::new().set_response_timeout(None).set_max_delay(Duration::from_millis(50));
    ConnectionManager::new_with_config(client.clone(), config).await.unwrap()
}

async fn keeps_the_contract(name: &str, store: impl Into<RedisStore>) {
    conforms(name, &store.into().with_options(PATIENT), now(), 0..2).await;
}

#[tokio::test]
async fn a_client_and_its_connections() {
    let server = servers::redis::start();
    let client = client(&server);
    keeps_the_contract("Redis, application's client", client.clone()).await;
    keeps_the_contract("Redis, application's connection", connection(&client).await).await;
    keeps_the_contract("Redis, connection manager", manager(&client).await).await;
}

/// Whose answers have other types.
#[tokio::test]
async fn a_client_that_speaks_resp3() {
    let server = servers::redis::start_with(&["--maxmemory", "100mb"]);
    let info = format!("{}?protocol=resp3", server.url()).into_connection_info().unwrap();
    let client = Client::open(info).unwrap();
    keeps_the_contract("Redis, RESP3", client.clone()).await;
    let store = RedisStore::from(connection(&client).await);
    assert_eq!((store.check(now()).await.is_ok(), store.warning()), (true, None), "its policy is read");
}

#[tokio::test]
async fn a_cluster_client_and_its_connection() {
    let cluster = servers::redis::Cluster::start();
    let nodes: Vec<String> = cluster.nodes.iter().map(Server::url).collect();
    let client = ClusterClient::new(nodes).unwrap();
    keeps_the_contract("Redis, application's cluster client", client.clone()).await;
    keeps_the_contract("Redis, application's cluster connection", client.get_async_connection().await.unwrap()).await;
    // a connection to one node of it says so, as a URL does
    let store = RedisStore::from(connection(&self::client(&cluster.nodes[0])).await);
    for number in 0..=255 {
        let handle = session_core::store::Handle::from_bytes([number, 0, 0, 0, 0, 0, 0, 0]);
        if let Err(why) = store.create(&handle, &record(1, 1, b""), now()).await {
            assert!(matches!(why, RedisStoreError::Cluster), "{why}");
            return;
        }
    }
    panic!("no key was on another node");
}

#[tokio::test]
async fn over_a_socket_of_this_host() {
    let server = servers::redis::start_with(&["--unixsocket", "redis.sock"]);
    let address = ConnectionAddr::Unix(server.dir().join("redis.sock"));
    let store = RedisStore::from(Client::open(address.into_connection_info().unwrap()).unwrap());
    assert_eq!(create(&store, 0, &record(1, 1, b"")).await, applied(1));
    assert_eq!(store.warning(), None);
}

#[tokio::test]
async fn a_server_that_evicts_keys_is_refused_st14() {
    let server = servers::redis::start_with(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    let client = client(&server);
    for store in
        [client.clone().into(), RedisStore::from(connection(&client).await), RedisStore::from(manager(&client).await)]
    {
        assert!(matches!(store.check(now()).await, Err(RedisStoreError::Evicts(_))));
        store.without_index().check(now()).await.unwrap();
    }
}

async fn look(store: &RedisStore) -> Result<Load, RedisStoreError> {
    store.load(&key(0), now(), &mut [0; 4096]).await
}

/// A server that dies and comes back, and one that hangs: what reconnects, recovers, and what does not is an error each
/// time. Nothing is lost, and nobody waits for longer than told.
#[tokio::test]
async fn outages_st10() {
    let mut server = servers::redis::start();
    let client = client(&server);
    let hasty = ConnectionOptions::new()
        .with_operation_timeout(Duration::from_millis(500))
        .with_pause(Duration::from_millis(50));
    let own = connection(&client).await;
    let stores = [
        ("client", RedisStore::from(client.clone()), true),
        ("connection", RedisStore::from(own.clone()), false),
        ("manager", RedisStore::from(manager(&client).await), true),
    ]
    .map(|(name, store, heals)| (name, store.with_options(hasty), heals));
    let recovers = async |name: &str, store: &RedisStore| {
        let answered = async {
            while look(store).await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(GUARD, answered).await.unwrap_or_else(|_| panic!("{name} recovers"));
        assert!(load(store, 0).await.is_some(), "{name}: the session is there");
    };
    assert_eq!(create(&stores[0].1, 0, &record(1, 1, b"")).await, applied(1));
    server.pause();
    for (name, store, _) in &stores {
        let why = look(store).await.unwrap_err();
        assert!(matches!(why, RedisStoreError::Timeout(_) | RedisStoreError::Broken(_)), "{name}: {why}");
    }
    server.resume();
    for (name, store, _) in &stores {
        recovers(name, store).await;
    }
    // the application's own clone goes on, whatever the store has given up
    let pong: String = redis::cmd("PING").query_async(&mut own.clone()).await.unwrap();
    assert_eq!(pong, "PONG");
    server.kill();
    for (name, store, _) in &stores {
        for _ in 0..5 {
            let why = tokio::time::timeout(GUARD, look(store)).await.expect("it does not hang").unwrap_err();
            let expected =
                matches!(why, RedisStoreError::Broken(_) | RedisStoreError::Paused | RedisStoreError::Timeout(_));
            assert!(expected, "{name}: {why}");
            assert!(!why.to_string().contains('\n'), "{why}");
        }
    }
    server.restart();
    for (name, store, heals) in &stores {
        if *heals {
            recovers(name, store).await;
            assert_eq!(update(store, 0, 1, &record(1, 1, b"")).await, applied(1), "{name}");
        } else {
            assert!(look(store).await.is_err(), "{name} does not reconnect");
        }
    }
}

/// The client's limit for answers is the application's with a manager, and the store's with a connection.
#[tokio::test]
async fn whose_timeout_counts_st10() {
    let server = servers::redis::start();
    let proxy = Proxy::start(server.addr());
    let client = Client::open(format!("redis://{}", proxy.addr())).unwrap();
    let short = Some(Duration::from_millis(200));
    let config = AsyncConnectionConfig::new().set_response_timeout(short);
    let connection = client.get_multiplexed_async_connection_with_config(&config).await.unwrap();
    let config = ConnectionManagerConfig::new().set_response_timeout(short);
    let manager = ConnectionManager::new_with_config(client, config).await.unwrap();
    let [connection, manager] =
        [RedisStore::from(connection), RedisStore::from(manager)].map(|store| store.with_options(PATIENT));
    for store in [&connection, &manager] {
        store.check(now()).await.unwrap();
    }
    proxy.set(Fault::Delay(Duration::from_millis(400)));
    look(&connection).await.unwrap();
    let why = look(&manager).await.unwrap_err();
    assert!(matches!(why, RedisStoreError::Broken(_)), "{why}");
}

/// Clients that go away in the middle of their requests leave the application's connection in order.
#[tokio::test]
async fn dropped_futures_leave_the_connection_whole_st10() {
    let server = servers::redis::start();
    let store = RedisStore::from(connection(&client(&server)).await).with_options(PATIENT);
    drop_futures(&store, 10, 200).await;
    assert!(Spy::at(&server).await.say::<u64>("DBSIZE").await > 0);
}
