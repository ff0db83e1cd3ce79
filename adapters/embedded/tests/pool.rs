//! Slots, and the sessions that requests reach through them.

use std::cell::Cell;
use std::iter::once;
use std::time::Duration;

use session_core::cross_site::Sent;
use session_core::environment::Time;
use session_core::events::{Event, Observer};
use session_core::policy::{Mismatch, Policy, SET_COOKIE_LEN};
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_core::subject::NoIndex;
use session_core::testing::{ManualClock, ScriptedRng, run};
use session_core::{Error, Keys, Sessions};
use session_embedded::{CrossSite, Finished, Peek, Pool, RequestSession, Requests as _, SealedPool, SlotGuard};
use session_store_memory::FixedStore;

const KEY: [u8; 32] = *b"\x8e\x1f\x0a\x93kd\xc5\x11q\x99\xfe\x02\x5b\xa0\xd7\x3cN\x60\x18\xe9\x77\xb2\x44\x05\x9a\xcd\x31\xf6\x88\x2e\x53\xbf";
const NO_COOKIE: [&[u8]; 0] = [];

type AppPool = Pool<FixedStore<4, 256>, ManualClock, ScriptedRng, (), 2, 256>;

fn pool_of(policy: Policy) -> AppPool {
    let clock = ManualClock::at(Time::from_millis(9));
    Pool::new(Sessions::new(FixedStore::new(), clock, &Keys::new(&KEY).unwrap(), policy), ScriptedRng::new(7))
}

fn pool() -> AppPool {
    pool_of(Policy::PLAIN_HTTP)
}

