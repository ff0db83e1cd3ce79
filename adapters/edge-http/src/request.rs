//! The request as a handler sees it: with its session, and with the methods to answer it.

use core::fmt::Display;

use edge_http::io::server::Connection;
use edge_http::{ConnectionType, Method, RequestHeaders};
use edge_nal::TcpSplit;
use embedded_io_async::{ErrorType, Read, Write};
use session_core::Error;
use session_embedded::{ErrorLine, Finished, HeaderLines, Peek, RequestSession, Requests, SlotGuard};

use crate::response::SessionRejection;

/// The sockets that edge-http serves.
pub trait Socket: Read + Write + TcpSplit {}

impl<T: Read + Write + TcpSplit> Socket for T {}

/// A request with its session. Reading it reads the body. After [`respond`](Self::respond), writing to it writes the
/// response's body.
pub struct Request<'r, 'b, P: Requests, T, const N: usize> {
    connection: &'r mut Connection<'b, T, N>,
    /// Given back before the head of the answer.
    guard: Option<SlotGuard<'r, P>>,
    /// The handler's session. It is kept here and borrowed, so that a handler that uses it after its answer does not
    /// compile.
    session: Option<RequestSession<'r, P>>,
    peek: Option<Peek<'r, P>>,
    task_id: &'r dyn Display,
    replaced: bool,
}

impl<'r, 'b, P: Requests, T: Socket, const N: usize> Request<'r, 'b, P, T, N> {
    pub(crate) const fn new(
        connection: &'r mut Connection<'b, T, N>,
        guard: Option<SlotGuard<'r, P>>,
        task_id: &'r dyn Display,
    ) -> Self {
        Self { connection, guard, session: None, peek: None, task_id, replaced: false }
    }

    /// Returns the server's task that serves this request, for logs.
    #[must_use]
    pub const fn task_id(&self) -> &dyn Display {
        self.task_id
    }

