//! A session bound to a fingerprint, as Rocket, Poem and axum hand it out.

use session_core::policy::Mismatch;
use session_core::testing::run;
use session_std::{Error, MemoryStore, Policy, Request, Sessions, keys};

const HOME: &[u8] = b"Firefox, 192.0.2";
const AWAY: &[u8] = b"curl, 198.51.100";

#[test]
fn a_binding_is_checked_and_a_mismatch_ends_the_session() {
    let policy = Policy::PLAIN_HTTP.on_mismatch(Mismatch::End);
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(policy);
    let visit = |cookie: Option<&str>, fingerprint: &[u8]| {
        let request = Request::new(sessions.clone());
        let session = run(request.session(cookie.map(str::as_bytes).into_iter(), true)).unwrap();
        let checked = run(session.check_binding(fingerprint));
        let n = session.get::<u32>("n").unwrap();
        if cookie.is_none() {
            session.set("n", &1_u32).and(run(session.bind(fingerprint))).unwrap();
        }
        let finished = run(request.finish());
        assert_eq!(run(session.check_binding(fingerprint)), Err(Error::AnswerSent));
        (checked, n, finished.cookie.and_then(|cookie| cookie.split(';').next().map(str::to_owned)))
    };
    let (_, _, cookie) = visit(None, HOME);
    assert_eq!(visit(cookie.as_deref(), HOME), (Ok(true), Some(1), None));
    assert_eq!(visit(cookie.as_deref(), AWAY), (Ok(false), None, None));
    assert_eq!(visit(cookie.as_deref(), HOME), (Ok(true), None, None), "it has ended");
}