/// One request with this cookie: what the handler made of the session, and the cookie that the answer sets.
fn visit<T>(
    pool: &AppPool,
    cookie: &str,
    handler: impl FnOnce(&mut RequestSession<'_, AppPool>) -> T,
) -> (T, Option<String>) {
    let guard = SlotGuard::lend(pool).unwrap();
    let mut session = run(guard.slot().session(once(cookie.as_bytes()), true)).unwrap();
    let handled = handler(&mut session);
    drop(session);
    let mut line = [0; SET_COOKIE_LEN];
    let finished = run(guard.finish(&mut line));
    assert_eq!(finished.error, None);
    (handled, finished.cookie.and_then(|text| text.split(';').next()).map(str::to_owned))
}

#[test]
fn what_is_set_is_there_at_the_next_request() {
    let pool = pool();
    let ((), cookie) = visit(&pool, "", |session| session.set("n", &1_u32).unwrap());
    let (n, cookie) = visit(&pool, &cookie.unwrap(), |session| session.get::<u32>("n").unwrap());
    assert_eq!((n, cookie), (Some(1), None));
}

#[test]
fn nothing_of_a_request_stays_in_its_slot_lc15() {
    let pool = pool();
    let ((), cookie) = visit(&pool, "", |session| session.set("n", &1_u32).unwrap());
    assert!(cookie.is_some());
    let (keys, cookie) = visit(&pool, "", |session| session.keys().count());
    assert_eq!((keys, cookie), (0, None));
}

#[test]
fn a_binding_is_checked_lc13() {
    let pool = pool_of(Policy::PLAIN_HTTP.on_mismatch(Mismatch::End));
    const HOME: &[u8] = b"Firefox, 192.0.2";
    let check = |cookie: &str, fingerprint: &[u8]| {
        visit(&pool, cookie, |session| {
            (run(session.check_binding(fingerprint)).unwrap(), session.get::<u32>("n").unwrap())
        })
    };
    let ((), cookie) = visit(&pool, "", |session| session.set("n", &1_u32).and(run(session.bind(HOME))).unwrap());
    let cookie = cookie.unwrap();
    assert_eq!(check(&cookie, HOME), ((true, Some(1)), None));
    assert_eq!(check(&cookie, b"curl, 198.51.100"), ((false, None), None));
    assert_eq!(check(&cookie, HOME), ((true, None), None), "it has ended");
}

#[test]
fn a_slot_for_each_request_and_no_more() {
    let pool = pool();
    let (one, two) = (SlotGuard::lend(&pool), SlotGuard::lend(&pool));
    assert!(one.is_some() && two.is_some() && SlotGuard::lend(&pool).is_none());
    drop(one);
    assert!(SlotGuard::lend(&pool).is_some());
}

#[test]
fn a_request_has_its_session_once_at_a_time() {
    let pool = pool();
    let guard = SlotGuard::lend(&pool).unwrap();
    let session = run(guard.slot().session(NO_COOKIE.into_iter(), true)).unwrap();
    assert_eq!(run(guard.slot().session(NO_COOKIE.into_iter(), true)).err(), Some(Error::Busy));
    drop(session);
    let mut again = run(guard.slot().session(NO_COOKIE.into_iter(), true)).unwrap();
    again.set("n", &1_u32).unwrap();
    let mut line = [0; SET_COOKIE_LEN];
    let finished = run(guard.finish(&mut line));
    assert_eq!(finished, Finished { error: Some(Error::Busy), varies: true, ..Finished::default() });
}

/// A body may still be written when its slot belongs to another request.
#[test]
fn who_comes_after_the_answer_gets_no_session_of_another_request() {
    let pool = pool();
    let guard = SlotGuard::lend(&pool).unwrap();
    let late = guard.slot();
    let kept = run(late.session(NO_COOKIE.into_iter(), true)).unwrap();
    drop(guard);
    assert_eq!(run(late.session(NO_COOKIE.into_iter(), true)).err(), Some(Error::AnswerSent));
    // the slot whose session is still held is lent to nobody
    let (two, three) = (SlotGuard::lend(&pool), SlotGuard::lend(&pool));
    assert!(two.is_some() && three.is_none());
    drop(kept);
    let three = SlotGuard::lend(&pool);
    assert!(three.is_some());
    assert_eq!(run(late.session(NO_COOKIE.into_iter(), true)).err(), Some(Error::AnswerSent));
}

#[test]
fn a_look_is_no_activity_and_makes_no_session_lc16() {
    let pool = pool();
    let ((), cookie) = visit(&pool, "", |session| session.set("n", &1_u32).unwrap());
    let cookie = cookie.unwrap();
    let look = |cookie: &str| {
        let guard = SlotGuard::lend(&pool).unwrap();
        let session = run(guard.slot().session(once(cookie.as_bytes()), false)).unwrap();
        let mut peek = Peek::of(session);
        let seen = (peek.get::<u32>("n").unwrap(), peek.last_seen(), peek.csrf_token().unwrap().is_some());
        drop(peek);
        let mut line = [0; SET_COOKIE_LEN];
        assert_eq!(run(guard.finish(&mut line)), Finished { varies: true, ..Finished::default() });
        seen
    };
    assert_eq!(look(""), (None, None, false));
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    session_clock(&pool).advance(minutes(6));
    assert_eq!(look(&cookie), (Some(1), Some(Time::from_millis(9)), true));
    // 12 minutes after the last activity the 10 minutes of a visitor are over, whatever was looked at
    session_clock(&pool).advance(minutes(6));
    assert_eq!(look(&cookie), (None, None, false));
}

fn session_clock(pool: &AppPool) -> &ManualClock {
    use session_embedded::Requests;
    pool.sessions().clock()
}

#[test]
fn headers_add_up_ck9() {
    let finished = Finished { cookie: Some("id=x"), varies: true, ..Finished::default() };
    let headers: Vec<_> = finished.headers().collect();
    assert_eq!(headers, [("Set-Cookie", "id=x"), ("Cache-Control", "no-store"), ("Vary", "Cookie")]);
    assert_eq!(Finished::default().headers().count(), 0);
}

#[test]
fn sealed_sessions_fit_into_the_pool_as_it_stands() {
    let sessions = Sessions::sealed(
        FixedStore::<4, 256>::new(),
        ManualClock::new(),
        &Keys::new(&KEY).unwrap(),
        Policy::PLAIN_HTTP,
    );
    let pool: SealedPool<_, _, _> = Pool::new(sessions, ScriptedRng::new(7));
    let guard = SlotGuard::lend(&pool).unwrap();
    let mut session = run(guard.slot().session(NO_COOKIE.into_iter(), true)).unwrap();
    session.set("a", "x".repeat(400).as_str()).unwrap();
    drop(session);
    let mut line = guard.line();
    let finished = run(guard.finish(&mut line));
    assert!(finished.error.is_none() && finished.cookie.is_some_and(|cookie| cookie.len() > 512));
}

/// Creates, and then does not answer any more.
struct Failing;

impl Store for Failing {
    type Error = &'static str;
    type Index = NoIndex;

    fn index(&self) -> Option<&NoIndex> {
        None
    }

    async fn load(&self, _: &Handle, _: Time, _: &mut [u8]) -> Result<Load, &'static str> {
        Err("out of order")
    }

    async fn create(&self, _: &Handle, _: &[u8], _: Time) -> Result<Outcome, &'static str> {
        Ok(Outcome::Applied(Version(1)))
    }

    async fn update(&self, _: &Handle, _: Version, _: &[u8], _: Time, _: &mut [u8]) -> Result<Outcome, &'static str> {
        Err("out of order")
    }

    async fn touch(&self, _: &Handle, _: Time) -> Result<Outcome, &'static str> {
        Err("out of order")
    }

    async fn delete(&self, _: &Handle, _: DeleteCondition, _: Time) -> Result<Outcome, &'static str> {
        Err("out of order")
    }
}

