//! A handle that outlives its answer ends with its session (LC20). Time is stepped, and no test waits.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use session_core::environment::Clock;
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_core::subject::NoIndex;
use session_core::testing::run;
use session_std::testing::TestClock;
use session_std::{Error, MemoryStore, Policy, Request, Session, Sessions, SharedStore, Time, Watch, keys, shared};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Two processes over one store, by one clock.
struct Site {
    here: Sessions,
    elsewhere: Sessions,
    clock: TestClock,
}

const KEY: &str = "8e1f0a936b64c5117199fe025ba0d73c4e6018e977b244059acd31f6882e53bf";

impl Site {
    fn of(make: impl Fn(keys::KeyRing) -> Sessions) -> Self {
        let clock = TestClock::new();
        let node = || make(keys::from_text(KEY, "K").unwrap()).policy(Policy::PLAIN_HTTP).clock(clock.clone());
        Self { here: node(), elsewhere: node(), clock }
    }

    fn new() -> Self {
        let store = SharedStore::from(MemoryStore::new());
        Self::of(|keys| Sessions::new(store.clone(), keys))
    }

    fn sealed() -> Self {
        let cut_offs = SharedStore::from(MemoryStore::new());
        Self::of(|keys| Sessions::sealed(cut_offs.clone(), keys))
    }

    fn ann(&self) -> String {
        run(self.here.cookie_for("ann").with("n", 1).into_future()).unwrap()
    }

    /// A watch of the session of this cookie.
    fn watch(&self, cookie: &str) -> Waiting {
        let watch = visit(&self.here, cookie, async |session| session.watch().unwrap()).0;
        self.waiting(watch)
    }

    fn waiting(&self, mut watch: Watch) -> Waiting {
        let (woken, clock) = (Arc::new(Woken::default()), self.clock.clone());
        let ended = Box::pin(async move {
            watch
                .ended(|span| {
                    let (clock, until) = (clock.clone(), clock.now().after(span));
                    std::future::poll_fn(move |_| if clock.now() < until { Poll::Pending } else { Poll::Ready(()) })
                })
                .await
        });
        let mut waiting = Waiting { ended, woken };
        assert_eq!(waiting.poll(), None, "ended from the beginning");
        waiting
    }
}

/// Somebody who waits for the end.
struct Waiting {
    ended: Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>,
    woken: Arc<Woken>,
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Waiting {
    fn poll(&mut self) -> Option<Result<(), Error>> {
        let waker = Waker::from(self.woken.clone());
        match self.ended.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(ended) => Some(ended),
            Poll::Pending => None,
        }
    }

    /// Whether it was woken, and has ended then: nothing polls it before.
    fn ended_at_once(&mut self) -> bool {
        self.woken.0.swap(0, Ordering::SeqCst) > 0 && self.poll() == Some(Ok(()))
    }
}

/// A request; what it has seen, and the cookie that its client has afterwards.
fn visit<T>(sessions: &Sessions, cookie: &str, with: impl AsyncFnOnce(&Session) -> T) -> (T, String) {
    let request = Request::new(sessions.clone());
    let session = run(request.session([cookie.as_bytes()].into_iter(), true)).unwrap();
    let seen = run(with(&session));
    let finished = run(request.finish());
    assert_eq!(finished.error, None);
    let set = finished.cookie.map(|set| set.split(';').next().unwrap().to_owned());
    (seen, set.unwrap_or_else(|| cookie.to_owned()))
}

async fn login(session: &Session, subject: &str) {
    let attempt = session.begin_login(subject).await.unwrap();
    session.login(attempt).await.unwrap();
}

/// Ends the session of the first cookie, by it, by the second one, which is another browser's of hers, or by none.
type End = fn(&Sessions, &str, &str);

