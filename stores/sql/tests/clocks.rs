//! Nodes whose clocks differ over one database: what one of them has acknowledged holds for the other.

use session_core::environment::Time;
use session_core::testing::ManualClock;
use session_std::keys::{self, KeyRing};
use session_std::{Error, Policy, Request, Session, Sessions};
use session_store_sql::SqlStore;

const NOW: u64 = 10_000_000_000;

async fn visit<T>(
    sessions: &Sessions,
    jar: &mut String,
    handler: impl AsyncFnOnce(&Session) -> Result<T, Error>,
) -> Result<T, Error> {
    let request = Request::new(sessions.clone());
    let session = request.session([jar.as_bytes()].into_iter(), true).await?;
    let answer = handler(&session).await;
    let finished = request.finish().await;
    if let Some(set) = finished.cookie {
        *jar = set.split(';').next().unwrap_or_default().to_owned();
    }
    finished.error.map_or(answer, Err)
}

async fn sign_in(session: &Session) -> Result<(), Error> {
    session.login(session.begin_login("ann").await?).await
}

async fn who(sessions: &Sessions, jar: &str) -> Option<String> {
    visit(sessions, &mut jar.to_owned(), async |session: &Session| session.subject()).await.unwrap()
}

/// A session that is over by the clock of one node is alive at another. Revocations at the first one end it, its lists lose
/// none, and so do its logout, login and rotation (LC2, LC3).
#[tokio::test]
async fn a_node_whose_clock_is_ahead_ends_what_it_says_it_ended_lc9_st14() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("s").display());
    let ring: KeyRing = keys::generated().into();
    let node = |millis| {
        let clock: &'static ManualClock = Box::leak(Box::new(ManualClock::at(Time::from_millis(millis))));
        Sessions::new(SqlStore::open(&url).unwrap(), ring.clone()).policy(Policy::PLAIN_HTTP).clock(clock)
    };
    // past the idle limit, and past the absolute one
    for ahead in [31 * 60_000, 13 * 60 * 60_000] {
        let (right, ahead) = (node(NOW), node(NOW + ahead));
        let mut jar = String::new();
        visit(&right, &mut jar, sign_in).await.unwrap();
        assert_eq!(ahead.list("ann").await.unwrap().len(), 0);
        assert_eq!(right.list("ann").await.unwrap().len(), 1, "a look loses no session");
        assert_eq!(ahead.revoke_all("ann").await, Ok(1));
        assert_eq!(who(&right, &jar).await, None);

        let mut jar = String::new();
        visit(&right, &mut jar, sign_in).await.unwrap();
        let id = right.list("ann").await.unwrap()[0].id.to_string();
        assert_eq!(ahead.revoke("ann", &id).await, Ok(true));
        assert_eq!(who(&right, &jar).await, None);
        assert_eq!(ahead.revoke("ann", &id).await, Ok(false));

        for verb in 0..3 {
            let mut jar = String::new();
            visit(&right, &mut jar, sign_in).await.unwrap();
            let copy = jar.clone();
            let ending = async |session: &Session| match verb {
                0 => session.logout().await,
                1 => sign_in(session).await,
                _ => session.rotate().await,
            };
            visit(&ahead, &mut jar, ending).await.unwrap();
            assert_eq!(who(&right, &copy).await, None, "{verb}");
            ahead.revoke_all("ann").await.unwrap();
        }
    }
}
