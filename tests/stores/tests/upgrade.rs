//! A store whose records are of the format before: all browsers sign in once more, and nothing breaks.

use std::sync::{Arc, Mutex};

use session_axum::events::{Event, Observer};
use session_core::environment::Clock;
use session_core::record::FORMAT;
use session_core::store::{Handle, Load, Store};
use session_std::{MemoryStore, Policy, Request, Session, Sessions, SharedStore, SystemClock, keys};
use session_store_memcached::MemcachedStore;
use session_store_redis::RedisStore;
use session_store_sql::SqlStore;
use store_tests::servers;

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<&'static str>>>);

impl Observer for Told {
    fn observe(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(event.name());
    }
}

async fn request<R>(sessions: &Sessions, cookie: &mut String, handler: impl AsyncFnOnce(&Session) -> R) -> R {
    let request = Request::new(sessions.clone());
    let line = format!("id={cookie}");
    let session = request.session([line.as_bytes()].into_iter(), true).await.unwrap();
    let result = handler(&session).await;
    let finished = request.finish().await;
    assert_eq!(finished.error, None);
    if let Some(set) = finished.cookie {
        *cookie = set.split([';', '=']).nth(1).unwrap().to_owned();
    }
    result
}

async fn sign_in(session: &Session) {
    let attempt = session.begin_login("ann").await.unwrap();
    session.login(attempt).await.unwrap();
    session.set("cart", "book").unwrap();
}

/// The handle in a cookie value: its first eight bytes, which are the first eleven characters.
fn handle(cookie: &str) -> Handle {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'-' => 62,
        _ => 63,
    };
    let bits = cookie.bytes().take(11).fold(0_u128, |bits, c| bits << 6 | u128::from(digit(c)));
    Handle::from_bytes(u64::try_from(bits >> 2).unwrap().to_be_bytes())
}

async fn load<S: Store>(store: &S, key: &Handle) -> (Vec<u8>, session_core::store::Version) {
    let mut place = [0; 512];
    match store.load(key, SystemClock.now(), &mut place).await.unwrap() {
        Load::Found(found) => (place[..found.len].to_vec(), found.version),
        other => panic!("{other:?}"),
    }
}

async fn upgrade(store: impl Into<SharedStore>) {
    let store: SharedStore = store.into();
    let told = Told::default();
    let sessions = Sessions::new(store.clone(), keys::generated()).policy(Policy::PLAIN_HTTP).observed(told.clone());
    let (mut browsers, mut old) = (vec![String::new(), String::new()], Vec::new());
    for cookie in &mut browsers {
        request(&sessions, cookie, sign_in).await;
        let key = handle(cookie);
        let (mut record, version) = load(&store, &key).await;
        assert_eq!(record[..2], [FORMAT, 64 | 8 | 4]);
        // as the release before wrote it
        (record[0], record[1]) = (1, 8 | 4);
        store.update(&key, version, &record, SystemClock.now(), &mut []).await.unwrap();
        assert_eq!(load(&store, &key).await.0, record);
        old.push((key, record));
    }
    let events = || std::mem::take(&mut *told.0.lock().unwrap());
    events();

    // no session, and no error; one event a session
    for cookie in &mut browsers {
        let before = cookie.clone();
        let seen = request(&sessions, cookie, async |session| (session.subject(), session.get::<String>("cart"))).await;
        assert_eq!((seen, &before), ((Ok(None), Ok(None)), &*cookie));
    }
    assert_eq!(events(), ["corrupt", "corrupt"]);
    // signed in again, it is as ever
    for cookie in &mut browsers {
        request(&sessions, cookie, sign_in).await;
        assert_eq!(events(), ["corrupt", "created", "logged_in"]);
        let seen = request(&sessions, cookie, async |session| (session.subject(), session.get("cart"))).await;
        assert_eq!(seen, (Ok(Some("ann".into())), Ok(Some("book".to_owned()))));
        assert_eq!(events(), [""; 0]);
    }
    if store.index().is_some() {
        let list = request(&sessions, &mut browsers[0], async |session| session.list().await).await;
        assert_eq!(list.unwrap().len(), 2, "those of before are in no list");
    }
    // a node of the release before still has what it wrote
    for (key, record) in old {
        assert_eq!(load(&store, &key).await.0, record);
    }
}

#[tokio::test]
async fn records_of_the_format_before_end_at_a_login_va5() {
    upgrade(MemoryStore::new()).await;
    let dir = tempfile::tempdir().unwrap();
    upgrade(SqlStore::open(&format!("sqlite:{}", dir.path().join("db").display())).unwrap()).await;
}

#[tokio::test]
async fn records_of_the_format_before_in_redis_va5() {
    let server = servers::redis::start();
    upgrade(RedisStore::open(&server.url()).unwrap()).await;
}

#[tokio::test]
async fn records_of_the_format_before_in_postgres_va5() {
    let server = servers::postgres::start();
    upgrade(SqlStore::open(&server.url()).unwrap()).await;
}

#[tokio::test]
async fn records_of_the_format_before_in_memcached_va5() {
    let server = servers::memcached::start();
    upgrade(MemcachedStore::open(&server.url()).unwrap()).await;
}
