//! Makes a request's session reachable for its handler, and stores it before the answer's head is sent.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::StatusCode;
use actix_web::http::header::{COOKIE, HOST, HeaderValue, ORIGIN, UPGRADE, USER_AGENT};
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse};
use session_std::cross_site::Sent;
use session_std::device::{DeviceAnswer, DeviceRequest, names};
use session_std::events::Origin;
use session_std::mount::{Begun, Mount};
use session_std::{Sessions, headers};

use crate::response::{Headers, SessionRejection};

/// Finds the address of who sent a request.
type ClientAddress = fn(&HttpRequest) -> Option<IpAddr>;

/// Sessions for all handlers inside: `App::new().wrap(SessionLayer::new(sessions.clone()))`, or of a scope. Make the sessions
/// before the server and not in its factory, which runs once for each worker: all workers share one store.
#[derive(Clone)]
pub struct SessionLayer {
    mount: Mount,
    client_address: ClientAddress,
}

impl fmt::Debug for SessionLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SessionLayer").field(&self.mount).finish()
    }
}

impl SessionLayer {
    /// Sessions of an application.
    #[must_use]
    pub fn new(sessions: Sessions) -> Self {
        Self { mount: Mount::new(sessions), client_address: |request| request.peer_addr().as_ref().map(SocketAddr::ip) }
    }

    /// Sends browsers that want a page for [`Authenticated`](crate::Authenticated) visitors to this page, with what they
    /// wanted in the parameter `next`: see [`sign_in`](session_std::sign_in). Requests of scripts and programs are answered
    /// 401, as all are without this.
    #[must_use]
    pub fn sign_in_at(self, page: &str) -> Self {
        Self { mount: self.mount.sign_in_at(page), ..self }
    }

    /// Refuses requests that another site causes (403), but for those of the origins in `trusted`, each written as browsers
    /// do: `https://example.org`. A browser says in headers where a request comes from; one without such headers passes, and
    /// so do `GET`, `HEAD` and `OPTIONS`, which must not change anything. See [`cross_site`].
    ///
    /// [`cross_site`]: session_std::cross_site
    #[must_use]
    pub fn refuse_cross_site(self, trusted: &[&str]) -> Self {
        Self { mount: self.mount.refuse_cross_site(trusted), ..self }
    }

    /// Says where observers find the address of who sent a request, for audits: behind a proxy, in a header of that proxy.
    /// Without this it is the peer of the connection.
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

/// A service with sessions.
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
        let SessionLayer { mount, client_address } = &self.layer;
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
                let refused = request.into_response(refusal(error)).map_into_right_body();
                return Box::pin(ready(Ok(refused)));
            }
        };
        request.extensions_mut().insert(mount.mounted(&begun));
        let Begun { request: session, joined, .. } = begun;
        let answering = self.inner.call(request);
        Box::pin(async move {
            let answer = answering.await;
            if joined || session.finish_untouched() {
                return answer.map(ServiceResponse::map_into_left_body);
            }
            let finished = session.finish().await;
            match (finished.error, answer) {
                (Some(error), Ok(answer)) => {
                    let mut instead = answer.into_response(refusal(error));
                    headers::apply(finished, &mut Headers(instead.headers_mut()));
                    Ok(instead.map_into_right_body())
                }
                (None, Ok(mut answer)) => {
                    headers::apply(finished, &mut Headers(answer.headers_mut()));
                    Ok(answer.map_into_left_body())
                }
                // an error stays one, for the handlers of errors outside, and carries the cookie
                (error, Err(answer)) => {
                    let mut answer = error.map_or(answer, |error| SessionRejection(error).into());
                    answer.add_response_mapper(move |mut response| {
                        headers::apply(finished.clone(), &mut Headers(response.headers_mut()));
                        response
                    });
                    Err(answer)
                }
            }
        })
    }
}

/// What a request for the endpoint of device-bound sessions says.
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

/// The error as an answer, in which loggers outside find it.
fn refusal(error: session_std::Error) -> HttpResponse {
    HttpResponse::from_error(SessionRejection(error))
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
