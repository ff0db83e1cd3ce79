//! Makes a request's session reachable for its handler, and stores it before the answer's head is sent.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum_core::BoxError;
use axum_core::body::Body;
use axum_core::response::IntoResponse;
use http::{Request, Response};
use session_std::{Sessions, headers};
use tower_layer::Layer;
use tower_service::Service;

use crate::extract::Mounted;
use crate::response::Failed;

/// Sessions for all handlers inside: `router.layer(SessionLayer::new(sessions))`.
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

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> SessionService<S> {
        SessionService { inner, layer: self.clone() }
    }
}

/// A service with sessions.
#[derive(Clone, Debug)]
pub struct SessionService<S> {
    inner: S,
    layer: SessionLayer,
}

impl<S, B, A> Service<Request<B>> for SessionService<S>
where
    S: Service<Request<B>, Response = Response<A>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    A: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    A::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let session = session_std::Request::new(self.layer.sessions.clone());
        let mounted = Mounted { request: session.clone(), sign_in_at: self.layer.sign_in_at.clone() };
        request.extensions_mut().insert(mounted);
        // the one that was polled ready is used, its clone stays
        let clone = self.inner.clone();
        let mut ready = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let answer = ready.call(request).await?;
            let finished = session.finish().await;
            let mut answer = match finished.error {
                Some(error) => Failed(error).into_response(),
                None => answer.map(Body::new),
            };
            headers::apply(&finished, answer.headers_mut());
            Ok(answer)
        })
    }
}
