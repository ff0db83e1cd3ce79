//! Redis dies, hangs, is slow, comes back, or loses the connection in the middle of an answer (ST10). No time is
//! asserted: what counts are outcomes and connections. The longest wait is a guard against hanging.

use std::time::Duration;

use session_core::store::{Handle, Load, Outcome, Store, Version};
use session_std::{Request, Sessions, keys};
use session_store_redis::{ConnectionOptions, RedisStore, RedisStoreError};
use store_support::now;
use store_tests::servers;
use store_tests::servers::proxy::{Fault, Proxy};

use crate::common::{GUARD, Spy, applied, create, drop_futures, key, load, record, store, update};

/// Longer than any of these tests takes.
const LONG: Duration = Duration::from_secs(3600);

fn behind(proxy: &Proxy) -> RedisStore {
    RedisStore::open(&format!("redis://{}", proxy.addr())).unwrap()
}

fn hasty(store: RedisStore) -> RedisStore {
    let options = ConnectionOptions::new();
    store.with_options(options.with_operation_timeout(Duration::from_secs(1)).with_pause(Duration::from_millis(50)))
}

async fn look(store: &RedisStore) -> Result<Load, RedisStoreError> {
    let look = store.load(&key(0), now(), &mut [0; 4096]).await;
    look.inspect(|there| assert!(matches!(there, Load::Found(_)), "a session is never lost by an outage: {there:?}"))
}

