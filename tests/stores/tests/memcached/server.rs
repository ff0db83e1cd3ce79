//! What a real server shows: round trips by its own count, sizes, what others have put there.

use std::time::Duration;

use session_core::environment::Time;
use session_core::record::LAST_SEEN_AT;
use session_core::store::{DeleteCondition, Found, Load, Outcome, Store, Version};
use session_store_memcached::MemcachedStore;
use store_support::{key, now};
use store_tests::servers;

use crate::common::{commands, load, record, say};

#[tokio::test]
async fn round_trips_st6() {
    let server = servers::memcached::start();
    let store = MemcachedStore::open(&server.url()).unwrap();
    let counted = || commands(server.addr());
    let (key, mut before) = (key(1), counted());
    let mut spent = |what: &str, most: u64| {
        let after = counted();
        assert_eq!(after - before, most, "{what}");
        before = after;
    };

    store.create(&key, &record(1, b"a"), now()).await.unwrap();
    spent("create", 1);
    load(&store, &key).await.unwrap();
    spent("load", 1);
    let updated = store.update(&key, Version(1), &record(2, b"b"), now(), &mut []).await;
    assert_eq!(updated, Ok(Outcome::Applied(Version(2))));
    spent("an update after a load", 1);
    store.touch(&key, now().after(Duration::from_secs(1))).await.unwrap();
    spent("a touch that is due", 2);
    let updated = store.update(&key, Version(2), &record(3, b"c"), now(), &mut []).await;
    assert_eq!(updated, Ok(Outcome::Applied(Version(3))));
    spent("an update after a touch of ours", 1);

    let elsewhere = MemcachedStore::open(&server.url()).unwrap();
    let updated = elsewhere.update(&key, Version(3), &record(4, b"d"), now(), &mut []).await;
    assert_eq!(updated, Ok(Outcome::Applied(Version(4))));
    spent("an update without a load", 2);
    let mut there = [0; 256];
    let updated = store.update(&key, Version(3), &record(5, b"e"), now(), &mut there).await;
    let Ok(Outcome::Conflict(Some(Found { len, version: Version(4) }))) = updated else { panic!("{updated:?}") };
    assert_eq!(there[..len], record_as_kept(&store, &key).await);
    spent("a conflict, and a load", 3);
    let deleted = store.delete(&key, DeleteCondition::Login(3), now()).await;
    assert_eq!(deleted, Ok(Outcome::Applied(Version(4))));
    spent("a delete after a load", 1);
    assert_eq!(store.delete(&key, DeleteCondition::Any, now()).await, Ok(Outcome::Missing));
    spent("a delete of nothing", 1);
}

async fn record_as_kept(store: &MemcachedStore, key: &session_core::store::Handle) -> Vec<u8> {
    load(store, key).await.unwrap().unwrap()
}

#[tokio::test]
async fn what_is_too_large_is_told_and_changes_nothing_st12() {
    let server = servers::memcached::start();
    let store = MemcachedStore::open(&server.url()).unwrap();
    let (key, small) = (key(1), record(1, b"small"));
    store.create(&key, &small, now()).await.unwrap();
    let large = record(2, &vec![7; 1_000_000]);
    let refused = store.update(&key, Version(1), &large, now(), &mut []).await;
    let too_large = Outcome::TooLarge { need: large.len(), have: 1_000_000 };
    assert_eq!(refused, Ok(too_large));
    assert_eq!(load(&store, &key).await, Ok(Some(small)), "memcached itself would have dropped it");
    assert_eq!(store.create(&store_support::key(2), &large, now()).await, Ok(too_large));

    let largest = record(2, &vec![7; 1_000_000 - 60]);
    assert_eq!(store.update(&key, Version(1), &largest, now(), &mut []).await, Ok(Outcome::Applied(Version(2))));
    let load = store.load(&key, now(), &mut [0; 100]).await;
    assert_eq!(load, Ok(Load::TooLarge { size: 1_000_000 }));
}

#[tokio::test]
async fn what_the_server_refuses_is_told() {
    let server = servers::memcached::start_with(&["-I", "512k"]);
    let store = MemcachedStore::open(&server.url()).unwrap();
    let refused = store.create(&key(1), &record(1, &vec![7; 600_000]), now()).await.unwrap_err();
    assert!(refused.to_string().contains("object too large"), "{refused}");
    assert_eq!(store.create(&key(1), &record(1, b""), now()).await, Ok(Outcome::Applied(Version(1))));
}

