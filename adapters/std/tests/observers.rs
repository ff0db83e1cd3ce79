//! The ready observers, each told a life by real sessions, and heard by a real subscriber, logger or recorder (LC13).

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::{HeaderValue, USER_AGENT};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use session_core::environment::Time;
use session_core::testing::{ManualClock, run};
use session_std::events::{Event, Log, LogId, Metrics, Observer, Origin, Tracing};
use session_std::{Finished, MemoryStore, Policy, Request, Session, Sessions, keys};
use tracing_subscriber::fmt::MakeWriter;

/// One request that comes with a cookie; its session's name and the cookie that it has afterwards.
fn request(sessions: &Sessions, cookie: &str, with: impl FnOnce(&Session)) -> (Option<LogId>, String) {
    let request = Request::new(sessions.clone());
    let line = format!("id={cookie}");
    let lines = (!cookie.is_empty()).then_some(line.as_bytes());
    let session = run(request.session(lines.into_iter(), true)).unwrap();
    with(&session);
    let id = session.log_id().unwrap();
    let Finished { error, cookie: set, .. } = run(request.finish());
    assert_eq!(error, None);
    let set = set.map(|set| set.split([';', '=']).nth(1).unwrap().to_owned());
    (id, set.unwrap_or_else(|| cookie.to_owned()))
}

/// From the first write to the logout, and what comes with an old and with a forged cookie. The session's name.
fn life(observer: impl Observer + Send + Sync + 'static) -> String {
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP).observed(observer);
    let (_, first) = request(&sessions, "", |session| session.set("n", &1_u32).unwrap());
    let (id, second) = request(&sessions, &first, |session| {
        run(async { session.login(session.begin_login("ann").await?).await }).unwrap();
    });
    request(&sessions, &first, |_| ());
    request(&sessions, &second, |session| run(session.logout()).unwrap());
    request(&sessions, &second, |_| ());
    request(&sessions, "forged", |_| ());
    id.unwrap().to_string()
}

const LIFE: [&str; 6] = ["created", "logged_in", "replaced", "ended", "unknown", "forged"];

/// What was written.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn take(&self) -> Vec<String> {
        let text = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
        text.lines().map(|line| line.trim().to_owned()).collect()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[test]
