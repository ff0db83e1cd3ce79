//! What the conformance suite cannot see: other clients, foreign bytes, times-to-live, a full server, the server's own
//! count of commands.

use std::time::Duration;

use redis::cmd;
use session_core::environment::Time;
use session_core::record::{FORMAT, LAST_SEEN_AT};
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_store_redis::RedisStore;
use store_support::now;
use store_tests::servers;

use crate::common::{HOUR, Spy, applied, create, key, load, name, record, store, update};

#[tokio::test]
async fn one_round_trip_for_each_operation_st6() {
    let server = servers::redis::start();
    let (store, spy) = (store(&server), Spy::at(&server).await);
    // both scripts are known from now on
    assert_eq!(create(&store, 0, &record(1, 0, b"")).await, applied(1));
    let _: () = spy.say("CONFIG RESETSTAT").await;
    let total = async || {
        let statistics: String = spy.say("INFO commandstats").await;
        let calls = |line: &str| line.split_once(":calls=")?.1.split(',').next()?.parse::<u64>().ok();
        // what a script calls costs no round trip, and neither do we count
        let inner = |line: &&str| ["mget", "evalsha"].iter().any(|name| line.starts_with(&format!("cmdstat_{name}:")));
        let of_scripts = spy.calls("evalsha").await;
        statistics.lines().filter(inner).filter_map(calls).sum::<u64>() - of_scripts
    };
    for _ in 0..10 {
        assert!(load(&store, 0).await.is_some());
    }
    assert_eq!((total().await, spy.calls("evalsha").await, spy.calls("set").await), (10, 0, 0));
    assert_eq!(create(&store, 1, &record(1, 0, b"")).await, applied(1));
    assert_eq!(update(&store, 1, 1, &record(2, 0, b"")).await, applied(2));
    assert!(matches!(update(&store, 1, 1, &record(3, 0, b"")).await, Outcome::Conflict(Some(_))));
    assert_eq!(store.touch(&key(1), now()).await.unwrap(), applied(2));
    assert_eq!(store.delete(&key(1), DeleteCondition::Any, now()).await.unwrap(), applied(2));
    assert_eq!((spy.calls("evalsha").await, spy.calls("eval").await), (5, 0));
}

#[tokio::test]
async fn a_server_that_forgot_the_scripts_is_told_again() {
    let server = servers::redis::start();
    let (store, spy) = (store(&server), Spy::at(&server).await);
    let flush = async || spy.say::<()>("SCRIPT FLUSH").await;
    assert_eq!(create(&store, 0, &record(1, 0, b"")).await, applied(1));
    flush().await;
    assert_eq!(update(&store, 0, 1, &record(2, 0, b"")).await, applied(2));
    flush().await;
    assert_eq!(store.touch(&key(0), now()).await.unwrap(), applied(2));
    flush().await;
    assert_eq!(store.delete(&key(0), DeleteCondition::Version(Version(2)), now()).await.unwrap(), applied(2));
    assert_eq!(load(&store, 0).await, None);
}

#[tokio::test]
async fn every_byte_survives() {
    let server = servers::redis::start();
    let store = store(&server);
    let all: Vec<u8> = (0..=255).chain(*b"\r\n$3\r\n*1\r\n\0").collect();
    // versions and keys of all bytes, too: nothing of them is a number or a text to Redis
    let versions = [0, 1, u64::MAX, u64::from_le_bytes(*b"\r\n\0\xff$*'\""), 1 << 63, (1 << 53) + 1];
    let mut seen = versions[0];
    assert_eq!(create(&store, 0, &record(seen, 0, &all)).await, applied(seen));
    for version in versions.into_iter().skip(1) {
        let new = record(version, u32::MAX, &all);
        assert_eq!(update(&store, 0, seen, &new).await, applied(version));
        assert_eq!(load(&store, 0).await.unwrap(), new);
        seen = version;
    }
    let odd = Handle::from_bytes(*b"\r\n{}\0\xff*$");
    assert_eq!(store.create(&odd, &record(1, 0, &all), now()).await.unwrap(), applied(1));
    assert_eq!(store.delete(&odd, DeleteCondition::Login(0), now()).await.unwrap(), applied(1));
}

