//! Handlers with sessions, called as a server calls them: over embedded-svc's traits and with the bounds of
//! `EspHttpServer::handler`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use nor_flash::FileFlash;
use rand_core::{TryCryptoRng, TryRng};
use session_core::environment::{Clock, Time};
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use session_core::subject::NoIndex;
use session_core::testing::{ManualClock, ScriptedRng};
use session_device::LockedStore;
use session_embedded_svc::embedded_svc::http::server::{Connection, Handler as SvcHandler};
use session_embedded_svc::embedded_svc::http::{Headers, Method, Query};
use session_embedded_svc::embedded_svc::io::{ErrorKind, ErrorType, Read, Write};
use session_embedded_svc::policy::{Lifetimes, Policy};
use session_embedded_svc::{Error, Handler, Keys, Layer, Request, SessionLayer, SessionRejection, Sessions, at_once};
use session_store_flash::FlashStore;
use session_store_memory::MemoryStore;

const KEY: [u8; 32] = *b"\x8e\x1f\x0a\x93kd\xc5\x11q\x99\xfe\x02\x5b\xa0\xd7\x3cN\x60\x18\xe9\x77\xb2\x44\x05\x9a\xcd\x31\xf6\x88\x2e\x53\xbf";

/// One generator behind a lock, of which each request has a handle.
struct Random;
static RANDOM: LazyLock<Mutex<ScriptedRng>> = LazyLock::new(|| Mutex::new(ScriptedRng::new(7)));

impl TryRng for Random {
    type Error = <ScriptedRng as TryRng>::Error;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        RANDOM.lock().unwrap().try_next_u32()
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        RANDOM.lock().unwrap().try_next_u64()
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        RANDOM.lock().unwrap().try_fill_bytes(bytes)
    }
}
impl TryCryptoRng for Random {}

/// A clock that the test and the layer share.
#[derive(Clone, Copy)]
struct Stepped(&'static ManualClock);

impl Clock for Stepped {
    fn now(&self) -> Time {
        self.0.now()
    }
}

/// A store that waits for ever, or fails, when it is told to.
#[derive(Default)]
struct Faulty {
    store: MemoryStore,
    waits: AtomicBool,
    fails: AtomicBool,
}

impl Faulty {
    async fn fault(&self) -> Result<(), Broken> {
        if self.waits.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.fails.load(Ordering::SeqCst) { Err(Broken) } else { Ok(()) }
    }
}

#[derive(Debug)]
struct Broken;
impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("broken")
    }
}
impl std::error::Error for Broken {}

impl Store for &Faulty {
    type Error = Broken;
    type Index = NoIndex;
    fn index(&self) -> Option<&Self::Index> {
        None
    }
    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, Broken> {
        self.fault().await?;
        self.store.load(key, now, into).await.map_err(|_| Broken)
    }
    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, Broken> {
        self.fault().await?;
        self.store.create(key, record, now).await.map_err(|_| Broken)
    }
    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, Broken> {
        self.fault().await?;
        self.store.update(key, seen, record, now, there).await.map_err(|_| Broken)
    }
    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, Broken> {
        self.fault().await?;
        self.store.touch(key, now).await.map_err(|_| Broken)
    }
    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, Broken> {
        self.fault().await?;
        self.store.delete(key, condition, now).await.map_err(|_| Broken)
    }
}

type AppLayer = SessionLayer<MemoryStore, Stepped, Random>;

#[derive(Clone, Copy)]
struct App;