    /// Returns the method, the path and the headers.
    ///
    /// # Errors
    /// An error after the response has begun.
    pub fn headers(&self) -> Result<&RequestHeaders<'b, N>, SessionRejection<T::Error>> {
        Ok(self.connection.headers()?)
    }

    /// Returns the session that the request's cookie names, or an empty one. The first call loads it. Changes are
    /// stored before the head of the response is sent.
    ///
    /// # Errors
    /// [`Error::AnswerSent`] after the response, and errors of the store.
    pub async fn session(&mut self) -> Result<&mut RequestSession<'r, P>, SessionRejection<T::Error>> {
        let session = self.load(true).await?;
        Ok(self.session.insert(session))
    }

    /// Returns a read-only view of the session, which does not count as activity.
    ///
    /// # Errors
    /// As for [`session`](Self::session).
    pub async fn peek(&mut self) -> Result<&mut Peek<'r, P>, SessionRejection<T::Error>> {
        let session = self.load(false).await?;
        Ok(self.peek.insert(Peek::of(session)))
    }

    async fn load(&mut self, activity: bool) -> Result<RequestSession<'r, P>, SessionRejection<T::Error>> {
        self.take_back();
        let slot = self.guard.as_ref().ok_or(Error::AnswerSent)?.slot();
        Ok(slot.session(cookie_lines(self.headers()?), activity).await?)
    }

    fn take_back(&mut self) {
        (self.session, self.peek) = (None, None);
    }

    /// Stores the session and then sends the head of the response: at most 16 header lines from the handler, and
    /// `Set-Cookie`, `Cache-Control: no-store`, `Vary: Cookie` and `Clear-Site-Data` as the session needs them. Write
    /// the body to the request afterwards.
    ///
    /// If the future is dropped, no response is sent, and the change was stored or not.
    ///
    /// # Errors
    /// If the session cannot be stored, the error's page is sent instead. Return the error from the handler.
    pub async fn respond(&mut self, status: u16, headers: &[(&str, &str)]) -> Result<(), SessionRejection<T::Error>> {
        self.begin(status, HeaderLines::of(headers)?).await
    }

    /// Sends a whole response: [`respond`](Self::respond) with `Content-Length`, and the body unless the method is
    /// `HEAD`.
    pub async fn send(
        &mut self,
        status: u16,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<(), SessionRejection<T::Error>> {
        let mut lines = HeaderLines::of(headers)?;
        let mut digits = [0; 20];
        lines.push("Content-Length", decimal(body.len(), &mut digits));
        let head_only = self.headers()?.method == Method::Head;
        if head_only && !lines.has("Connection") {
            // edge-http waits for as many bytes as were announced
            lines.push("Connection", "Close");
        }
        self.begin(status, lines).await?;
        if !head_only {
            self.write_all(body).await?;
        }
        Ok(())
    }

    /// A line of text as the answer.
    pub(crate) async fn send_line(&mut self, status: u16, why: &dyn Display) -> Result<(), SessionRejection<T::Error>> {
        self.send(status, &[], ErrorLine::of(why).as_bytes()).await
    }

    /// Returns the socket once the response is complete: for WebSockets, after `respond(101, …)`.
    pub fn unbind(&mut self) -> Result<&mut T, SessionRejection<T::Error>> {
        Ok(self.connection.unbind()?)
    }

    /// An answer has begun, or the connection is no longer edge-http's.
    pub(crate) fn is_answered(&self) -> bool {
        !self.connection.is_request_initiated()
    }

    /// The answer is not the handler's but the page of an error.
    pub(crate) const fn is_replaced(&self) -> bool {
        self.replaced
    }

    async fn begin(&mut self, status: u16, lines: HeaderLines<'_>) -> Result<(), SessionRejection<T::Error>> {
        // the rest of the body first: a client may be slow, and the session must be stored immediately before the
        // answer
        let mut rest = [0; 64];
        while self.connection.read(&mut rest).await? > 0 {}

        self.take_back();
        let guard = self.guard.take();
        let mut line = guard.as_ref().map(SlotGuard::line);
        let finished = match (guard, &mut line) {
            (Some(guard), Some(line)) => guard.finish(line.as_mut()).await,
            _ => Finished::default(),
        };
        let mut lines = if finished.error.is_some() { HeaderLines::default() } else { lines.kept_beside(&finished) };
        finished.headers().for_each(|(name, value)| lines.push(name, value));
        let Some(error) = finished.error else {
            return self.head(status, lines).await;
        };
        let text = ErrorLine::of(&error);
        let mut digits = [0; 20];
        lines.push("Content-Length", decimal(text.as_bytes().len(), &mut digits));
        self.head(error.status(), lines).await?;
        self.write_all(text.as_bytes()).await?;
        self.replaced = true;
        Err(SessionRejection::Session(error))
    }

    async fn head(&mut self, status: u16, mut lines: HeaderLines<'_>) -> Result<(), SessionRejection<T::Error>> {
        let headers = self.connection.headers()?;
        let asked = ConnectionType::from_headers(headers.headers.iter());
        // edge-http truncates the heads of answers without a length to old clients, and to those that request an
        // upgrade; after a chunked body it loses the part of the next request that it has read
        let keeps_alive = headers.http11
            && !matches!(asked, Some(ConnectionType::Close | ConnectionType::Upgrade))
            && headers.headers.transfer_encoding().is_none();
        if !keeps_alive && status != 101 && !lines.has("Connection") {
            lines.push("Connection", "Close");
        }
        Ok(self.connection.initiate_response(status, None, lines.as_slice()).await?)
    }
}

impl<P: Requests, T: ErrorType, const N: usize> ErrorType for Request<'_, '_, P, T, N> {
    type Error = edge_http::io::Error<T::Error>;
}

impl<P: Requests, T: Socket, const N: usize> Read for Request<'_, '_, P, T, N> {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, Self::Error> {
        self.connection.read(into).await
    }
}

impl<P: Requests, T: Socket, const N: usize> Write for Request<'_, '_, P, T, N> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        self.connection.write(bytes).await
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        self.connection.flush().await
    }
}

/// All Cookie header lines, read as one (CP1).
fn cookie_lines<'h, const N: usize>(headers: &'h RequestHeaders<'_, N>) -> impl Iterator<Item = &'h [u8]> {
    headers.headers.iter_raw().filter(|(name, _)| name.eq_ignore_ascii_case("cookie")).map(|(_, value)| value)
}

fn decimal(mut number: usize, digits: &mut [u8; 20]) -> &str {
    let mut first = digits.len();
    for (at, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        first = at;
        if number == 0 {
            break;
        }
    }
    core::str::from_utf8(digits.get(first..).unwrap_or_default()).unwrap_or("0")
}