#[tokio::test]
async fn every_session_has_a_time_to_live_st7() {
    let server = servers::redis::start();
    let (store, spy) = (store(&server), Spy::at(&server).await);
    let life = async || spy.say::<i64>(&format!("PTTL {}", name(0))).await;
    let (low, high) = (HOUR as i64, (HOUR + 600_000) as i64);
    create(&store, 0, &record(1, 0, b"")).await;
    assert!((low..high).contains(&life().await));
    update(&store, 0, 1, &record(2, 0, b"")).await;
    assert!((low..high).contains(&life().await));
    // as if it were half an hour later
    let later = now().after(Duration::from_secs(1800));
    assert_eq!(store.touch(&key(0), later).await.unwrap(), applied(2));
    assert!((low..high).contains(&life().await));
    // the absolute end is nearer than the idle timeout
    let near_the_end = now().after(Duration::from_secs(12 * 3600 - 60));
    for later in (0..15).map(|step| now().after(Duration::from_secs(step * 3000))) {
        store.touch(&key(0), later).await.unwrap();
    }
    store.touch(&key(0), near_the_end).await.unwrap();
    assert!((60_000..high - low).contains(&life().await), "{}", life().await);
    // without any limit of its own: 400 days
    let mut endless = record(1, 0, b"");
    endless[20..32].fill(0);
    create(&store, 1, &endless).await;
    assert!((399..=400).contains(&(spy.say::<i64>(&format!("PTTL {}", name(1))).await / 86_400_000)));
    assert!(load(&store, 1).await.is_some());
}

/// What somebody else, an older or a newer version of ours may leave under our keys.
#[tokio::test]
async fn foreign_content_is_refused_without_harm() {
    let server = servers::redis::start();
    let (store, spy) = (store(&server), Spy::at(&server).await);
    create(&store, 0, &record(7, 3, b"data")).await;
    let good: Vec<u8> = spy.ask(cmd("GET").arg(name(0))).await;
    let other_format = |mut value: Vec<u8>| {
        value[8] = FORMAT + 1;
        value
    };
    let texts = [
        vec![],
        b"x".to_vec(),
        good[..8].to_vec(),
        good[..40].to_vec(),
        good[..67].to_vec(),
        other_format(good.clone()),
        vec![0xff; 500],
        b"{\"json\": true}".to_vec(),
    ];
    for text in texts {
        let _: () = spy.ask(cmd("SET").arg(name(1)).arg(&text)).await;
        // as it is, for the core to refuse
        let there = load(&store, 1).await.unwrap();
        assert!(text.ends_with(&there), "{text:?}");
        assert_eq!(create(&store, 1, &record(1, 0, b"")).await, Outcome::Conflict(None));
        assert!(matches!(update(&store, 1, 7, &record(1, 0, b"")).await, Outcome::Conflict(_)));
        assert_eq!(store.touch(&key(1), now()).await.unwrap(), Outcome::Conflict(None));
        for condition in [DeleteCondition::Version(Version(7)), DeleteCondition::Login(3)] {
            assert_eq!(store.delete(&key(1), condition, now()).await.unwrap(), Outcome::Conflict(None));
        }
        assert_eq!(spy.ask::<Vec<u8>>(cmd("GET").arg(name(1))).await, text, "nothing was changed");
        assert!(matches!(store.delete(&key(1), DeleteCondition::Any, now()).await.unwrap(), Outcome::Applied(_)));
    }
    for (number, line) in ["RPUSH {} a", "HSET {} a b", "SADD {} a", "ZADD {} 1 a"].iter().enumerate() {
        let number = number as u8 + 10;
        let _: redis::Value = spy.say(&line.replace("{}", &name(number))).await;
        assert_eq!(load(&store, number).await, None);
        assert_eq!(create(&store, number, &record(1, 0, b"")).await, Outcome::Conflict(None));
        assert_eq!(update(&store, number, 1, &record(2, 0, b"")).await, Outcome::Missing);
        assert_eq!(store.touch(&key(number), now()).await.unwrap(), Outcome::Missing);
        assert_eq!(store.delete(&key(number), DeleteCondition::Any, now()).await.unwrap(), Outcome::Missing);
        assert_eq!(spy.say::<u64>(&format!("EXISTS {}", name(number))).await, 1);
    }
    // a group whose era is no era has no sessions, and gets one with the next
    for line in ["DEL session:{a7}", "RPUSH session:{a7} a"] {
        let _: () = spy.say("DEL session:{a7}").await;
        let _: redis::Value = spy.say(line).await;
        assert_eq!(load(&store, 0).await, None);
        assert_eq!(create(&store, 0, &record(8, 0, b"new")).await, applied(8));
        assert!(load(&store, 0).await.unwrap().ends_with(b"new"));
    }
}

