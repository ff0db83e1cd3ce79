//! Makes a request's session reachable for its handler, and stores it before the answer's head is sent.

use std::sync::Arc;

use poem::error::ResponseError;
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};
use session_std::{Sessions, headers};

use crate::extract::Mounted;
use crate::response::SessionRejection;

/// Sessions for all handlers inside: `route.with(SessionLayer::new(sessions))`.
#[derive(Clone, Debug)]
pub struct SessionLayer {
    sessions: Sessions,
    sign_in_at: Option<Arc<str>>,
}

impl SessionLayer {
    /// Sessions of an application.
    #[must_use]
    pub const fn new(sessions: Sessions) -> Self {
        Self { sessions, sign_in_at: None }
    }

    /// Handlers that want [`Authenticated`](crate::Authenticated) send everybody else to this page, instead of a 401.
    #[must_use]
    pub fn sign_in_at(self, page: &str) -> Self {
        Self { sign_in_at: Some(page.into()), ..self }
    }
}

impl<E: Endpoint> Middleware<E> for SessionLayer {
    type Output = SessionEndpoint<E>;

    fn transform(&self, inner: E) -> SessionEndpoint<E> {
        SessionEndpoint { inner, layer: self.clone() }
    }
}

/// An endpoint with sessions.
#[derive(Debug)]
pub struct SessionEndpoint<E> {
    inner: E,
    layer: SessionLayer,
}

impl<E: Endpoint> Endpoint for SessionEndpoint<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let session = session_std::Request::new(self.layer.sessions.clone());
        let mounted = Mounted { request: session.clone(), sign_in_at: self.layer.sign_in_at.clone() };
        request.extensions_mut().insert(mounted);
        let answer = self.inner.call(request).await;
        let finished = session.finish().await;
        let mut answer = match (finished.error, answer) {
            (Some(error), _) => SessionRejection(error).as_response(),
            (None, Ok(answer)) => answer.into_response(),
            // an error that has nothing to do with a session is for the catchers outside
            (None, Err(error)) if !finished.varies => return Err(error),
            // an error has no place for headers: from here on it is an answer
            (None, Err(error)) => error.into_response(),
        };
        headers::apply(finished, answer.headers_mut());
        Ok(answer)
    }
}