/// Everything that ends a session of ann's, done to `cookie` by another browser of hers.
fn ends() -> Vec<(&'static str, End)> {
    vec![
        ("logout", |sessions, cookie, _| visit(sessions, cookie, async |session| session.logout().await.unwrap()).0),
        ("revoke", |sessions, _, other| {
            visit(sessions, other, async |session| {
                let list = session.list().await.unwrap();
                let its = list.iter().find(|info| !info.current).unwrap();
                assert!(session.revoke(&its.id.to_string()).await.unwrap());
            });
        }),
        ("revoke by an administrator", |sessions, _, _| {
            let first = run(sessions.list("ann")).unwrap()[0].id.to_string();
            assert!(run(sessions.revoke("ann", &first)).unwrap());
        }),
        ("revoke_others", |sessions, _, other| {
            visit(sessions, other, async |session| session.revoke_others().await.unwrap());
        }),
        ("revoke_all", |sessions, _, other| {
            visit(sessions, other, async |session| session.revoke_all().await.unwrap());
        }),
        ("revoke_all by an administrator", |sessions, _, _| assert_eq!(run(sessions.revoke_all("ann")), Ok(2))),
        ("end_all", |sessions, _, _| run(sessions.end_all()).unwrap()),
        ("another sign-in", |sessions, cookie, _| {
            visit(sessions, cookie, async |session| login(session, "ann").await).0
        }),
        ("another user's sign-in", |sessions, cookie, _| {
            visit(sessions, cookie, async |session| login(session, "bob").await);
        }),
        ("the cap", |sessions, _, _| {
            let capped = sessions.clone().policy(Policy::PLAIN_HTTP.max_sessions(1));
            run(capped.cookie_for("ann").into_future()).unwrap();
        }),
    ]
}

#[test]
fn an_end_in_this_process_is_known_at_once_lc20() {
    for (name, end) in ends() {
        let site = Site::new();
        let (cookie, other) = (site.ann(), site.ann());
        let bob = run(site.here.cookie_for("bob").into_future()).unwrap();
        let (mut watch, mut bobs) = (site.watch(&cookie), site.watch(&bob));
        end(&site.here, &cookie, &other);
        assert!(watch.ended_at_once(), "{name}");
        if name != "end_all" {
            assert_eq!(bobs.woken.0.load(Ordering::SeqCst), 0, "{name}: it is not bob's");
            assert_eq!(bobs.poll(), None, "{name}");
        }
    }
}

#[test]
fn an_end_in_another_process_is_known_at_the_next_look_lc20() {
    for (name, end) in ends() {
        let site = Site::new();
        let (cookie, other) = (site.ann(), site.ann());
        let mut watch = site.watch(&cookie);
        end(&site.elsewhere, &cookie, &other);
        assert!(!watch.ended_at_once(), "{name}");
        site.clock.step(14 * SECOND);
        assert_eq!(watch.poll(), None, "{name}");
        site.clock.step(SECOND);
        assert_eq!(watch.poll(), Some(Ok(())), "{name}");
    }
}

#[test]
fn it_looks_as_often_as_it_is_told_lc20() {
    let site = Site::new();
    let cookie = site.ann();
    let watch = visit(&site.here, &cookie, async |session| session.watch().unwrap()).0;
    let mut watch = site.waiting(watch.look_every(2 * SECOND));
    run(site.elsewhere.revoke_all("ann")).unwrap();
    site.clock.step(SECOND);
    assert_eq!(watch.poll(), None);
    site.clock.step(SECOND);
    assert_eq!(watch.poll(), Some(Ok(())));
}

/// Requests keep a session alive, and a watch does not, however often it looks and reads.
#[test]
fn a_limit_of_the_lifetime_ends_it_at_once_and_no_look_moves_it_lc20_lc16() {
    let site = Site::new();
    let cookie = site.ann();
    let mut watch = site.watch(&cookie);
    let reader = visit(&site.here, &cookie, async |session| session.watch().unwrap()).0;
    let mut pass = |span: Duration| {
        for _ in 0..span.as_secs() {
            site.clock.step(SECOND);
            assert_eq!(watch.poll(), None, "the idle limit is 30 minutes");
            assert_eq!(run(reader.get::<u32>("n")), Ok(Some(1)));
        }
    };
    pass(20 * MINUTE);
    let cookie = visit(&site.here, &cookie, async |session| session.exists().unwrap()).1;
    pass(30 * MINUTE - SECOND);
    site.clock.step(SECOND + Duration::from_millis(1));
    assert_eq!(watch.poll(), Some(Ok(())));
    assert_eq!(run(reader.get::<u32>("n")), Err(Error::Ended));
    assert!(!visit(&site.here, &cookie, async |session| session.exists().unwrap()).0);
}

