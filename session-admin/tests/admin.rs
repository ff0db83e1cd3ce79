//! An administrator's view of an application's sessions (LC9, LC10), over each store that can list.

mod common;

use common::{Admin, App};
use session_core::environment::{Clock, Time};
use session_core::testing::ManualClock;
use session_std::{Policy, Request, Sessions, SharedStore, SystemClock, keys, policy};
use session_store_redis::RedisStore;
use session_store_sql::SqlStore;
use session_store_url::StoreUrl;
use store_tests::servers;

/// The id of a line.
fn id(line: &str) -> String {
    serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_str().unwrap().to_owned()
}

async fn look_and_end(url: &str, open: impl Fn() -> SharedStore) {
    let (app, admin) = (App::new(open(), SystemClock), Admin(url.to_owned()));
    for command in COMMANDS {
        let why = admin.refused(1, command);
        let words = ["no application has sessions", "unable to open database file"];
        assert!(words.iter().any(|words| why.contains(words)), "{command:?} before anybody came: {why}");
    }
    let visitor = app.visit().await;
    assert_eq!(app.whose(&visitor).await, None);
    assert_eq!(admin.told(&["check"]), "ok\n");
    assert_eq!(admin.told(&["list", "ann", "--json"]), "");
    let mut ann = Vec::new();
    for label in ["phone", "\"quoted\"\n</b>", "desk"] {
        ann.push(app.sign_in("ann", label).await);
    }
    let bob = app.sign_in("bob", "bob's").await;
    let listed = admin.told(&["list", "ann", "--json"]);
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 3);
    for (line, label) in lines.iter().zip(["phone", "\"quoted\"\n</b>", "desk"]) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["label"], label);
        let now = SystemClock.now().millis();
        assert!((now - 600_000..=now).contains(&line["created"].as_u64().unwrap()), "{line}");
        assert!(line["last_seen"].as_u64() >= line["created"].as_u64());
    }
    for cookie in &ann {
        let secret = cookie.split_once('=').unwrap().1;
        assert!(!listed.contains(secret) && !listed.contains(&secret[..8]), "the list opens nothing");
    }

    // one of them, named by its id; of nobody else
    assert!(admin.refused(1, &["revoke", "bob", "--id", &id(lines[1])]).contains("has no session"));
    assert_eq!(admin.told(&["revoke", "ann", "--id", &id(lines[1])]), "1 ended\n");
    assert!(admin.refused(1, &["revoke", "ann", "--id", &id(lines[1])]).contains("has no session"));
    assert_eq!(app.whose(&ann[1]).await, None);
    assert_eq!(app.whose(&ann[2]).await.as_deref(), Some("ann"));
    assert_eq!(admin.told(&["list", "ann", "--json"]).lines().count(), 2);

    // all of them, a login that is under way included
    let under_way = Request::new(app.0.clone());
    let session = under_way.session(std::iter::empty(), true).await.unwrap();
    let attempt = session.begin_login("ann").await.unwrap();
    assert_eq!(admin.told(&["revoke", "ann"]), "2 ended\n");
    assert!(session.login(attempt).await.is_err(), "it has to be begun again");
    for cookie in &ann {
        assert_eq!(app.whose(cookie).await, None);
    }
    assert_eq!(
        (admin.told(&["list", "ann", "--json"]), admin.told(&["revoke", "ann"])),
        (String::new(), "0 ended\n".into())
    );
    assert_eq!(app.whose(&bob).await.as_deref(), Some("bob"));

    // everybody's
    assert!(admin.refused(2, &["end-all"]).contains("--yes"));
    assert_eq!(app.whose(&bob).await.as_deref(), Some("bob"));
    let under_way = Request::new(app.0.clone());
    let session = under_way.session(std::iter::empty(), true).await.unwrap();
    let attempt = session.begin_login("ann").await.unwrap();
    assert_eq!(admin.told(&["end-all", "--yes"]), "all ended\n");
    assert_eq!(app.whose(&bob).await, None);
    assert!(session.login(attempt).await.is_err(), "it has to be begun again (ST19)");
    let again = app.sign_in("bob", "again").await;
    assert_eq!(app.whose(&again).await.as_deref(), Some("bob"), "who signs in then stays");
}

