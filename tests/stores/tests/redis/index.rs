//! A subject's sessions (LC9): what the index promises, on one server and in a cluster.

use std::time::Duration;

use redis::cmd;
use session_core::environment::Time;
use session_core::store::Handle;
use session_core::subject::{Added, Epoch, IndexEntry, Listing, SubjectId, SubjectIndex};
use session_store_redis::RedisStore;
use store_support::now;
use store_tests::servers;

use crate::common::{Spy, store};

fn entry(number: u8, login: u32) -> IndexEntry {
    let ends = now().after(Duration::from_secs(3600));
    IndexEntry { handle: Handle::from_bytes([number; 8]), login, ends, order: 0 }
}

async fn list(store: &RedisStore, subject: &SubjectId) -> (Listing, Vec<(u8, u32)>) {
    let mut entries = [IndexEntry::NONE; 64];
    let listing = store.list(subject, 0, now(), &mut entries).await.unwrap();
    let shown = entries[..listing.entries].iter().map(|entry| (entry.handle.as_bytes()[0], entry.login));
    (listing, shown.collect())
}

async fn add(store: &RedisStore, subject: &SubjectId, seen: Epoch, entry: &IndexEntry) -> Added {
    store.add(subject, seen, entry, now()).await.unwrap()
}

async fn keeps_its_promises(store: &RedisStore) {
    let (ann, bob) = (SubjectId::of("ann"), SubjectId::of("bob"));
    assert_eq!(list(store, &ann).await, (Listing::default(), vec![]), "nobody yet");
    for number in 1..=3 {
        assert_eq!(add(store, &ann, Epoch(0), &entry(number, 1)).await, Added::Applied);
    }
    assert_eq!(list(store, &ann).await.1, [(1, 1), (2, 1), (3, 1)]);
    // an answer was lost and it is added again: it keeps its place
    assert_eq!(add(store, &ann, Epoch(0), &entry(1, 1)).await, Added::Applied);
    assert_eq!(list(store, &ann).await.1, [(1, 1), (2, 1), (3, 1)]);
    // another login of the same session: the last now
    assert_eq!(add(store, &ann, Epoch(0), &entry(1, 2)).await, Added::Applied);
    let (listing, shown) = list(store, &ann).await;
    assert_eq!((listing.last, shown), (4, vec![(2, 1), (3, 1), (1, 2)]));
    // in pages
    let mut page = [IndexEntry::NONE; 2];
    let listing = store.list(&ann, 0, now(), &mut page).await.unwrap();
    assert_eq!((listing.entries, listing.last, page[0].order, page[1].order), (2, 4, 2, 3));
    assert_eq!(page[1], IndexEntry { order: 3, ends: page[1].ends, ..entry(3, 1) });
    let listing = store.list(&ann, page[1].order, now(), &mut page).await.unwrap();
    assert_eq!((listing.entries, page[0].order, page[0].login), (1, 4, 2));
    assert_eq!(store.list(&ann, 4, now(), &mut page).await.unwrap().entries, 0);
    assert_eq!(store.list(&ann, u64::MAX, now(), &mut page).await.unwrap().entries, 0);
    assert_eq!(store.list(&ann, 0, now(), &mut []).await.unwrap(), Listing { entries: 0, ..listing });
    // only the login that is meant goes
    store.remove(&ann, &entry(1, 1), now()).await.unwrap();
    store.remove(&ann, &entry(3, 1), now()).await.unwrap();
    store.remove(&ann, &entry(9, 1), now()).await.unwrap();
    assert_eq!(list(store, &ann).await.1, [(2, 1), (1, 2)]);
    // the epoch moves past the time
    let began = now();
    let moved = store.bump(&ann, began).await.unwrap();
    assert_eq!((moved.epoch, moved.last), (Epoch(0).next(began), 4));
    let again = store.bump(&ann, began).await.unwrap();
    assert_eq!(again.epoch, moved.epoch.next(began));
    // a login that began before is refused and changes nothing
    assert_eq!(add(store, &ann, Epoch(0), &entry(5, 1)).await, Added::Moved);
    assert_eq!(add(store, &ann, moved.epoch, &entry(5, 1)).await, Added::Moved);
    let (listing, shown) = list(store, &ann).await;
    assert_eq!((listing.epoch, listing.last, shown), (again.epoch, 4, vec![(2, 1), (1, 2)]));
    assert_eq!(add(store, &ann, again.epoch, &entry(5, 1)).await, Added::Applied);
    assert_eq!(list(store, &bob).await.1, [], "another's");
    // one without an end
    let endless = IndexEntry { ends: Time::MAX, ..entry(6, u32::MAX) };
    assert_eq!(add(store, &bob, Epoch(0), &endless).await, Added::Applied);
    store.list(&bob, 0, now(), &mut page).await.unwrap();
    assert_eq!(page[0], IndexEntry { order: 1, ..endless });
}