/// The cookie's value changes by age or by `rotate`, here or elsewhere, and the session is the same.
#[test]
fn it_follows_the_session_over_new_cookies_and_reads_new_values_lc20() {
    let site = Site::new();
    let cookie = site.ann();
    let mut watch = site.watch(&cookie);
    let mut reader = visit(&site.here, &cookie, async |session| session.watch().unwrap()).0;
    assert_eq!(reader.subject(), Some("ann"));
    let rotated = visit(&site.here, &cookie, async |session| session.rotate().await.unwrap()).1;
    let again = visit(&site.elsewhere, &rotated, async |session| {
        session.set("n", &2).unwrap();
        session.rotate().await.unwrap();
    });
    assert!(cookie != rotated && rotated != again.1);
    let (mut renewed, mut visits) = (again.1.clone(), 0);
    while renewed == again.1 {
        site.clock.step(20 * MINUTE);
        renewed = visit(&site.elsewhere, &renewed, async |session| session.exists().unwrap()).1;
        assert_eq!(watch.poll(), None);
        visits += 1;
        assert!(visits < 20);
    }
    assert_eq!(watch.poll(), None);
    assert_eq!((run(reader.exists()), run(reader.get("n"))), (Ok(true), Ok(Some(2))));
    visit(&site.here, &renewed, async |session| session.logout().await.unwrap());
    assert!(watch.ended_at_once());
    assert_eq!((run(reader.exists()), reader.subject()), (Ok(false), None));
}

/// Whoever has planted a cookie and watches its session does not read what its victim does there.
#[test]
fn a_watch_from_before_the_sign_in_reads_nothing_after_it_lc20_lc2() {
    let site = Site::new();
    let planted = visit(&site.here, "", async |session| session.set("n", &1).unwrap()).1;
    let thief = visit(&site.here, &planted, async |session| session.watch().unwrap()).0;
    assert_eq!((thief.subject(), run(thief.get("n"))), (None, Ok(Some(1))));
    let mut waiting = site.waiting(thief.clone());
    visit(&site.here, &planted, async |session| {
        login(session, "ann").await;
        session.set("n", &2).unwrap();
    });
    assert_eq!(run(thief.get::<u32>("n")), Err(Error::Ended));
    assert!(waiting.ended_at_once());
}

#[test]
fn without_a_stored_session_there_is_nothing_to_wait_for_lc20() {
    let site = Site::new();
    let (mut none, mut new) = visit(&site.here, "", async |session| {
        let none = session.watch().unwrap();
        session.set("n", &1).unwrap();
        (none, session.watch().unwrap())
    })
    .0;
    for watch in [&mut none, &mut new] {
        assert_eq!((run(watch.exists()), run(watch.get::<u32>("n"))), (Ok(false), Err(Error::Ended)));
        assert_eq!(run(watch.ended(|_| std::future::pending::<()>())), Ok(()));
    }
}

/// A sign-in can be watched in its own request, and what that request does afterwards ends it.
#[test]
fn a_watch_of_the_request_that_signs_in_lc20() {
    let site = Site::new();
    let sign_in = |and: bool| {
        let watch = visit(&site.here, "", async |session| {
            login(session, "ann").await;
            let watch = session.watch().unwrap();
            if and {
                session.logout().await.unwrap();
            }
            watch
        });
        run(watch.0.clone().exists())
    };
    assert_eq!((sign_in(false), sign_in(true)), (Ok(true), Ok(false)));
}

