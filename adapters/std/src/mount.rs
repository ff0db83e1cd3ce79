//! For adapters: what layers do to a request, and what extractors find in its extensions. Frameworks on the current
//! `http` crate pass its types. Other frameworks pass the parts of the head.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::header::{HOST, ORIGIN, UPGRADE};
use http::uri::PathAndQuery;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Uri};
use session_core::Error;
use session_core::cross_site::Sent;
use session_core::events::Event;

use crate::cross_site::CrossSite;
use crate::device_endpoint::Answering;
use crate::device_keys::names;
use crate::extract::FromSession;
use crate::origin::Origin;
use crate::session::Request;
use crate::sessions::Sessions;
use crate::sign_in::Visit;

/// The settings of a layer. Clones are cheap, so a layer can clone it for each request.
#[derive(Clone)]
pub struct Mount(Arc<Parts>);

#[derive(Clone)]
struct Parts {
    sessions: Sessions,
    sign_in_at: Option<Arc<str>>,
    cross_site: CrossSite,
    client_address: Option<Arc<ClientAddress>>,
}

/// Finds the address of the sender of a request.
type ClientAddress = dyn Fn(&HeaderMap, &Extensions) -> Option<IpAddr> + Send + Sync;

impl fmt::Debug for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { sessions, sign_in_at, cross_site, .. } = &*self.0;
        let mut mount = f.debug_struct("Mount");
        mount.field("sessions", sessions).field("sign_in_at", sign_in_at).field("cross_site", cross_site);
        mount.finish_non_exhaustive()
    }
}

/// What a layer leaves in the extensions of a request.
#[derive(Clone)]
pub struct Mounted {
    request: Request,
    mount: Mount,
    /// The requested page, for the sign-in page.
    wanted: Option<Box<Uri>>,
}

/// A request that a layer has begun.
pub struct Begun {
    /// The request.
    pub request: Request,
    /// An outer layer has begun this request and will finish it, so this layer must not.
    pub joined: bool,
    /// What it wants, for the sign-in page.
    wanted: Option<Box<Uri>>,
}

/// Why a proof that arrives at a handler's path is rejected.
const STRAY: &str = "it was sent to a path other than the endpoint's: do not rewrite that path in a proxy, and put the \
                     session layer on the outermost router";

impl Begun {
    /// Wraps a request that no outer layer has begun.
    #[must_use]
    pub const fn new(request: Request) -> Self {
        Self { request, joined: false, wanted: None }
    }

    /// Reads the headers that device-bound sessions need: why the browser sends no proof, whether another site caused
    /// the request, and whether a proof was sent to the wrong path. `header` returns the first line of a header.
    pub fn heed_device<'h>(&self, sessions: &Sessions, header: impl Fn(&'static str) -> Option<&'h [u8]>) {
        if self.joined || sessions.device_path().is_none() {
            return;
        }
        if header("sec-fetch-site").is_some_and(|site| site != b"same-origin" && site != b"none") {
            self.request.caused_elsewhere();
        }
        if let Some(said) = header(names::SKIPPED) {
            let known = ["quota_exceeded", "server_error", "unreachable"];
            let why = known.into_iter().find(|known| said.starts_with(known.as_bytes())).unwrap_or("another reason");
            self.request.enter(|| sessions.core().observe(&Event::ProofSkipped(None, &why)));
        }
        if header(names::RESPONSE).is_some() {
            self.request.enter(|| sessions.core().observe(&Event::ProofRefused(None, &STRAY)));
        }
    }
}

impl Mount {
    /// Creates the settings for the sessions of an application.
    #[must_use]
    pub fn new(sessions: Sessions) -> Self {
        Self(Arc::new(Parts { sessions, sign_in_at: None, cross_site: CrossSite::PASS, client_address: None }))
    }

    fn with(self, change: impl FnOnce(&mut Parts)) -> Self {
        let mut parts = Arc::unwrap_or_clone(self.0);
        change(&mut parts);
        Self(Arc::new(parts))
    }

    /// Rejects requests that another site causes, except for the origins in `trusted`.
    #[must_use]
    pub fn refuse_cross_site(self, trusted: &[&str]) -> Self {
        self.with(|parts| parts.cross_site = CrossSite::refused_but_from(trusted))
    }

    /// Sets how observers find the client's address.
    #[must_use]
    pub fn client_address(
        self,
        find: impl Fn(&HeaderMap, &Extensions) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        self.with(|parts| parts.client_address = Some(Arc::new(find)))
    }

    /// Sets the page that visitors who are not signed in are redirected to.
    #[must_use]
    pub fn sign_in_at(self, page: &str) -> Self {
        self.with(|parts| parts.sign_in_at = Some(page.into()))
    }

    /// Begins a request. `peer` is the address of the connection, if the framework knows it.
    ///
    /// Inside another layer whose cookie has the same name, it joins that layer's request, because two sessions cannot
    /// share a cookie.
    ///
    /// # Errors
    /// The error that the layer responds with instead of calling the handler.
    pub fn begin(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        extensions: &Extensions,
        peer: Option<IpAddr>,
    ) -> Result<Begun, Error> {
        let origin = || self.origin(headers, extensions, peer);
        let value = |name| headers.get(name).map(HeaderValue::as_bytes);
        let sent = || Sent {
            method: method.as_str(),
            fetch_site: headers.get("sec-fetch-site").map(HeaderValue::as_bytes),
            origin: value(ORIGIN),
            host: value(HOST).or_else(|| uri.authority().map(|authority| authority.as_str().as_bytes())),
            upgrades: headers.contains_key(UPGRADE),
        };
        let mut begun = self.begin_head(extensions.get(), origin, sent)?;
        begun.wanted = self.0.sign_in_at.as_ref().map(|_| Box::new(uri.clone()));
        if !begun.joined {
            self.sessions().tell_plain_http(method.as_str(), || value(ORIGIN));
        }
        begun.heed_device(self.sessions(), |name| headers.get(name).map(HeaderValue::as_bytes));
        Ok(begun)
    }

