//! More keys in one request than a device follows one by one.

use session_core::testing::run;
use session_std::{Error, MemoryStore, Policy, Request, Session, Sessions, keys};

fn begin(sessions: &Sessions, cookie: &str) -> (Request, Session) {
    let request = Request::new(sessions.clone());
    let session = run(request.session([format!("id={cookie}").as_bytes()].into_iter(), true)).unwrap();
    (request, session)
}

fn end(request: &Request) -> Result<Option<String>, Error> {
    let finished = run(request.finish());
    let cookie = finished.cookie.map(|set| set.split([';', '=']).nth(1).unwrap().to_owned());
    finished.error.map_or(Ok(cookie), Err)
}

fn set(session: &Session, name: &str, count: u32) {
    for key in 0..count {
        let before = session.get::<u32>(&format!("{name}{key}")).unwrap().unwrap_or_default();
        session.set(&format!("{name}{key}"), &(before + 1)).unwrap();
    }
}

/// Two requests at once, each with keys of its own: all are kept, however many they are. One key of both is a conflict.
#[test]
fn any_number_of_different_keys_merge_st3() {
    for count in [8, 9, 30, 300] {
        let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
        let (first, session) = begin(&sessions, "");
        session.set("first", &1_u32).unwrap();
        let cookie = end(&first).unwrap().unwrap();
        let ((a, left), (b, right)) = (begin(&sessions, &cookie), begin(&sessions, &cookie));
        set(&left, "left", count);
        set(&right, "right", count);
        assert_eq!((end(&a), end(&b)), (Ok(None), Ok(None)), "{count}");
        let (c, session) = begin(&sessions, &cookie);
        assert_eq!(session.keys().unwrap().len(), 2 * count as usize + 1);
        end(&c).unwrap();
        let ((a, left), (b, right)) = (begin(&sessions, &cookie), begin(&sessions, &cookie));
        set(&left, "left", 1);
        set(&right, "right", count);
        set(&right, "left", 1);
        assert_eq!((end(&a), end(&b)), (Ok(None), Err(Error::Conflict)), "{count}");
    }
}
