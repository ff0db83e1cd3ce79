//! What the program prints and refuses: everybody's sessions, the application's mode, bad input.

mod common;

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::{Admin, App, text};
use serde_json::Value;
use session_core::environment::{Clock, Time};
use session_core::store::{Handle, Version};
use session_core::testing::ManualClock;
use session_std::{Policy, Sessions, SharedStore, SystemClock, keys, policy};
use session_store_layered::{Cache, Layered, Look};
use session_store_redis::{RedisCache, RedisLease, RedisStoreError};
use session_store_url::StoreUrl;
use sqlx::Connection;
use store_tests::servers;

const KEY: &str = "8e1f0a936b64c5117199fe025ba0d73c4e6018e977b244059acd31f6882e53bf";
const OTHER_KEY: &str = "0ba94e1f6b64c5117199fe025ba0d73c4e6018e977b244059acd31f6882e53c0";

fn open(url: &str) -> SharedStore {
    url.parse::<StoreUrl>().unwrap().open(&keys::generated()).unwrap()
}

fn app(url: &str) -> App {
    App::new(open(url), SystemClock)
}

fn plain(sessions: Sessions) -> App {
    App(sessions.policy(Policy::plain_http(policy::PlainCookie::new(), policy::Lifetimes::default()).unwrap()))
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn subjects(text: &str) -> Vec<String> {
    lines(text).iter().map(|line| line["subject"].as_str().unwrap().to_owned()).collect()
}

/// A directory with a place for a database.
fn sqlite() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("sessions.db").display());
    (dir, url)
}

/// Everybody's sessions, in one list: those of subjects, that are not over.
async fn everybodys_sessions(url: &str) {
    let (app, admin) = (app(url), Admin(url.to_owned()));
    // at another time each, as the list is in the order of sign-ins
    let earlier = |by| App::new(open(url), ManualClock::at(Time::from_millis(SystemClock.now().millis() - by)));
    earlier(365 * 86_400_000).sign_in("carl", "").await;
    app.visit().await;
    let cookie = app.sign_in("bob", "\u{1b}[2Jbob's").await;
    earlier(60_000).sign_in("ann", "phone").await;
    app.sign_in("ann", "desk").await;

    let all = admin.told(&["list", "--json"]);
    assert_eq!(subjects(&all), ["ann", "ann", "bob"], "{url}");
    let each = admin.told(&["list", "ann", "--json"]) + &admin.told(&["list", "bob", "--json"]);
    assert_eq!(lines(&all), lines(&each), "{url}: the same, whichever way it is found");
    let ann = &lines(&all)[0];
    let fields: Vec<&str> = ann.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = ["created", "device_bound", "ends", "id", "label", "last_seen", "subject"];
    assert_eq!(fields, expected, "an interface of the program");
    let ends = ann["ends"].as_u64().unwrap() - ann["last_seen"].as_u64().unwrap();
    assert_eq!((ends, &ann["label"], &ann["device_bound"]), (1_800_000, &"phone".into(), &false.into()));

    let table = admin.told(&["list"]);
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(rows.len(), 4, "{table}");
    for word in ["ID", "SUBJECT", "SIGNED IN", "LAST SEEN", "LABEL"] {
        assert!(rows[0].contains(word), "{table}");
    }
    assert!(rows[1].contains("ann") && rows[1].contains("Z (") && rows[1].ends_with("phone"), "{table}");
    assert!(rows[3].ends_with("\\u{1b}[2Jbob's"), "{table}");
    let secret = cookie.split_once('=').unwrap().1;
    assert!(!all.contains(&secret[..8]) && !table.contains(&secret[..8]));

    let stats = lines(&admin.told(&["stats", "--json"])).remove(0);
    for (field, number) in [("signed_in", 3), ("subjects", 2), ("visitors", 1), ("device_bound", 0), ("unreadable", 0)]
    {
        assert_eq!(stats[field], number, "{url}: {field}");
    }
    let counts = !url.starts_with("redis");
    assert_eq!(stats["kept"].as_u64(), counts.then_some(5), "{url}: with the one that is over");
    assert!(admin.told(&["stats"]).starts_with("signed in     3\nsubjects      2\n"));

    admin.told(&["revoke", "ann"]);
    assert_eq!(subjects(&admin.told(&["list", "--json"])), ["bob"], "{url}");
    admin.told(&["end-all", "--yes"]);
    assert_eq!(admin.told(&["list"]), "no session\n", "{url}");
    assert_eq!((admin.told(&["list", "ann"]), admin.told(&["list", "--json"])), ("no session\n".into(), String::new()));
}

