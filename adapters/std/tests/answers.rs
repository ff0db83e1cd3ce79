//! What an answer says besides its cookie: caches, and what a browser has stored.

use http::{HeaderMap, HeaderValue};
use session_core::testing::run;
use session_std::policy::Mismatch;
use session_std::{Error, MemoryStore, Policy, Request, Session, Sessions, headers, keys};

/// One request with a cookie; the headers of its answer, which had one that allows caches to keep it.
fn answer(sessions: &Sessions, cookie: &mut String, verb: impl FnOnce(&Session) -> Result<(), Error>) -> HeaderMap {
    let request = Request::new(sessions.clone());
    verb(&run(request.session([cookie.as_bytes()].into_iter(), true)).unwrap()).unwrap();
    let finished = run(request.finish());
    if let Some(set) = &finished.cookie {
        *cookie = set.split(';').next().unwrap_or_default().to_owned();
    }
    let mut answer = HeaderMap::new();
    answer.insert("cache-control", HeaderValue::from_static("max-age=60"));
    answer.insert("cdn-cache-control", HeaderValue::from_static("max-age=60"));
    headers::apply(finished, &mut answer);
    answer
}

type Verb = fn(&Session) -> Result<(), Error>;

fn sign_in(session: &Session) -> Result<(), Error> {
    run(async { session.login(session.begin_login("ann").await?).await })
}

/// One word keeps every answer to whoever is signed in out of caches, and no other one (CK9).
#[test]
fn answers_to_who_is_signed_in_are_kept_by_no_cache_ck9() {
    let mut jar = String::new();
    let of = |policy| Sessions::new(MemoryStore::new(), keys::generated()).policy(policy);
    for (sessions, kept) in [(of(Policy::PLAIN_HTTP), "max-age=60"), (of(Policy::PLAIN_HTTP.no_store()), "no-store")] {
        let visitor = answer(&sessions, &mut String::new(), |session| session.exists().map(drop));
        assert!([&visitor["cache-control"], &visitor["cdn-cache-control"]].iter().all(|value| *value == "max-age=60"));
        let login = answer(&sessions, &mut jar, sign_in);
        assert!([&login["cache-control"], &login["cdn-cache-control"]].iter().all(|value| *value == "no-store"));
        let page = answer(&sessions, &mut jar, |session| session.exists().map(drop));
        assert!([&page["cache-control"], &page["cdn-cache-control"]].iter().all(|value| *value == kept));
        assert!(!page.contains_key("set-cookie"));
    }
}

/// One word clears the site's data where the session is signed out, and nowhere else.
#[test]
fn signing_out_clears_the_sites_data_lc4() {
    for (policy, expected) in
        [(Policy::PLAIN_HTTP, None), (Policy::PLAIN_HTTP.clear_site_data(), Some(headers::SITE_DATA))]
    {
        let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(policy);
        let mut jar = String::new();
        for verb in [sign_in, |session: &Session| run(session.rotate()), |session: &Session| session.set("n", &1_u32)] {
            assert!(!answer(&sessions, &mut jar, verb).contains_key("clear-site-data"));
        }
        let out = answer(&sessions, &mut jar, |session| run(session.logout()));
        assert_eq!(out.get("clear-site-data").map(|value| value.to_str().unwrap()), expected);
        assert!(out["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    }
}

/// A handler that has read a subject's data answers with a page of its own after a verb that failed, or after a mismatch that
/// ended the session: no cache keeps that either.
#[test]
fn an_answer_after_a_failed_verb_is_kept_by_no_cache_ck9() {
    let policy = Policy::PLAIN_HTTP.no_store().on_mismatch(Mismatch::End);
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(policy);
    let mut jar = String::new();
    answer(&sessions, &mut jar, |session| {
        sign_in(session)?;
        session.set("n", &1_u32)?;
        run(session.bind(b"here"))
    });
    let other = jar.clone();
    let page = answer(&sessions, &mut jar, |session| {
        assert_eq!(session.get::<u32>("n"), Ok(Some(1)));
        answer(&sessions, &mut other.clone(), |session| session.set("n", &2_u32));
        let failed = run(session.update_with("m", |m: Option<u32>| m.unwrap_or(0) + 1));
        assert_eq!((failed, session.subject()), (Err(Error::Conflict), Ok(None)));
        Ok(())
    });
    assert_eq!(
        (&page["cache-control"], page.contains_key("set-cookie")),
        (&HeaderValue::from_static("no-store"), false)
    );
    let page = answer(&sessions, &mut jar, |session| {
        assert_eq!((session.get::<u32>("n"), run(session.check_binding(b"elsewhere"))), (Ok(Some(2)), Ok(false)));
        Ok(())
    });
    assert_eq!(
        (&page["cache-control"], page.contains_key("set-cookie")),
        (&HeaderValue::from_static("no-store"), false)
    );
    // the cookie opens nothing any more, so the next answer shows nothing of the subject
    let page = answer(&sessions, &mut jar, |session| session.exists().map(drop));
    assert_eq!(page["cache-control"], "max-age=60");
}

/// Whatever is set after a logout, the answer still signs out.
#[test]
fn a_message_after_the_logout_clears_the_sites_data_all_the_same_lc4() {
    let out = |session: &Session| run(session.logout());
    let after: [Verb; 3] = [
        |session| session.flash_message("bye"),
        |session| run(async { session.login(session.begin_login("bob").await?).await }),
        |session| run(session.update_with("n", |n: Option<u32>| n.unwrap_or(0))).map(drop),
    ];
    for sealed in [false, true] {
        for verb in after {
            let (store, keys) = (MemoryStore::new(), keys::generated());
            let made = if sealed { Sessions::sealed(store, keys) } else { Sessions::new(store, keys) };
            let sessions = made.policy(Policy::PLAIN_HTTP.clear_site_data());
            let mut jar = String::new();
            answer(&sessions, &mut jar, sign_in);
            let page = answer(&sessions, &mut jar, |session| out(session).and_then(|()| verb(session)));
            assert_eq!(page["clear-site-data"], headers::SITE_DATA);
            assert!(!answer(&sessions, &mut jar, |session| session.set("m", &1_u32)).contains_key("clear-site-data"));
        }
    }
}
