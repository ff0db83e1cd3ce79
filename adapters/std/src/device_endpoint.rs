//! The endpoint of device-bound sessions for any framework: it registers keys and verifies proofs.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, COOKIE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Response, StatusCode, Uri};
use session_core::Error;
use session_core::device::{DeviceReply, EndpointPath, Es256};
use session_core::events::Event;
use session_core::policy::PolicyError;
use session_store_shared::RecordBuffer;

use crate::device_keys::{Endpoint, names};
use crate::environment::ThreadRng;
use crate::origin::Origin;
use crate::session::Request;
use crate::sessions::Sessions;

/// A browser's own request to the endpoint.
#[derive(Clone, Default)]
pub struct DeviceRequest {
    /// The part of the URL after `?`.
    pub query: String,
    /// Whether there is a `Sec-Secure-Session-Id` header. If so, the request is a refresh, otherwise a registration.
    pub refreshes: bool,
    /// Whether `Sec-Fetch-Mode` is `no-cors` and `Sec-Fetch-Site` is `same-origin`. No script of a page can send both.
    pub of_the_browser: bool,
    /// The value of `Secure-Session-Response`.
    pub proof: Option<Vec<u8>>,
    /// The Cookie header lines.
    pub cookies: Vec<Vec<u8>>,
}

impl fmt::Debug for DeviceRequest {
    /// Prints no cookie and no proof.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { refreshes, of_the_browser, .. } = self;
        let mut request = f.debug_struct("DeviceRequest");
        request.field("refreshes", refreshes).field("of_the_browser", of_the_browser).finish_non_exhaustive()
    }
}

/// A response of the endpoint. The body is JSON or empty.
pub struct DeviceAnswer {
    /// 200, 401, 403 or 503.
    pub status: u16,
    /// Header names in lower case, with their values.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

impl fmt::Debug for DeviceAnswer {
    /// Prints no cookie.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceAnswer").field("status", &self.status).finish_non_exhaustive()
    }
}

impl DeviceAnswer {
    fn new(reply: &DeviceReply) -> Self {
        let no_store = ("cache-control", "no-store".to_owned());
        let (status, mut headers, body) = match reply {
            DeviceReply::Proven { cookie, challenge, instructions } => {
                let cookie = ("set-cookie", cookie.as_str().to_owned());
                let challenge = (names::CHALLENGE, challenge.as_str().to_owned());
                (200, vec![cookie, challenge], instructions.map(|json| json.as_str().to_owned()).unwrap_or_default())
            }
            DeviceReply::Challenge(challenge) => {
                (403, vec![(names::CHALLENGE, challenge.as_str().to_owned())], String::new())
            }
            DeviceReply::Refused => (401, vec![], String::new()),
            DeviceReply::Unavailable => (503, vec![], String::new()),
        };
        if !body.is_empty() {
            headers.push(("content-type", "application/json".to_owned()));
        }
        headers.push(no_store);
        Self { status, headers, body }
    }
}

/// The response of a layer in place of its handlers.
pub type Answering = Pin<Box<dyn Future<Output = Response<String>> + Send>>;

impl Sessions {
    /// Sets the endpoint where browsers register the keys of device-bound sessions and prove that they hold them
    /// ([`Policy::device_bound`](crate::Policy::device_bound)).
    ///
    /// `path` is the path as the browser requests it, such as `/device-session`. The session layer answers `POST`
    /// requests for it before any inner layer or handler, so you add no route. `es256` verifies signatures: `P256` of
    /// the feature `p256`, or an implementation of your own.
    ///
    /// The layer must see that path unchanged. Nothing outside of it may redirect, rate-limit or authenticate these
    /// requests: a browser that receives another response than the endpoint's forgets its key.
    ///
    /// # Errors
    /// [`PolicyError::EndpointPath`](crate::policy::PolicyError::EndpointPath) if the path is not usable.
    pub fn device_endpoint(
        self,
        path: &'static str,
        es256: impl Es256 + Send + Sync + 'static,
    ) -> Result<Self, PolicyError> {
        Ok(self.with_endpoint(Endpoint { path: EndpointPath::new(path)?, es256: Arc::new(es256) }))
    }

    /// Returns whether a request is for the endpoint.
    #[must_use]
    pub fn is_device_endpoint(&self, method: &str, path: &str) -> bool {
        method == "POST" && self.device_path() == Some(path)
    }

    /// Responds to a request for the endpoint.
    pub async fn answer_device(&self, origin: Origin, asked: DeviceRequest) -> DeviceAnswer {
        let core = self.core();
        let request = Request::from_origin(self, || origin);
        let Some(device) = &core.device else { return DeviceAnswer::new(&DeviceReply::Refused) };
        device.answered();
        if !asked.of_the_browser {
            let why = "it lacks the headers of a request by the browser itself: a script in a page sent it, or a \
                       proxy removes Sec-Fetch headers";
            request.enter(|| core.observe(&Event::ProofRefused(None, &why)));
            return DeviceAnswer::new(&DeviceReply::Refused);
        }
        let (lines, proof) = (asked.cookies.iter().map(Vec::as_slice), asked.proof.as_deref());
        let (es256, room) = (&&*device.es256, RecordBuffer::NEW);
        let query = asked.query.as_bytes();
        if asked.refreshes {
            let rng = &mut ThreadRng;
            let refreshed = core.refresh_device(&device.keys, es256, room, rng, query, proof, lines);
            DeviceAnswer::new(&request.follow(refreshed).await)
        } else {
            let mut answer = DeviceAnswer::new(&match request.register_device(device, lines, proof).await {
                Ok(reply) => reply,
                Err(Error::Unavailable | Error::Indeterminate | Error::Busy | Error::Entropy) => {
                    DeviceReply::Unavailable
                }
                Err(_) => DeviceReply::Refused,
            });
            // within the grace of a renewal the answer has the session's newer cookie as well
            let finished = request.finish().await;
            answer.headers.extend(finished.cookie.map(|cookie| ("set-cookie", cookie)));
            answer
        }
    }

    /// Responds to a request for the endpoint, with the types of the `http` crate. Returns `None` for any other
    /// request.
    pub fn device_answer(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        origin: impl FnOnce() -> Origin,
    ) -> Option<Answering> {
        // a request is not inspected where no sessions are bound
        self.device_path()?;
        if !self.is_device_endpoint(method.as_str(), uri.path()) {
            return None;
        }
        let says = |name: &str, value: &[u8]| headers.get(name).is_some_and(|said| said.as_bytes() == value);
        let asked = DeviceRequest {
            query: uri.query().unwrap_or_default().to_owned(),
            refreshes: headers.contains_key(names::ID),
            of_the_browser: says("sec-fetch-mode", b"no-cors") && says("sec-fetch-site", b"same-origin"),
            proof: headers.get(names::RESPONSE).map(|proof| proof.as_bytes().to_vec()),
            cookies: headers.get_all(COOKIE).iter().map(|line| line.as_bytes().to_vec()).collect(),
        };
        let (sessions, origin) = (self.clone(), if self.observes() { origin() } else { Origin::default() });
        Some(Box::pin(async move {
            let DeviceAnswer { status, headers, body } = sessions.answer_device(origin, asked).await;
            let mut answer = Response::new(body);
            *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            for (name, value) in headers {
                if let Ok(mut value) = HeaderValue::try_from(value) {
                    let name = HeaderName::from_static(name);
                    value.set_sensitive(name != CACHE_CONTROL && name != CONTENT_TYPE);
                    answer.headers_mut().append(name, value);
                }
            }
            answer
        }))
    }
}