/// As one branch of a `select!` in a loop: what it has seen is not seen again, and what it was told is not lost.
#[test]
fn a_future_that_is_dropped_loses_nothing_lc20() {
    let loads = Arc::new(AtomicUsize::new(0));
    let store = Counting { loads: loads.clone(), ..Counting::default() };
    let store = SharedStore::from(store);
    let site = Site::of(|keys| Sessions::new(store.clone(), keys));
    let cookie = site.ann();
    let mut watch = visit(&site.here, &cookie, async |session| session.watch().unwrap()).0;
    let mut once = |expected: Poll<Result<(), Error>>| {
        let mut ended = std::pin::pin!(watch.ended(|_| std::future::pending::<()>()));
        assert_eq!(ended.as_mut().poll(&mut Context::from_waker(Waker::noop())), expected);
    };
    let before = loads.load(Ordering::SeqCst);
    for _ in 0..100 {
        once(Poll::Pending);
    }
    assert_eq!(loads.load(Ordering::SeqCst) - before, 1, "one look in fifteen seconds");
    visit(&site.here, &cookie, async |session| session.logout().await.unwrap());
    once(Poll::Ready(Ok(())));
    once(Poll::Ready(Ok(())));
}

/// An end may fall between what a clone copies and its place among those who are told, so it looks first.
#[test]
fn a_clone_looks_at_its_first_call_lc20() {
    let site = Site::new();
    let cookie = site.ann();
    let watch = visit(&site.here, &cookie, async |session| session.watch().unwrap()).0;
    let mut seen = watch.look_every(3600 * SECOND);
    assert_eq!(run(seen.exists()), Ok(true));
    // an event that reached neither of the two
    run(site.elsewhere.revoke_all("ann")).unwrap();
    let mut clone = Box::pin(seen.clone());
    let ended = clone.ended(|_| std::future::pending::<()>());
    assert_eq!(pin!(ended).poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(())));
}

/// A clone waits by itself.
#[test]
fn each_clone_is_woken_lc20() {
    let site = Site::new();
    let cookie = site.ann();
    let watch = visit(&site.here, &cookie, async |session| session.watch().unwrap()).0;
    let (mut one, mut other) = (site.waiting(watch.clone()), site.waiting(watch));
    visit(&site.here, &cookie, async |session| session.logout().await.unwrap());
    assert!(one.ended_at_once() && other.ended_at_once());
}

/// A store that can fail, and counts what it is asked for.
#[derive(Clone, Default)]
struct Counting {
    store: Arc<MemoryStore>,
    down: Arc<AtomicBool>,
    loads: Arc<AtomicUsize>,
}

impl Counting {
    fn up(&self) -> Result<&MemoryStore, &'static str> {
        if self.down.load(Ordering::SeqCst) { Err("connection refused") } else { Ok(&self.store) }
    }
}

fn fine<T>(answer: Result<T, std::convert::Infallible>) -> T {
    answer.unwrap_or_else(|never| match never {})
}

impl Store for Counting {
    type Error = &'static str;
    type Index = NoIndex;

    fn index(&self) -> Option<&NoIndex> {
        None
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, &'static str> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        Ok(fine(self.up()?.load(key, now, into).await))
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, &'static str> {
        Ok(fine(self.up()?.create(key, record, now).await))
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, &'static str> {
        Ok(fine(self.up()?.update(key, seen, record, now, there).await))
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, &'static str> {
        Ok(fine(self.up()?.touch(key, now).await))
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, &'static str> {
        Ok(fine(self.up()?.delete(key, condition, now).await))
    }
}

shared!(Counting);

#[test]
fn a_store_that_fails_ends_it_after_a_minute_and_not_before_lc20_st10() {
    let counting = Counting::default();
    let store = SharedStore::from(counting.clone());
    let site = Site::of(|keys| Sessions::new(store.clone(), keys).observed(()));
    let cookie = site.ann();
    let mut watch = site.watch(&cookie);
    let reader = visit(&site.here, &cookie, async |session| session.watch().unwrap()).0;
    let mut pass = |seconds: u64| {
        for _ in 0..seconds {
            site.clock.step(SECOND);
            if let Some(ended) = watch.poll() {
                return Some(ended);
            }
        }
        None
    };
    assert_eq!(pass(15), None);
    counting.down.store(true, Ordering::SeqCst);
    assert_eq!(run(reader.get::<u32>("n")), Err(Error::Unavailable));
    assert_eq!(pass(60), None, "it may have been up until 15 seconds after the last look");
    counting.down.store(false, Ordering::SeqCst);
    assert_eq!(pass(15), None);
    assert_eq!(run(reader.get("n")), Ok(Some(1)));
    counting.down.store(true, Ordering::SeqCst);
    assert_eq!(pass(74), None);
    assert_eq!(pass(1), Some(Err(Error::Unavailable)));
}

