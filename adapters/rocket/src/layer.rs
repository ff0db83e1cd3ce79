//! The fairing: gives each request a session and stores it before the head of the response is sent.

use rocket::catcher::{self, Catcher};
use rocket::fairing::{self, Fairing, Info, Kind};
use rocket::http::uri::Origin;
use rocket::http::{Method, Status};
use rocket::response::{Redirect, Responder};
use rocket::route::{self, Route};
use rocket::{Build, Data, Request, Response, Rocket};
use session_std::cross_site::{CrossSite, Sent};
use session_std::device::{DeviceRequest, names};
use session_std::mount::Begun;
use session_std::sign_in::Visit;
use session_std::{Error, Finished, Sessions, SharedStore, headers, to_stderr};

use crate::config;
use crate::look::Look;
use crate::request::{ClientAddress, Failed, Mounted, RequestCache, origin};
use crate::response::{Headers, SessionRejection, of_device};

/// A fairing that gives all handlers of a rocket sessions: `rocket.attach(SessionLayer::new(sessions))`. If several are
/// attached, the last one counts.
///
/// Rocket runs response fairings in the order in which they were attached. Attach fairings that use the session, or
/// that change `Cache-Control` or `Vary`, before this one.
#[derive(Clone, Debug)]
pub struct SessionLayer {
    source: Source,
    sign_in_at: Option<String>,
    cross_site: CrossSite,
    client_address: Option<ClientAddress>,
    look: Look,
}

#[derive(Clone, Debug)]
enum Source {
    Made(Sessions),
    /// To be made from `[default.session]`.
    Configured(SharedStore),
}

impl SessionLayer {
    /// Creates a fairing for sessions that the program created.
    #[must_use]
    pub const fn new(sessions: Sessions) -> Self {
        Self::of(Source::Made(sessions))
    }

    /// Creates a fairing for sessions in `store`, configured by `[default.session]` in Rocket.toml and by
    /// `ROCKET_SESSION`. See [`config`]. An invalid setting or a missing key aborts the launch with a line on stderr.
    #[must_use]
    pub fn configured(store: impl Into<SharedStore>) -> Self {
        Self::of(Source::Configured(store.into()))
    }

    const fn of(source: Source) -> Self {
        Self { source, sign_in_at: None, cross_site: CrossSite::PASS, client_address: None, look: Look::PLAIN }
    }