#[tokio::test]
async fn everybodys_sessions_are_listed_over_sqlite_lc9() {
    let (_dir, url) = sqlite();
    everybodys_sessions(&url).await;
}

#[tokio::test]
async fn everybodys_sessions_are_listed_over_postgres_lc9() {
    let server = servers::postgres::start();
    everybodys_sessions(&server.url()).await;
}

#[tokio::test]
async fn everybodys_sessions_are_listed_over_mariadb_lc9() {
    let (_server, url) = servers::mariadb::shared();
    everybodys_sessions(&format!("{url}?table_prefix=shop_")).await;
}

/// A prefix is no pattern, and other applications' sessions are in no list.
#[tokio::test]
async fn everybodys_sessions_are_listed_over_redis_lc9() {
    let server = servers::redis::start();
    app(&format!("{}?prefix=shop:", server.url())).sign_in("eve", "").await;
    everybodys_sessions(&format!("{}?prefix=s*p:", server.url())).await;
    assert_eq!(subjects(&Admin(format!("{}?prefix=shop:", server.url())).told(&["list", "--json"])), ["eve"]);
}

/// The sessions are on all three nodes, and their lists as well.
#[tokio::test]
async fn everybodys_sessions_are_listed_over_a_redis_cluster_lc9() {
    let cluster = servers::redis::Cluster::start();
    everybodys_sessions(&format!("{}?prefix=own:", cluster.url())).await;
    let (app, url) = (app(&cluster.url()), cluster.url());
    assert_eq!(Admin(url.clone()).refused(1, &["list"]), "no application has sessions under this prefix\n");
    for number in 0..60 {
        app.sign_in(&format!("user-{number:02}"), "").await;
    }
    let all: Vec<String> = (0..60).map(|number| format!("user-{number:02}")).collect();
    assert_eq!(subjects(&Admin(url.clone()).told(&["list", "--json"])), all);
    let mut program = Admin(url).command(&["watch", "--interval", "1", "--json"], &[]);
    let mut program = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(program.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "60 sessions, watched every 1 s\n");
    app.sign_in("zoe", "").await;
    line.clear();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(subjects(&line), ["zoe"]);
    program.kill().unwrap();
    program.wait().unwrap();
}

#[tokio::test]
async fn everybodys_sessions_are_listed_over_a_layered_store_lc9() {
    let ((_dir, url), cache) = (sqlite(), servers::memcached::start());
    let layered = format!("layered:{}+{url}", cache.url());
    let app = app(&layered);
    let ann = app.sign_in("ann", "").await;
    assert_eq!(app.whose(&ann).await.as_deref(), Some("ann"));
    assert_eq!(subjects(&Admin(layered.clone()).told(&["list", "--json"])), ["ann"]);
    // what a cache is not told it goes on showing
    let warned = Admin(url).run(&["revoke", "ann"]);
    assert_eq!(text(&warned.stdout), "1 ended\n");
    assert!(text(&warned.stderr).starts_with("warning: this application has used a cache"), "{}", text(&warned.stderr));
    assert_eq!(Admin(layered).told(&["revoke", "ann"]), "0 ended\n");
}

/// The index is a hint: what it says of another login or of another's session is not believed.
#[tokio::test]
async fn an_entry_that_does_not_hold_is_not_listed_lc9() {
    let (_dir, url) = sqlite();
    let app = app(&url);
    app.sign_in("ann", "").await;
    app.sign_in("bob", "").await;
    let mut database = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let mut ask = async |sql: &'static str| sqlx::raw_sql(sql).execute(&mut database).await.map(drop).unwrap();
    let admin = Admin(url);
    ask("UPDATE session_entries SET subject = (SELECT subject FROM session_entries WHERE place = (SELECT min(place) FROM \
         session_entries) LIMIT 1)")
    .await;
    let listed = subjects(&admin.told(&["list", "ann", "--json"])).len()
        + subjects(&admin.told(&["list", "bob", "--json"])).len();
    assert_eq!(listed, 1, "one subject's entries name the other's session");
    ask("UPDATE session_entries SET login = login + 1").await;
    for subject in ["ann", "bob"] {
        assert_eq!(admin.told(&["list", subject, "--json"]), "");
    }
    assert_eq!(subjects(&admin.told(&["list", "--json"])), ["ann", "bob"], "the records are there");
}