impl<L: Layer> Handler<L> for App {
    fn handle<X: Connection>(&self, request: &mut Request<'_, L, X>) -> Result<(), SessionRejection<X::Error>> {
        match request.uri() {
            "/" => {
                let session = request.session()?;
                let visits = session.get::<u32>("visits")?.unwrap_or(0) + 1;
                session.set("visits", &visits)?;
                let text = format!("{visits} {}", session.subject().unwrap_or("nobody"));
                request.send(200, &[("Cache-Control", "public, must-understand")], text.as_bytes())
            }
            "/peek" => {
                let text = request.peek()?.subject().unwrap_or("nobody").to_owned();
                request.send(200, &[], text.as_bytes())
            }
            "/sign-in" => {
                let mut body = [0; 32];
                let read = request.read(&mut body)?;
                let who = core::str::from_utf8(&body[..read]).map_err(|_| Error::BadText)?.to_owned();
                let session = request.session()?;
                let attempt = at_once(session.begin_login(&who))?;
                at_once(session.login(attempt))?;
                request.respond(303, &[("Location", "/")])
            }
            "/sign-out" => {
                at_once(request.session()?.logout())?;
                Ok(())
            }
            "/static" => request.send(200, &[("Content-Type", "text/css")], b"p {}"),
            "/conflict" => {
                let session = request.session()?;
                let seen = session.get::<u32>("visits")?.unwrap_or(0);
                session.set("visits", &(seen + 100))?;
                // the body arrives, and with it the answer to another request of the same browser
                request.read(&mut [])?;
                request.send(200, &[], b"stored")
            }
            "/teapot" => Err(SessionRejection::Answer(418, "short and stout\n")),
            "/late" => {
                request.write_all(b"se")?;
                request.write_all(b"nt")?;
                // a real connection panics here, and a handler must not have to know
                assert_eq!((request.uri(), request.header("Host")), ("", None));
                assert_eq!(request.method(), Method::Get);
                assert!(request.read(&mut [0]).is_err());
                request.session().map(drop)
            }
            _ => Err(SessionRejection::Session(Error::NotSignedIn)),
        }
    }
}

/// A connection as `EspHttpConnection` is one, with a request that was read.
struct Wire<'r> {
    method: Method,
    uri: &'r str,
    headers: Vec<(&'static str, String)>,
    body: &'r [u8],
    /// What happens when the handler reads the body.
    meanwhile: Option<Box<dyn FnOnce() + 'r>>,
    /// The client is gone.
    gone: bool,
    answer: Option<Answer>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|line| line.0.eq_ignore_ascii_case(name)).map(|line| line.1.as_str())
    }

    /// What a browser sends back.
    fn cookie(&self) -> Option<String> {
        self.header("Set-Cookie").map(|line| line.split(';').next().unwrap().to_owned())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gone;
impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("gone")
    }
}
impl std::error::Error for Gone {}
impl session_embedded_svc::embedded_svc::io::Error for Gone {
    fn kind(&self) -> ErrorKind {
        ErrorKind::ConnectionReset
    }
}

impl ErrorType for Wire<'_> {
    type Error = Gone;
}
impl Query for Wire<'_> {
    fn uri(&self) -> &str {
        self.assert_request();
        self.uri
    }
    fn method(&self) -> Method {
        self.assert_request();
        self.method
    }
}
impl Headers for Wire<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.assert_request();
        self.headers.iter().find(|line| line.0.eq_ignore_ascii_case(name)).map(|line| line.1.as_str())
    }
}
impl Wire<'_> {
    /// ESP-IDF's panics as well.
    fn assert_request(&self) {
        assert_eq!(self.answer, None, "connection is not in request phase");
    }
}
impl Read for Wire<'_> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Gone> {
        self.assert_request();
        if self.gone {
            return Err(Gone);
        }
        if let Some(meanwhile) = self.meanwhile.take() {
            meanwhile();
        }
        self.body.read(into).map_err(|_| Gone)
    }
}
impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Gone> {
        self.answer
            .as_mut()
            .expect("connection is not in response phase")
            .body
            .push_str(str::from_utf8(bytes).unwrap());
        Ok(bytes.len())
    }
    fn flush(&mut self) -> Result<(), Gone> {
        Ok(())
    }
}
impl Connection for Wire<'_> {
    type Headers = Self;
    type Read = Self;
    type RawConnectionError = Gone;
    type RawConnection = Self;
    fn split(&mut self) -> (&Self, &mut Self) {
        unreachable!("it is of no use here")
    }
    fn initiate_response<'a>(
        &'a mut self,
        status: u16,
        _: Option<&'a str>,
        headers: &'a [(&'a str, &'a str)],
    ) -> Result<(), Gone> {
        assert_eq!(self.answer, None, "a second head");
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.answer = Some(Answer { status, headers, body: String::new() });
        Ok(())
    }
    fn is_response_initiated(&self) -> bool {
        self.answer.is_some()
    }
    fn raw_connection(&mut self) -> Result<&mut Self, Gone> {
        Err(Gone)
    }
}

