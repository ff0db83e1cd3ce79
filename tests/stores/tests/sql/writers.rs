//! Many writers over two nodes: nothing is lost, nobody waits in a circle (ST2, ST3).

use std::time::Duration;

use session_core::environment::Time;
use session_core::policy::{Lifetimes, PlainCookie, Policy};
use session_core::testing::ManualClock;
use session_std::{Error, Finished, Keys, Request, Session, Sessions};
use session_store_sql::SqlStore;

use crate::common::Fresh;

const KEY: &[u8; 32] =
    b"\x8e\x1f\x0a\x93kd\xc5\x11q\x99\xfe\x02\x5b\xa0\xd7<N`\x18\xe9w\xb2D\x05\x9a\xcd1\xf6\x88.S\xbf";

/// A node over this database. Its clock stands still, so that no retry runs out of time, and it waits for a busy
/// machine.
fn node(database: &Fresh) -> Sessions {
    let policy = Policy::plain_http(PlainCookie::new(), Lifetimes::default()).unwrap();
    let clock = ManualClock::at(Time::from_millis(1_800_000_000_000));
    Sessions::new(database.store(), Keys::new(KEY).unwrap()).policy(policy).clock(clock)
}

/// One request with this cookie: what its handler gave, and what its answer says.
async fn request<T>(sessions: &Sessions, cookie: &str, handler: impl AsyncFnOnce(Session) -> T) -> (T, Finished) {
    let request = Request::new(sessions.clone());
    let session = request.session(std::iter::once(cookie.as_bytes()), true).await.unwrap();
    let result = handler(session).await;
    (result, request.finish().await)
}

async fn new_session(sessions: &Sessions) -> String {
    let (set, finished) = request(sessions, "", async |session| session.set("n", &0_u32)).await;
    set.unwrap();
    finished.cookie.unwrap().split(';').next().unwrap().to_owned()
}

async fn number(sessions: &Sessions, cookie: &str) -> u32 {
    let (number, _) = request(sessions, cookie, async |session| session.get::<u32>("n")).await;
    number.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_writers_lose_nothing_st3() {
    for database in Fresh::all() {
        let nodes = [node(&database), node(&database)];
        // half of them write into one session, the others into eight
        let shared = new_session(&nodes[0]).await;
        let mut own = Vec::new();
        for _ in 0..8 {
            own.push(new_session(&nodes[1]).await);
        }
        let writers: Vec<_> = (0..64_usize)
            .map(|number| {
                let sessions = nodes[number % 2].clone();
                let cookie = if number % 4 < 2 { shared.clone() } else { own[number % 8].clone() };
                tokio::spawn(async move {
                    for _ in 0..3 {
                        let increment = async |session: Session| {
                            session.update_with("n", |n: Option<u32>| n.unwrap_or(0) + 1).await
                        };
                        let (number, finished) = request(&sessions, &cookie, increment).await;
                        number.unwrap();
                        assert_eq!(finished.error, None);
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        let mut total = number(&nodes[0], &shared).await;
        assert_eq!(total, 32 * 3);
        for cookie in &own {
            total += number(&nodes[0], cookie).await;
        }
        assert_eq!(total, 64 * 3);
    }
}

/// Plain writes of one key, at once: one wins and every other one is told.
#[tokio::test(flavor = "multi_thread")]
async fn of_writes_of_one_key_the_losers_are_told_st3() {
    for database in Fresh::all() {
        let nodes = [node(&database), node(&database)];
        let cookie = new_session(&nodes[0]).await;
        let gate = std::sync::Arc::new(tokio::sync::Barrier::new(16));
        let writers: Vec<_> = (0..16_usize)
            .map(|number| {
                let (sessions, cookie, gate) = (nodes[number % 2].clone(), cookie.clone(), gate.clone());
                tokio::spawn(async move {
                    let increment = async |session: Session| {
                        let n = session.get::<u32>("n").unwrap().unwrap();
                        gate.wait().await;
                        session.set("n", &(n + 1)).unwrap();
                    };
                    request(&sessions, &cookie, increment).await.1.error
                })
            })
            .collect();
        let mut won = 0;
        for writer in writers {
            match writer.await.unwrap() {
                None => won += 1,
                Some(error) => assert_eq!(error, Error::Conflict),
            }
        }
        assert_eq!((won, number(&nodes[1], &cookie).await), (1, 1));
    }
}

/// A login on one node, the logout on the other, and slow requests with either cookie in between.
#[tokio::test]
async fn two_nodes_share_a_store_lc2_lc3() {
    for database in Fresh::all() {
        let [one, other] = [node(&database), node(&database)];
        let before = new_session(&one).await;
        let login = async |session: Session| {
            let attempt = session.begin_login("ann").await?;
            session.login(attempt).await
        };
        let (done, finished) = request(&one, &before, login).await;
        done.unwrap();
        let after = finished.cookie.unwrap().split(';').next().unwrap().to_owned();
        let who = async |session: Session| session.subject().unwrap();
        assert_eq!(request(&other, &after, who).await.0.as_deref(), Some("ann"));
        assert_eq!(request(&other, &before, who).await.0, None, "the cookie of before is dead on every node");

        let slow = Request::new(one.clone());
        let session = slow.session(std::iter::once(after.as_bytes()), true).await.unwrap();
        request(&other, &after, async |session: Session| session.logout().await).await.0.unwrap();
        session.set("n", &9_u32).unwrap();
        assert!(slow.finish().await.error.is_some(), "a slow write does not bring it back, and is told");
        for node in [&one, &other] {
            assert_eq!(request(node, &after, who).await.0, None);
        }
    }
}

/// Another process holds a lock for longer than the driver's patience, by the system's clock and the default options.
/// Nobody else changes the sessions, so that no request is told of a conflict, and what is told is what is kept: a login
/// that is refused leaves the browser its cookie.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_of_three_seconds_is_no_conflict_st13() {
    for database in Fresh::all() {
        let sessions = Sessions::new(SqlStore::open(&database.url()).unwrap(), Keys::new(KEY).unwrap());
        let policy = Policy::plain_http(PlainCookie::new(), Lifetimes::default()).unwrap();
        let sessions = sessions.policy(policy);
        let [plain, login] = [new_session(&sessions).await, new_session(&sessions).await];
        let holder = database.locked().await;
        let release = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            drop(holder);
        };
        let set = request(&sessions, &plain, async |session: Session| session.set("n", &1_u32).unwrap());
        let sign_in = request(&sessions, &login, async |session: Session| {
            let attempt = session.begin_login("ann").await?;
            session.login(attempt).await
        });
        let ((), ((), set), (signed_in, finished)) = tokio::join!(release, set, sign_in);

        let unknown = |error: Error| matches!(error, Error::Indeterminate | Error::Unavailable);
        match set.error {
            None => assert_eq!(number(&sessions, &plain).await, 1),
            Some(error) => {
                assert!(unknown(error), "{error:?}");
                assert_eq!(number(&sessions, &plain).await, 0, "what was given up is not done later");
            }
        }
        let now = match signed_in {
            Ok(()) => finished.cookie.unwrap().split(';').next().unwrap().to_owned(),
            Err(error) => {
                assert!(unknown(error), "{error:?}");
                login
            }
        };
        assert_eq!(number(&sessions, &now).await, 0, "the browser has a cookie that opens its session");
    }
}
