//! The data that the fairing and the guards of a request share: Rocket's state and the request's cache.

use std::net::IpAddr;
use std::sync::OnceLock;

use rocket::Request;
use session_std::events::Origin;
use session_std::{Error, Sessions};

use crate::look::Look;

/// Finds the address of the sender of a request.
pub(crate) type ClientAddress = fn(&Request<'_>) -> Option<IpAddr>;

/// The fairing's part of Rocket's state.
pub(crate) struct Mounted {
    pub(crate) sessions: Sessions,
    pub(crate) client_address: ClientAddress,
    pub(crate) look: Look,
}

/// Where a request comes from, for observers.
pub(crate) fn origin(request: &Request<'_>, client_address: ClientAddress) -> Origin {
    let user_agent = request.headers().get_one("User-Agent").map(str::as_bytes);
    Origin::with_agent(client_address(request), user_agent)
}

/// A request's session, in the request's cache: `None` if no guard requested one before the answer was made.
pub(crate) struct RequestCache(Option<session_std::Request>);

impl RequestCache {
    /// Returns the request's session for a guard that asks for it.
    pub(crate) fn ask<'r>(request: &'r Request<'_>) -> Result<&'r session_std::Request, Error> {
        let Mounted { sessions, client_address, .. } = request.rocket().state().ok_or(Error::NotMounted)?;
        let Self(asked) = request.local_cache(|| {
            Self(Some(session_std::Request::from_origin(sessions, || origin(request, *client_address))))
        });
        asked.as_ref().ok_or(Error::NotMounted)
    }

    /// Returns the request's session if a guard has asked for it. After this call, no guard can.
    pub(crate) fn asked_for<'r>(request: &'r Request<'_>) -> Option<&'r session_std::Request> {
        request.local_cache(|| Self(None)).0.as_ref()
    }
}

/// The first error of the session that a guard of this request met, in the request's cache.
pub(crate) struct Failed(OnceLock<Error>);

impl Failed {
    fn of<'r>(request: &'r Request<'_>) -> &'r OnceLock<Error> {
        &request.local_cache(|| Self(OnceLock::new())).0
    }

    pub(crate) fn remember(request: &Request<'_>, error: Error) {
        Self::of(request).get_or_init(|| error);
    }

    pub(crate) fn get(request: &Request<'_>) -> Option<Error> {
        Self::of(request).get().copied()
    }
}
