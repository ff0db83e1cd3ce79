//! Lends each request a place for its session and stores it before the head of the answer is written.

use picoserve::ResponseSent;
use picoserve::io::Read;
use picoserve::request::RequestParts;
use picoserve::response::{ResponseWriter, StatusCode};
use picoserve::routing::{Layer, Next};
use session_core::pool::Requests;

use crate::extract::WithSession;
use crate::response::{CROWDED_OUT, Committing, SessionHeaders, refuse};

/// Sessions for all handlers inside: `router.layer(SessionLayer::new(&pool))`.
pub struct SessionLayer<'p, P>(&'p P);

impl<'p, P: Requests> SessionLayer<'p, P> {
    /// Sessions of `pool`, which has as many places as there are connections.
    pub const fn new(pool: &'p P) -> Self {
        Self(pool)
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
        _: RequestParts<'_>,
        response_writer: W,
    ) -> Result<ResponseSent, W::Error>
    where
        W: ResponseWriter<Error = R::Error>,
    {
        let Some(lease) = self.0.lease() else {
            let connection = next.into_connection().await?;
            let none = SessionHeaders { cookie: None, varies: false };
            return refuse(connection, response_writer, StatusCode::SERVICE_UNAVAILABLE, &CROWDED_OUT, none).await;
        };
        let state = WithSession { app: state.clone(), handle: lease.handle() };
        next.run(&state, path_parameters, Committing { lease, inner: response_writer }).await
    }
}