/// A cache whose clock is stepped: nodes believe a cache some time after they saw the first of them.
struct Stepped(RedisCache, Arc<AtomicU64>);

impl Cache for Stepped {
    type Error = RedisStoreError;
    type Lease = RedisLease;

    async fn look(&self, key: &Handle) -> Result<Look<RedisLease>, RedisStoreError> {
        self.0.look(key).await
    }

    async fn fill(&self, lease: RedisLease, entry: &[u8], keep: Duration) -> Result<bool, RedisStoreError> {
        self.0.fill(lease, entry, keep).await
    }

    async fn replace(&self, key: &Handle, seen: Version, entry: &[u8], keep: Duration) -> Result<(), RedisStoreError> {
        self.0.replace(key, seen, entry, keep).await
    }

    async fn remove(&self, key: &Handle) -> Result<(), RedisStoreError> {
        self.0.remove(key).await
    }

    async fn pause(&self, span: Duration) {
        self.0.pause(span).await;
    }

    fn now(&self) -> Instant {
        self.0.now() + Duration::from_secs(self.1.load(Ordering::SeqCst))
    }
}

/// What nodes serve from their cache ends there if the cache is named, and only later if it is not.
#[tokio::test]
async fn a_cache_is_told_of_what_ends_lc9() {
    const TRUST: Duration = Duration::from_secs(60);
    let ((_dir, url), server) = (sqlite(), servers::redis::start());
    let (seconds, keys) = (Arc::new(AtomicU64::new(0)), keys::generated());
    let cache = Stepped(RedisCache::open(&server.url()).unwrap(), seconds.clone());
    let app = App::new(Layered::new(cache, open(&url), &keys).with_trust(TRUST), SystemClock);
    let (ann, bob) = (app.sign_in("ann", "").await, app.sign_in("bob", "").await);
    // the nodes agree to believe the cache, and it is filled
    for _ in 0..3 {
        assert_eq!(app.whose(&ann).await.as_deref(), Some("ann"));
        assert_eq!(app.whose(&bob).await.as_deref(), Some("bob"));
        seconds.fetch_add(2 * TRUST.as_secs() + 1, Ordering::SeqCst);
    }
    seconds.fetch_sub(2 * TRUST.as_secs() + 1, Ordering::SeqCst);
    let warned = Admin(url.clone()).run(&["revoke", "bob"]);
    assert!(text(&warned.stderr).starts_with("warning: this application has used a cache"), "{}", text(&warned.stderr));
    assert_eq!(app.whose(&bob).await.as_deref(), Some("bob"), "from the cache, of which the program was not told");
    assert_eq!(Admin(format!("layered:{}+{url}", server.url())).told(&["revoke", "ann"]), "1 ended\n");
    assert_eq!(app.whose(&ann).await, None);
}

#[tokio::test]
async fn more_sessions_than_a_page_has_are_listed_lc9() {
    let (_dir, url) = sqlite();
    let app = app(&url);
    for number in 0..600 {
        app.sign_in(&format!("user-{number:03}"), "").await;
    }
    let all = subjects(&Admin(url.clone()).told(&["list", "--json"]));
    assert_eq!(all, (0..600).map(|number| format!("user-{number:03}")).collect::<Vec<_>>());
    for _ in 0..70 {
        app.sign_in("zoe", "").await;
    }
    assert_eq!(subjects(&Admin(url.clone()).told(&["list", "zoe", "--json"])).len(), 70, "of one subject, too");
    // a reader that goes away is no failure
    let mut program = Admin(url).command(&["list", "--json"], &[]);
    let mut program = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(program.stdout.take());
    let ended = program.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), text(&ended.stderr)), (Some(0), String::new()));
}