fn tracing_hears_name_level_session_and_reason_lc13() {
    let lines = Lines::default();
    let format = tracing_subscriber::fmt().without_time().with_writer(lines.clone());
    let subscriber = format.with_max_level(tracing_subscriber::filter::LevelFilter::TRACE).finish();
    let id = tracing::subscriber::with_default(subscriber, || {
        let id = life(Tracing);
        Tracing.observe(&Event::StoreFailed(&"connection refused"));
        id
    });
    let expected = [
        format!(r#"DEBUG session: session {id} created event="created" session={id}"#),
        format!(r#"INFO session: session {id}: "ann" signed in event="logged_in" session={id} subject="ann""#),
        format!(
            r#"WARN session: session {id} of "ann": cookie rejected because a newer one replaced it event="replaced" session={id} subject="ann""#
        ),
        format!(r#"INFO session: session {id} of "ann" ended event="ended" session={id} subject="ann""#),
        format!(r#"DEBUG session: cookie rejected: session {id} does not exist event="unknown" session={id}"#),
        r#"WARN session: cookie rejected: none of the keys signed it event="forged""#.into(),
        r#"WARN session: session store failed: connection refused event="store_failed" error=connection refused"#
            .into(),
    ];
    assert_eq!(lines.take(), expected);
}

/// A logger as programs have one.
struct Logger(Lines);

impl log::Log for Logger {
    fn enabled(&self, to: &log::Metadata<'_>) -> bool {
        to.target() == "session"
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = format!("{} {}: {}\n", record.level(), record.target(), record.args());
        self.0.0.lock().unwrap().extend(line.bytes());
    }

    fn flush(&self) {}
}

#[test]
fn log_hears_name_and_level_lc13() {
    let lines = Lines::default();
    log::set_boxed_logger(Box::new(Logger(lines.clone()))).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let id = life(Log);
    let expected = [
        format!("DEBUG session: session {id} created"),
        format!("INFO session: session {id}: \"ann\" signed in"),
        format!("WARN session: session {id} of \"ann\": cookie rejected because a newer one replaced it"),
        format!("INFO session: session {id} of \"ann\" ended"),
        format!("DEBUG session: cookie rejected: session {id} does not exist"),
        "WARN session: cookie rejected: none of the keys signed it".into(),
    ];
    assert_eq!(lines.take(), expected);
    log::set_max_level(log::LevelFilter::Warn);
    life(Log);
    assert_eq!(lines.take().len(), 2);
}

#[test]
fn metrics_count_by_name_and_by_nothing_else_lc13() {
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, || (life(Metrics), life(Metrics)));
    let counted = recorder.snapshotter().snapshot().into_vec();
    assert_eq!(counted.len(), LIFE.len());
    for (key, _, _, value) in counted {
        let (name, labels) = key.key().clone().into_parts();
        let [label] = &labels[..] else { panic!("{labels:?}") };
        assert_eq!((name.as_str(), label.key(), value), ("session_events_total", "event", DebugValue::Counter(2)));
        assert!(LIFE.contains(&label.value()), "{label:?}");
    }
}

/// A pair is an observer, and each of its two is told.
#[test]
fn two_observers_are_one_lc13() {
    let (one, other) = (Heard::default(), Heard::default());
    life((one.clone(), other.clone()));
    assert_eq!(*one.0.lock().unwrap(), LIFE);
    assert_eq!(*other.0.lock().unwrap(), LIFE);
}

/// What an attacker provokes is limited where lines are written, by the steps of a clock, and counted exactly.
#[test]
fn what_can_be_provoked_floods_no_log_qu4() {
    let clock: &'static ManualClock = Box::leak(Box::new(ManualClock::at(Time::from_millis(1_000_000))));
    let (lines, recorder) = (Lines::default(), DebuggingRecorder::new());
    let format = tracing_subscriber::fmt().without_time().with_writer(lines.clone());
    let subscriber = format.with_max_level(tracing_subscriber::filter::LevelFilter::TRACE).finish();
    let counted = || {
        let all = recorder.snapshotter().snapshot().into_vec();
        let forged = all.into_iter().find(|(key, ..)| key.key().labels().any(|label| label.value() == "forged"));
        forged.map(|(.., count)| count)
    };
    let sessions = Sessions::new(MemoryStore::new(), keys::generated());
    // the clock is said last, and counts all the same
    let sessions = sessions.policy(Policy::PLAIN_HTTP).observed((Tracing, Metrics)).clock(clock);
    metrics::with_local_recorder(&recorder, || {
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..100 {
                request(&sessions, "forged; id=forged; id=forged", |_| ());
            }
            assert_eq!((lines.take().len(), counted()), (10, Some(DebugValue::Counter(100))));
            clock.advance(Duration::from_millis(59_999));
            request(&sessions, "forged", |_| ());
            assert_eq!(lines.take(), [""; 0]);
            clock.advance(Duration::from_millis(1));
            request(&sessions, "forged", |_| ());
            let [left_out, forged] = &lines.take()[..] else { panic!("two lines") };
            assert!(left_out.contains("91 `forged` events were not logged"), "{left_out}");
            assert!(forged.contains("none of the keys signed it"), "{forged}");
            // a failed login is not limited, nor is what happens to somebody else's session
            for _ in 0..100 {
                sessions.login_failed(Some("ann"), "wrong password");
            }
            assert_eq!(lines.take().len(), 100);
            clock.advance(Duration::from_secs(60));
            let rotated = || {
                let cookie = request(&sessions, "", |session| session.set("n", &1_u32).unwrap()).1;
                request(&sessions, &cookie, |session| run(session.rotate()).unwrap());
                cookie
            };
            let (mine, victims) = (rotated(), [(); 8].map(|()| rotated()));
            lines.take();
            for _ in 0..100 {
                request(&sessions, &mine, |_| ());
            }
            assert_eq!(lines.take().len(), 10);
            for victim in &victims {
                request(&sessions, victim, |_| ());
            }
            // the limiter has 256 places, so one victim in 256 shares the place of the attacker
            assert!(lines.take().len() > 4);
        });
    });
}

/// An observer finds where the request comes from, at every event of it and at no other one.
#[test]
fn from_where_lc19() {
    /// The name of an event, and from where it came.
    type Told = (&'static str, Option<String>);
    #[derive(Clone, Default)]
    struct From(Arc<Mutex<Vec<Told>>>);
    impl Observer for From {
        fn observe(&self, event: &Event<'_>) {
            let origin = Origin::of_request();
            let from = origin.map(|origin| format!("{:?} {:?}", origin.address, origin.user_agent()));
            self.0.lock().unwrap().push((event.name(), from));
        }
    }
    let from = From::default();
    let sessions =
        Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP).observed(from.clone());
    let visit = |last: u8, name: &str, verb: fn(&Session)| {
        let address = Some([192, 0, 2, last].into());
        let headers = [(USER_AGENT, HeaderValue::try_from(name).unwrap())].into_iter().collect();
        let request = Request::from_origin(&sessions, || Origin::new(address, &headers));
        verb(&run(request.session(std::iter::empty(), true)).unwrap());
        run(request.finish());
    };
    let login = |session: &Session| {
        run(async { session.login(session.begin_login("ann").await?).await }).unwrap();
    };
    visit(1, "one", login);
    visit(2, "two", |session| session.login_failed(None, "no such account").unwrap());
    visit(3, "three", |session| assert_eq!(session.csrf_ok("x"), Ok(false)));
    run(sessions.revoke_all("ann")).unwrap();
    let of = |last: u8, name: &str| Some(format!("Some(192.0.2.{last}) Some({name:?})"));
    let expected = [
        ("created", of(1, "one")),
        ("logged_in", of(1, "one")),
        ("login_failed", of(2, "two")),
        ("csrf_failed", of(3, "three")),
        ("revoked", None),
        ("all_revoked", None),
    ];
    assert_eq!(*from.0.lock().unwrap(), expected);
}

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<&'static str>>>);

impl Observer for Heard {
    fn observe(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(event.name());
    }
}

/// Counts what it is told by name.
#[derive(Clone, Default)]
struct Names(Arc<Mutex<Vec<&'static str>>>);

impl Observer for Names {
    fn observe(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(event.name());
    }
}

/// A browser on plain http ignores a cookie with `Secure`, and the program hears why its visitors stay new (LC13).
#[test]
fn a_browser_that_ignores_the_cookie_is_told_lc13() {
    let told = Names::default();
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).observed(told.clone());
    let sent = |sessions: &Sessions, method, origin: &str| {
        sessions.tell_plain_http(method, || Some(origin.as_bytes()));
        told.0.lock().unwrap().drain(..).count()
    };
    for origin in ["http://192.168.1.7:8080", "http://app.example", "http://localhost.example"] {
        assert_eq!(sent(&sessions, "POST", origin), 1, "{origin}");
        assert_eq!(sent(&sessions, "GET", origin), 0, "{origin}");
        assert_eq!(sent(&sessions.clone().policy(Policy::PLAIN_HTTP), "POST", origin), 0, "{origin}");
        assert_eq!(sent(&sessions.clone().in_header("authorization").unwrap(), "POST", origin), 0, "{origin}");
    }
    let safe = [
        "https://app.example",
        "http://localhost:3000",
        "http://a.localhost",
        "http://127.0.0.1",
        "http://[::1]:80",
        "null",
    ];
    assert_eq!(safe.map(|origin| sent(&sessions, "POST", origin)), [0; 6]);
}
