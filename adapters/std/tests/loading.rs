//! A session that could not be loaded is not taken for an empty one.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::mem::replace;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use session_core::environment::{Clock, Time};
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_core::subject::NoIndex;
use session_core::testing::run;
use session_std::{Error, Finished, MemoryStore, Policy, Request, Sessions, SharedStore, keys, shared};

/// A memory store whose next load fails, does not end, or waits once. Its next update can wait as well.
#[derive(Clone, Default)]
struct Moody(Arc<(MemoryStore, AtomicU8)>);

const FAIL: u8 = 1;
const HANG: u8 = 2;
const WAIT: u8 = 3;

async fn wait() {
    let mut waited = false;
    poll_fn(|_| if replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

impl Store for Moody {
    type Error = &'static str;
    type Index = NoIndex;

    fn index(&self) -> Option<&NoIndex> {
        None
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, &'static str> {
        match self.0.1.swap(0, Ordering::Relaxed) {
            FAIL => Err("down"),
            HANG => pending().await,
            WAIT => {
                wait().await;
                self.0.0.load(key, now, into).await.map_err(never)
            }
            _ => self.0.0.load(key, now, into).await.map_err(never),
        }
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, &'static str> {
        self.0.0.create(key, record, now).await.map_err(never)
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, &'static str> {
        if self.0.1.swap(0, Ordering::Relaxed) == WAIT {
            wait().await;
        }
        self.0.0.update(key, seen, record, now, there).await.map_err(never)
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, &'static str> {
        self.0.0.touch(key, now).await.map_err(never)
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, &'static str> {
        self.0.0.delete(key, condition, now).await.map_err(never)
    }
}

fn never(why: Infallible) -> &'static str {
    match why {}
}

shared!(Moody);

/// Sessions in a store, and the cookie of one that has `n` = 1.
fn begin() -> (Moody, Sessions, String) {
    let store = Moody::default();
    let sessions = Sessions::new(store.clone(), keys::generated()).policy(Policy::PLAIN_HTTP);
    let request = Request::new(sessions.clone());
    run(request.session(std::iter::empty(), true)).unwrap().set("n", &1_u32).unwrap();
    let cookie = run(request.finish()).cookie.unwrap();
    (store, sessions, cookie.split(';').next().unwrap().to_owned())
}

#[test]
fn who_asks_again_after_a_failure_is_told_the_same_st10() {
    let (store, sessions, cookie) = begin();
    store.0.1.store(FAIL, Ordering::Relaxed);
    let request = Request::new(sessions);
    for _ in 0..2 {
        let asked = run(request.session([cookie.as_bytes()].into_iter(), true));
        assert_eq!(asked.err(), Some(Error::Unavailable), "the store is back, the request is not");
    }
    let finished = run(request.finish());
    assert_eq!((finished.error, finished.cookie, finished.varies), (None, None, true));
}

#[test]
fn who_asks_again_after_a_load_was_given_up_loads() {
    let (store, sessions, cookie) = begin();
    store.0.1.store(HANG, Ordering::Relaxed);
    let request = Request::new(sessions);
    {
        let mut given_up = pin!(request.session([cookie.as_bytes()].into_iter(), true));
        assert!(given_up.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    let session = run(request.session([cookie.as_bytes()].into_iter(), true)).unwrap();
    assert_eq!(session.get::<u32>("n"), Ok(Some(1)));
}

/// Counts how often it is called.
#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// As the extractors of a handler in actix-web: the second waits for the load of the first, and is woken.
#[test]
fn extractors_at_the_same_time_share_one_load() {
    let (store, sessions, cookie) = begin();
    store.0.1.store(WAIT, Ordering::Relaxed);
    let request = Request::new(sessions);
    let mut first = pin!(request.session([cookie.as_bytes()].into_iter(), true));
    let mut second = pin!(request.session([cookie.as_bytes()].into_iter(), true));
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut context = Context::from_waker(&waker);
    assert!(first.as_mut().poll(&mut context).is_pending());
    assert!(second.as_mut().poll(&mut context).is_pending());
    let Poll::Ready(Ok(first)) = first.as_mut().poll(&mut context) else { panic!("loaded") };
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    let Poll::Ready(Ok(second)) = second.as_mut().poll(&mut context) else { panic!("loaded by the first") };
    first.set("n", &2_u32).unwrap();
    assert_eq!(second.get::<u32>("n"), Ok(Some(2)));
}

/// The verb's future may be polled again only after the extractor has returned, so waiting for it might never end.
#[test]
fn an_extractor_does_not_wait_for_a_verb() {
    let (store, sessions, cookie) = begin();
    let request = Request::new(sessions);
    let session = run(request.session([cookie.as_bytes()].into_iter(), true)).unwrap();
    store.0.1.store(WAIT, Ordering::Relaxed);
    let mut context = Context::from_waker(Waker::noop());
    let mut verb = pin!(session.rotate());
    let mut waits = 0;
    while verb.as_mut().poll(&mut context).is_pending() {
        waits += 1;
        let mut extractor = pin!(request.session([cookie.as_bytes()].into_iter(), true));
        let Poll::Ready(busy) = extractor.as_mut().poll(&mut context) else { panic!("it waits") };
        assert_eq!(busy.map(|_| ()), Err(Error::Busy));
    }
    assert!(waits > 0, "the store waited");
}

#[test]
fn a_request_that_nobody_asked_for_its_session_is_over_at_once() {
    let (_, sessions, cookie) = begin();
    let request = Request::new(sessions.clone());
    assert!(request.finish_untouched());
    let late = run(request.session(std::iter::once(cookie.as_bytes()), true));
    assert_eq!(late.map(|_| ()), Err(Error::AnswerSent));
    let request = Request::new(sessions);
    run(request.session(std::iter::once(cookie.as_bytes()), true)).unwrap();
    assert!(!request.finish_untouched());
    assert_eq!(request.finish_at_once(), None, "the store may wait");
    assert!(run(request.finish()).varies);
}

#[test]
fn over_a_store_that_never_waits_a_request_is_over_at_once() {
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(Policy::PLAIN_HTTP);
    let request = Request::new(sessions);
    run(request.session(std::iter::empty(), true)).unwrap().set("n", &1_u32).unwrap();
    assert!(request.finish_at_once().unwrap().cookie.is_some());
    assert_eq!(request.finish_at_once(), Some(Finished::default()));
}

/// A clock that counts how often it is asked.
#[derive(Clone, Default)]
struct Asked(Arc<AtomicU32>);

impl Clock for Asked {
    fn now(&self) -> Time {
        self.0.fetch_add(1, Ordering::Relaxed);
        Time::from_millis(1_000)
    }
}

/// While a store waits, time passes. Where it never does, a load and what is judged by it have the same time.
#[test]
fn a_load_that_does_not_wait_asks_for_the_time_once() {
    let reads = |store: SharedStore| {
        let clock = Asked::default();
        let sessions = Sessions::new(store, keys::generated()).policy(Policy::PLAIN_HTTP).clock(clock.clone());
        let request = Request::new(sessions.clone());
        run(request.session(std::iter::empty(), true)).unwrap().set("n", &1_u32).unwrap();
        let cookie = run(request.finish()).cookie.unwrap();
        clock.0.store(0, Ordering::Relaxed);
        let request = Request::new(sessions);
        let line = cookie.split(';').next().unwrap().as_bytes();
        assert!(run(request.session([line].into_iter(), true)).unwrap().exists().unwrap());
        clock.0.load(Ordering::Relaxed)
    };
    assert_eq!(reads(MemoryStore::new().into()), 1);
    assert_eq!(reads(Moody::default().into()), 2);
}
