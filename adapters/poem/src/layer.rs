//! Gives each request a session and stores it before the head of the response is sent.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::{Extensions, HeaderMap, StatusCode};
use poem::error::ResponseError;
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};
use session_std::mount::{Begun, Mount};
use session_std::{Error, Sessions, headers, rejection};

use crate::response::{NotSignedIn, SessionRejection};

/// A middleware that gives all handlers inside it sessions: `route.with(SessionLayer::new(sessions))`.
#[derive(Clone, Debug)]
pub struct SessionLayer {
    mount: Mount,
    look: Look,
}

/// Makes the answers to errors of the session; `None`: a line of text.
#[derive(Clone)]
struct Look(Option<Arc<MakeAnswer>>);

type MakeAnswer = dyn Fn(Error) -> Response + Send + Sync;

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "the application's" } else { "plain" })
    }
}

impl Look {
    /// The same for a handler's result: an error of the session becomes an answer, and any other stays an error.
    #[inline(never)]
    fn of(&self, answer: Result<impl IntoResponse>) -> Result<Response> {
        let mut answer = match answer {
            Ok(answer) => answer.into_response(),
            Err(error) => answer_to(&error).ok_or(error)?,
        };
        self.apply(&mut answer);
        Ok(answer)
    }

    /// Formats an answer to an error of the session as the application does.
    fn apply(&self, answer: &mut Response) {
        let Some(make) = &self.0 else { return };
        let Some(error) = answer.extensions().get::<Error>().copied() else { return };
        let mut made = make(error);
        if made.status() == StatusCode::OK {
            made.set_status(answer.status());
        }
        rejection::keep_headers(answer.headers(), made.headers_mut());
        // an outer middleware finds it there as well
        made.extensions_mut().insert(error);
        *answer = made;
    }
}

/// The answer to an error of the session. Poem's own conversion would lose its extensions.
fn answer_to(error: &poem::Error) -> Option<Response> {
    match (error.downcast_ref::<SessionRejection>(), error.downcast_ref::<NotSignedIn>()) {
        (Some(failed), _) => Some(failed.as_response()),
        (_, Some(refused)) => Some(refused.as_response()),
        _ => None,
    }
}

impl SessionLayer {
    /// Creates a layer for the sessions of an application.
    #[must_use]
    pub fn new(sessions: Sessions) -> Self {
        Self { mount: Mount::new(sessions), look: Look(None) }
    }

    /// Sets the response for every error of the session, whether this layer, an extractor,
    /// [`Authenticated`](crate::Authenticated), or a handler with `?` produced it. A response with status 200 gets the
    /// status of the error. A catcher inside this layer sees errors of handlers and extractors first.
    ///
    /// ```
    /// use poem::web::Html;
    /// use session_poem::{Error, MemoryStore, SessionLayer, Sessions, keys};
    ///
    /// let sessions = Sessions::new(MemoryStore::new(), keys::generated());
    /// let layer = SessionLayer::new(sessions).on_error(|error: Error| Html(format!("<h1>Sorry</h1><p>{error}")));
    /// ```
    #[must_use]
    pub fn on_error<A: IntoResponse>(self, answer: impl Fn(Error) -> A + Send + Sync + 'static) -> Self {
        Self { look: Look(Some(Arc::new(move |error| answer(error).into_response()))), ..self }
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
    pub fn client_address(
        self,
        find: impl Fn(&HeaderMap, &Extensions) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        Self { mount: self.mount.client_address(find), ..self }
    }
}

impl<E: Endpoint> Middleware<E> for SessionLayer {
    type Output = SessionEndpoint<E>;

    fn transform(&self, inner: E) -> SessionEndpoint<E> {
        SessionEndpoint { inner, layer: self.clone() }
    }
}

/// An endpoint whose handlers have sessions.
#[derive(Debug)]
pub struct SessionEndpoint<E> {
    inner: E,
    layer: SessionLayer,
}

impl<E: Endpoint> Endpoint for SessionEndpoint<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let SessionLayer { mount, look } = &self.layer;
        let peer = request.remote_addr().as_socket_addr().map(SocketAddr::ip);
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        if let Some(answering) = mount.device_answer(method, uri, headers, request.extensions(), peer) {
            let (head, body) = answering.await.into_parts();
            let mut answer = Response::builder().status(head.status).body(body);
            *answer.headers_mut() = head.headers;
            return Ok(answer);
        }
        let begun = mount.begin(method, uri, headers, request.extensions(), peer);
        let begun = match begun {
            Ok(begun) => begun,
            Err(error) => {
                let mut answer = SessionRejection(error).as_response();
                look.apply(&mut answer);
                return Ok(answer);
            }
        };
        mount.provide(&begun, request.extensions_mut());
        let Begun { request: session, joined, .. } = begun;
        let answer = self.inner.call(request).await;
        if joined || session.finish_untouched() {
            return if look.0.is_some() { look.of(answer) } else { answer.map(IntoResponse::into_response) };
        }
        let finished = session.finish().await;
        let mut answer = match (finished.error, answer) {
            (Some(error), _) => SessionRejection(error).as_response(),
            (None, Ok(answer)) => answer.into_response(),
            // an error that does not concern the session is for the outer catchers
            (None, Err(error)) if !finished.varies => return Err(error),
            // an error has no headers, so it becomes an answer here
            (None, Err(error)) => answer_to(&error).unwrap_or_else(|| error.into_response()),
        };
        look.apply(&mut answer);
        headers::apply(finished, answer.headers_mut());
        Ok(answer)
    }
}