/// A request for an address, before it is changed and sent.
fn request<'r>(method: Method, uri: &'r str, cookie: Option<&str>) -> Wire<'r> {
    let headers = cookie.map(|cookie| ("Cookie", cookie.to_owned())).into_iter().collect();
    Wire { method, uri, headers, body: b"", meanwhile: None, gone: false, answer: None }
}

/// Takes what `EspHttpServer::handler` takes, with its bounds, and calls it as the server's thread does.
fn serve<H>(handler: H, mut wire: Wire<'_>) -> (Result<(), String>, Option<Answer>)
where
    H: for<'r> SvcHandler<Wire<'r>> + Send + 'static,
{
    let served = handler.handle(&mut wire).map_err(|why| format!("{why:?}"));
    (served, wire.answer)
}

/// One request, answered.
fn answered<H>(handler: H, wire: Wire<'_>) -> Answer
where
    H: for<'r> SvcHandler<Wire<'r>> + Send + 'static,
{
    let (served, answer) = serve(handler, wire);
    served.unwrap();
    answer.unwrap()
}

fn layer_of(policy: Policy) -> (&'static AppLayer, &'static ManualClock) {
    let clock: &ManualClock = Box::leak(Box::new(ManualClock::at(Time::from_millis(9))));
    let sessions = Sessions::new(MemoryStore::new(), Stepped(clock), &Keys::new(&KEY).unwrap(), policy);
    (Box::leak(Box::new(SessionLayer::new(sessions, || Random))), clock)
}

fn layer() -> &'static AppLayer {
    layer_of(Policy::PLAIN_HTTP).0
}

fn get(layer: &'static AppLayer, uri: &str, cookie: Option<&str>) -> Answer {
    answered(layer.handler(App), request(Method::Get, uri, cookie))
}

fn sign_in(layer: &'static AppLayer, cookie: Option<&str>) -> Answer {
    answered(layer.handler(App), Wire { body: b"owner", ..request(Method::Post, "/sign-in", cookie) })
}

#[test]
fn what_is_set_is_there_at_the_next_request() {
    let layer = layer();
    let first = get(layer, "/", None);
    assert_eq!((first.status, first.body.as_str()), (200, "1 nobody"));
    assert!(first.header("Set-Cookie").unwrap().contains("HttpOnly"), "{first:?}");
    let cookie = first.cookie().unwrap();
    let second = get(layer, "/", Some(&cookie));
    assert_eq!((second.body.as_str(), second.cookie()), ("2 nobody", None));
    assert_eq!(second.header("Vary"), Some("Cookie"));
}

#[test]
fn a_handler_that_wants_no_session_sets_no_cookie_lc1() {
    let answer = get(layer(), "/static", None);
    assert_eq!(answer.headers, [("Content-Type".to_owned(), "text/css".to_owned())]);
}

#[test]
fn what_an_answer_with_a_cookie_says_to_caches_cannot_be_weakened() {
    let answer = get(layer(), "/", None);
    let caches: Vec<_> = answer.headers.iter().filter(|line| line.0 == "Cache-Control").collect();
    assert_eq!(caches, [&("Cache-Control".to_owned(), "no-store".to_owned())]);
}

#[test]
fn a_sign_in_changes_the_cookie_and_a_sign_out_ends_it() {
    let layer = layer();
    let visitor = get(layer, "/", None).cookie().unwrap();
    let signed_in = sign_in(layer, Some(&visitor));
    assert_eq!((signed_in.status, signed_in.header("Location")), (303, Some("/")));
    let owner = signed_in.cookie().unwrap();
    assert_ne!(owner, visitor);
    assert_eq!(get(layer, "/", Some(&owner)).body, "2 owner");
    assert_eq!(get(layer, "/peek", Some(&visitor)).body, "nobody", "the old cookie opens nothing");

    let signed_out = answered(layer.handler(App), request(Method::Post, "/sign-out", Some(&owner)));
    assert_eq!((signed_out.status, signed_out.body.as_str()), (200, ""));
    assert!(signed_out.header("Set-Cookie").unwrap().contains("Max-Age=0"), "{signed_out:?}");
    assert_eq!(get(layer, "/peek", Some(&owner)).body, "nobody");
}

#[test]
fn an_idle_session_expires_and_a_peek_does_not_keep_it() {
    let (layer, clock) = layer_of(Policy::PLAIN_HTTP);
    let cookie = sign_in(layer, None).cookie().unwrap();
    let idle = Lifetimes::DEFAULT.idle.unwrap();
    for _ in 0..3 {
        clock.advance(idle / 2);
        assert_eq!(get(layer, "/", Some(&cookie)).status, 200);
    }
    assert_eq!(get(layer, "/peek", Some(&cookie)).body, "owner");
    clock.advance(idle / 2);
    assert_eq!(get(layer, "/peek", Some(&cookie)).body, "owner");
    clock.advance(idle / 2 + Duration::from_secs(61));
    assert_eq!(get(layer, "/peek", Some(&cookie)).body, "nobody");
}

#[test]
fn a_change_that_another_request_made_first_is_a_409() {
    let layer = layer();
    let cookie = get(layer, "/", None).cookie().unwrap();
    let mut wire = request(Method::Get, "/conflict", Some(&cookie));
    wire.meanwhile = Some(Box::new(|| assert_eq!(get(layer, "/", Some(&cookie)).body, "2 nobody")));
    let answer = answered(layer.handler(App), wire);
    assert_eq!((answer.status, answer.body), (409, format!("{}\n", Error::Conflict)));
    assert_eq!(get(layer, "/", Some(&cookie)).body, "3 nobody");
}

#[test]
fn a_store_that_fails_or_waits_is_a_503_and_the_next_request_is_served() {
    let store: &Faulty = Box::leak(Box::default());
    let sessions =
        Sessions::new(store, Stepped(layer_of(Policy::PLAIN_HTTP).1), &Keys::new(&KEY).unwrap(), Policy::PLAIN_HTTP);
    let layer: &SessionLayer<&Faulty, Stepped, Random> = Box::leak(Box::new(SessionLayer::new(sessions, || Random)));
    let ask = |cookie: Option<&str>| answered(layer.handler(App), request(Method::Get, "/", cookie));
    let cookie = ask(None).cookie().unwrap();
    for (fault, error) in [(&store.fails, Error::Unavailable), (&store.waits, Error::Indeterminate)] {
        fault.store(true, Ordering::SeqCst);
        // at the load, and at the answer
        for cookie in [Some(cookie.as_str()), None] {
            let answer = ask(cookie);
            assert_eq!(answer.status, 503, "{error:?}: {answer:?}");
            assert_eq!(answer.cookie(), None);
        }
        assert_eq!(ask(Some(&cookie)).body, format!("{error}\n"));
        fault.store(false, Ordering::SeqCst);
    }
    assert_eq!(ask(Some(&cookie)).body, "2 nobody");
}

#[test]
fn no_random_bytes_are_a_503() {
    let sessions = Sessions::new(MemoryStore::new(), ManualClock::new(), &Keys::new(&KEY).unwrap(), Policy::PLAIN_HTTP);
    let layer: &SessionLayer<MemoryStore, ManualClock, ScriptedRng> =
        Box::leak(Box::new(SessionLayer::new(sessions, ScriptedRng::failing)));
    let answer = answered(layer.handler(App), request(Method::Get, "/", None));
    assert_eq!((answer.status, answer.body), (503, format!("{}\n", Error::Entropy)));
}

#[test]
fn what_another_site_causes_is_refused_tr4() {
    let sessions = Sessions::new(MemoryStore::new(), ManualClock::new(), &Keys::new(&KEY).unwrap(), Policy::PLAIN_HTTP);
    let layer: &SessionLayer<MemoryStore, ManualClock, Random> =
        Box::leak(Box::new(SessionLayer::new(sessions, || Random).refuse_cross_site(&["http://phone.local"])));
    let from = |method, origin: &str| {
        let mut wire = Wire { body: b"owner", ..request(method, "/sign-in", None) };
        wire.headers = vec![("Host", "oven.local".to_owned()), ("Origin", origin.to_owned())];
        answered(layer.handler(App), wire)
    };
    assert_eq!(from(Method::Post, "http://oven.local").status, 303);
    assert_eq!(from(Method::Post, "http://phone.local").status, 303);
    let refused = from(Method::Post, "http://evil.example");
    assert_eq!((refused.status, refused.body.as_str()), (403, &*format!("{}\n", Error::CrossSite)));
    assert_eq!(refused.cookie(), None);
    assert_eq!(from(Method::Get, "http://evil.example").status, 303, "it must not change anything anyway");
}

#[test]
fn a_handler_that_fails_is_answered_once() {
    let layer = layer();
    assert_eq!(get(layer, "/nowhere", None).status, 401);
    let teapot = get(layer, "/teapot", None);
    assert_eq!((teapot.status, teapot.body.as_str()), (418, "short and stout\n"));
    // the answer is out: the server learns of the failure, and closes the connection
    let (served, answer) = serve(layer.handler(App), request(Method::Get, "/late", None));
    assert!(served.unwrap_err().contains("AnswerSent"));
    assert_eq!(answer.unwrap().body, "sent");
}

#[test]
fn a_client_that_is_gone_gets_no_answer_and_stores_nothing() {
    let layer = layer();
    let wire = Wire { gone: true, ..request(Method::Post, "/sign-in", None) };
    let (served, answer) = serve(layer.handler(App), wire);
    assert_eq!((served, answer), (Err("Connection(Gone)".to_owned()), None));
}

#[test]
fn head_has_the_headers_and_no_body() {
    let answer = answered(layer().handler(App), request(Method::Head, "/", None));
    assert!(answer.cookie().is_some() && answer.body.is_empty(), "{answer:?}");
}

#[test]
fn threads_share_a_layer() {
    let layer = layer();
    let cookie = sign_in(layer, None).cookie().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|_| assert_eq!(get(layer, "/peek", Some(&cookie)).body, "owner")));
        }
    });
}

