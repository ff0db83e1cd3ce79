//! What becomes of the answer: commit, cookie, headers, and error pages.

use core::fmt;

use picoserve::ResponseSent;
use picoserve::io::Read;
use picoserve::response::{
    Body, Connection, ForEachHeader, HeadersIter, IntoResponse, Response, ResponseWriter, StatusCode,
};
use session_core::Error;
use session_core::pool::{Lease, Requests};

/// An error of the session as an answer: its status and one line of text. `?` makes it of an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRejection(
    /// What went wrong.
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

/// More requests at once than the pool has places.
pub(crate) const CROWDED_OUT: &str = "more requests at once than the session pool has places: give it one a connection";

/// Commits before the head of the answer is written, whatever its status; an error replaces the answer. The request's
/// place is given back then, so that whoever still uses the session, in the body, is told that it is over.
pub(crate) struct Committing<'p, P: Requests, W> {
    pub(crate) lease: Lease<'p, P>,
    pub(crate) inner: W,
}

impl<P: Requests, W: ResponseWriter> ResponseWriter for Committing<'_, P, W> {
    type Error = W::Error;

    async fn write_response<R: Read<Error = Self::Error>, H: HeadersIter, B: Body>(
        self,
        connection: Connection<'_, R>,
        response: Response<H, B>,
    ) -> Result<ResponseSent, Self::Error> {
        let committed = self.lease.commit().await;
        let mut line = self.lease.line();
        let written = self.lease.set_cookie(line.as_mut());
        let headers = SessionHeaders { cookie: written.unwrap_or_default(), varies: self.lease.varies() };
        drop(self.lease);
        match committed.and(written.map(|_| ())) {
            Ok(()) => self.inner.write_response(connection, response.with_headers(headers)).await,
            Err(error) => refuse(connection, self.inner, StatusCode::new(error.status()), &error, headers).await,
        }
    }
}

/// The layer's own answer. One function and one type of answer for all of them: each type is a kilobyte on a board.
pub(crate) async fn refuse<R: Read, W: ResponseWriter<Error = R::Error>>(
    connection: Connection<'_, R>,
    response_writer: W,
    status: StatusCode,
    why: &dyn fmt::Display,
    headers: SessionHeaders<'_>,
) -> Result<ResponseSent, W::Error> {
    response_writer
        .write_response(connection, Response::new(status, format_args!("{why}\n")).with_headers(headers))
        .await
}

/// `Set-Cookie` with `Cache-Control: no-store`, and `Vary: Cookie` (CK9). They stand in lines of their own beside what
/// the handler set: all three are lists, so that the lines add up.
pub(crate) struct SessionHeaders<'c> {
    pub(crate) cookie: Option<&'c str>,
    pub(crate) varies: bool,
}

impl HeadersIter for SessionHeaders<'_> {
    async fn for_each_header<F: ForEachHeader>(self, mut each: F) -> Result<F::Output, F::Error> {
        if let Some(cookie) = self.cookie {
            each.call("Set-Cookie", cookie).await?;
            each.call("Cache-Control", "no-store").await?;
        }
        if self.varies {
            each.call("Vary", "Cookie").await?;
        }
        each.finalize().await
    }
}