#[test]
fn a_session_that_cannot_be_loaded_is_no_empty_one_st10() {
    let clock = ManualClock::at(Time::from_millis(9));
    let sessions = Sessions::new(Failing, clock, &Keys::new(&KEY).unwrap(), Policy::PLAIN_HTTP);
    let pool: Pool<_, _, _, (), 1, 256> = Pool::new(sessions, ScriptedRng::new(7));
    let guard = SlotGuard::lend(&pool).unwrap();
    let mut session = run(guard.slot().session(NO_COOKIE.into_iter(), true)).unwrap();
    session.set("n", &1_u32).unwrap();
    drop(session);
    let mut line = [0; SET_COOKIE_LEN];
    let finished = run(guard.finish(&mut line));
    let cookie = finished.cookie.unwrap().split(';').next().unwrap().to_owned();

    let guard = SlotGuard::lend(&pool).unwrap();
    for _ in 0..2 {
        let failed = run(guard.slot().session(once(cookie.as_bytes()), true));
        assert_eq!(failed.err(), Some(Error::Unavailable));
    }
    let mut line = [0; SET_COOKIE_LEN];
    assert_eq!(run(guard.finish(&mut line)), Finished { varies: true, ..Finished::default() });
}

/// The names and values of the header lines that an answer gets.
fn lines(finished: Finished<'_>) -> Vec<(&'static str, String)> {
    let value = |(name, value): (&'static str, &str)| (name, value.split('=').next().unwrap_or_default().to_owned());
    finished.headers().map(value).collect()
}

#[test]
fn the_policy_says_what_an_answer_says_ck9() {
    for (policy, kept, cleared) in [
        (Policy::PLAIN_HTTP, None, None),
        (Policy::PLAIN_HTTP.no_store(), Some(("Cache-Control", "no-store")), None),
        (Policy::PLAIN_HTTP.clear_site_data(), None, Some(("Clear-Site-Data", "\"cache\", \"storage\""))),
    ] {
        let pool = pool_of(policy);
        let (_, cookie) = visit(&pool, "", |session| {
            let attempt = run(session.begin_login("ann")).unwrap();
            run(session.login(attempt)).unwrap();
        });
        let cookie = cookie.unwrap();
        let answer = |cookie: &str, signs_out| {
            let guard = SlotGuard::lend(&pool).unwrap();
            let mut session = run(guard.slot().session(once(cookie.as_bytes()), true)).unwrap();
            if signs_out {
                run(session.logout()).unwrap();
            }
            drop(session);
            let mut line = [0; SET_COOKIE_LEN];
            lines(run(guard.finish(&mut line)))
        };
        let owned = |line: (&'static str, &str)| (line.0, line.1.to_owned());
        let signed_in: Vec<_> = kept.into_iter().chain([("Vary", "Cookie")]).map(owned).collect();
        assert_eq!(answer(&cookie, false), signed_in);
        assert_eq!(answer("", false), [owned(("Vary", "Cookie"))], "nobody is signed in");
        let removal = [("Set-Cookie", "id"), ("Cache-Control", "no-store"), ("Vary", "Cookie")];
        let removal: Vec<_> = removal.into_iter().chain(cleared).map(owned).collect();
        assert_eq!(answer(&cookie, true), removal);
    }
}

#[test]
fn what_would_let_a_cache_keep_a_cookie_is_left_out_ck9() {
    let cached = [
        ("Cache-Control", "public, Must-Understand, no-store"),
        ("CDN-Cache-Control", "max-age=60"),
        ("Surrogate-Control", "max-age=60"),
        ("X-Accel-Expires", "60"),
    ];
    let stays = [("Cache-Control", "private"), ("Content-Type", "text/html"), ("X-Note", "must-understand")];
    let cookie = Finished { cookie: Some("id=x"), ..Finished::default() };
    for finished in [cookie, Finished { no_store: true, ..Finished::default() }] {
        assert!(cached.iter().all(|(name, value)| !finished.keeps(name, value)));
        assert!(stays.iter().all(|(name, value)| finished.keeps(name, value)));
    }
    assert!(cached.iter().all(|(name, value)| Finished::default().keeps(name, value)));
}

#[test]
fn what_is_printed_of_an_answer_has_no_cookie_id6() {
    let finished = Finished { cookie: Some("id=secret"), ..Finished::default() };
    assert!(!format!("{finished:?}").contains("secret"));
}

#[test]
fn what_another_site_causes_is_refused_and_told_tr4() {
    struct Told<'t>(&'t Cell<u32>);
    impl Observer for Told<'_> {
        fn observe(&self, event: &Event<'_>) {
            assert_eq!(event.name(), "cross_site");
            self.0.set(self.0.get() + 1);
        }
    }
    let (clock, told) = (ManualClock::at(Time::from_millis(9)), Cell::new(0));
    let sessions = Sessions::new(FixedStore::<4, 256>::new(), clock, &Keys::new(&KEY).unwrap(), Policy::PLAIN_HTTP);
    let pool: Pool<_, _, _, _, 1, 256> = Pool::new(sessions.observed(Told(&told)), ScriptedRng::new(7));
    let from = |origin: &'static str| Sent {
        method: "POST",
        origin: Some(origin.as_bytes()),
        host: Some(b"oven.local"),
        ..Sent::default()
    };
    let refuses = CrossSite::refused_but_from(&["http://phone.local"]);
    assert!(!refuses.refuses(pool.sessions(), || from("http://oven.local")));
    assert!(!refuses.refuses(pool.sessions(), || from("http://phone.local")));
    assert!(!CrossSite::PASS.refuses(pool.sessions(), || from("http://evil.example")));
    assert_eq!(told.get(), 0);
    assert!(refuses.refuses(pool.sessions(), || from("http://evil.example")));
    assert_eq!(told.get(), 1);
}

/// Here is no endpoint at which a device could prove anything: a policy that wants it is not silently disobeyed.
#[test]
fn sessions_that_are_to_be_bound_are_refused_tr3() {
    let pool = pool_of(Policy::SECURE.device_bound(Duration::from_secs(600)).unwrap());
    let guard = SlotGuard::lend(&pool).unwrap();
    assert_eq!(run(guard.slot().session(NO_COOKIE.into_iter(), true)).err(), Some(Error::Unsupported));
}
