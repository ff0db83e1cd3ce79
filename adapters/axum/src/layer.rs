//! Makes a request's session reachable for its handler, and stores it before the answer's head is sent.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum_core::BoxError;
use axum_core::body::Body;
use axum_core::response::IntoResponse;
use http::{Extensions, HeaderMap, Request, Response};
use pin_project_lite::pin_project;
use session_std::device::Answering;
use session_std::mount::{Begun, Mount};
use session_std::{Error, Finished, Sessions, headers};
use tower_layer::Layer;
use tower_service::Service;

use crate::response::SessionRejection;

/// Sessions for all handlers inside: `router.layer(SessionLayer::new(sessions))`.
#[derive(Clone, Debug)]
pub struct SessionLayer(Mount);

impl SessionLayer {
    /// Sessions of an application.
    #[must_use]
    pub const fn new(sessions: Sessions) -> Self {
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

    /// Says where observers find the address of who sent a request, for audits. For a server that clients reach directly:
    /// `|_, extensions| extensions.get::<ConnectInfo<SocketAddr>>().map(|from| from.0.ip())`. Behind a proxy it is in a
    /// header of that proxy.
    #[must_use]
    pub fn client_address(
        self,
        find: impl Fn(&HeaderMap, &Extensions) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        Self(self.0.client_address(find))
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> SessionService<S> {
        SessionService { inner, mount: self.0.clone() }
    }
}

/// A service with sessions.
#[derive(Clone, Debug)]
pub struct SessionService<S> {
    inner: S,
    mount: Mount,
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
        let (headers, extensions) = (request.headers(), request.extensions());
        let endpoint = self.mount.device_answer(request.method(), request.uri(), headers, extensions, None);
        if endpoint.is_some() {
            let session = Err(Error::NotMounted);
            return SessionFuture { answering: None, session, answer: None, finishing: None, endpoint };
        }
        match self.mount.begin(request.method(), request.uri(), request.headers(), request.extensions(), None) {
            Ok(begun) => {
                self.mount.provide(&begun, request.extensions_mut());
                let answering = self.inner.call(request);
                SessionFuture {
                    answering: Some(answering),
                    session: Ok(begun),
                    answer: None,
                    finishing: None,
                    endpoint,
                }
            }
            Err(error) => {
                SessionFuture { answering: None, session: Err(error), answer: None, finishing: None, endpoint }
            }
        }
    }
}

pin_project! {
    /// An answer, and then what its session says. Costs an allocation if a handler asked for the session.
    pub struct SessionFuture<F> {
        #[pin]
        answering: Option<F>,
        session: Result<Begun, Error>,
        answer: Option<Response<Body>>,
        finishing: Option<Pin<Box<dyn Future<Output = Finished> + Send>>>,
        endpoint: Option<Answering>,
    }
}

impl<F, A, E> Future for SessionFuture<F>
where
    F: Future<Output = Result<Response<A>, E>>,
    A: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    A::Error: Into<BoxError>,
{
    type Output = Result<Response<Body>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(endpoint) = this.endpoint {
            return Poll::Ready(Ok(ready!(endpoint.as_mut().poll(context)).map(Body::new)));
        }
        let (Begun { request: session, joined, .. }, answering) = match (&*this.session, this.answering.as_pin_mut()) {
            (Ok(session), Some(answering)) => (session, answering),
            (refused, _) => {
                let error = refused.as_ref().err().copied().unwrap_or(Error::NotMounted);
                return Poll::Ready(Ok(SessionRejection(error).into_response()));
            }
        };
        let finishing = match this.finishing {
            Some(finishing) => finishing,
            None => {
                let answer = ready!(answering.poll(context))?.map(Body::new);
                if *joined || session.finish_untouched() {
                    return Poll::Ready(Ok(answer));
                }
                let session = session.clone();
                *this.answer = Some(answer);
                // written where it stays: the future is larger than what it has in the beginning
                let finishing = Box::write(Box::new_uninit(), async move { session.finish().await });
                this.finishing.insert(Box::into_pin(finishing as Box<dyn Future<Output = Finished> + Send>))
            }
        };
        let finished = ready!(finishing.as_mut().poll(context));
        let answer = this.answer.take().unwrap_or_default();
        let mut answer = finished.error.map_or(answer, |error| SessionRejection(error).into_response());
        headers::apply(finished, answer.headers_mut());
        Poll::Ready(Ok(answer))
    }
}
