//! The answer: commit, cookie, headers, and error pages.

use core::fmt;

use picoserve::ResponseSent;
use picoserve::io::Read;
use picoserve::response::{
    Body, Connection, ForEachHeader, HeadersIter, IntoResponse, Response, ResponseWriter, StatusCode,
};
use session_core::Error;
use session_embedded::{Finished, Requests, SlotGuard};

/// An error of the session as a response: its status and one line of text. `?` converts an [`Error`] to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRejection(
    /// The error.
    pub Error,
);

impl From<Error> for SessionRejection {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl fmt::Display for SessionRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl IntoResponse for SessionRejection {
    async fn write_to<R: Read, W: ResponseWriter<Error = R::Error>>(
        self,
        connection: Connection<'_, R>,
        response_writer: W,
    ) -> Result<ResponseSent, W::Error> {
        let status = StatusCode::new(self.0.status());
        response_writer.write_response(connection, Response::new(status, format_args!("{}\n", self.0))).await
    }
}

/// Commits before the head of the answer is written, whatever its status; an error replaces the answer. Then returns
/// the slot, so that the body does not keep it.
pub(crate) struct Committing<'p, P: Requests, W> {
    pub(crate) guard: SlotGuard<'p, P>,
    pub(crate) inner: W,
}

impl<P: Requests, W: ResponseWriter> ResponseWriter for Committing<'_, P, W> {
    type Error = W::Error;

    async fn write_response<R: Read<Error = Self::Error>, H: HeadersIter, B: Body>(
        self,
        connection: Connection<'_, R>,
        response: Response<H, B>,
    ) -> Result<ResponseSent, Self::Error> {
        let mut line = self.guard.line();
        let finished = self.guard.finish(line.as_mut()).await;
        match finished.error {
            None => self.inner.write_response(connection, response.with_headers(SessionHeaders(finished))).await,
            Some(error) => refuse(connection, self.inner, StatusCode::new(error.status()), &error, finished).await,
        }
    }
}

/// The layer's own answer. One function and one type of answer for all of them: each type is a kilobyte on a board.
pub(crate) async fn refuse<R: Read, W: ResponseWriter<Error = R::Error>>(
    connection: Connection<'_, R>,
    response_writer: W,
    status: StatusCode,
    why: &dyn fmt::Display,
    finished: Finished<'_>,
) -> Result<ResponseSent, W::Error> {
    response_writer
        .write_response(
            connection,
            Response::new(status, format_args!("{why}\n")).with_headers(SessionHeaders(finished)),
        )
        .await
}

/// The headers that the session adds to the answer.
struct SessionHeaders<'l>(Finished<'l>);

impl HeadersIter for SessionHeaders<'_> {
    async fn for_each_header<F: ForEachHeader>(self, mut each: F) -> Result<F::Output, F::Error> {
        for (name, value) in self.0.headers() {
            each.call(name, value).await?;
        }
        each.finalize().await
    }
}
