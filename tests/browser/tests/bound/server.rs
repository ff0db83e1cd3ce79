//! An application with device-bound sessions over https, and what browsers said to it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use https_demo::Certificate;
use session_axum::device::P256;
use session_axum::events::{Event, Observer};
use session_axum::{MemoryStore, Policy, Session, SessionLayer, SessionRejection, Sessions, SharedStore, keys, shared};
use session_core::environment::Time;
use session_core::store::{DeleteCondition, Handle, Load, Outcome, Store, Version};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// How long a proof holds.
pub(crate) const LIFETIME: Duration = Duration::from_secs(4);

/// A line for each request: method, path, names of cookies, whether there is a proof, status.
pub(crate) type Log = Arc<Mutex<Vec<String>>>;

/// A store that can be down.
#[derive(Clone)]
pub(crate) struct Failing {
    inner: SharedStore,
    down: Arc<AtomicBool>,
}

impl Default for Failing {
    fn default() -> Self {
        Self { inner: MemoryStore::new().into(), down: Arc::default() }
    }
}

impl Failing {
    pub(crate) fn fail(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    fn up(&self) -> Result<&SharedStore, Down> {
        if self.down.load(Ordering::SeqCst) { Err(Down("it is down".into())) } else { Ok(&self.inner) }
    }
}

#[derive(Debug)]
pub(crate) struct Down(String);

impl std::fmt::Display for Down {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn down(why: impl std::fmt::Display) -> Down {
    Down(why.to_string())
}

impl Store for Failing {
    type Error = Down;
    type Index = SharedStore;

    fn index(&self) -> Option<&SharedStore> {
        self.inner.index()
    }

    async fn load(&self, key: &Handle, now: Time, into: &mut [u8]) -> Result<Load, Down> {
        self.up()?.load(key, now, into).await.map_err(down)
    }

