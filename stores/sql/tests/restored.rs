//! A database that was restored from a backup: what has ended since is back, until everybody's sessions are ended. It is
//! what the runbook in docs/security.md says.

use session_std::keys::{self, KeyRing};
use session_std::{Policy, Request, Session, Sessions};
use session_store_sql::SqlStore;
use sqlx::{Connection, SqliteConnection};

/// A request with the cookie of a browser, which keeps what the answer sets. Returns who is signed in after it.
async fn visit(sessions: &Sessions, cookie: &mut String, handler: impl AsyncFnOnce(&Session)) -> Option<String> {
    let request = Request::new(sessions.clone());
    let session = request.session([cookie.as_bytes()].into_iter(), true).await.unwrap();
    handler(&session).await;
    let subject = session.subject().unwrap();
    let finished = request.finish().await;
    assert_eq!(finished.error, None);
    if let Some(set) = finished.cookie {
        *cookie = set.split(';').next().unwrap_or_default().to_owned();
    }
    subject
}

async fn look(_: &Session) {}

async fn sign_in(session: &Session) {
    let attempt = session.begin_login("ann").await.unwrap();
    session.login(attempt).await.unwrap();
}

async fn sign_out(session: &Session) {
    session.logout().await.unwrap();
}

#[tokio::test]
async fn end_all_ends_what_a_backup_brings_back_lc3_lc10() {
    let modes: [fn(SqlStore, KeyRing) -> Sessions; 2] =
        [|store, keys| Sessions::new(store, keys), |store, keys| Sessions::sealed(store, keys)];
    for make in modes {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        let ring: KeyRing = keys::generated().into();
        let open = |name: &str| {
            let store = SqlStore::open(&format!("sqlite:{}", path(name))).unwrap();
            make(store, ring.clone()).policy(Policy::PLAIN_HTTP)
        };
        let (sessions, mut browser) = (open("sessions"), String::new());
        assert_eq!(visit(&sessions, &mut browser, sign_in).await.as_deref(), Some("ann"));
        let copy = browser.clone();

        let mut database = SqliteConnection::connect(&format!("sqlite:{}", path("sessions"))).await.unwrap();
        sqlx::query("VACUUM INTO ?").bind(path("backup")).execute(&mut database).await.unwrap();
        assert_eq!(visit(&sessions, &mut browser, sign_out).await, None);
        assert_eq!(visit(&sessions, &mut copy.clone(), look).await, None);

        let restored = open("backup");
        assert_eq!(visit(&restored, &mut copy.clone(), look).await.as_deref(), Some("ann"), "the library cannot tell");
        restored.end_all().await.unwrap();
        assert_eq!(visit(&restored, &mut copy.clone(), look).await, None);
        assert_eq!(visit(&restored, &mut browser, sign_in).await.as_deref(), Some("ann"));
    }
}