#[tokio::test]
async fn on_one_server_lc9() {
    let server = servers::redis::start();
    keeps_its_promises(&store(&server)).await;
    // nothing but an epoch
    store(&server).bump(&SubjectId::of("carol"), now()).await.unwrap();
    let spy = Spy::at(&server).await;
    for key in spy.say::<Vec<String>>("KEYS *").await {
        assert!(spy.say::<i64>(&format!("PTTL {key}")).await > 3_600_000, "{key} has a time-to-live (ST7)");
    }
}

#[tokio::test]
async fn in_a_cluster_lc9() {
    let cluster = servers::redis::Cluster::start();
    keeps_its_promises(&RedisStore::open(&cluster.url()).unwrap().with_options(servers::PATIENT)).await;
}

#[tokio::test]
async fn entries_that_have_ended_are_dropped_by_and_by() {
    let server = servers::redis::start();
    let (store, spy) = (store(&server), Spy::at(&server).await);
    let ann = SubjectId::of("ann");
    for number in 0..50 {
        // as if each were added an hour after the one before
        let at = now().after(Duration::from_secs(3600 * u64::from(number)));
        let entry = IndexEntry { ends: at.after(Duration::from_secs(1800)), ..entry(number, 1) };
        assert_eq!(store.add(&ann, Epoch(0), &entry, at).await.unwrap(), Added::Applied);
    }
    let lengths =
        [spy.ask::<u64>(cmd("HLEN").arg(place(&ann))).await, spy.ask::<u64>(cmd("ZCARD").arg(place(&ann) + ">")).await];
    // the last one, the one before it, which ended within the hour, and in the hash the last order
    assert_eq!(lengths, [3, 2]);
}

#[tokio::test]
async fn of_many_logins_and_one_bump_at_once_each_is_listed_or_refused() {
    let server = servers::redis::start();
    let (one, two) = (store(&server), store(&server));
    let ann = SubjectId::of("ann");
    let logins = (0..64_u8).map(|number| {
        let store = if number % 2 == 0 { one.clone() } else { two.clone() };
        tokio::spawn(async move { add(&store, &ann, Epoch(0), &entry(number, 1)).await })
    });
    let logins: Vec<_> = logins.collect();
    let moved = one.bump(&ann, now()).await.unwrap();
    let mut added = 0;
    for login in logins {
        added += u64::from(login.await.unwrap() == Added::Applied);
    }
    let (listing, shown) = list(&two, &ann).await;
    assert_eq!((shown.len() as u64, listing.last, listing.epoch), (added, added, moved.epoch));
    assert_eq!(moved.last, added, "those that were added were so before the epoch moved");
}

#[tokio::test]
async fn foreign_content_is_an_error_without_harm() {
    let server = servers::redis::start();
    let (store, spy) = (store(&server), Spy::at(&server).await);
    let ann = SubjectId::of("ann");
    let (hash, order) = (place(&ann), place(&ann) + ">");
    let foreign = [
        vec![format!("SET {hash} x")],
        vec![format!("RPUSH {order} x")],
        vec![format!("HSET {hash} e many o few")],
        vec![format!("HSET {hash} e -1 o 1e99")],
        vec![format!("ZADD {order} 1 short"), format!("HSET {hash} short x")],
        vec![format!("ZADD {order} 1.5 handle08"), format!("HSET {hash} handle08 0123456789")],
        vec![format!("ZADD {order} inf handle08"), format!("HSET {hash} handle08 0123456789")],
        vec![format!("ZADD {order} 1 lonely")],
    ];
    for lines in foreign {
        let _: () = spy.say(&format!("DEL {hash} {order}")).await;
        for line in &lines {
            let _: redis::Value = spy.say(line).await;
        }
        let mut entries = [IndexEntry::NONE; 4];
        // an error or an answer, and the connection stays in order
        let failures = [
            store.list(&ann, 0, now(), &mut entries).await.is_err(),
            store.add(&ann, Epoch(0), &entry(1, 1), now()).await.is_err(),
            store.bump(&ann, now()).await.is_err(),
            store.remove(&ann, &entry(1, 1), now()).await.is_err(),
        ];
        assert!(failures.contains(&true), "{lines:?}");
        let bob = SubjectId::of("bob");
        assert!(store.list(&bob, 0, now(), &mut entries).await.is_ok());
    }
}

/// The key of a subject's entries.
fn place(subject: &SubjectId) -> String {
    let hex: String = subject.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let (group, rest) = hex.split_at(2);
    format!("session:@{{{group}}}{rest}")
}