    /// Sets the response for every error of the session, whether this fairing, a guard, or a handler with `?` produced
    /// it. A response with status 200 gets the status of the error.
    ///
    /// A guard that fails first calls the catcher of its status, and this response then replaces the catcher's. Without
    /// `on_error`, a catcher finds the error with [`SessionRejection::of`]. No catcher is called for a response that
    /// this fairing makes after the handler, such as a conflict, nor for an error that a handler returns with `?`.
    ///
    /// ```
    /// use rocket::response::content::RawHtml;
    /// use session_rocket::{Error, MemoryStore, SessionLayer, Sessions, keys};
    ///
    /// let sessions = Sessions::new(MemoryStore::new(), keys::generated());
    /// let layer = SessionLayer::new(sessions).on_error(|error: Error| RawHtml(format!("<h1>Sorry</h1><p>{error}")));
    /// ```
    #[must_use]
    pub fn on_error<A>(self, answer: impl Fn(Error) -> A + Send + Sync + 'static) -> Self
    where
        A: for<'r> Responder<'r, 'static>,
    {
        Self { look: Look::of(move |error, request| answer(error).respond_to(request)), ..self }
    }

    /// Redirects browsers that request a page for [`Authenticated`](crate::Authenticated) users to `page`, with the
    /// requested URL in the parameter `next`. See [`sign_in`](session_std::sign_in). Scripts and programs receive a
    /// 401, which is the response to all without this setting.
    ///
    /// This adds a catcher of 401 at `/`, so the rocket can have no other one there. Responses to other causes of a 401
    /// do not change.
    #[must_use]
    pub fn sign_in_at(self, page: &str) -> Self {
        Self { sign_in_at: Some(page.to_owned()), ..self }
    }

    /// Rejects requests that another site causes with 403, except for the origins in `trusted`. Write these as browsers
    /// do: `https://example.org`.
    ///
    /// Browsers state in headers where a request comes from. A request without such headers passes, and so do `GET`,
    /// `HEAD` and `OPTIONS`, which must not change anything. See [`cross_site`]. No guard and no handler runs for a
    /// rejected request, but the catcher of 403 does.
    ///
    /// [`cross_site`]: session_std::cross_site
    #[must_use]
    pub fn refuse_cross_site(self, trusted: &[&str]) -> Self {
        Self { cross_site: CrossSite::refused_but_from(trusted), ..self }
    }

    /// Whether there may be work before a guard asks for the session.
    fn looks_at_requests(&self) -> bool {
        let binds = match &self.source {
            Source::Made(sessions) => sessions.device_path().is_some(),
            // such sessions have no endpoint and are not bound
            Source::Configured(_) => false,
        };
        binds || self.cross_site.is_on()
    }

    /// Sets how observers find the client's address, for audits. Behind a proxy, use [`client_ip`](Request::client_ip)
    /// if the proxy sets the header that Rocket reads. The default is the peer of the connection.
    #[must_use]
    pub fn client_address(self, find: ClientAddress) -> Self {
        Self { client_address: Some(find), ..self }
    }
}

#[rocket::async_trait]
impl Fairing for SessionLayer {
    fn info(&self) -> Info {
        let kind = Kind::Ignite | Kind::Response | Kind::Singleton;
        // Rocket allocates for each fairing with a request callback
        Info { name: "Sessions", kind: if self.looks_at_requests() { kind | Kind::Request } else { kind } }
    }

    async fn on_ignite(&self, mut rocket: Rocket<Build>) -> fairing::Result {
        let sessions = match &self.source {
            Source::Made(sessions) => sessions.clone(),
            Source::Configured(store) => match config::sessions(rocket.figment(), store.clone()) {
                Ok(sessions) => sessions,
                Err(why) => {
                    // Rocket itself reports only that this fairing failed, and nothing if its log is off
                    to_stderr(format_args!("error: {why}"));
                    return Err(rocket);
                }
            },
        };
        if sessions.cannot_bind_devices() {
            to_stderr(
                "error: the policy binds sessions to devices, but these sessions are sealed or have no endpoint: call \
                 SessionLayer::new(config::sessions(…)?.device_endpoint(\"/device-session\", P256)?)",
            );
            return Err(rocket);
        }
        if let Some(path) = sessions.device_path() {
            rocket = rocket.mount("/", vec![Route::ranked(isize::MIN, Method::Post, path, DeviceEndpoint)]);
        }
        if let Some(page) = &self.sign_in_at {
            rocket = rocket.register("/", vec![Catcher::new(Status::Unauthorized.code, SignInAt(page.clone()))]);
        }
        if self.cross_site.is_on() {
            let refused = UNSAFE.map(|method| Route::ranked(isize::MIN, method, REFUSED, RefuseCrossSite));
            rocket = rocket.mount("/", refused);
        }
        let find = self.client_address.unwrap_or(|request| request.remote().map(|remote| remote.ip()));
        Ok(rocket.manage(Mounted { sessions, client_address: find, look: self.look.clone() }))
    }