/// With `--sealed` the sessions of a subject and everybody's end, and nothing else can be done.
async fn a_sealed_application(url: &str) {
    let app = plain(Sessions::sealed(open(url), keys::generated()));
    let (ann, bob) = (app.sign_in("ann", "").await, app.sign_in("bob", "").await);
    let admin = Admin(url.to_owned());
    for command in
        [&["list"][..], &["show", "ann"], &["revoke", "ann", "--id", "0"], &["stats"], &["count"], &["watch"]]
    {
        let why = admin.refused(1, &[command, &["--sealed"]].concat());
        assert!(why.contains("travel in their cookies") && why.lines().count() == 1, "{url}: {why}");
    }
    assert!(admin.refused(1, &["revoke", "ann"]).contains("with --sealed"), "{url}");
    assert_eq!(app.whose(&ann).await.as_deref(), Some("ann"), "{url}");
    assert_eq!(admin.told(&["revoke", "ann", "--sealed"]), "all ended\n", "{url}");
    assert_eq!((app.whose(&ann).await, app.whose(&bob).await.as_deref()), (None, Some("bob")), "{url}");
    let again = app.sign_in("ann", "").await;
    assert_eq!(app.whose(&again).await.as_deref(), Some("ann"), "{url}");
    let ended = admin.command(&["end-all", "--yes"], &[("SESSION_SEALED", "true")]).output().unwrap();
    assert_eq!((text(&ended.stdout), text(&ended.stderr)), ("all ended\n".into(), String::new()), "{url}");
    assert_eq!((app.whose(&again).await, app.whose(&bob).await), (None, None), "{url}");
}

#[tokio::test]
async fn sealed_sessions_are_ended_by_who_says_that_they_are_sealed_st18() {
    let (dir, url) = sqlite();
    let (redis, memcached) = (servers::redis::start(), servers::memcached::start());
    let layered = format!("layered:{}+sqlite:{}", memcached.url(), dir.path().join("layered.db").display());
    for url in [url, redis.url(), format!("{}?prefix=own:", memcached.url()), layered] {
        a_sealed_application(&url).await;
    }
}

/// The other way around nothing is changed.
#[tokio::test]
async fn stored_sessions_are_not_taken_for_sealed_ones_st18() {
    let (_dir, url) = sqlite();
    let app = app(&url);
    let ann = app.sign_in("ann", "").await;
    let admin = Admin(url);
    for command in [&["revoke", "ann"][..], &["end-all", "--yes"], &["list"]] {
        let why = admin.refused(1, &[command, &["--sealed"]].concat());
        assert!(why.contains("has no marks") && why.lines().count() == 1, "{why}");
    }
    assert_eq!(app.whose(&ann).await.as_deref(), Some("ann"));
    assert!(admin.refused(2, &["list", "--sealed", "--sealed-at-rest"]).contains("only the one"));
}

/// Data that is sealed at rest is listed as any other, and shown to who has the key.
#[tokio::test]
async fn data_that_is_sealed_at_rest_needs_its_key_st18() {
    let (_dir, url) = sqlite();
    let key = keys::from_text(KEY, "key").unwrap().application("shop");
    let app = plain(Sessions::new(open(&url), key).sealed_at_rest());
    let (_, cookie) = app
        .request("", async |session| {
            let attempt = session.begin_login("ann").await.unwrap();
            session.login(attempt).await.unwrap();
            session.set("cart", &"hush tea").unwrap();
        })
        .await;
    let admin = Admin(url.clone());
    assert_eq!(subjects(&admin.told(&["list", "--json"])), ["ann"]);
    assert_eq!(subjects(&admin.told(&["list", "ann", "--json"])), ["ann"]);

    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let output = admin.command(arguments, variables).output().unwrap();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    };
    let right = [("SESSION_KEY", KEY), ("SESSION_APPLICATION", "shop"), ("SESSION_SEALED_AT_REST", "true")];
    let (status, shown, why) = run(&["show", "ann"], &right);
    assert!(status == 0 && shown.contains("  cart: \"<text of 8 characters>\"\n"), "{shown}{why}");
    for (arguments, variables, status, words) in [
        (&["show", "ann"][..], &right[..2], 1, "use --sealed-at-rest"),
        (&["show", "ann", "--sealed-at-rest"], &[], 2, "no signing key"),
        (&["show", "ann", "--sealed-at-rest"], &[("SESSION_KEY", KEY)], 1, "does not open it"),
        (&["show", "ann", "--sealed-at-rest"], &[("SESSION_KEY", OTHER_KEY), right[1]], 1, "does not open it"),
        (&["show", "ann", "--sealed-at-rest"], &[("SESSION_KEY", &KEY[1..])], 2, "64 hexadecimal digits"),
        (&["show", "ann", "--sealed-at-rest"], &[("SESSION_KEY_FILE", "/nowhere")], 2, "/nowhere"),
        (&["show", "ann"], &[("SESSION_SEALED_AT_REST", "maybe")], 2, "SESSION_SEALED_AT_REST"),
    ] {
        let (ended, told, why) = run(arguments, variables);
        assert_eq!((ended, told.as_str(), why.lines().count()), (status, "", 1), "{arguments:?} {variables:?}: {why}");
        assert!(why.contains(words) && !why.contains("hush") && !why.contains(&KEY[8..40]), "{why}");
    }
    assert_eq!(admin.told(&["revoke", "ann"]), "1 ended\n");
    assert_eq!(app.whose(&cookie.unwrap()).await, None);

    // an application that seals nothing
    let (_dir, url) = sqlite();
    self::app(&url).sign_in("ann", "").await;
    let output = Admin(url).command(&["show", "ann"], &right).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("omit --sealed-at-rest"), "{}", text(&output.stderr));
}

