//! Gives each request a session and stores it before the head of the response is sent.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::StatusCode;
use actix_web::http::header::{COOKIE, HOST, HeaderMap, HeaderValue, ORIGIN, UPGRADE, USER_AGENT};
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse};
use session_std::cross_site::Sent;
use session_std::device::{DeviceAnswer, DeviceRequest, names};
use session_std::events::Origin;
use session_std::mount::{Begun, Mount};
use session_std::{Finished, Sessions, headers, rejection};

use crate::extract::AuthenticatedRejection;
use crate::response::{Headers, SessionRejection};

/// Finds the address of the sender of a request.
type ClientAddress = fn(&HttpRequest) -> Option<IpAddr>;

/// A middleware that gives all handlers of an app or a scope sessions:
/// `App::new().wrap(SessionLayer::new(sessions.clone()))`.
///
/// Create the sessions before the server and not in its factory, which runs once per worker. All workers must share one
/// store.
#[derive(Clone)]
pub struct SessionLayer {
    mount: Mount,
    client_address: ClientAddress,
    look: Look,
}

/// Makes the answers to errors of the session; `None`: a line of text.
#[derive(Clone)]
struct Look(Option<Arc<MakeAnswer>>);

type MakeAnswer = dyn Fn(session_std::Error) -> HttpResponse + Send + Sync;

impl Look {
    /// The error as an answer, in which outer loggers find it.
    fn refusal(&self, error: session_std::Error) -> HttpResponse {
        let plain = HttpResponse::from_error(SessionRejection(error));
        let Some(make) = &self.0 else { return plain };
        let (head, body) = make(error).into_parts();
        let mut answer = plain.set_body(body);
        if head.status() != StatusCode::OK {
            *answer.status_mut() = head.status();
        }
        *answer.headers_mut() = head.headers().clone();
        answer
    }

    /// The session's error in an answer, if the application formats it.
    fn error(&self, error: Option<&Error>) -> Option<session_std::Error> {
        self.0.as_ref()?;
        let error = error?;
        let refused = error.as_error::<AuthenticatedRejection>();
        match (error.as_error::<SessionRejection>(), refused) {
            (Some(SessionRejection(error)), _) => Some(*error),
            (_, Some(AuthenticatedRejection::SessionRejection(SessionRejection(error)))) => Some(*error),
            (_, Some(AuthenticatedRejection::SignInAt(None))) => Some(session_std::Error::NotSignedIn),
            _ => None,
        }
    }
}

impl fmt::Debug for SessionLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SessionLayer").field(&self.mount).finish()
    }
}

impl SessionLayer {
    /// Creates a layer for the sessions of an application.
    #[must_use]
    pub fn new(sessions: Sessions) -> Self {
        let client_address: ClientAddress = |request| request.peer_addr().as_ref().map(SocketAddr::ip);
        Self { mount: Mount::new(sessions), client_address, look: Look(None) }
    }

    /// Sets the response for every error of the session, whether this layer, an extractor,
    /// [`Authenticated`](crate::Authenticated), or a handler with `?` produced it. A response with status 200 gets the
    /// status of the error.
    ///
    /// For a response that depends on the request, use a middleware outside of this layer, such as `ErrorHandlers`. It
    /// finds the error in the response.
    ///
    /// ```
    /// use actix_web::HttpResponse;
    /// use session_actix::{Error, MemoryStore, SessionLayer, Sessions, keys};
    ///
    /// let sessions = Sessions::new(MemoryStore::new(), keys::generated());
    /// let layer = SessionLayer::new(sessions).on_error(|error: Error| {
    ///     HttpResponse::Ok().content_type("text/html; charset=utf-8").body(format!("<h1>Sorry</h1><p>{error}"))
    /// });
    /// ```
    #[must_use]
    pub fn on_error(self, answer: impl Fn(session_std::Error) -> HttpResponse + Send + Sync + 'static) -> Self {
        Self { look: Look(Some(Arc::new(answer))), ..self }
    }

    /// Redirects browsers that request a page for [`Authenticated`](crate::Authenticated) users to `page`, with the
    /// requested URL in the parameter `next`. See [`sign_in`](session_std::sign_in). Scripts and programs receive a
    /// 401, which is the response to all without this setting.
    #[must_use]
    pub fn sign_in_at(self, page: &str) -> Self {
        Self { mount: self.mount.sign_in_at(page), ..self }
    }

    /// Rejects requests that another site causes with 403, except for the origins in `trusted`. Write these as browsers
    /// do: `https://example.org`.
    ///
    /// Browsers state in headers where a request comes from. A request without such headers passes, and so do `GET`,
    /// `HEAD` and `OPTIONS`, which must not change anything. See [`cross_site`].
    ///
    /// [`cross_site`]: session_std::cross_site
    #[must_use]
    pub fn refuse_cross_site(self, trusted: &[&str]) -> Self {
        Self { mount: self.mount.refuse_cross_site(trusted), ..self }
    }

    /// Sets how observers find the client's address, for audits. Behind a proxy, read the proxy's header. The default
    /// is the peer of the connection.
    #[must_use]
    pub fn client_address(self, find: ClientAddress) -> Self {
        Self { client_address: find, ..self }
    }
}

