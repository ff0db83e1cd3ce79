//! The request as a handler sees it: with its session, and with the methods to answer it.

use core::fmt::Display;

use embedded_svc::http::Method;
use embedded_svc::http::server::Connection;
use session_core::{Error, RequestState};
use session_embedded::{ErrorLine, Finished, HeaderLines};

use crate::at_once::at_once;
use crate::layer::Layer;
use crate::rejection::SessionRejection;

/// The session of one request: [`session_core::Session`] with the types of a [`Layer`]. It is already loaded, so reading
/// and `set` are no futures. Run those methods that are in [`at_once`](crate::at_once). Changes are stored before the
/// first byte of the response.
pub type Session<'r, L> = session_core::Session<
    'r,
    <L as Layer>::Store,
    <L as Layer>::Clock,
    <L as Layer>::Rng,
    &'r mut RequestState<<L as Layer>::Buffer>,
    <L as Layer>::Observer,
    <L as Layer>::Mode,
>;

/// A request with its session, and with the methods to answer it.
pub struct Request<'r, L: Layer, X> {
    layer: &'r L,
    connection: &'r mut X,
    /// ESP-IDF's connection panics if it is asked after the response has begun.
    method: Method,
    session: Session<'r, L>,
    loaded: Option<Result<(), Error>>,
    answered: bool,
    replaced: bool,
}

impl<'r, L: Layer, X: Connection> Request<'r, L, X> {
    pub(crate) fn new(layer: &'r L, state: &'r mut RequestState<L::Buffer>, connection: &'r mut X) -> Self {
        let session = Session::<L>::new(layer.sessions(), state, layer.rng());
        let method = connection.method();
        Self { layer, connection, method, session, loaded: None, answered: false, replaced: false }
    }

    /// Returns the method.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }

    /// Returns the path and the query. It is empty after the response has begun.
    #[must_use]
    pub fn uri(&self) -> &str {
        if self.answered { "" } else { self.connection.uri() }
    }

    /// Returns the value of a header line. There is none after the response has begun.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        if self.answered { None } else { self.connection.header(name) }
    }

    /// Reads the next bytes of the body. Returns 0 at its end.
    ///
    /// # Errors
    /// Those of the connection, and [`Error::AnswerSent`] after the response has begun.
    pub fn read(&mut self, into: &mut [u8]) -> Result<usize, SessionRejection<X::Error>> {
        if self.answered {
            return Err(Error::AnswerSent.into());
        }
        self.connection.read(into).map_err(SessionRejection::Connection)
    }

    /// Returns the session that the request's cookie names, or an empty one. The first call loads it.
    ///
    /// # Errors
    /// [`Error::AnswerSent`] after the response, and errors of the store.
    pub fn session(&mut self) -> Result<&mut Session<'r, L>, SessionRejection<X::Error>> {
        self.session.activity();
        self.load()?;
        Ok(&mut self.session)
    }

    /// Returns a read-only view of the session, which does not count as activity, for pages that poll.
    ///
    /// # Errors
    /// As for [`session`](Self::session).
    pub fn peek(&mut self) -> Result<&Session<'r, L>, SessionRejection<X::Error>> {
        self.load()?;
        Ok(&self.session)
    }

    fn load(&mut self) -> Result<(), Error> {
        if self.answered {
            return Err(Error::AnswerSent);
        }
        let Self { layer, connection, session, loaded, .. } = self;
        *loaded.get_or_insert_with(|| {
            // there is no endpoint for proofs here, and a policy must not be ignored silently
            if layer.sessions().policy().binds_devices() {
                return Err(Error::Unsupported);
            }
            at_once(session.load(connection.header("Cookie").into_iter().map(str::as_bytes)))
        })
    }

    /// Stores the session and then sends the head of the response: at most 16 header lines from the handler, and
    /// `Set-Cookie`, `Cache-Control: no-store`, `Vary: Cookie` and `Clear-Site-Data` as the session needs them. Write
    /// the body with [`write_all`](Self::write_all) afterwards.
    ///
    /// # Errors
    /// If the session cannot be stored, the error's page is sent instead. Return the error from the handler.
    pub fn respond(&mut self, status: u16, headers: &[(&str, &str)]) -> Result<(), SessionRejection<X::Error>> {
        if self.answered {
            return Err(Error::AnswerSent.into());
        }
        let lines = HeaderLines::of(headers)?;
        let mut line = self.layer.line();
        let finished = self.finish(line.as_mut());
        self.answered = true;
        let Some(error) = finished.error else {
            return self.head(status, lines.kept_beside(&finished), finished);
        };
        self.head(error.status(), HeaderLines::default(), finished)?;
        self.write_body(ErrorLine::of(&error).as_bytes())?;
        self.replaced = true;
        Err(SessionRejection::Session(error))
    }

    /// Sends a whole response: [`respond`](Self::respond), and the body unless the method is `HEAD`. It says no
    /// `Content-Length`, because ESP-IDF's server sends bodies in chunks.
    ///
    /// # Errors
    /// As for [`respond`](Self::respond).
    pub fn send(
        &mut self,
        status: u16,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<(), SessionRejection<X::Error>> {
        self.respond(status, headers)?;
        self.write_body(body)
    }

    /// Writes a part of the response's body, and nothing if the method is `HEAD`. Begins a 200 if no response has begun.
    ///
    /// # Errors
    /// Those of the connection, and those of [`respond`](Self::respond).
    pub fn write_all(&mut self, body: &[u8]) -> Result<(), SessionRejection<X::Error>> {
        if !self.answered {
            self.respond(200, &[])?;
        }
        self.write_body(body)
    }

    /// Sends a line of text as the response.
    pub(crate) fn send_line(&mut self, status: u16, why: &dyn Display) -> Result<(), SessionRejection<X::Error>> {
        self.send(status, &[], ErrorLine::of(why).as_bytes())
    }

    /// Whether a response has begun.
    pub(crate) fn is_answered(&self) -> bool {
        self.answered
    }

    /// Whether the response is not the handler's but the page of an error.
    pub(crate) const fn is_replaced(&self) -> bool {
        self.replaced
    }

    /// Stores the session, and returns its part of the response.
    fn finish<'b>(&mut self, line: &'b mut [u8]) -> Finished<'b> {
        let committed = at_once(self.session.commit());
        let written = self.session.set_cookie(line);
        Finished {
            error: committed.err().or(written.err()),
            cookie: written.unwrap_or_default(),
            varies: self.session.varies(),
            no_store: self.session.no_store(),
            clears_site_data: self.session.clears_site_data(),
        }
    }

    fn head<'h>(
        &mut self,
        status: u16,
        mut lines: HeaderLines<'h>,
        finished: Finished<'h>,
    ) -> Result<(), SessionRejection<X::Error>> {
        finished.headers().for_each(|(name, value)| lines.push(name, value));
        if !lines.has("Content-Type") {
            // ESP-IDF's server would declare it as HTML
            lines.push("Content-Type", "text/plain; charset=utf-8");
        }
        self.connection.initiate_response(status, None, lines.as_slice()).map_err(SessionRejection::Connection)
    }

    fn write_body(&mut self, body: &[u8]) -> Result<(), SessionRejection<X::Error>> {
        if self.method == Method::Head {
            return Ok(());
        }
        self.connection.write_all(body).map_err(SessionRejection::Connection)
    }
}
