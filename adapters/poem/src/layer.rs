//! Makes a request's session reachable for its handler, and stores it before the answer's head is sent.

use std::net::{IpAddr, SocketAddr};

use http::{Extensions, HeaderMap};
use poem::error::ResponseError;
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};
use session_std::mount::{Begun, Mount};
use session_std::{Sessions, headers};

use crate::response::SessionRejection;

/// Sessions for all handlers inside: `route.with(SessionLayer::new(sessions))`.
#[derive(Clone, Debug)]
pub struct SessionLayer(Mount);

impl SessionLayer {
    /// Sessions of an application.
    #[must_use]
    pub fn new(sessions: Sessions) -> Self {
        Self(Mount::new(sessions))
    }

    /// Sends browsers that want a page for [`Authenticated`](crate::Authenticated) visitors to this page, with what they
    /// wanted in the parameter `next`: see [`sign_in`](session_std::sign_in). Requests of scripts and programs are answered
    /// 401, as all are without this.
    #[must_use]
    pub fn sign_in_at(self, page: &str) -> Self {
        Self(self.0.sign_in_at(page))
    }

    /// Refuses requests that another site causes (403), but for those of the origins in `trusted`, each written as browsers
    /// do: `https://example.org`. A browser says in headers where a request comes from; one without such headers passes, and
    /// so do `GET`, `HEAD` and `OPTIONS`, which must not change anything. See [`cross_site`].
    ///
    /// [`cross_site`]: session_std::cross_site
    #[must_use]
    pub fn refuse_cross_site(self, trusted: &[&str]) -> Self {
        Self(self.0.refuse_cross_site(trusted))
    }

    /// Says where observers find the address of who sent a request, for audits: behind a proxy, in a header of that proxy.
    /// Without this it is the peer of the connection.
    #[must_use]
    pub fn client_address(
        self,
        find: impl Fn(&HeaderMap, &Extensions) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        Self(self.0.client_address(find))
    }
}

impl<E: Endpoint> Middleware<E> for SessionLayer {
    type Output = SessionEndpoint<E>;

    fn transform(&self, inner: E) -> SessionEndpoint<E> {
        SessionEndpoint { inner, mount: self.0.clone() }
    }
}

/// An endpoint with sessions.
#[derive(Debug)]
pub struct SessionEndpoint<E> {
    inner: E,
    mount: Mount,
}

impl<E: Endpoint> Endpoint for SessionEndpoint<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let peer = request.remote_addr().as_socket_addr().map(SocketAddr::ip);
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        if let Some(answering) = self.mount.device_answer(method, uri, headers, request.extensions(), peer) {
            let (head, body) = answering.await.into_parts();
            let mut answer = Response::builder().status(head.status).body(body);
            *answer.headers_mut() = head.headers;
            return Ok(answer);
        }
        let begun = self.mount.begin(method, uri, headers, request.extensions(), peer);
        let begun = match begun {
            Ok(begun) => begun,
            Err(error) => return Ok(SessionRejection(error).as_response()),
        };
        self.mount.provide(&begun, request.extensions_mut());
        let Begun { request: session, joined, .. } = begun;
        let answer = self.inner.call(request).await;
        if joined || session.finish_untouched() {
            return answer.map(IntoResponse::into_response);
        }
        let finished = session.finish().await;
        let mut answer = match (finished.error, answer) {
            (Some(error), _) => SessionRejection(error).as_response(),
            (None, Ok(answer)) => answer.into_response(),
            // an error that has nothing to do with a session is for the catchers outside
            (None, Err(error)) if !finished.varies => return Err(error),
            // an error has no place for headers: from here on it is an answer
            (None, Err(error)) => match error.downcast_ref() {
                // Poem's way there loses the extensions
                Some(SessionRejection(error)) => SessionRejection(*error).as_response(),
                None => error.into_response(),
            },
        };
        headers::apply(finished, answer.headers_mut());
        Ok(answer)
    }
}