impl<S, B> Transform<S, ServiceRequest> for SessionLayer
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = SessionService<S>;
    type InitError = ();
    type Future = Ready<Result<SessionService<S>, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(SessionService { inner, layer: self.clone() }))
    }
}

/// A service whose handlers have sessions.
#[derive(Debug)]
pub struct SessionService<S> {
    inner: S,
    layer: SessionLayer,
}

impl<S, B> Service<ServiceRequest> for SessionService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>>>>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let SessionLayer { mount, client_address, look } = &self.layer;
        let sessions = mount.sessions();
        if sessions.is_device_endpoint(request.method().as_str(), request.path()) {
            let (sessions, asked) = (sessions.clone(), device_request(&request));
            let agent = request.headers().get(USER_AGENT).map(HeaderValue::as_bytes);
            let origin = Origin::with_agent(client_address(request.request()), agent);
            return Box::pin(async move {
                let DeviceAnswer { status, headers, body } = sessions.answer_device(origin, asked).await;
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
                let mut answer = HttpResponse::build(status);
                headers.into_iter().for_each(|line| _ = answer.append_header(line));
                Ok(request.into_response(answer.body(body)).map_into_right_body())
            });
        }
        let begun = match begin(mount, *client_address, &request) {
            Ok(begun) => begun,
            Err(error) => {
                let refused = look.refusal(error);
                // not `request.into_response`, which drops the error for outer loggers and error handlers
                let refused = ServiceResponse::new(request.into_parts().0, refused);
                return Box::pin(ready(Ok(refused.map_into_right_body())));
            }
        };
        request.extensions_mut().insert(mount.mounted(&begun));
        let Begun { request: session, joined, .. } = begun;
        let look = look.clone();
        let answering = self.inner.call(request);
        Box::pin(async move {
            let answer = answering.await;
            let finished = if joined || session.finish_untouched() { None } else { Some(session.finish().await) };
            let replaced = finished.as_ref().and_then(|finished| finished.error);
            let apply = |finished: Option<Finished>, headers: &mut HeaderMap| {
                if let Some(finished) = finished {
                    headers::apply(finished, &mut Headers(headers));
                }
            };
            match answer {
                Ok(mut answer) => {
                    let Some(error) = replaced.or_else(|| look.error(answer.response().error())) else {
                        apply(finished, answer.headers_mut());
                        return Ok(answer.map_into_left_body());
                    };
                    let mut instead = look.refusal(error);
                    if replaced.is_none() {
                        keep_headers(answer.headers(), instead.headers_mut());
                    }
                    apply(finished, instead.headers_mut());
                    Ok(answer.into_response(instead).map_into_right_body())
                }
                // an error stays one, for outer error handlers, and carries the cookie
                Err(answer) => {
                    let mut answer = replaced.map_or(answer, |error| SessionRejection(error).into());
                    let shown = look.error(Some(&answer));
                    if finished.is_some() || shown.is_some() {
                        answer.add_response_mapper(move |before| {
                            let mut response = shown.map_or(before, |error| look.refusal(error));
                            // called once, and not known to be
                            apply(finished.clone(), response.headers_mut());
                            response
                        });
                    }
                    Err(answer)
                }
            }
        })
    }
}

/// Keeps the headers of inner middleware when another answer replaces its answer.
fn keep_headers(before: &HeaderMap, answer: &mut HeaderMap) {
    let said: Vec<_> = answer.keys().cloned().collect();
    for (name, value) in before {
        if !rejection::is_about_body(name.as_str()) && !said.contains(name) {
            answer.append(name.clone(), value.clone());
        }
    }
}

/// Reads a request for the endpoint of device-bound sessions.
fn device_request(request: &ServiceRequest) -> DeviceRequest {
    let headers = request.headers();
    let says = |name: &str, value: &[u8]| headers.get(name).is_some_and(|said| said.as_bytes() == value);
    DeviceRequest {
        query: request.query_string().to_owned(),
        refreshes: headers.contains_key(names::ID),
        of_the_browser: says("sec-fetch-mode", b"no-cors") && says("sec-fetch-site", b"same-origin"),
        proof: headers.get(names::RESPONSE).map(|proof| proof.as_bytes().to_vec()),
        cookies: headers.get_all(COOKIE).map(|line| line.as_bytes().to_vec()).collect(),
    }
}

fn begin(mount: &Mount, address: ClientAddress, request: &ServiceRequest) -> Result<Begun, session_std::Error> {
    let value = |name| request.headers().get(name).map(HeaderValue::as_bytes);
    let origin = || Origin::with_agent(address(request.request()), value(USER_AGENT));
    let sent = || Sent {
        method: request.method().as_str(),
        fetch_site: request.headers().get("sec-fetch-site").map(HeaderValue::as_bytes),
        origin: value(ORIGIN),
        host: value(HOST).or_else(|| request.uri().authority().map(|authority| authority.as_str().as_bytes())),
        upgrades: request.headers().contains_key(UPGRADE),
    };
    let begun = mount.begin_head(request.extensions().get(), origin, sent)?;
    if !begun.joined {
        mount.sessions().tell_plain_http(request.method().as_str(), || value(ORIGIN));
    }
    begun.heed_device(mount.sessions(), |name| request.headers().get(name).map(HeaderValue::as_bytes));
    Ok(begun)
}