#[tokio::test]
async fn a_full_server_says_so_and_still_ends_sessions_st9() {
    let server = servers::redis::start_with(&["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"]);
    let store = store(&server);
    let handle = |number: u64| Handle::from_bytes(number.to_le_bytes());
    let large = record(1, 0, &[7; 50_000]);
    let mut kept = 0;
    while store.create(&handle(kept), &large, now()).await.unwrap() != Outcome::Full {
        kept += 1;
        assert!(kept < 1000, "3 MB are not full yet");
    }
    let mut buffer = vec![0; large.len()];
    assert!(kept > 0);
    assert!(matches!(store.load(&handle(0), now(), &mut buffer).await.unwrap(), Load::Found(_)));
    let grown = record(2, 0, &[8; 60_000]);
    assert_eq!(store.update(&handle(0), Version(1), &grown, now(), &mut []).await.unwrap(), Outcome::Full);
    assert!(matches!(store.load(&handle(0), now(), &mut buffer).await.unwrap(), Load::Found(_)));
    assert_eq!(buffer, large, "nothing was changed");
    for number in 0..kept {
        assert_eq!(store.delete(&handle(number), DeleteCondition::Any, now()).await.unwrap(), applied(1));
    }
    assert_eq!(store.create(&handle(0), &large, now()).await.unwrap(), applied(1));
}

#[tokio::test]
async fn everybody_at_once_lc10() {
    let server = servers::redis::start();
    let store = store(&server);
    let handle = |group: u8| Handle::from_bytes([group, 1, 2, 3, 4, 5, 6, 7]);
    let mut buffer = [0; 256];
    for group in 0..=255 {
        store.create(&handle(group), &record(1, 1, b""), now()).await.unwrap();
    }
    assert!(store.end_all(now()).await.unwrap());
    let sent = Spy::at(&server).await.say::<String>("INFO commandstats").await;
    assert!(sent.contains("cmdstat_mset:calls=2,"), "two commands for all groups: {sent}");
    for group in 0..=255 {
        assert_eq!(store.load(&handle(group), now(), &mut buffer).await.unwrap(), Load::Missing);
    }
    // whoever was under way finds nothing, and brings nothing back
    assert_eq!(
        store.update(&handle(0), Version(1), &record(2, 2, b""), now(), &mut []).await.unwrap(),
        Outcome::Missing
    );
    assert_eq!(store.touch(&handle(0), now()).await.unwrap(), Outcome::Missing);
    assert_eq!(store.delete(&handle(0), DeleteCondition::Any, now()).await.unwrap(), Outcome::Missing);
    // new ones begin
    assert_eq!(store.create(&handle(0), &record(3, 1, b""), now()).await.unwrap(), applied(3));
    assert!(matches!(store.load(&handle(0), now(), &mut buffer).await.unwrap(), Load::Found(_)));
    // before the first session there is nobody to end
    assert!(RedisStore::open(&server.url()).unwrap().with_prefix("empty:").unwrap().end_all(now()).await.unwrap());
}

#[tokio::test]
async fn stores_with_other_prefixes_are_apart_st8() {
    let server = servers::redis::start();
    let [shop, blog] =
        ["shop:", "blog:"].map(|name| RedisStore::open(&format!("{}?prefix={name}", server.url())).unwrap());
    create(&shop, 0, &record(1, 0, b"")).await;
    assert_eq!(load(&blog, 0).await, None);
    create(&blog, 0, &record(2, 0, b"")).await;
    blog.end_all(now()).await.unwrap();
    assert!(load(&shop, 0).await.is_some());
}