    async fn create(&self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, Down> {
        self.up()?.create(key, record, now).await.map_err(down)
    }

    async fn update(
        &self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, Down> {
        self.up()?.update(key, seen, record, now, there).await.map_err(down)
    }

    async fn touch(&self, key: &Handle, now: Time) -> Result<Outcome, Down> {
        self.up()?.touch(key, now).await.map_err(down)
    }

    async fn delete(&self, key: &Handle, condition: DeleteCondition, now: Time) -> Result<Outcome, Down> {
        self.up()?.delete(key, condition, now).await.map_err(down)
    }
}

shared!(Failing);

#[derive(Clone, Default)]
struct Told(Log);

impl Observer for Told {
    fn observe(&self, event: &Event<'_>) {
        let why = event.reason().map(|why| format!(": {why}")).unwrap_or_default();
        self.0.lock().unwrap().push(format!("{}{why}", event.name()));
    }
}

/// What is to go wrong.
#[derive(Clone, Default)]
struct Faults {
    log: Log,
    /// Registrations are refused.
    refuses: Arc<AtomicBool>,
    /// The connection is cut in the place of the endpoint's next answer.
    loses: Arc<AtomicBool>,
}

pub(crate) struct Server {
    pub(crate) store: Failing,
    faults: Faults,
    certificate: Certificate,
    sessions: Sessions,
    runtime: Option<Runtime>,
    address: SocketAddr,
    events: Log,
}

impl Server {
    pub(crate) fn start(change: impl FnOnce(Policy) -> Policy) -> Self {
        let events = Told::default();
        let policy = change(Policy::SECURE.device_bound(LIFETIME).unwrap());
        let store = Failing::default();
        let sessions = Sessions::new(store.clone(), keys::generated()).policy(policy).observed(events.clone());
        let sessions = sessions.device_endpoint("/device-session", P256).unwrap();
        let certificate = Certificate::for_hosts(&["app.example", "other.example"]).unwrap();
        let mut server = Self {
            store,
            faults: Faults::default(),
            certificate,
            sessions,
            runtime: None,
            address: ([127, 0, 0, 1], 0).into(),
            events: events.0,
        };
        server.go();
        server
    }

    /// Begins to serve, on the port of before if there was one.
    pub(crate) fn go(&mut self) {
        let runtime = Runtime::new().unwrap();
        let app = app(self.sessions.clone(), self.faults.clone());
        let listener = runtime.block_on(TcpListener::bind(self.address)).unwrap();
        self.address = listener.local_addr().unwrap();
        runtime.spawn(https_demo::serve(listener, self.certificate.clone(), app));
        self.runtime = Some(runtime);
    }

    /// Cuts every connection and accepts none.
    pub(crate) fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    pub(crate) fn arguments(&self) -> Vec<String> {
        vec![
            self.certificate.argument(),
            format!("--enable-features={}", https_demo::FEATURES),
            "--host-resolver-rules=MAP * 127.0.0.1".into(),
            "--disable-quic".into(),
        ]
    }

    pub(crate) fn url(&self, host: &str, path: &str) -> String {
        format!("https://{host}.example:{}{path}", self.address.port())
    }

    /// Refuses registrations from now on, or does not.
    pub(crate) fn refuse(&self, refuses: bool) {
        self.faults.refuses.store(refuses, Ordering::SeqCst);
    }

    /// Loses the endpoint's next answer.
    pub(crate) fn lose_answer(&self) {
        self.faults.loses.store(true, Ordering::SeqCst);
    }

    /// What was asked since it was last looked at.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.faults.log.lock().unwrap())
    }

    /// What happened to sessions since it was last looked at.
    pub(crate) fn events(&self) -> Vec<String> {
        std::mem::take(&mut self.events.lock().unwrap())
    }

    /// Waits for the first event of this name.
    pub(crate) fn wait_for(&self, event: &str) {
        for _ in 0..200 {
            if self.events.lock().unwrap().iter().any(|told| told.starts_with(event)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("no {event}: {:?}, {:?}", self.events(), self.asked());
    }

    /// What curl would get with these cookies, from another device.
    pub(crate) fn thief(&self, path: &str, cookies: &str) -> (u16, String) {
        let runtime = Runtime::new().unwrap();
        let app = app(self.sessions.clone(), Faults::default());
        let request = Request::builder().uri(path).header("cookie", cookies).body(axum::body::Body::empty()).unwrap();
        runtime.block_on(async {
            let answer = app.oneshot(request).await.unwrap();
            let status = answer.status().as_u16();
            let body = axum::body::to_bytes(answer.into_body(), 1 << 16).await.unwrap();
            (status, String::from_utf8(body.to_vec()).unwrap())
        })
    }
}

async fn note(State(faults): State<Faults>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let cookies = headers.get_all("cookie").iter().filter_map(|line| line.to_str().ok());
    let names: Vec<&str> =
        cookies.flat_map(|line| line.split("; ")).filter_map(|pair| pair.split('=').next()).collect();
    let proof = if headers.contains_key("secure-session-response") { " proof" } else { "" };
    let skipped = headers.get("secure-session-skipped").and_then(|said| said.to_str().ok());
    let skipped = skipped.map(|said| format!(" skipped {}", said.split(';').next().unwrap())).unwrap_or_default();
    let line = format!("{} {} [{}]{proof}{skipped}", request.method(), request.uri().path(), names.join(" "));
    let of_endpoint = request.uri().path() == "/device-session";
    let registers = of_endpoint && !headers.contains_key("sec-secure-session-id");
    let answer = if registers && faults.refuses.load(Ordering::SeqCst) {
        StatusCode::UNAUTHORIZED.into_response()
    } else {
        next.run(request).await
    };
    if of_endpoint && faults.loses.swap(false, Ordering::SeqCst) {
        faults.log.lock().unwrap().push(format!("{line} lost"));
        // ends the connection's task
        std::panic::resume_unwind(Box::new("lost"));
    }
    faults.log.lock().unwrap().push(format!("{line} {}", answer.status().as_u16()));
    answer
}

fn app(sessions: Sessions, faults: Faults) -> Router {
    Router::new()
        .route("/", get(async || Html("<!doctype html><title>app</title><p>an application</p>")))
        .route("/link", get(link))
        .route("/sign-in/{user}", get(sign_in))
        .route("/sign-out", get(sign_out))
        .route("/who", get(who))
        .route("/post", post(sent))
        .route("/grave", get(grave))
        .route("/devices", get(devices))
        .fallback(async || StatusCode::NOT_FOUND)
        .layer(SessionLayer::new(sessions).refuse_cross_site(&[]))
        .layer(middleware::from_fn_with_state(faults, note))
}

async fn sign_in(session: Session, Path(user): Path<String>) -> Result<String, SessionRejection> {
    let attempt = session.begin_login(&user).await?;
    session.login(attempt).await?;
    Ok(format!("hello {user}"))
}

async fn sign_out(session: Session) -> Result<&'static str, SessionRejection> {
    session.logout().await?;
    Ok("bye")
}

async fn who(session: Session) -> Result<Response, SessionRejection> {
    let Some(subject) = session.subject()? else { return Ok((StatusCode::UNAUTHORIZED, "nobody").into_response()) };
    let bound = if session.is_device_bound()? { "bound" } else { "unbound" };
    Ok(format!("{subject} {bound}").into_response())
}

async fn sent(session: Session, body: String) -> Result<Response, SessionRejection> {
    let answer = who(session).await?;
    let (head, _) = answer.into_parts();
    Ok((head.status, body).into_response())
}

async fn grave(session: Session) -> Result<Response, SessionRejection> {
    if session.demand_proof(Duration::from_secs(1))? {
        return Ok(Redirect::temporary("/grave").into_response());
    }
    who(session).await
}

async fn devices(session: Session) -> Result<String, SessionRejection> {
    let bound: Vec<bool> = session.list().await?.iter().map(|info| info.device_bound).collect();
    Ok(format!("{bound:?}"))
}

async fn link(request: Request) -> Html<String> {
    let host = request.headers().get("host").and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned();
    let to = format!("https://{}/who", host.replace("other", "app"));
    Html(format!("<!doctype html><title>other</title><a id=go href='{to}'>go</a>"))
}