/// As on an ESP32: the store is in flash, behind a lock, and a restart keeps the session.
#[test]
fn sessions_in_flash_survive_a_restart_st5() {
    type Flash = FlashStore<FileFlash<4096>, 16, 512>;
    type FlashLayer = SessionLayer<LockedStore<CriticalSectionRawMutex, Flash>, Stepped, Random>;

    let path = std::env::temp_dir().join(format!("session-embedded-svc-{}.flash", std::process::id()));
    let (_, clock) = layer_of(Policy::PLAIN_HTTP);
    let boot = || -> &'static FlashLayer {
        let store = LockedStore::new(Flash::new(FileFlash::open(&path, 16).unwrap()));
        let sessions = Sessions::new(store, Stepped(clock), &Keys::new(&KEY).unwrap(), Policy::PLAIN_HTTP);
        Box::leak(Box::new(SessionLayer::new(sessions, || Random)))
    };
    let wire = Wire { body: b"owner", ..request(Method::Post, "/sign-in", None) };
    let cookie = answered(boot().handler(App), wire).cookie().unwrap();
    let restarted = boot();
    assert_eq!(answered(restarted.handler(App), request(Method::Get, "/", Some(&cookie))).body, "1 owner");
    assert_eq!(answered(restarted.handler(App), request(Method::Post, "/sign-out", Some(&cookie))).status, 200);
    assert_eq!(answered(boot().handler(App), request(Method::Get, "/peek", Some(&cookie))).body, "nobody");
    std::fs::remove_file(&path).unwrap();
}