/// All orders of two clients' operations: one winner at most, and nothing comes back.
#[tokio::test]
async fn two_clients_in_every_order_st2() {
    let server = servers::redis::start();
    let (ann, bob) = (store(&server), store(&server));
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Write {
        Update,
        Touch,
        Delete,
        DeleteLogin,
    }
    let writes = [Write::Update, Write::Touch, Write::Delete, Write::DeleteLogin];
    let mut number = 0_u64;
    for (first, second) in writes.iter().flat_map(|first| writes.iter().map(move |second| (*first, *second))) {
        // who loads when, and who writes first
        for order in ["abAB", "abBA", "aAbB", "bBaA"] {
            number += 1;
            let key = Handle::from_bytes(number.to_be_bytes());
            ann.create(&key, &record(1, 1, b""), now()).await.unwrap();
            let mut loaded = [Version(0); 2];
            let mut outcomes = Vec::new();
            for letter in order.chars() {
                let (client, write, at) = if "aA".contains(letter) { (&ann, first, 0) } else { (&bob, second, 1) };
                if letter.is_lowercase() {
                    if let Load::Found(found) = client.load(&key, now(), &mut [0; 256]).await.unwrap() {
                        loaded[at] = found.version;
                    }
                    continue;
                }
                let outcome = match write {
                    Write::Update => {
                        client.update(&key, loaded[at], &record(10 + at as u64, 1, b""), now(), &mut []).await
                    }
                    Write::Touch => client.touch(&key, now()).await,
                    Write::Delete => client.delete(&key, DeleteCondition::Version(loaded[at]), now()).await,
                    Write::DeleteLogin => client.delete(&key, DeleteCondition::Login(1), now()).await,
                };
                outcomes.push((write, outcome.unwrap()));
            }
            let [(one, first_outcome), (two, second_outcome)] = *outcomes else { panic!("two writes") };
            let told = format!("{order}: {one:?} {first_outcome:?}, {two:?} {second_outcome:?}");
            assert!(matches!(first_outcome, Outcome::Applied(_)), "{told}");
            let deleted = matches!(one, Write::Delete | Write::DeleteLogin);
            let stale = one == Write::Update && order.starts_with("ab") && matches!(two, Write::Update | Write::Delete);
            match second_outcome {
                Outcome::Missing => assert!(deleted, "{told}"),
                Outcome::Conflict(_) => assert!(stale, "{told}"),
                Outcome::Applied(_) => assert!(!deleted && !stale, "{told}"),
                Outcome::Full | Outcome::TooLarge { .. } => panic!("{told}"),
            }
            let there = ann.load(&key, now(), &mut [0; 256]).await.unwrap();
            let gone =
                deleted || matches!((two, second_outcome), (Write::Delete | Write::DeleteLogin, Outcome::Applied(_)));
            assert_eq!(there == Load::Missing, gone, "{told}");
        }
    }
}

#[tokio::test]
async fn the_later_of_two_last_seen_stays_with_slow_clocks_lc5() {
    let server = servers::redis::start();
    let (fast, slow) = (store(&server), store(&server));
    create(&fast, 0, &record(1, 0, b"")).await;
    let ahead = now().after(Duration::from_secs(30));
    let behind = Time::from_millis(now().millis() - 30_000);
    fast.touch(&key(0), ahead).await.unwrap();
    slow.touch(&key(0), behind).await.unwrap();
    assert_eq!(slow.update(&key(0), Version(1), &record(2, 0, b""), behind, &mut []).await.unwrap(), applied(2));
    let there = load(&fast, 0).await.unwrap();
    assert_eq!(there[LAST_SEEN_AT..][..6], ahead.millis().to_le_bytes()[..6]);
}

#[tokio::test]
async fn what_redis_refuses_is_said_without_secrets_id6() {
    let server = servers::redis::start_with(&["--requirepass", "correct horse"]);
    let at = server.addr();
    let open = |url: String| RedisStore::open(&url).unwrap();
    assert_eq!(create(&open(format!("redis://:correct%20horse@{at}")), 0, &record(1, 0, b"")).await, applied(1));
    for url in [format!("redis://:hunter2@{at}"), format!("redis://ann:hunter2@{at}"), format!("redis://{at}")] {
        let why = open(url.clone()).load(&key(0), now(), &mut [0; 256]).await.unwrap_err();
        let told = format!("{why} {why:?} {:?}", open(url));
        assert!(told.contains("rejected") && !told.contains("hunter2") && !why.to_string().contains('\n'), "{told}");
    }
    // rights for nothing: its words repeat no key
    let spy = redis::Client::open(format!("redis://:correct%20horse@{at}")).unwrap();
    let mut spy = spy.get_multiplexed_async_connection().await.unwrap();
    let mut user = cmd("ACL");
    user.arg("SETUSER").arg("weak").arg("on").arg(">pass").arg("~other:*").arg("+ping");
    let _: () = user.query_async(&mut spy).await.unwrap();
    let weak = open(format!("redis://weak:pass@{at}"));
    for why in [
        weak.load(&key(0), now(), &mut []).await.unwrap_err(),
        weak.create(&key(0), &record(1, 0, b"data"), now()).await.unwrap_err(),
    ] {
        assert!(why.to_string().contains("NOPERM") && !why.to_string().contains("a7"), "{why}");
    }
}

#[tokio::test]
async fn a_replica_that_takes_no_writes_says_so() {
    let primary = servers::redis::start();
    let replica = servers::redis::start_with(&["--replicaof", &format!("127.0.0.1 {}", primary.addr().port())]);
    let store = store(&replica);
    for _ in 0..5 {
        let why = store.create(&key(0), &record(1, 0, b""), now()).await.unwrap_err();
        assert!(why.to_string().contains("READONLY"), "{why}");
        assert_eq!(load(&store, 0).await, None, "it reads: no circuit opens for it");
    }
}
