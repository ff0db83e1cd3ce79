//! How many statements each operation and each request costs (ST6): counted by PostgreSQL itself, and for each
//! database by what sqlx logs; MariaDB gets one message for each. A program of its own, for the log is that of a process.

#[path = "sql/common.rs"]
#[allow(dead_code)] // the other tests use the rest
mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use session_core::environment::Time;
use session_core::policy::{Lifetimes, PlainCookie, Policy};
use session_core::store::{DeleteCondition, Store, Version};
use session_core::subject::{Epoch, IndexEntry, SubjectId, SubjectIndex};
use session_core::testing::ManualClock;
use session_std::{Finished, Request, Session, Sessions, keys};
use session_store_sql::SqlStore;
use store_support::{Draft, at};
use store_tests::servers::postgres;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use common::{Fresh, key};

static LOGGED: AtomicUsize = AtomicUsize::new(0);

/// Counts the statements that sqlx logs.
struct Count;

impl Subscriber for Count {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {
        LOGGED.fetch_add(1, Ordering::SeqCst);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

const CALLS: &str = "SELECT COALESCE(sum(calls), 0)::bigint FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat%'";

/// What an action costs, by both counts.
async fn cost<T>(database: &Fresh, action: impl Future<Output = T>) -> (T, usize) {
    let counts = matches!(database, Fresh::Postgres(_));
    let theirs = async || if counts { database.number(CALLS).await } else { 0 };
    let before = theirs().await;
    let logged = LOGGED.load(Ordering::SeqCst);
    let result = action.await;
    let logged = LOGGED.load(Ordering::SeqCst) - logged;
    let calls = theirs().await - before;
    if counts {
        assert_eq!(usize::try_from(calls), Ok(logged), "the server and sqlx count the same");
    }
    (result, logged)
}

/// A store whose connections are open, which costs statements too.
async fn warm(database: &Fresh) -> SqlStore {
    let store = database.store();
    store.check(at(0)).await.unwrap();
    store.delete(&key(0), DeleteCondition::Any, at(0)).await.unwrap();
    store
}

/// One test: both databases' statements go to one log.
#[tokio::test]
async fn queries_are_counted_st6() {
    tracing::subscriber::set_global_default(Count).unwrap();
    let counting = ["shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track_utility=on"];
    let server = Fresh::Postgres(postgres::start_with(&counting));
    server.sql("CREATE EXTENSION pg_stat_statements").await.unwrap();
    for database in [Fresh::sqlite(), server, Fresh::mariadb()] {
        operations(&database).await;
        requests(&database).await;
    }
}

async fn operations(database: &Fresh) {
    let store = warm(database).await;
    let draft = |version| Draft { version, login: 1, seen: 1, ..Draft::default() };
    let (record, new) = (draft(1).record(), draft(2).record());
    let one = &key(1);
    let subject = SubjectId::of("ann");
    let entry = IndexEntry { handle: *one, login: 1, ends: Time::MAX, order: 0 };
    let costs = [
        ("create", cost(database, store.create(one, &record, at(1))).await.1, 1),
        ("create of a taken one", cost(database, store.create(one, &record, at(1))).await.1, 1),
        ("load", cost(database, store.load(one, at(1), &mut [0; 256])).await.1, 1),
        ("load of an absent one", cost(database, store.load(&key(2), at(1), &mut [0; 256])).await.1, 1),
        ("update", cost(database, store.update(one, Version(1), &new, at(1), &mut [0; 256])).await.1, 1),
        ("conflict", cost(database, store.update(one, Version(1), &new, at(1), &mut [0; 256])).await.1, 2),
        ("touch", cost(database, store.touch(one, at(2))).await.1, 1),
        ("add", cost(database, store.add(&subject, Epoch(0), &entry, at(2))).await.1, 1),
        ("list", cost(database, store.list(&subject, 0, at(2), &mut [IndexEntry::NONE; 4])).await.1, 1),
        ("bump", cost(database, store.bump(&subject, at(2))).await.1, 1),
        ("remove", cost(database, store.remove(&subject, &entry, at(2))).await.1, 1),
        ("count", cost(database, store.count(at(2))).await.1, 1),
        ("delete of another login", cost(database, store.delete(one, DeleteCondition::Login(7), at(2))).await.1, 2),
        ("delete", cost(database, store.delete(one, DeleteCondition::Login(1), at(2))).await.1, 1),
        ("delete of an absent one", cost(database, store.delete(one, DeleteCondition::Any, at(2))).await.1, 1),
        ("end of all", cost(database, store.end_all(at(3))).await.1, 1),
    ];
    for (name, cost, expected) in costs {
        assert_eq!(cost, expected, "{name}, {}", database.url());
    }
}

/// A browser: one request after the other, with the cookie that it holds.
struct Browser {
    sessions: Sessions,
    cookie: String,
}

impl Browser {
    async fn request<T>(&mut self, handler: impl AsyncFnOnce(Session) -> T) -> T {
        let request = Request::new(self.sessions.clone());
        let session = request.session(std::iter::once(self.cookie.as_bytes()), true).await.unwrap();
        let result = handler(session).await;
        let Finished { error, cookie, .. } = request.finish().await;
        assert_eq!(error, None);
        if let Some(cookie) = cookie {
            self.cookie = cookie.split(';').next().unwrap().to_owned();
        }
        result
    }
}

async fn requests(database: &Fresh) {
    let clock = Arc::new(ManualClock::at(at(1_800_000_000_000)));
    let lifetimes = Lifetimes { renew_after: None, ..Lifetimes::default() };
    let policy = Policy::plain_http(PlainCookie::new(), lifetimes).unwrap();
    let store = warm(database).await;
    let sessions = Sessions::new(store, keys::generated()).policy(policy).clock(Shared(clock.clone()));
    let mut browser = Browser { sessions, cookie: String::new() };

    let cost_of = async |browser: &mut Browser, what: &str| {
        let handler = async |session: Session| match what {
            "nothing" => {}
            "read" => drop(session.get::<u32>("n").unwrap()),
            "write" => session.set("n", &7_u32).unwrap(),
            "login" => session.login(session.begin_login("ann").await.unwrap()).await.unwrap(),
            "increment" => drop(session.update_with("n", |n: Option<u32>| n.unwrap_or(0) + 1).await.unwrap()),
            _ => session.logout().await.unwrap(),
        };
        cost(database, browser.request(handler)).await.1
    };
    assert_eq!(cost_of(&mut browser, "read").await, 0, "without a cookie nothing is asked");
    assert_eq!(cost_of(&mut browser, "write").await, 1, "a new session");
    for _ in 0..5 {
        assert_eq!(cost_of(&mut browser, "read").await, 1);
        clock.advance(Duration::from_secs(11));
    }
    assert_eq!(cost_of(&mut browser, "read").await, 1, "no write before the touch interval");
    clock.advance(Duration::from_secs(10));
    assert_eq!(cost_of(&mut browser, "read").await, 2, "the activity is recorded");
    assert_eq!(cost_of(&mut browser, "read").await, 1, "once per interval");
    assert_eq!(cost_of(&mut browser, "increment").await, 2);
    assert_eq!(cost_of(&mut browser, "login").await, 4, "record and epoch, record and entry");
    assert_eq!(cost_of(&mut browser, "logout").await, 2);
    browser.cookie = format!("id={}", "A".repeat(43));
    assert_eq!(cost_of(&mut browser, "read").await, 0, "a forged cookie costs no query");
}

struct Shared(Arc<ManualClock>);

impl session_core::environment::Clock for Shared {
    fn now(&self) -> Time {
        self.0.now()
    }
}
