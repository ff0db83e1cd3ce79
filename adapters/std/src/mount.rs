//! What layers do to a request, what they leave in its extensions, and what extractors find there. The frameworks over the
//! `http` crate of today give its types; another one gives what is needed of a request's head.

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

/// What a layer is made of. Cheap to clone, as layers do for each request.
#[derive(Clone)]
pub struct Mount(Arc<Parts>);

#[derive(Clone)]
struct Parts {
    sessions: Sessions,
    sign_in_at: Option<Arc<str>>,
    cross_site: CrossSite,
    client_address: Option<Arc<ClientAddress>>,
}

/// Finds the address of who sent a request.
type ClientAddress = dyn Fn(&HeaderMap, &Extensions) -> Option<IpAddr> + Send + Sync;

impl fmt::Debug for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { sessions, sign_in_at, cross_site, .. } = &*self.0;
        let mut mount = f.debug_struct("Mount");
        mount.field("sessions", sessions).field("sign_in_at", sign_in_at).field("cross_site", cross_site);
        mount.finish_non_exhaustive()
    }
}

/// What it leaves in a request's extensions.
#[derive(Clone)]
pub struct Mounted {
    request: Request,
    mount: Mount,
    /// What the request wants, for the sign-in page.
    wanted: Option<Box<Uri>>,
}

/// A request that a layer has begun.
pub struct Begun {
    /// The request.
    pub request: Request,
    /// A layer outside has begun it and finishes it: this layer must not.
    pub joined: bool,
    /// What it wants, for the sign-in page.
    wanted: Option<Box<Uri>>,
}

/// Why a proof that came to a handler's path is refused.
const STRAY: &str = "it came to another path than the endpoint's: a proxy rewrites that path, or the session layer is in a \
                     nested router, which does not see it whole";

impl Begun {
    /// A request that no layer outside has begun.
    #[must_use]
    pub const fn new(request: Request) -> Self {
        Self { request, joined: false, wanted: None }
    }

    /// Takes from the head of a request what device-bound sessions have to know: why the browser sends no proof, whether
    /// another site has caused the request, and whether it is one for the endpoint that came to the wrong place. `header`
    /// gives the first line of a header.
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
    /// Mounts the sessions of an application.
    #[must_use]
    pub fn new(sessions: Sessions) -> Self {
        Self(Arc::new(Parts { sessions, sign_in_at: None, cross_site: CrossSite::PASS, client_address: None }))
    }

    fn with(self, change: impl FnOnce(&mut Parts)) -> Self {
        let mut parts = Arc::unwrap_or_clone(self.0);
        change(&mut parts);
        Self(Arc::new(parts))
    }

    /// Refuses requests that another site causes, but for these origins.
    #[must_use]
    pub fn refuse_cross_site(self, trusted: &[&str]) -> Self {
        self.with(|parts| parts.cross_site = CrossSite::refused_but_from(trusted))
    }

    /// Says where observers find the address of who sent a request.
    #[must_use]
    pub fn client_address(
        self,
        find: impl Fn(&HeaderMap, &Extensions) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        self.with(|parts| parts.client_address = Some(Arc::new(find)))
    }

    /// Names the page for visitors who are not signed in.
    #[must_use]
    pub fn sign_in_at(self, page: &str) -> Self {
        self.with(|parts| parts.sign_in_at = Some(page.into()))
    }

    /// Begins a request, or says with which error the layer answers it in the handler's place. `peer` is where the connection
    /// comes from, if the framework knows.
    ///
    /// Inside another layer whose cookie has the same name it joins that layer's request: two sessions cannot share the
    /// cookie.
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

    /// The sessions.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// The same for a framework with types of its own. `outer` is what a layer outside has left, `origin` is called if there is
    /// an observer, and `sent` if another site's requests are refused.
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

    /// Answers a request for the endpoint of device-bound sessions; `None` for every other one. To be asked before
    /// [`begin`](Self::begin).
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

    /// Makes the request's session reachable for its handler. The layer finishes it after the handler.
    pub fn provide(&self, begun: &Begun, extensions: &mut Extensions) {
        extensions.insert(self.mounted(begun));
    }

    /// Returns what extractors have to find in the request's extensions.
    #[must_use]
    pub fn mounted(&self, begun: &Begun) -> Mounted {
        Mounted { request: begun.request.clone(), mount: self.clone(), wanted: begun.wanted.clone() }
    }
}

impl Mounted {
    /// The name of the header whose lines [`extract`](Self::extract) is to be given.
    #[must_use]
    pub fn header(&self) -> &HeaderName {
        self.request.header()
    }

    /// Returns what a handler asks for. All Cookie lines are one (CP1).
    pub async fn extract<'h, T: FromSession>(&self, lines: impl Iterator<Item = &'h [u8]>) -> Result<T, Error> {
        self.request.extract(lines).await
    }

    /// Returns where to send a visitor who is not signed in; `None` for a 401. `wanted` is what the request says of itself,
    /// unless the layer knows it better.
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

/// Returns what a handler asks for. [`Error::NotMounted`] outside of every layer.
pub async fn extract<T: FromSession>(headers: &HeaderMap, extensions: &Extensions) -> Result<T, Error> {
    let mounted = extensions.get::<Mounted>().ok_or(Error::NotMounted)?;
    // lent, because each future on the way down would hold two copies of the iterator
    let mut lines = headers.get_all(mounted.header()).iter().map(HeaderValue::as_bytes);
    mounted.extract(&mut lines).await
}

/// Returns where to send a visitor who is not signed in; `None` for a 401.
#[must_use]
pub fn sign_in_page(method: &Method, uri: &Uri, headers: &HeaderMap, extensions: &Extensions) -> Option<Arc<str>> {
    let header = |name| headers.get(name).map(HeaderValue::as_bytes);
    extensions.get::<Mounted>()?.sign_in_page(Visit::new(method.as_str(), path_and_query(uri), header))
}
