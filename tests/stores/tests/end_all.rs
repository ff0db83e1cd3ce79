//! The end of all sessions against logins that are under way, over two nodes and real servers (LC10, ST19).

use session_core::environment::Time;
use session_core::store::{DeleteCondition, Handle, Outcome, Store, Version};
use session_core::subject::{Added, Epoch, IndexEntry, SubjectId, SubjectIndex};
use session_std::{MemoryStore, SharedStore};
use session_store_redis::RedisStore;
use session_store_sql::SqlStore;
use store_support::{Draft, key, load, now};
use store_tests::servers::{self, PATIENT};

const LOGINS: u64 = 16;
const ROUNDS: u64 = 20;

/// What a login does after the password was checked, in its order; its subject saw `seen` before that.
async fn login(store: SharedStore, handle: Handle, subject: SubjectId, seen: Epoch) -> Added {
    let record = Draft { version: 1, login: 1, seen: now().millis(), idle: 3_600_000, ..Draft::default() };
    let record = Draft { subject: Some("ann"), ..record }.record();
    assert_eq!(store.create(&handle, &record, now()).await.unwrap(), Outcome::Applied(Version(1)));
    let entry = IndexEntry { handle, login: 1, ends: Time::MAX, order: 0 };
    let added = store.add(&subject, seen, &entry, now()).await.unwrap();
    if added == Added::Moved {
        store.delete(&handle, DeleteCondition::Login(1), now()).await.unwrap();
    }
    added
}

/// Whatever the order of their steps: of logins that began before the end of all, none is valid after it.
async fn no_login_slips_past(nodes: [SharedStore; 2]) {
    let (mut refused, mut ended) = (0, 0);
    for round in 0..ROUNDS {
        let mut logins = Vec::new();
        let mut begun = Vec::new();
        for number in 0..LOGINS {
            let subject = SubjectId::of(&format!("subject {round} {number}"));
            let seen = nodes[0].list(&subject, 0, now(), &mut []).await.unwrap().epoch;
            begun.push((key(round * LOGINS + number), subject, seen));
        }
        let all = {
            let node = nodes[1].clone();
            tokio::spawn(async move {
                for _ in 0..round {
                    tokio::task::yield_now().await;
                }
                node.end_all(now()).await.unwrap()
            })
        };
        for (handle, subject, seen) in &begun {
            logins.push(tokio::spawn(login(nodes[0].clone(), *handle, *subject, *seen)));
        }
        for login in logins {
            match login.await.unwrap() {
                Added::Moved => refused += 1,
                added => {
                    assert_eq!(added, Added::Applied);
                    ended += 1;
                }
            }
        }
        assert!(all.await.unwrap());
        for (handle, subject, _) in &begun {
            for node in &nodes {
                assert_eq!(load(node, handle, now()).await.unwrap(), None, "round {round}");
            }
            // the next login is none of those
            let seen = nodes[1].list(subject, 0, now(), &mut []).await.unwrap().epoch;
            assert_eq!(login(nodes[0].clone(), *handle, *subject, seen).await, Added::Applied);
            assert!(load(&nodes[1], handle, now()).await.unwrap().is_some(), "round {round}");
        }
    }
    println!("{refused} refused, {ended} ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_login_slips_past_the_end_of_all_in_memory_lc10_st19() {
    let store = SharedStore::from(MemoryStore::new());
    no_login_slips_past([store.clone(), store]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_login_slips_past_the_end_of_all_in_sql_lc10_st19() {
    let (dir, postgres) = (tempfile::tempdir().unwrap(), servers::postgres::start());
    for url in [format!("sqlite:{}", dir.path().join("sessions.db").display()), postgres.url()] {
        let node = || SqlStore::open(&url).unwrap().with_options(PATIENT).into();
        no_login_slips_past([node(), node()]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_login_slips_past_the_end_of_all_in_redis_lc10_st19() {
    let (server, cluster) = (servers::redis::start(), servers::redis::Cluster::start());
    for url in [server.url(), cluster.url()] {
        let node = || RedisStore::open(&url).unwrap().with_options(PATIENT).into();
        no_login_slips_past([node(), node()]).await;
    }
}