/// Asks until it is answered, as the requests of a website would.
async fn recovers(store: &RedisStore) {
    let answered = async {
        while look(store).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(GUARD, answered).await.expect("it recovers");
}

async fn fails(store: &RedisStore) -> RedisStoreError {
    tokio::time::timeout(GUARD, look(store)).await.expect("it does not hang").expect_err("nobody is there")
}

#[tokio::test]
async fn killed_and_started_again_st10() {
    let mut server = servers::redis::start();
    let store = hasty(store(&server));
    create(&store, 0, &record(1, 1, b"kept")).await;
    server.kill();
    for _ in 0..20 {
        let why = fails(&store).await;
        assert!(matches!(why, RedisStoreError::Broken(_) | RedisStoreError::Paused), "{why}");
        assert!(store.create(&key(0), &record(9, 0, b""), now()).await.is_err());
        assert!(store.check(now()).await.is_err());
    }
    server.restart();
    recovers(&store).await;
    assert_eq!(load(&store, 0).await.unwrap()[60..], *b"kept");
    // a restart between two requests is not even seen by the second, if it reads
    server.restart();
    look(&store).await.unwrap();
    assert_eq!(update(&store, 0, 1, &record(2, 1, b"")).await, applied(2));
}

#[tokio::test]
async fn stopped_and_continued_st10() {
    let server = servers::redis::start();
    let store = hasty(store(&server));
    create(&store, 0, &record(1, 1, b"kept")).await;
    server.pause();
    assert!(matches!(fails(&store).await, RedisStoreError::Timeout(_)));
    for _ in 0..20 {
        let why = fails(&store).await;
        assert!(
            matches!(why, RedisStoreError::Timeout(_) | RedisStoreError::Broken(_) | RedisStoreError::Paused),
            "{why}"
        );
    }
    server.resume();
    recovers(&store).await;
    assert_eq!(load(&store, 0).await.unwrap()[60..], *b"kept");
}

#[tokio::test]
async fn absent_at_the_start() {
    let server = servers::redis::start();
    let proxy = Proxy::start(server.addr());
    proxy.set(Fault::Refuse);
    let store = hasty(behind(&proxy));
    // the port closes a moment after it was told
    while !matches!(store.load(&key(0), now(), &mut []).await, Err(RedisStoreError::Broken(_))) {}
    proxy.set(Fault::Pass);
    let created = async {
        while store.create(&key(0), &record(1, 0, b""), now()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(GUARD, created).await.expect("it connects when it can");
    look(&store).await.unwrap();
}

#[tokio::test]
async fn cut_in_the_middle_of_an_answer() {
    let server = servers::redis::start();
    let proxy = Proxy::start(server.addr());
    let store = behind(&proxy).with_options(servers::PATIENT);
    let kept = record(1, 1, &[b'x'; 100]);
    create(&store, 0, &kept).await;
    for passes in (0..190).step_by(7) {
        proxy.set(Fault::Cut(passes));
        assert_eq!(load(&store, 0).await.unwrap(), kept, "cut after {passes} bytes: a read is tried again");
        assert_eq!(proxy.fault(), Fault::Pass, "it was cut");
    }
    for version in 2..12_u64 {
        proxy.set(Fault::Cut(usize::try_from(version).unwrap()));
        let new = record(version, 1, b"new");
        let told = store.update(&key(0), Version(version - 1), &new, now(), &mut []).await;
        assert!(matches!(told, Err(RedisStoreError::Broken(_))), "whether a write happened is not guessed: {told:?}");
        // it did: the core finds its own version there
        assert_eq!(load(&store, 0).await.unwrap(), new);
    }
}

#[tokio::test]
async fn slower_than_the_limit() {
    let server = servers::redis::start();
    let proxy = Proxy::start(server.addr());
    let store = hasty(behind(&proxy));
    create(&store, 0, &record(1, 1, b"")).await;
    proxy.set(Fault::Delay(Duration::from_millis(5)));
    look(&store).await.unwrap();
    proxy.set(Fault::Delay(LONG));
    assert!(matches!(fails(&store).await, RedisStoreError::Timeout(_)));
    proxy.set(Fault::Pass);
    recovers(&store).await;
}

/// While the circuit is open nobody waits and nobody connects, however many ask.
#[tokio::test]
async fn the_circuit_spares_a_server_that_hangs_st10() {
    let server = servers::redis::start();
    let proxy = Proxy::start(server.addr());
    let options = ConnectionOptions::new().with_operation_timeout(Duration::from_secs(1));
    let store = behind(&proxy).with_options(options.with_max_failures(2).with_pause(LONG));
    create(&store, 0, &record(1, 1, b"")).await;
    proxy.set(Fault::Hang);
    assert!(matches!(fails(&store).await, RedisStoreError::Timeout(_)), "the connection that there was");
    assert!(!matches!(fails(&store).await, RedisStoreError::Paused), "another connection");
    for _ in 0..1000 {
        assert!(matches!(fails(&store).await, RedisStoreError::Paused));
    }
    assert_eq!(proxy.accepted(), 2);
}

#[tokio::test]
async fn one_connection_for_all_and_one_more_when_it_broke() {
    let server = servers::redis::start();
    let proxy = Proxy::start(server.addr());
    let store = behind(&proxy).with_options(servers::PATIENT);
    create(&store, 0, &record(1, 1, b"")).await;
    let all_read = async || {
        let reads = (0..200).map(|_| {
            let store = store.clone();
            tokio::spawn(async move { look(&store).await.is_ok() })
        });
        for read in reads.collect::<Vec<_>>() {
            assert!(read.await.unwrap());
        }
    };
    all_read().await;
    assert_eq!(proxy.accepted(), 1);
    proxy.set(Fault::Cut(0));
    all_read().await;
    assert_eq!(proxy.accepted(), 2);
}

/// Clients that go away in the middle of their requests leave the connection in order: no answer reaches another
/// request.
#[tokio::test]
async fn dropped_futures_leave_the_connection_whole() {
    let server = servers::redis::start();
    let proxy = Proxy::start(server.addr());
    let store = behind(&proxy).with_options(servers::PATIENT);
    drop_futures(&store, 100, 1000).await;
    assert_eq!(proxy.accepted(), 1);
}

/// 64 at once through the whole library: each counts, none is lost (ST3).
#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_at_once_through_update_with_st3() {
    let server = servers::redis::start();
    let keys = keys::generated();
    let nodes = [(); 2].map(|()| Sessions::new(store(&server), keys.clone()));
    let request = Request::new(nodes[0].clone());
    request.session(std::iter::empty(), true).await.unwrap().set("n", &0_u64).unwrap();
    let cookie = request.finish().await.cookie.unwrap();
    let line = cookie.split(';').next().unwrap().to_owned();
    let adds = (0..64).map(|number| {
        let (sessions, line) = (nodes[number % 2].clone(), line.clone());
        tokio::spawn(async move {
            let request = Request::new(sessions);
            let session = request.session(std::iter::once(line.as_bytes()), true).await.unwrap();
            let added = session.update_with("n", |n: Option<u64>| n.unwrap_or(0) + 1).await;
            (added.is_ok(), request.finish().await.error)
        })
    });
    let mut told_ok = 0;
    for add in adds.collect::<Vec<_>>() {
        let (ok, error) = add.await.unwrap();
        assert_eq!(error, None);
        told_ok += u64::from(ok);
    }
    let request = Request::new(nodes[1].clone());
    let session = request.session(std::iter::once(line.as_bytes()), true).await.unwrap();
    assert_eq!((session.get::<u64>("n").unwrap(), told_ok), (Some(64), 64));
}

/// An outage in the middle of a session's life, through the whole library: it is told, and nothing is lost.
#[tokio::test]
async fn an_outage_is_told_and_the_session_is_there_after_it_st10() {
    let mut server = servers::redis::start();
    let sessions = Sessions::new(hasty(store(&server)), keys::generated());
    let request = Request::new(sessions.clone());
    request.session(std::iter::empty(), true).await.unwrap().set("n", &7_u64).unwrap();
    let cookie = request.finish().await.cookie.unwrap();
    let line = cookie.split(';').next().unwrap().to_owned();
    let load = async || Request::new(sessions.clone()).session(std::iter::once(line.as_bytes()), true).await;
    // loaded before, written while nobody is there
    let slow = Request::new(sessions.clone());
    slow.session(std::iter::once(line.as_bytes()), true).await.unwrap().set("n", &8_u64).unwrap();
    server.kill();
    assert_eq!(slow.finish().await.error.unwrap().status(), 503);
    assert_eq!(load().await.unwrap_err().status(), 503);
    // nobody asks for the session: nobody notices
    assert_eq!(Request::new(sessions.clone()).finish().await.error, None);
    server.restart();
    let there = async {
        loop {
            if let Ok(session) = load().await {
                return session.get::<u64>("n").unwrap();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert_eq!(tokio::time::timeout(GUARD, there).await.expect("it recovers"), Some(7));
}

#[tokio::test]
async fn a_connection_that_the_server_closed_is_made_anew() {
    let server = servers::redis::start();
    let (one, spy) = (store(&server), Spy::at(&server).await);
    assert_eq!(create(&one, 0, &record(1, 0, b"")).await, applied(1));
    let _: u64 = spy.say("CLIENT KILL TYPE normal").await;
    let odd = Handle::from_bytes([0; 8]);
    assert!(matches!(one.load(&odd, now(), &mut []).await, Ok(Load::Missing)));
    assert!(matches!(create(&one, 0, &record(1, 0, b"")).await, Outcome::Conflict(None)));
}
