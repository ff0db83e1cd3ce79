//! Layers over requests of the `http` crate: what they leave in a request's extensions, and what extractors find there.

use std::sync::Arc;

use http::header::COOKIE;
use http::{Extensions, HeaderMap, HeaderValue};
use session_core::Error;

use crate::extract::FromSession;
use crate::session::Request;
use crate::sessions::Sessions;

/// What a layer is made of.
#[derive(Clone, Debug)]
pub struct Mount {
    sessions: Sessions,
    sign_in_at: Option<Arc<str>>,
}

/// What it leaves in a request's extensions.
#[derive(Clone)]
struct Mounted {
    request: Request,
    sign_in_at: Option<Arc<str>>,
}

impl Mount {
    /// Mounts the sessions of an application.
    #[must_use]
    pub const fn new(sessions: Sessions) -> Self {
        Self { sessions, sign_in_at: None }
    }

    /// Names the page for visitors who are not signed in.
    #[must_use]
    pub fn sign_in_at(self, page: &str) -> Self {
        Self { sign_in_at: Some(page.into()), ..self }
    }

    /// Makes the request's session reachable for its handler. The layer finishes it after the handler.
    #[must_use]
    pub fn begin(&self, extensions: &mut Extensions) -> Request {
        let request = Request::new(self.sessions.clone());
        extensions.insert(Mounted { request: request.clone(), sign_in_at: self.sign_in_at.clone() });
        request
    }
}

/// Returns what a handler asks for. [`Error::NotMounted`] outside of every layer.
pub async fn extract<T: FromSession>(headers: &HeaderMap, extensions: &Extensions) -> Result<T, Error> {
    let mounted = extensions.get::<Mounted>().ok_or(Error::NotMounted)?;
    // all Cookie lines are one (CP1)
    mounted.request.extract(headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes)).await
}

/// Returns the page for visitors who are not signed in.
#[must_use]
pub fn sign_in_page(extensions: &Extensions) -> Option<Arc<str>> {
    extensions.get::<Mounted>()?.sign_in_at.clone()
}