    /// Returns the sessions.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// Begins a request like [`begin`](Self::begin), for a framework with its own types. `outer` is what an outer layer
    /// left. `origin` is called if there is an observer, and `sent` if requests of other sites are rejected.
    pub fn begin_head<'h>(
        &self,
        outer: Option<&Mounted>,
        origin: impl FnOnce() -> Origin,
        sent: impl FnOnce() -> Sent<'h>,
    ) -> Result<Begun, Error> {
        let Parts { sessions, cross_site, .. } = &*self.0;
        let same = |outer: &&Mounted| {
            let theirs = outer.mount.sessions();
            (theirs.cookie_name(), theirs.token_header()) == (sessions.cookie_name(), sessions.token_header())
        };
        let outer = outer.filter(same);
        let request = outer.map_or_else(|| Request::from_origin(sessions, origin), |outer| outer.request.clone());
        if cross_site.is_on() && sessions.in_cookies() && cross_site.refuses(&sent()) {
            return Err(request.refuse_cross_site());
        }
        Ok(Begun { request, joined: outer.is_some(), wanted: None })
    }

    fn origin(&self, headers: &HeaderMap, extensions: &Extensions, peer: Option<IpAddr>) -> Origin {
        let address = self.0.client_address.as_ref().map_or(peer, |find| find(headers, extensions));
        Origin::new(address, headers)
    }

    /// Responds to a request for the endpoint of device-bound sessions, or returns `None` for any other request. Call
    /// it before [`begin`](Self::begin).
    pub fn device_answer(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        extensions: &Extensions,
        peer: Option<IpAddr>,
    ) -> Option<Answering> {
        self.sessions().device_answer(method, uri, headers, || self.origin(headers, extensions, peer))
    }

    /// Puts the request's session into its extensions, for extractors. The layer finishes it after the handler.
    pub fn provide(&self, begun: &Begun, extensions: &mut Extensions) {
        extensions.insert(self.mounted(begun));
    }

    /// Returns what extractors expect in the request's extensions.
    #[must_use]
    pub fn mounted(&self, begun: &Begun) -> Mounted {
        Mounted { request: begun.request.clone(), mount: self.clone(), wanted: begun.wanted.clone() }
    }
}

impl Mounted {
    /// Returns the name of the header whose lines [`extract`](Self::extract) needs.
    #[must_use]
    pub fn header(&self) -> &HeaderName {
        self.request.header()
    }

    /// Returns what a handler asks for. Several Cookie lines are read as one.
    ///
    /// # Errors
    /// The error of loading the session.
    pub async fn extract<'h, T: FromSession>(&self, lines: impl Iterator<Item = &'h [u8]>) -> Result<T, Error> {
        self.request.extract(lines).await
    }

    /// Returns what a handler asks for like [`extract`](Self::extract) if that does not wait. Otherwise returns `None` and
    /// does nothing.
    pub fn extract_at_once<'h, T: FromSession>(
        &self,
        lines: impl Iterator<Item = &'h [u8]>,
    ) -> Option<Result<T, Error>> {
        self.request.extract_at_once(lines)
    }

    /// Returns the URL to redirect a visitor to who is not signed in, or `None` if the response is a 401. `visit`
    /// describes the request. If the layer saw another URL, that URL is used.
    #[must_use]
    pub fn sign_in_page(&self, visit: Visit<'_>) -> Option<Arc<str>> {
        let page = self.mount.0.sign_in_at.as_ref()?;
        let wanted = self.wanted.as_ref().map_or(visit.wanted, |wanted| path_and_query(wanted));
        Visit { wanted, ..visit }.sign_in_at(page).map(Into::into)
    }
}

fn path_and_query(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", PathAndQuery::as_str)
}

/// Returns what a handler asks for.
///
/// # Errors
/// [`Error::NotMounted`] outside of every layer, otherwise the error of loading the session.
pub async fn extract<T: FromSession>(headers: &HeaderMap, extensions: &Extensions) -> Result<T, Error> {
    let mounted = extensions.get::<Mounted>().ok_or(Error::NotMounted)?;
    // borrowed, because each inner future would hold two copies of the iterator
    let mut lines = headers.get_all(mounted.header()).iter().map(HeaderValue::as_bytes);
    if let Some(extracted) = mounted.extract_at_once(&mut lines) {
        return extracted;
    }
    mounted.extract(&mut lines).await
}

/// Returns the URL to redirect a visitor to who is not signed in, or `None` if the response is a 401.
#[must_use]
pub fn sign_in_page(method: &Method, uri: &Uri, headers: &HeaderMap, extensions: &Extensions) -> Option<Arc<str>> {
    let header = |name| headers.get(name).map(HeaderValue::as_bytes);
    extensions.get::<Mounted>()?.sign_in_page(Visit::new(method.as_str(), path_and_query(uri), header))
}