    /// Rocket lets no fairing answer a request, so a rejected request is sent to another route.
    async fn on_request(&self, request: &mut Request<'_>, _: &mut Data<'_>) {
        let Some(Mounted { sessions, .. }) = request.rocket().state() else { return };
        // the endpoint itself checks its callers
        if sessions.is_device_endpoint(request.method().as_str(), request.uri().path().as_str()) {
            return;
        }
        let value = |name| request.headers().get_one(name).map(str::as_bytes);
        sessions.tell_plain_http(request.method().as_str(), || value("Origin"));
        if sessions.device_path().is_some()
            && let Ok(session) = RequestCache::ask(request)
        {
            Begun::new(session.clone()).heed_device(sessions, value);
        }
        if !self.cross_site.is_on() || !sessions.in_cookies() {
            return;
        }
        let sent = Sent {
            method: request.method().as_str(),
            fetch_site: value("Sec-Fetch-Site"),
            origin: value("Origin"),
            host: value("Host"),
            upgrades: request.headers().contains("Upgrade"),
        };
        if self.cross_site.refuses(&sent) {
            request.set_uri(Origin::const_new(REFUSED, None));
        }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, answer: &mut Response<'r>) {
        let session = RequestCache::asked_for(request);
        if session.is_none() && self.look.is_plain() {
            return;
        }
        let finished = match session {
            Some(session) => session.finish().await,
            None => Finished::default(),
        };
        // a catcher has made the answer for a guard that failed, unless the request was forwarded
        let by_catcher = || SessionRejection::of(request).filter(|failed| failed.status() == answer.status());
        let failed = match finished.error {
            None if self.look.is_plain() => None,
            None => by_catcher(),
            error => error.map(SessionRejection),
        };
        if let Some(failed) = failed {
            failed.replace(request, answer);
        }
        headers::apply(finished, &mut Headers(answer));
    }
}

/// The route of rejected requests.
const REFUSED: &str = "/.refused-cross-site";
/// Methods that may change something. A WebSocket begins with a GET.
const UNSAFE: [Method; 6] = [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete, Method::Connect];

#[derive(Clone)]
struct RefuseCrossSite;

#[rocket::async_trait]
impl route::Handler for RefuseCrossSite {
    async fn handle<'r>(&self, request: &'r Request<'_>, _: Data<'r>) -> route::Outcome<'r> {
        let error = RequestCache::ask(request).map_or_else(|error| error, session_std::Request::refuse_cross_site);
        Failed::remember(request, error);
        route::Outcome::error(SessionRejection(error).status())
    }
}

#[derive(Clone)]
struct DeviceEndpoint;

#[rocket::async_trait]
impl route::Handler for DeviceEndpoint {
    async fn handle<'r>(&self, request: &'r Request<'_>, _: Data<'r>) -> route::Outcome<'r> {
        let Some(Mounted { sessions, client_address, .. }) = request.rocket().state() else {
            return route::Outcome::error(SessionRejection(Error::NotMounted).status());
        };
        let headers = request.headers();
        let says = |name, value| headers.get_one(name) == Some(value);
        let asked = DeviceRequest {
            query: request.uri().query().map(|query| query.as_str().to_owned()).unwrap_or_default(),
            refreshes: headers.contains(names::ID),
            of_the_browser: says("Sec-Fetch-Mode", "no-cors") && says("Sec-Fetch-Site", "same-origin"),
            proof: headers.get_one(names::RESPONSE).map(|proof| proof.as_bytes().to_vec()),
            cookies: headers.get("Cookie").map(|line| line.as_bytes().to_vec()).collect(),
        };
        let origin = origin(request, *client_address);
        route::Outcome::Success(of_device(sessions.answer_device(origin, asked).await))
    }
}

#[derive(Clone)]
struct SignInAt(String);

#[rocket::async_trait]
impl catcher::Handler for SignInAt {
    async fn handle<'r>(&self, status: Status, request: &'r Request<'_>) -> catcher::Result<'r> {
        let wanted = request.uri().to_string();
        let header = |name| request.headers().get_one(name).map(str::as_bytes);
        let visit = Visit::new(request.method().as_str(), &wanted, header);
        match visit.sign_in_at(&self.0).filter(|_| Failed::get(request) == Some(Error::NotSignedIn)) {
            Some(location) => Redirect::to(location).respond_to(request),
            None => Catcher::default().handler.handle(status, request).await,
        }
    }
}