/// Its keys are those of now, so a record that was encrypted under newer ones is read.
#[test]
fn it_outlives_a_change_of_keys_lc20_ky1() {
    const NEW: &str = "01f49c2d66aa7e13d0583be7910c45f22a866dbe19c87054e3379f0bad62d841";
    let store = SharedStore::from(MemoryStore::new());
    let site = Site::of(|keys| Sessions::new(store.clone(), keys).sealed_at_rest());
    let cookie = site.ann();
    let mut watch = site.watch(&cookie);
    for node in [&site.here, &site.elsewhere] {
        node.set_keys(keys::from_text(&format!("{NEW},{KEY}"), "K").unwrap());
    }
    let cookie = visit(&site.elsewhere, &cookie, async |session| session.set("n", &2).unwrap()).1;
    site.clock.step(15 * SECOND);
    assert_eq!(watch.poll(), None);
    visit(&site.here, &cookie, async |session| session.logout().await.unwrap());
    assert!(watch.ended_at_once());
}

/// What sealed sessions learn, and what not.
#[test]
fn a_sealed_session_learns_what_the_cut_offs_say_lc20_lc11() {
    let ends: [(&str, End); 4] = [
        ("logout", |sessions, _, other| visit(sessions, other, async |session| session.logout().await.unwrap()).0),
        ("revoke_all", |sessions, _, other| {
            visit(sessions, other, async |session| session.revoke_all().await.unwrap());
        }),
        ("revoke_all by an administrator", |sessions, _, _| assert_eq!(run(sessions.revoke_all("ann")), Ok(0))),
        ("end_all", |sessions, _, _| run(sessions.end_all()).unwrap()),
    ];
    for (name, end) in ends {
        let site = Site::sealed();
        let (cookie, other) = (site.ann(), site.ann());
        let mut watch = site.watch(&cookie);
        end(&site.here, &cookie, &other);
        assert!(watch.ended_at_once(), "{name}");

        let site = Site::sealed();
        let (cookie, other) = (site.ann(), site.ann());
        let mut watch = site.watch(&cookie);
        end(&site.elsewhere, &cookie, &other);
        site.clock.step(14 * SECOND);
        assert_eq!(watch.poll(), None, "{name}");
        site.clock.step(SECOND);
        assert_eq!(watch.poll(), Some(Ok(())), "{name}");
    }
    let site = Site::sealed();
    let cookie = site.ann();
    let mut watch = site.watch(&cookie);
    let reader = visit(&site.here, &cookie, async |session| session.watch().unwrap()).0;
    site.clock.step(20 * MINUTE);
    visit(&site.here, &cookie, async |session| session.set("n", &2).unwrap());
    assert_eq!((reader.subject(), run(reader.get("n"))), (Some("ann"), Ok(Some(1))), "as its request brought it");
    site.clock.step(10 * MINUTE - SECOND);
    assert_eq!(watch.poll(), None);
    site.clock.step(SECOND + Duration::from_millis(1));
    assert_eq!(watch.poll(), Some(Ok(())), "at the limit of the cookie that its request brought");
}

#[test]
fn it_can_be_sent_and_prints_nothing_of_its_session_lc20_id6() {
    fn is_static<T: Send + Sync + 'static>(value: T) -> T {
        value
    }
    for site in [Site::new(), Site::sealed()] {
        let cookie = run(site.here.cookie_for("ann").with("n", "something secret").into_future()).unwrap();
        let watch = is_static(visit(&site.here, &cookie, async |session| session.watch().unwrap()).0);
        let printed = format!("{watch:?}");
        let secret = cookie.split('=').nth(1).unwrap();
        assert!(
            !printed.contains("secret") && !printed.contains(&secret[..16]) && !printed.contains("ann"),
            "{printed}"
        );
    }
}
