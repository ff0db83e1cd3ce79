//! Whole lives of sessions: what is counted, and that nothing tells whose they are.

use session_core::testing::run;
use session_opentelemetry::{EventCounter, ObservedStore};
use session_std::events::{Event, Observer};
use session_std::{Finished, MemoryStore, Policy, Request, Session, Sessions, keys};

use crate::{Telemetry, attributes, texts};

const SUBJECT: &str = "ann@example.org";
const KEY: &str = "favourite-cheese";
const VALUE: &str = "Roquefort";
const LABEL: &str = "a phone in a kitchen";

/// One request with a cookie. Returns the cookie that the client has afterwards.
fn request(sessions: &Sessions, cookie: &str, with: impl FnOnce(&Session)) -> String {
    let request = Request::new(sessions.clone());
    let line = format!("id={cookie}");
    let lines = (!cookie.is_empty()).then_some(line.as_bytes());
    let session = run(request.session(lines.into_iter(), true)).unwrap();
    with(&session);
    let Finished { error, cookie: set, .. } = run(request.finish());
    assert_eq!(error, None);
    set.map_or(cookie.to_owned(), |set| set.split([';', '=']).nth(1).unwrap().to_owned())
}

fn login(session: &Session) {
    run(async { session.login(session.begin_login(SUBJECT).await?).await }).unwrap();
}

/// A visitor who signs in on two devices, and ends both. Returns all that nobody may be told.
fn life(sessions: &Sessions) -> Vec<String> {
    let visitor = request(sessions, "forged", |session| session.set(KEY, VALUE).unwrap());
    let mut secrets = Vec::new();
    let phone = request(sessions, &visitor, |session| {
        login(session);
        session.set_label(LABEL).unwrap();
        secrets.push(session.log_id().unwrap().unwrap().to_string());
    });
    let laptop = request(sessions, "", login);
    let old = request(sessions, &visitor, |_| ()); // was replaced at the login
    request(sessions, &laptop, |session| assert_eq!(run(session.revoke_others()), Ok(1)));
    request(sessions, &phone, |_| ());
    sessions.login_failed(Some(SUBJECT), "wrong password");
    assert_eq!(run(sessions.list(SUBJECT)).unwrap().len(), 1);
    secrets.extend(run(sessions.list(SUBJECT)).unwrap().into_iter().map(|info| info.id.to_string()));
    request(sessions, &laptop, |session| run(session.logout()).unwrap());
    secrets.extend([visitor, phone, laptop, old]);
    secrets.extend([SUBJECT, KEY, VALUE, LABEL].map(str::to_owned));
    secrets
}

#[test]
fn events_are_counted_by_name_and_cause_lc13() {
    let telemetry = Telemetry::new();
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
    life(&sessions.observed(EventCounter::new(&telemetry.meter())));
    let expected = [
        ("created", 2),
        ("ended", 1),
        ("forged", 1),
        ("logged_in", 2),
        ("login_failed", 1),
        ("others_revoked", 1),
        ("replaced", 1),
        ("revoked", 1),
        ("unknown", 1),
    ];
    let expected = expected.map(|(name, count)| {
        let mut all = vec![("session_core.event.name", name)];
        all.extend((name == "revoked").then_some(("session_core.revocation.cause", "others")));
        ("session_core.events".to_owned(), "{event}".to_owned(), attributes(&all), count)
    });
    assert_eq!(telemetry.series(), expected);
}

/// What can be provoked is counted, however often it happens (QU4).
#[test]
fn floods_are_counted_qu4() {
    let telemetry = Telemetry::new();
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
    let sessions = sessions.observed(EventCounter::new(&telemetry.meter()));
    for _ in 0..100 {
        request(&sessions, "forged", |_| ());
    }
    let [(.., count)] = &telemetry.series()[..] else { panic!("one series") };
    assert_eq!(*count, 100);
}

/// Every attribute of every metric and span is one of a few words, so that none is an id, a subject, a key or a value (LC13).
#[test]
fn no_attribute_says_whose_session_it_is_lc13() {
    let telemetry = Telemetry::new();
    let store = ObservedStore::new(MemoryStore::new(), "memory", &telemetry.meter());
    let sessions = Sessions::new(store, keys::generated()).policy(Policy::PLAIN_HTTP);
    let sessions = sessions.observed(EventCounter::new(&telemetry.meter()));
    let secrets = telemetry.traced(|| life(&sessions));
    let measured = telemetry.series().into_iter().flat_map(|(_, _, attributes, _)| attributes);
    let spans = telemetry.spans();
    assert!(spans.len() > 10, "{}", spans.len());
    let traced = spans.iter().flat_map(|span| texts(&span.attributes));
    for (key, value) in measured.chain(traced) {
        let words: &[&str] = match &*key {
            "db.system.name" => &["memory"],
            "db.operation.name" => &[
                "load",
                "create",
                "update",
                "touch",
                "delete",
                "index_list",
                "index_add",
                "index_bump",
                "index_remove",
            ],
            "session_core.store.outcome" => &["found", "done", "missing"],
            "session_core.event.name" => &[
                "created",
                "ended",
                "forged",
                "logged_in",
                "login_failed",
                "others_revoked",
                "replaced",
                "revoked",
                "unknown",
            ],
            "session_core.revocation.cause" => &["others"],
            other => panic!("{other}"),
        };
        assert!(words.contains(&&*value), "{key}: {value}");
    }
    // names, statuses, events and links of spans as well
    let (spans, metrics) = (format!("{spans:?}"), format!("{:?}", telemetry.metrics.get_finished_metrics().unwrap()));
    for secret in secrets {
        assert!(!spans.contains(&secret) && !metrics.contains(&secret), "{secret}");
    }
}

/// A pair of the counter and another observer is one observer.
#[test]
fn counts_beside_another_observer_lc13() {
    struct Silent;
    impl Observer for Silent {
        fn observe(&self, _: &Event<'_>) {}
    }
    let telemetry = Telemetry::new();
    let sessions = Sessions::new(MemoryStore::new(), keys::generated());
    let sessions = sessions.observed((Silent, EventCounter::new(&telemetry.meter())));
    sessions.login_failed(None, "no such account");
    assert_eq!(telemetry.series().len(), 1);
}
