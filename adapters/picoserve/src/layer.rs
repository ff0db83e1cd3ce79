//! Lends each request a slot for its session and stores it before the head of the answer is written.

use core::fmt::Display;

use picoserve::ResponseSent;
use picoserve::io::Read;
use picoserve::request::RequestParts;
use picoserve::response::{ResponseWriter, StatusCode};
use picoserve::routing::{Layer, Next};
use session_core::Error;
use session_core::cross_site::Sent;
use session_embedded::{CROWDED_OUT, CrossSite, Finished, Requests, SlotGuard};

use crate::extract::WithSession;
use crate::response::{Committing, refuse};

/// Sessions for all handlers inside: `router.layer(SessionLayer::new(&pool))`.
pub struct SessionLayer<'p, P> {
    pool: &'p P,
    cross_site: CrossSite<'p>,
}

impl<'p, P: Requests> SessionLayer<'p, P> {
    /// Creates a layer that gives the handlers inside it sessions from `pool`. The pool needs as many slots as there
    /// are connections.
    pub const fn new(pool: &'p P) -> Self {
        Self { pool, cross_site: CrossSite::PASS }
    }

    /// Rejects requests that another site causes with 403, except for the origins in `trusted`. Write these as browsers
    /// do: `http://oven.local`.
    ///
    /// Browsers state in headers where a request comes from. A request without such headers passes, and so do `GET`,
    /// `HEAD` and `OPTIONS`, which must not change anything. The check needs neither a token nor a session, so it also
    /// protects a sign-in form. See [`session_core::cross_site`].
    #[must_use]
    pub const fn refuse_cross_site(self, trusted: &'p [&'p str]) -> Self {
        Self { cross_site: CrossSite::refused_but_from(trusted), ..self }
    }
}

impl<'p, P: Requests, A: Clone, PathParameters> Layer<A, PathParameters> for SessionLayer<'p, P> {
    type NextState = WithSession<'p, A, P>;
    type NextPathParameters = PathParameters;

    async fn call_layer<'a, R: Read + 'a, N: Next<'a, R, Self::NextState, PathParameters>, W>(
        &self,
        next: N,
        state: &A,
        path_parameters: PathParameters,
        parts: RequestParts<'_>,
        response_writer: W,
    ) -> Result<ResponseSent, W::Error>
    where
        W: ResponseWriter<Error = R::Error>,
    {
        let cross_site = self.cross_site.refuses(self.pool.sessions(), || {
            let value = |name| parts.headers().get(name).map(|value| value.as_raw());
            Sent {
                method: parts.method(),
                fetch_site: value("sec-fetch-site"),
                origin: value("origin"),
                host: value("host"),
                upgrades: value("upgrade").is_some(),
            }
        });
        let guard = if cross_site { None } else { SlotGuard::lend(self.pool) };
        let Some(guard) = guard else {
            let connection = next.into_connection().await?;
            let (status, why): (_, &dyn Display) = match cross_site {
                true => (StatusCode::FORBIDDEN, &Error::CrossSite),
                false => (StatusCode::SERVICE_UNAVAILABLE, &CROWDED_OUT),
            };
            return refuse(connection, response_writer, status, why, Finished::default()).await;
        };
        let state = WithSession { app: state.clone(), slot: guard.slot() };
        next.run(&state, path_parameters, Committing { guard, inner: response_writer }).await
    }
}
