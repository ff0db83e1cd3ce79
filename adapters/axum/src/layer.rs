//! Gives each request a session and stores it before the head of the response is sent.

use std::fmt;
use std::future::{Future, ready};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum_core::BoxError;
use axum_core::body::Body;
use axum_core::response::IntoResponse;
use http::StatusCode;
use http::{Extensions, HeaderMap, Request, Response};
use pin_project_lite::pin_project;
use session_std::mount::{Begun, Mount};
use session_std::{Error, Finished, Sessions, headers, rejection};
use tower_layer::Layer;
use tower_service::Service;

use crate::response::SessionRejection;

/// A layer that gives all handlers inside it sessions: `router.layer(SessionLayer::new(sessions))`.
#[derive(Clone, Debug)]
pub struct SessionLayer {
    mount: Mount,
    look: Look,
}

/// Makes the answers to errors of the session; `None`: a line of text.
#[derive(Clone)]
struct Look(Option<Arc<MakeAnswer>>);

type MakeAnswer = dyn Fn(Error) -> Response<Body> + Send + Sync;

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "the application's" } else { "plain" })
    }
}

impl Look {
    /// Gives the application's look to an answer that is an error of the session.
    fn apply(&self, answer: &mut Response<Body>) {
        let Some(make) = &self.0 else { return };
        let Some(error) = answer.extensions().get::<Error>().copied() else { return };
        let mut made = make(error);
        if made.status() == StatusCode::OK {
            *made.status_mut() = answer.status();
        }
        rejection::keep_headers(answer.headers(), made.headers_mut());
        // an outer layer finds it there as well
        made.extensions_mut().insert(error);
        *answer = made;
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
    /// status of the error.
    ///
    /// For a response that depends on the request, such as HTML for browsers and JSON for scripts, use a middleware
    /// outside of this layer. It finds the [`Error`] in the extensions of the response.
    ///
    /// ```
    /// use axum::response::Html;
    /// use session_axum::{Error, MemoryStore, SessionLayer, Sessions, keys};
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

    /// Sets how observers find the client's address, for audits. For a server that clients reach directly:
    /// `|_, extensions| extensions.get::<ConnectInfo<SocketAddr>>().map(|from| from.0.ip())`. Behind a proxy, read the
    /// proxy's header.
    #[must_use]
    pub fn client_address(
        self,
        find: impl Fn(&HeaderMap, &Extensions) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        Self { mount: self.mount.client_address(find), ..self }
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> SessionService<S> {
        SessionService { inner, layer: self.clone() }
    }
}

/// A service whose handlers have sessions.
#[derive(Clone, Debug)]
pub struct SessionService<S> {
    inner: S,
    layer: SessionLayer,
}

impl<S, B, A> Service<Request<B>> for SessionService<S>
where
    S: Service<Request<B>, Response = Response<A>>,
    S::Future: Send + 'static,
    A: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    A::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = SessionFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let SessionLayer { mount, look } = &self.layer;
        let (method, uri, headers, extensions) =
            (request.method(), request.uri(), request.headers(), request.extensions());
        if let Some(answering) = mount.device_answer(method, uri, headers, extensions, None) {
            return SessionFuture::answer(async move { answering.await.map(Body::new) });
        }
        match mount.begin(method, uri, headers, extensions, None) {
            Ok(begun) => {
                mount.provide(&begun, request.extensions_mut());
                SessionFuture { step: Step::Handler { look: look.clone(), answering: self.inner.call(request), begun } }
            }
            Err(error) => {
                let mut answer = SessionRejection(error).into_response();
                look.apply(&mut answer);
                SessionFuture::answer(ready(answer))
            }
        }
    }
}

pin_project! {
    /// The handler's response, completed with its session. Costs one allocation if a handler uses the session and the
    /// store waits.
    pub struct SessionFuture<F> {
        #[pin]
        step: Step<F>,
    }
}

pin_project! {
    #[project = StepNow]
    enum Step<F> {
        /// The handler makes its answer.
        Handler {
            #[pin]
            answering: F,
            begun: Begun,
            look: Look,
        },
        /// The work after it, or the layer's own answer.
        Answer { answer: Pin<Box<dyn Future<Output = Response<Body>> + Send>> },
    }
}

impl<F> SessionFuture<F> {
    fn answer(answer: impl Future<Output = Response<Body>> + Send + 'static) -> Self {
        Self { step: Step::Answer { answer: Box::pin(answer) } }
    }
}

/// Completes the answer with what its session says.
fn conclude(finished: Finished, answer: &mut Response<Body>, look: &Look) {
    if let Some(error) = finished.error {
        *answer = SessionRejection(error).into_response();
    }
    look.apply(answer);
    headers::apply(finished, answer.headers_mut());
}

impl<F, A, E> Future for SessionFuture<F>
where
    F: Future<Output = Result<Response<A>, E>>,
    A: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    A::Error: Into<BoxError>,
{
    type Output = Result<Response<Body>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut step = self.project().step;
        loop {
            match step.as_mut().project() {
                StepNow::Answer { answer } => return answer.as_mut().poll(context).map(Ok),
                StepNow::Handler { answering, begun: Begun { request, joined, .. }, look } => {
                    let mut answer = ready!(answering.poll(context))?.map(Body::new);
                    if *joined || request.finish_untouched() {
                        look.apply(&mut answer);
                        return Poll::Ready(Ok(answer));
                    }
                    if let Some(finished) = request.finish_at_once() {
                        conclude(finished, &mut answer, look);
                        return Poll::Ready(Ok(answer));
                    }
                    let (request, look) = (request.clone(), look.clone());
                    let answer = async move {
                        conclude(request.finish().await, &mut answer, &look);
                        answer
                    };
                    step.set(Step::Answer { answer: Box::pin(answer) });
                }
            }
        }
    }
}