#[tokio::test]
async fn who_signs_in_and_out_is_watched_lc9() {
    let (_dir, url) = sqlite();
    let app = app(&url);
    let ann = app.sign_in("ann", "phone").await;
    let mut program = Admin(url).command(&["watch", "--interval", "1", "--json"], &[]);
    let mut program = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut out, mut err) =
        (BufReader::new(program.stdout.take().unwrap()), BufReader::new(program.stderr.take().unwrap()));
    let mut line = String::new();
    err.read_line(&mut line).unwrap();
    assert_eq!(line, "1 sessions, watched every 1 s\n");
    let mut next = || {
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        serde_json::from_str::<Value>(&line).unwrap()
    };
    app.sign_in("bob", "desk").await;
    let new = next();
    assert_eq!((&new["change"], &new["subject"], &new["label"]), (&"new".into(), &"bob".into(), &"desk".into()));
    assert!(new["time"].as_u64() >= new["created"].as_u64());
    app.request(&ann, async |session| session.logout().await.unwrap()).await;
    let ended = next();
    assert_eq!(
        (&ended["change"], &ended["subject"], &ended["label"]),
        (&"ended".into(), &"ann".into(), &"phone".into())
    );

    let id = rustix::process::Pid::from_child(&program);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let (mut rest, mut why) = (String::new(), String::new());
    out.read_to_string(&mut rest).unwrap();
    err.read_to_string(&mut why).unwrap();
    assert_eq!((program.wait().unwrap().code(), rest.as_str(), why.as_str()), (Some(0), "", ""));
}

/// What an operator gets wrong is one sentence, with a status and without a password.
#[tokio::test]
async fn rights_and_tables_that_are_not_there_are_told_in_a_sentence_st18() {
    let server = servers::postgres::start();
    let url = server.url();
    app(&url).sign_in("ann", "").await;
    let mut database = sqlx::PgConnection::connect(&url).await.unwrap();
    let mut ask = async |sql: &'static str| sqlx::raw_sql(sql).execute(&mut database).await.map(drop).unwrap();
    ask("CREATE ROLE reader LOGIN; CREATE ROLE stranger LOGIN").await;
    ask("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader").await;
    let by = |user: &str| Admin(url.replace("postgres@", &format!("{user}:geheim@")));

    assert_eq!(subjects(&by("reader").told(&["list", "--json"])), ["ann"], "who may only read can list");
    let refused = |admin: Admin, command: &[&str], words: &str| {
        let why = admin.refused(1, command);
        assert!(why.contains(words) && why.lines().count() == 1 && !why.contains("geheim"), "{command:?}: {why}");
    };
    refused(by("reader"), &["revoke", "ann"], "permission denied");
    refused(by("reader"), &["end-all", "--yes"], "permission denied");
    refused(by("stranger"), &["list"], "permission denied");
    refused(by("nobody"), &["list"], "no connection to the database");
    refused(Admin(url.replace("/postgres", "/nowhere")), &["list"], "does not exist");
    ask("INSERT INTO session_schema VALUES (99)").await;
    refused(Admin(url.clone()), &["list"], "they have version 99");
    refused(Admin(url.clone()), &["end-all", "--yes"], "they have version 99");

    // a file that is no database, and a server that asks for a password
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.db");
    std::fs::write(&file, b"no database, and longer than its head would be, as any other file may be").unwrap();
    refused(Admin(format!("sqlite:{}", file.display())), &["list"], "file is not a database");
    let redis = servers::redis::start_with(&["--requirepass", "secret"]);
    let with = |login: &str| Admin(redis.url().replace("redis://", &format!("redis://{login}")));
    refused(with(""), &["list"], "Redis rejected");
    refused(with(":geheim@"), &["list"], "Redis rejected");
}

