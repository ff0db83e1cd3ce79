//! Lends each request a slot for its session and stores it before the head of the answer is written.

use picoserve::ResponseSent;
use picoserve::io::Read;
use picoserve::request::RequestParts;
use picoserve::response::{ResponseWriter, StatusCode};
use picoserve::routing::{Layer, Next};
use session_embedded::{CROWDED_OUT, Finished, Requests, SlotGuard};

use crate::extract::WithSession;
use crate::response::{Committing, refuse};

/// Sessions for all handlers inside: `router.layer(SessionLayer::new(&pool))`.
pub struct SessionLayer<'p, P>(&'p P);

impl<'p, P: Requests> SessionLayer<'p, P> {
    /// Sessions of `pool`, which has as many slots as there are connections.
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
        let Some(guard) = SlotGuard::lend(self.0) else {
            let connection = next.into_connection().await?;
            let none = Finished { error: None, cookie: None, varies: false };
            return refuse(connection, response_writer, StatusCode::SERVICE_UNAVAILABLE, &CROWDED_OUT, none).await;
        };
        let state = WithSession { app: state.clone(), slot: guard.slot() };
        next.run(&state, path_parameters, Committing { guard, inner: response_writer }).await
    }
}