#[tokio::test]
async fn a_full_server_that_may_not_evict_says_so_st9() {
    let server = servers::memcached::start_with(&["-m", "2", "-M"]);
    let store = MemcachedStore::open(&server.url()).unwrap();
    let mut full = 0;
    for number in 0..200 {
        match store.create(&key(number), &record(1, &vec![7; 100_000]), now()).await {
            Ok(Outcome::Applied(_)) => {}
            Ok(Outcome::Full) => full += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(full > 0);
}

#[tokio::test]
async fn what_others_put_there_is_handed_out_and_can_be_removed() {
    let server = servers::memcached::start();
    let store = MemcachedStore::open(&server.url()).unwrap().with_prefix("mine:").unwrap();
    let ours = record(5, b"data");
    let other_format = [&[2], &ours[1..]].concat();
    let longer = b"a value of somebody else that is longer than the head of any record of ours would be";
    for foreign in [&b""[..], b"x", longer, &ours[..31], &ours[..40], &ours[..59], &other_format] {
        let handle = key(0);
        let set = format!("set mine:AAAAAAAAAAA 0 0 {}\r\n", foreign.len());
        say(server.addr(), &[set.as_bytes(), foreign, b"\r\n"].concat(), "STORED");
        assert_eq!(load(&store, &handle).await, Ok(Some(foreign.to_vec())), "as it is, for the core to refuse");
        assert_eq!(store.create(&handle, &record(1, b""), now()).await, Ok(Outcome::Conflict(None)));
        let another = store.update(&handle, Version(u64::MAX), &record(1, b""), now(), &mut []).await;
        assert_eq!(another, Ok(Outcome::Conflict(None)));
        assert!(matches!(store.delete(&handle, DeleteCondition::Any, now()).await, Ok(Outcome::Applied(_))));
        assert_eq!(load(&store, &handle).await, Ok(None));
    }
}

/// Nodes whose clocks differ: the later activity stays, and the slow node's time to live does not end the session.
#[tokio::test]
async fn the_later_of_two_last_seen_stays_with_slow_clocks_lc5() {
    let server = servers::memcached::start();
    let (fast, slow) = (MemcachedStore::open(&server.url()).unwrap(), MemcachedStore::open(&server.url()).unwrap());
    let ahead = now().after(Duration::from_secs(1_800));
    let behind = Time::from_millis(now().millis() - 1_800_000);
    fast.create(&key(1), &record(1, b""), now()).await.unwrap();
    fast.touch(&key(1), ahead).await.unwrap();
    slow.touch(&key(1), behind).await.unwrap();
    let updated = slow.update(&key(1), Version(1), &record(2, b""), behind, &mut []).await;
    assert_eq!(updated, Ok(Outcome::Applied(Version(2))));
    let there = record_as_kept(&fast, &key(1)).await;
    assert_eq!(there[LAST_SEEN_AT..][..6], ahead.millis().to_le_bytes()[..6]);
    // an hour after that activity: neither node's time to live is shorter
    let name = say(server.addr(), b"lru_crawler metadump all\r\n", "END\r\n");
    let ends: u64 = name.split("exp=").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(ends * 1_000 + 2_000 >= ahead.after(Duration::from_secs(3_600)).millis(), "{ends} {name}");
}

#[tokio::test]
async fn a_hundred_increments_at_once_lose_nothing_st3() {
    let server = servers::memcached::start();
    let store = std::sync::Arc::new(MemcachedStore::open(&server.url()).unwrap());
    store.create(&key(1), &record(0, &[0]), now()).await.unwrap();
    let writers = (0..100).map(|writer: u64| {
        let store = store.clone();
        tokio::spawn(async move {
            loop {
                let mut into = [0; 256];
                let Load::Found(Found { len, version }) = store.load(&key(1), now(), &mut into).await.unwrap() else {
                    panic!("gone")
                };
                let next = record((writer << 32) + version.0 + 1, &[into[len - 1] + 1]);
                if let Outcome::Applied(_) = store.update(&key(1), version, &next, now(), &mut []).await.unwrap() {
                    return;
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    assert_eq!(load(&store, &key(1)).await.unwrap().unwrap().last(), Some(&100));
}