/// Sessions of last year are counted until they are removed, batch by batch.
async fn count_and_remove(url: &str, open: impl Fn() -> SharedStore) {
    let admin = Admin(url.to_owned());
    let before: u64 = admin.told(&["count"]).trim().parse().unwrap();
    let last_year = ManualClock::at(Time::from_millis(SystemClock.now().millis() - 365 * 86_400_000));
    let past = App::new(open(), last_year);
    for _ in 0..5 {
        past.sign_in("carl", "").await;
    }
    assert_eq!(admin.told(&["count"]).trim(), (before + 5).to_string());
    assert_eq!(admin.told(&["list", "carl", "--json"]), "", "what is over is not listed");
    admin.told(&["remove-expired", "--batch", "2"]);
    let present = App::new(open(), SystemClock);
    present.sign_in("dora", "").await;
    assert_eq!(admin.told(&["remove-expired"]), "0 removed\n");
    assert_eq!(admin.told(&["list", "dora", "--json"]).lines().count(), 1);
}

#[tokio::test]
async fn an_administrators_view_over_sqlite_lc9_lc10() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("sessions.db").display());
    let open = || SqlStore::open(&url).unwrap().into();
    look_and_end(&url, open).await;
    count_and_remove(&url, open).await;
}

#[tokio::test]
async fn an_administrators_view_over_postgres_lc9_lc10() {
    let server = servers::postgres::start();
    let url = server.url();
    let open = || SqlStore::open(&url).unwrap().into();
    look_and_end(&url, open).await;
    count_and_remove(&url, open).await;
}

#[tokio::test]
async fn an_administrators_view_over_mariadb_lc9_lc10() {
    let (_server, url) = servers::mariadb::shared();
    let url = format!("{url}?table_prefix=shop_");
    let open = || SqlStore::open(&url).unwrap().into();
    look_and_end(&url, open).await;
    count_and_remove(&url, open).await;
}

#[tokio::test]
async fn an_administrators_view_over_redis_lc9_lc10() {
    let server = servers::redis::start();
    let url = server.url();
    look_and_end(&url, || RedisStore::open(&url).unwrap().into()).await;
    let told = Admin(url).told(&["remove-expired"]);
    assert_eq!(told, "this store removes them by itself\n");
}

/// Each command that asks the store.
const COMMANDS: [&[&str]; 11] = [
    &["check"],
    &["list"],
    &["list", "ann"],
    &["stats"],
    &["watch"],
    &["show", "ann"],
    &["revoke", "ann"],
    &["revoke", "ann", "--id", "00000000"],
    &["count"],
    &["remove-expired"],
    &["end-all", "--yes"],
];

fn store(url: &str) -> SharedStore {
    url.parse::<StoreUrl>().unwrap().open(&keys::generated()).unwrap()
}

/// A mistyped path is an error, and nothing is there afterwards that was not there before.
#[test]
fn nothing_is_made_at_a_mistyped_path_st18() {
    let dir = tempfile::tempdir().unwrap();
    let cache = servers::memcached::start();
    let in_dir = |name: &str| dir.path().join(name).display().to_string();
    let sqlite = format!("sqlite:{}", in_dir("x.db"));
    let layered = format!("layered:{}+{sqlite}", cache.url());
    for url in [sqlite, layered] {
        for command in COMMANDS {
            let why = Admin(url.clone()).refused(1, command);
            assert!(!why.contains("panicked"), "{url} {command:?}: {why}");
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "{url} {command:?}");
        }
    }
}

/// A database of something else is none of an application, nor is a prefix that nobody uses.
#[tokio::test]
async fn nothing_is_made_where_no_application_is_st18() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("shop.db");
    std::fs::write(&file, b"").unwrap();
    let (postgres, redis) = (servers::postgres::start(), servers::redis::start());
    let (_server, mariadb) = servers::mariadb::shared();
    let shop = App::new(store(&format!("{}?prefix=shop:", redis.url())), SystemClock);
    let ann = shop.sign_in("ann", "").await;
    for url in [format!("sqlite:{}", file.display()), postgres.url(), mariadb, format!("{}?prefix=shpo:", redis.url())]
    {
        for command in COMMANDS {
            let why = Admin(url.clone()).refused(1, command);
            assert!(why.contains("no application has sessions"), "{url} {command:?}: {why}");
        }
        if !url.starts_with("redis") {
            // a program that finds tables does not make them
            let there = SqlStore::open(&url).unwrap().existing();
            assert!(session_core::store::Store::check(&there, SystemClock.now()).await.is_err(), "{url}");
        }
    }
    assert_eq!(std::fs::read(&file).unwrap(), b"");
    assert_eq!(shop.whose(&ann).await.as_deref(), Some("ann"));
}