/// A subject may be any text of an application's visitors, and stands in the operator's script.
#[tokio::test]
async fn what_is_told_is_one_line_that_no_terminal_obeys_st18() {
    let (_dir, url) = sqlite();
    app(&url).sign_in("ann", "").await;
    let admin = Admin(url);
    for command in [&["revoke", "\u{1b}[2J\nann", "--id", "x"][..], &["show", "\u{9b}2J\u{202e}ann", "--id", "x"]] {
        let why = admin.refused(1, command);
        assert!(why.trim_end().ends_with("ann has no session x") && why.lines().count() == 1, "{why}");
        assert!(!why.trim_end().contains(|c: char| c.is_control() || c == '\u{202e}'), "{why:?}");
    }
    let long = "a".repeat(256);
    for subject in ["", &long] {
        for command in [&["list", subject][..], &["show", subject], &["revoke", subject], &["watch", subject]] {
            assert_eq!(admin.refused(2, command), "a subject has 1 to 255 bytes\n", "{command:?}");
        }
    }
}

/// Help, completions and man pages name the variables and not what is in them; a URL in a wrong place is masked.
#[test]
fn no_password_is_in_any_output_st18() {
    let url = "postgres://app:geheim@127.0.0.1:1/app";
    let with = |arguments: &[&str]| {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_session-admin"));
        let output = program.env_clear().env("SESSION_STORE", url).args(arguments).output().unwrap();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(!out.contains("geheim") && !err.contains("geheim"), "{arguments:?}: {out}{err}");
        (output.status.code(), out, err)
    };
    assert!(with(&["--help"]).1.contains("SESSION_STORE"));
    assert_eq!(with(&["--version"]).1, concat!("session-admin ", env!("CARGO_PKG_VERSION"), "\n"));
    for shell in ["bash", "fish", "zsh", "elvish", "powershell"] {
        let (status, script, _) = with(&["completions", shell]);
        assert!(status == Some(0) && script.contains("remove-expired"), "{shell}");
    }
    for (page, words) in [(&["man"][..], "end\\-all"), (&["man", "watch"], "\\-\\-interval")] {
        let (status, text, _) = with(page);
        assert!(status == Some(0) && text.starts_with(".ie") && text.contains(words), "{page:?}: {text}");
    }
    for wrong in [&["list", "--colour"][..], &[url], &["list", "a", url], &["watch", "--interval", "0"], &["man", "x"]]
    {
        let (status, out, why) = with(wrong);
        assert_eq!((status, out.as_str(), why.lines().count()), (Some(2), "", 1), "{wrong:?}: {why}");
    }
    // the line has the names that the argument parser lists below its first line
    for (wrong, words) in [(&["show"][..], "<SUBJECT>"), (&["revoke"], "<SUBJECT>"), (&["completions", "csh"], "bash")]
    {
        let (status, out, why) = with(wrong);
        assert_eq!((status, out.as_str(), why.lines().count()), (Some(2), "", 1), "{wrong:?}: {why}");
        assert!(why.contains(words), "{wrong:?}: {why}");
    }
    // the variable is used
    let (status, out, why) = with(&["list"]);
    assert_eq!((status, out.as_str(), why.lines().count()), (Some(1), "", 1));
    assert!(why.contains("no connection to the database"), "{why}");
    for variables in [&[][..], &[("SESSION_STORE", "")]] {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_session-admin"));
        let output = program.env_clear().envs(variables.iter().copied()).arg("list").output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("set SESSION_STORE"), "{}", text(&output.stderr));
    }
    let bad = Admin(url.into()).command(&["list"], &[("SESSION_IDLE", "soon")]).output().unwrap();
    assert_eq!(bad.status.code(), Some(2));
    assert!(text(&bad.stderr).contains("SESSION_IDLE"), "{}", text(&bad.stderr));
}
