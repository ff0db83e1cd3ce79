//! Gives each request a session and stores it before the head of the response is sent.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::{Extensions, HeaderMap, StatusCode};
use salvo_core::http::ResBody;
use salvo_core::{Depot, FlowCtrl, Handler, Request, Response, Scribe, async_trait};
use session_std::mount::{Begun, Mount};
use session_std::{Error, Sessions, headers};

use crate::response::{SessionRejection, clear, redirect, replace};

/// A hoop that gives all handlers after it sessions: `Service::new(router).hoop(SessionLayer::new(sessions))`.
///
/// A hoop of a router works as well. But Salvo calls it for the paths of that router only, so the endpoint of
/// device-bound sessions needs the hoop of a service.
#[derive(Clone, Debug)]
pub struct SessionLayer {
    mount: Mount,
    look: Look,
}

/// What makes the answers that are errors of the session; `None`: a line of text.
#[derive(Clone)]
struct Look(Option<Arc<Render>>);

type Render = dyn Fn(Error, &mut Response) + Send + Sync;

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "the application's" } else { "plain" })
    }
}

impl Look {
    /// Gives the application's look to an answer that is an error of the session.
    fn apply(&self, response: &mut Response) {
        let Some(render) = &self.0 else { return };
        let Some(error) = response.extensions.get::<Error>().copied() else { return };
        let status = response.status_code.unwrap_or_default();
        clear(response, status);
        render(error, response);
        if response.status_code == Some(StatusCode::OK) {
            response.status_code(status);
        }
    }
}

impl SessionLayer {
    /// Creates a layer for the sessions of an application.
    #[must_use]
    pub fn new(sessions: Sessions) -> Self {
        Self { mount: Mount::new(sessions), look: Look(None) }
    }

    /// Sets the response for every error of the session, whether this layer, an extractor,
    /// [`Authenticated`](crate::Authenticated), or a handler with `?` produced it. A response without a status, or with
    /// status 200, gets the status of the error.
    ///
    /// ```
    /// use salvo::writing::Text;
    /// use session_salvo::{Error, MemoryStore, SessionLayer, Sessions, keys};
    ///
    /// let sessions = Sessions::new(MemoryStore::new(), keys::generated());
    /// let page = |error: Error| Text::Html(format!("<h1>Sorry</h1><p>{error}"));
    /// let layer = SessionLayer::new(sessions).on_error(page);
    /// ```
    #[must_use]
    pub fn on_error<A: Scribe>(self, answer: impl Fn(Error) -> A + Send + Sync + 'static) -> Self {
        Self { look: Look(Some(Arc::new(move |error, response| answer(error).render(response)))), ..self }
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

#[async_trait]
impl Handler for SessionLayer {
    async fn handle(&self, request: &mut Request, depot: &mut Depot, response: &mut Response, flow: &mut FlowCtrl) {
        let Self { mount, look } = self;
        let peer = request.remote_addr().ip();
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        if let Some(answering) = mount.device_answer(method, uri, headers, request.extensions(), peer) {
            flow.skip_rest();
            let (head, body) = answering.await.into_parts();
            response.status_code(head.status);
            response.headers_mut().extend(head.headers);
            response.body(ResBody::Once(body.into()));
            return;
        }
        let begun = match mount.begin(method, uri, headers, request.extensions(), peer) {
            Ok(begun) => begun,
            Err(error) => {
                flow.skip_rest();
                SessionRejection(error).render(response);
                return look.apply(response);
            }
        };
        mount.provide(&begun, request.extensions_mut());
        let Begun { request: session, joined, .. } = begun;
        // those of hoops outside, for an answer that replaces the handler's
        let outside = response.headers().clone();
        flow.call_next(request, depot, response).await;
        redirect(response);
        if joined || session.finish_untouched() {
            return look.apply(response);
        }
        let finished = session.finish().await;
        if let Some(error) = finished.error {
            replace(response, outside, error);
        }
        look.apply(response);
        headers::apply(finished, response.headers_mut());
    }
}