/// Over the store of a sealed application each command but `check` is refused, and what was signed out stays so.
async fn a_sealed_application(url: &str) {
    let policy = Policy::plain_http(policy::PlainCookie::new(), policy::Lifetimes::default()).unwrap();
    let app = App(Sessions::sealed(store(url), keys::generated()).policy(policy));
    let (copy, visitor, ann) = (app.sign_in("ann", "").await, app.visit().await, "ann");
    app.0.end_all().await.unwrap();
    let again = app.sign_in(ann, "").await;
    let (signed_out, kept) = (app.sign_in("bob", "").await, app.sign_in("carl", "").await);
    app.request(&signed_out, async |session| session.logout().await.unwrap()).await;
    let admin = Admin(url.to_owned());
    assert_eq!(admin.told(&["check"]), "ok\n");
    for command in &COMMANDS[1..] {
        let why = admin.refused(1, command);
        assert!(why.contains("travel in their cookies"), "{url} {command:?}: {why}");
    }
    for (cookie, whose) in [(&copy, None), (&signed_out, None), (&again, Some("ann")), (&kept, Some("carl"))] {
        assert_eq!(app.whose(cookie).await.as_deref(), whose, "{url}");
    }
    let seen = app.request(&visitor, async |session| session.get::<u32>("n").unwrap()).await.0;
    assert_eq!(seen, None, "{url}: a visitor's cookie from before the end of all");
}

#[tokio::test]
async fn a_sealed_application_is_refused_st18() {
    let dir = tempfile::tempdir().unwrap();
    let (memcached, redis, postgres) =
        (servers::memcached::start(), servers::redis::start(), servers::postgres::start());
    let (_server, mariadb) = servers::mariadb::shared();
    let sqlite = format!("sqlite:{}", dir.path().join("marks.db").display());
    let layered = format!("layered:{}+sqlite:{}", memcached.url(), dir.path().join("layered.db").display());
    for url in [sqlite, redis.url(), postgres.url(), mariadb, memcached.url(), layered] {
        a_sealed_application(&url).await;
    }
}

/// What a cache holds is another's to sign: the program looks into the durable store, and tells the cache what has ended.
#[tokio::test]
async fn over_a_layered_store_lc9_lc10() {
    let dir = tempfile::tempdir().unwrap();
    let cache = servers::memcached::start();
    let url = format!("layered:{}+sqlite:{}", cache.url(), dir.path().join("sessions.db").display());
    look_and_end(&url, || store(&url)).await;
}

/// memcached cannot list; each command says so and does nothing.
#[tokio::test]
async fn over_memcached_st18() {
    let server = servers::memcached::start();
    let (url, admin) = (server.url(), Admin(server.url()));
    let app = App::new(store(&url), SystemClock);
    let ann = app.sign_in("ann", "").await;
    assert_eq!(admin.told(&["check"]), "ok\n");
    for command in COMMANDS[1..].iter().filter(|command| command[0] != "remove-expired") {
        assert!(!admin.refused(1, command).is_empty(), "{command:?}");
    }
    assert_eq!(app.whose(&ann).await.as_deref(), Some("ann"));
}

#[test]
fn what_cannot_be_is_told_in_a_line() {
    for (store, arguments, status) in [
        ("memory:", &["count"][..], 2),
        ("", &["count"], 2),
        ("postgres+ssl://app:geheim@h/app", &["count"], 2),
        ("nonsense:", &["count"], 2),
        ("sqlite:", &["count"], 2),
        ("postgres://app:geheim@h:port/app", &["count"], 2),
        ("sqlite:/nowhere/x.db", &["frobnicate"], 2),
        ("sqlite:/nowhere/x.db", &["count"], 1),
        ("postgres://app:geheim@127.0.0.1:1/app", &["list", "ann"], 1),
    ] {
        let why = Admin(store.into()).refused(status, arguments);
        assert!(!why.is_empty() && !why.contains("geheim") && !why.contains("panicked"), "{store}: {why}");
    }
}
